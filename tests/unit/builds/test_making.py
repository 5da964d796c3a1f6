"""The same disk becomes the same image, and the same tests are not run twice. No guest runs here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from goldsmith.builds import build, machines, stages
from goldsmith.builds.build import Outcome, Wishes
from goldsmith.builds.home import Home
from goldsmith.catalog import images
from goldsmith.database.engine import transaction
from goldsmith.disks import files, formats
from goldsmith.disks.chain import Chain
from goldsmith.disks.formats import Written
from goldsmith.documents import toe
from goldsmith.documents.plan import Component
from goldsmith.documents.recipe import Loaded, Recipe
from goldsmith.errors import TestFailed as ImageTestFailed
from goldsmith.log import Log
from goldsmith.steps.layered import Made
from goldsmith.steps.report import Failure, Report, StepReport

from . import made

TOP = "sha256:" + "1" * 64


class Stages:
    """The stages of builds, without guests: what was done is written down, and tests pass unless told."""

    def __init__(self, home: Home) -> None:
        self.done: list[str] = []
        self.top = TOP
        self.fails = False
        self._home = home

    def build(self, _job: Any, _bench: Any, _tell: Any) -> Made:
        return Made(Report(()), Chain((Path("disk.qcow2"),)), self.top)

    def write(self, _job: Any, _disk: Any, _known: Any, image_id: str) -> list[Written]:
        self.done.append("write")
        path = self._home.settings.images / f"{image_id}.qcow2"
        path.write_bytes(b"disk")
        return [Written(path, "qcow2", 4096, files.digest(path))]

    def test(self, *_: Any) -> Report:
        self.done.append("test")
        failure = Failure("exit code 3", exit_code=3) if self.fails else None
        run = StepReport(
            component="web",
            phase="test",
            step="Runs",
            action="ExecuteBash",
            status="failed" if failure else "success",
            failure=failure,
        )
        return Report((run,))

    def convert(self, _disk: Any, path: Path, kind: Any) -> Written:
        self.done.append(f"convert to {kind}")
        path.write_bytes(b"converted")
        return Written(path, kind, 4096, files.digest(path))


@pytest.fixture
def done(opened: Home, monkeypatch: pytest.MonkeyPatch) -> Stages:
    played = Stages(opened)
    monkeypatch.setattr(machines, "of_recipe", lambda *_: None)
    monkeypatch.setattr(stages, "check", lambda _: None)
    monkeypatch.setattr(stages, "prepare", lambda _: (None, None))
    monkeypatch.setattr(stages, "build", played.build)
    monkeypatch.setattr(stages, "write", played.write)
    monkeypatch.setattr(stages, "test", played.test)
    monkeypatch.setattr(formats, "write", played.convert)
    return played


@pytest.fixture
def recipe(opened: Home) -> Loaded:
    with transaction(opened.engine) as tx:
        base = images.mark_available(tx, images.create_image(tx, made.NEW).id, made.FILE)
    return Loaded(Recipe(name="made", version="1.0.0", base=base.id), (), (checking("true"),))


def checking(command: str) -> Component:
    text = (
        "schemaVersion: 1.0\nphases:\n- name: test\n  steps:\n  - name: Runs\n    action: ExecuteBash\n"
        f"    inputs: {{commands: [{command}]}}\n"
    )
    return Component(toe.parse(text, "tests.yml"))


def run(home: Home, recipe: Loaded, **wishes: Any) -> Outcome:
    return build.build(home, recipe, Log(), Wishes(**wishes))


def test_an_unchanged_disk_with_unchanged_tests_gives_back_the_same_image(
    opened: Home, recipe: Loaded, done: Stages
) -> None:
    first = run(opened, recipe)
    second = run(opened, recipe)

    assert done.done == ["write", "test"]
    assert (first.made, second.made) == (True, False)
    assert second.image == first.image
    assert (second.build.status, second.build.image_id) == ("available", first.image.id)
    assert second.paths == first.paths


def test_another_disk_becomes_another_image(opened: Home, recipe: Loaded, done: Stages) -> None:
    first = run(opened, recipe)
    done.top = "sha256:" + "2" * 64

    second = run(opened, recipe)

    assert done.done == ["write", "test"] * 2
    assert second.image.id != first.image.id


def test_a_disk_without_a_digest_is_written_and_tested_each_time(
    opened: Home, recipe: Loaded, done: Stages
) -> None:
    done.top = ""

    run(opened, recipe)
    run(opened, recipe)

    assert done.done == ["write", "test"] * 2


def test_another_name_gets_the_file_and_the_result_of_the_tests(
    opened: Home, recipe: Loaded, done: Stages
) -> None:
    first = run(opened, recipe)

    second = run(opened, replace(recipe, recipe=replace(recipe.recipe, name="other")))

    assert done.done == ["write", "test"]
    assert (second.image.name, second.made) == ("other", True)
    assert second.image.id != first.image.id
    assert second.image.description.tests == first.image.description.tests
    paths = [opened.file(each.image) for each in (first, second)]
    assert paths[0].samefile(paths[1])
    assert paths[1].with_name(f"{paths[1].name}.sha256").read_text().endswith(f"  {paths[1].name}\n")


def test_other_tests_run_on_the_same_file(opened: Home, recipe: Loaded, done: Stages) -> None:
    first = run(opened, recipe)

    second = run(opened, replace(recipe, tests=(checking("exit 0"),)))

    assert done.done == ["write", "test", "test"]
    assert second.image.id != first.image.id
    assert opened.file(first.image).samefile(opened.file(second.image))


@pytest.mark.parametrize(("command", "done_in_all"), [("true", 1), ('test "$IMAGE_VERSION" = 1.0.0', 2)])
def test_tests_run_again_where_they_name_what_is_other_in_this_build(
    opened: Home, recipe: Loaded, done: Stages, command: str, done_in_all: int
) -> None:
    recipe = replace(recipe, tests=(checking(f"'{command}'"),))
    run(opened, recipe)

    run(opened, replace(recipe, recipe=replace(recipe.recipe, version="2.0.0")))

    assert done.done.count("test") == done_in_all
    assert done.done.count("write") == 1


def test_tests_run_again_in_another_machine(opened: Home, recipe: Loaded, done: Stages) -> None:
    run(opened, recipe)

    run(opened, replace(recipe, recipe=replace(recipe.recipe, memory=512 << 20)))

    assert done.done == ["write", "test", "test"]


def test_tests_that_failed_run_again(opened: Home, recipe: Loaded, done: Stages) -> None:
    done.fails = True
    with pytest.raises(ImageTestFailed):
        run(opened, recipe)
    done.fails = False

    outcome = run(opened, recipe)

    assert done.done == ["write", "test", "test"]
    assert outcome.image.state == "available"


def test_an_image_whose_file_was_altered_is_not_given_back(
    opened: Home, recipe: Loaded, done: Stages
) -> None:
    first = run(opened, recipe)
    opened.file(first.image).write_bytes(b"DISK")

    second = run(opened, recipe)

    assert done.done == ["write", "test"] * 2
    assert second.image.id != first.image.id


def test_without_the_cache_all_is_made_anew(opened: Home, recipe: Loaded, done: Stages) -> None:
    run(opened, recipe)

    run(opened, recipe, reuse=False)

    assert done.done == ["write", "test"] * 2


def test_a_format_that_is_wanted_now_is_written_beside_the_image(
    opened: Home, recipe: Loaded, done: Stages
) -> None:
    first = run(opened, recipe)

    second = run(opened, replace(recipe, recipe=replace(recipe.recipe, formats=("vmdk",))))

    assert done.done == ["write", "test", "convert to vmdk"]
    assert second.image == first.image
    assert second.paths["vmdk"].read_bytes() == b"converted"


def test_what_is_kept_of_the_machine_decides_the_image(opened: Home, recipe: Loaded, done: Stages) -> None:
    run(opened, recipe)

    run(opened, replace(recipe, recipe=replace(recipe.recipe, keep=frozenset({"logs"}))))

    assert done.done == ["write", "test"] * 2
