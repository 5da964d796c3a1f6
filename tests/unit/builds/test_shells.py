"""Which step of a build a shell opens at."""

from __future__ import annotations

import pytest

from goldsmith.builds.home import Home
from goldsmith.builds.shells import open_shell
from goldsmith.catalog import builds, images
from goldsmith.catalog.builds import Build
from goldsmith.catalog.description import StepRecord
from goldsmith.database.engine import transaction
from goldsmith.errors import Conflict, GoldsmithError, NotFound
from goldsmith.log import Log

from . import made


@pytest.fixture
def build(opened: Home) -> Build:
    """A build whose second step failed, and whose base has its file."""
    (opened.settings.images / "disk.qcow2").write_bytes(b"disk")
    digest = "sha256:" + "3b5f1d1c" * 8
    steps = (
        StepRecord("web", "build", "Install", "ExecuteBash", "succeeded", 1.0, 0, layer=digest),
        StepRecord("web", "build", "Start", "ExecuteBash", "failed", 1.0, 3, "exit code 3"),
    )
    with transaction(opened.engine) as tx:
        base = images.mark_available(tx, images.create_image(tx, made.NEW).id, made.FILE)
        record = builds.create_build(tx, "web", "1.0.0", base.id, "here")
        return builds.record_steps(tx, record.id, steps)


def refused(home: Home, reference: str, at: str = "") -> GoldsmithError:
    with pytest.raises((NotFound, Conflict)) as caught, open_shell(home, reference, at, Log()):
        pass
    return caught.value


def test_a_name_of_nothing_is_refused_with_the_way_to_see_what_there_is(opened: Home) -> None:
    error = refused(opened, "nginx")

    assert error.message == 'no build and no image goes by "nginx"'
    assert error.hint == "`goldsmith builds list` and `goldsmith image list` show what there is"


def test_bytes_that_are_no_text_name_nothing(opened: Home) -> None:
    assert refused(opened, "\udcff").message == 'no build and no image goes by "\\udcff"'


def test_a_step_that_is_not_there_is_named_with_those_that_are(
    opened: Home, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goldsmith.builds.grounds.check_base", lambda *_: None)

    error = refused(opened, build.id[:6], "web.Instal")

    assert error.message == (f'build {build.id} has no step "web.Instal" (did you mean web.Install?)')
    assert error.hint == "its steps are web.Install, web.Start"


@pytest.mark.parametrize("at", ["web.build.Start", "web.Start", "Start", "2"])
def test_a_step_that_left_nothing_is_refused_however_it_is_spelt(
    opened: Home, build: Build, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    monkeypatch.setattr("goldsmith.builds.grounds.check_base", lambda *_: None)

    error = refused(opened, "last", at)

    assert error.message == f"step {at} of build {build.id} left no layer: it is failed"
    assert error.hint == (
        f"`goldsmith shell {build.id}` opens the disk that --keep-on-failure kept, or what the "
        "last step before left"
    )


def test_a_layer_that_gc_took_is_told(opened: Home, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goldsmith.builds.grounds.check_base", lambda *_: None)

    error = refused(opened, "last")

    assert error.message == (
        f"what this step of build {build.id} left is gone: gc took its layer, or it was damaged"
    )
    assert error.hint == "build again, and it is there again"


def test_a_base_whose_file_was_changed_is_not_built_on(opened: Home, build: Build) -> None:
    error = refused(opened, "last")

    path = opened.settings.images / "disk.qcow2"
    assert error.message == f"the file of image web was changed since it was registered: {path}"
    assert error.hint == f"goldsmith image import {path} takes it as an image of its own"


def test_a_build_that_kept_nothing_says_how_it_would_have(
    opened: Home, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goldsmith.builds.grounds.check_base", lambda *_: None)
    with transaction(opened.engine) as tx:
        builds.record_steps(tx, build.id, ())

    error = refused(opened, "last")

    assert error.message == f"build {build.id} kept nothing to look into"
    assert error.hint == "build with --keep-on-failure to keep the disk of a step that fails"
