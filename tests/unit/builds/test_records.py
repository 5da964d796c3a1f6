"""A build's record tells what ran, also of one that ended badly. No guest runs here: stages are faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from goldsmith.builds import build, machines, stages
from goldsmith.builds.home import Home
from goldsmith.catalog import builds, images
from goldsmith.catalog.builds import Build
from goldsmith.catalog.images import Image
from goldsmith.database.engine import reading, transaction
from goldsmith.disks import files
from goldsmith.disks.chain import Chain
from goldsmith.disks.formats import Written
from goldsmith.documents.recipe import Loaded, Recipe
from goldsmith.errors import GuestFailed, StepFailed
from goldsmith.errors import TestFailed as ImageTestFailed
from goldsmith.log import Log
from goldsmith.steps.course import Tell
from goldsmith.steps.layered import Made
from goldsmith.steps.report import Failure, Report, Status, StepReport

from . import made


def report(step: str, status: Status) -> Report:
    failure = Failure("exit code 3", exit_code=3) if status == "failed" else None
    run = StepReport(
        component="web",
        phase="build",
        step=step,
        action="ExecuteBash",
        status=status,
        exit_code=3,
        failure=failure,
    )
    return Report((run,))


def built(tell: Tell, step: str, status: Status = "success", digest: str = "") -> Made:
    """What the stage `build` gives; `digest` is that of the disk it made."""
    done = report(step, status)
    for each in done.steps:
        tell(each)
    return Made(done, Chain((Path("disk.qcow2"),)), digest)


@pytest.fixture
def recipe(opened: Home, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """A recipe whose stages pass without a guest, as far as a test does not let them fail."""

    def write(_job: Any, _disk: Any, _known: Any, image_id: str) -> list[Written]:
        path = opened.settings.images / f"{image_id}.qcow2"
        path.write_bytes(b"disk")
        return [Written(path, "qcow2", 4096, files.digest(path))]

    monkeypatch.setattr(machines, "of_recipe", lambda *_: None)
    monkeypatch.setattr(stages, "check", lambda _: None)
    monkeypatch.setattr(stages, "prepare", lambda _: (None, None))
    monkeypatch.setattr(stages, "build", lambda _job, _bench, tell: built(tell, "Install"))
    monkeypatch.setattr(stages, "write", write)
    monkeypatch.setattr(stages, "test", lambda *_: report("Runs", "success"))
    with transaction(opened.engine) as tx:
        base = images.mark_available(tx, images.create_image(tx, made.NEW).id, made.FILE)
    return Loaded(Recipe(name="made", version="1.0.0", base=base.id, boot="uefi"), (), ())


def recorded(home: Home) -> tuple[Build, list[Image]]:
    with reading(home.engine) as tx:
        [record] = builds.list_builds(tx)
        return record, [image for image in images.list_images(tx) if image.name == "made"]


def test_a_build_that_ends_well_records_the_firmware_that_was_tested(opened: Home, recipe: Loaded) -> None:
    outcome = build.build(opened, recipe, Log())

    assert (outcome.build.status, outcome.image.state) == ("available", "available")
    assert outcome.image.boot_modes == ("uefi",)
    assert [step.step for step in outcome.image.description.steps] == ["Install"]
    assert [step.step for step in outcome.image.description.tests] == ["Runs"]
    assert list(opened.settings.run.iterdir()) == []


def test_the_steps_are_recorded_though_one_failed(
    opened: Home, recipe: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "build", lambda _job, _bench, tell: built(tell, "Install", "failed"))

    with pytest.raises(StepFailed):
        build.build(opened, recipe, Log())

    record, made_images = recorded(opened)
    assert (record.status, made_images) == ("failed", [])
    assert [(step.step, step.outcome, step.exit_code) for step in record.steps] == [("Install", "failed", 3)]


def test_an_image_whose_tests_say_no_is_kept_and_tells_which(
    opened: Home, recipe: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "test", lambda *_: report("Runs", "failed"))

    with pytest.raises(ImageTestFailed) as caught:
        build.build(opened, recipe, Log())

    record, [image] = recorded(opened)
    assert (caught.value.step, caught.value.exit_code) == ("Runs", 3)
    assert (record.status, image.state) == ("test_failed", "failed")
    assert image.message == "component web, phase build, step Runs: exit code 3"
    assert [(step.step, step.outcome) for step in image.description.tests] == [("Runs", "failed")]
    assert opened.file(image).is_file()


def test_an_image_that_changes_while_it_is_tested_has_failed(
    opened: Home, recipe: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(_job: Any, disk: Any, _known: Any) -> Report:
        path: Path = disk.files[0]
        path.write_bytes(b"other")
        return report("Runs", "success")

    monkeypatch.setattr(stages, "test", change)

    with pytest.raises(ImageTestFailed, match="the image's file changed while it was tested"):
        build.build(opened, recipe, Log())

    _, [image] = recorded(opened)
    assert [step.step for step in image.description.tests] == ["Runs"]


def test_the_steps_before_one_whose_guest_failed_are_recorded_too(
    opened: Home, recipe: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_job: Any, _bench: Any, tell: Tell) -> Made:
        built(tell, "Install")
        built(tell, "Configure", "failed")
        raise GuestFailed("the guest's kernel panicked", code="kernel-panic")

    monkeypatch.setattr(stages, "build", fail)

    with pytest.raises(GuestFailed):
        build.build(opened, recipe, Log())

    record, _ = recorded(opened)
    assert [(step.step, step.outcome) for step in record.steps] == [
        ("Install", "succeeded"),
        ("Configure", "failed"),
    ]
