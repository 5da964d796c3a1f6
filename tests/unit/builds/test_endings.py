"""What is left after each way in which a build can end badly."""

from __future__ import annotations

import pytest

from goldsmith.builds.build import _end_badly, base_image
from goldsmith.builds.home import Home
from goldsmith.catalog import builds, images
from goldsmith.catalog.builds import BuildError
from goldsmith.database.engine import reading, transaction
from goldsmith.errors import Conflict, GuestFailed, HostLack, Invalid, NotFound, StepFailed
from goldsmith.errors import TestFailed as ImageTestFailed
from goldsmith.log import Log

from . import made


def test_a_step_that_fails_leaves_a_failed_build_and_no_image(opened: Home) -> None:
    with transaction(opened.engine) as tx:
        build = builds.create_build(tx, "web", "1.0.0", None, "here")
    error = StepFailed("exit code 3")

    _end_badly(opened, build.id, error)

    with reading(opened.engine) as tx:
        ended = builds.get_build(tx, build.id)
        assert images.list_images(tx) == []
    assert (ended.status, ended.error) == ("failed", BuildError("step-failed", "exit code 3"))
    assert error.__notes__ == [f"the whole log: {opened.settings.logs}/{build.id}.jsonl"]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (HostLack("the disk is full"), "failed", "the disk is full"),
        (GuestFailed("the guest fell silent"), "failed", "the guest fell silent"),
        (ZeroDivisionError("division by zero"), "failed", "the build was failed"),
        (KeyboardInterrupt(), "cancelled", "the build was cancelled"),
    ],
)
def test_an_image_that_is_not_whole_goes_with_its_files(
    opened: Home, error: BaseException, status: str, message: str
) -> None:
    build, image = made.building(opened)

    _end_badly(opened, build.id, error)

    assert made.now(opened, build, image) == (status, "failed")
    assert made.names(opened) == []
    with reading(opened.engine) as tx:
        assert images.get_image(tx, image.id).message == message


def test_an_image_whose_tests_say_no_is_kept_to_look_into(opened: Home) -> None:
    build, image = made.building(opened)
    made.fail_tests(opened, image)
    error = ImageTestFailed("the tests say no")

    _end_badly(opened, build.id, error)

    assert made.now(opened, build, image) == ("test_failed", "failed")
    assert f"{image.id}.qcow2" in made.names(opened)
    assert error.__notes__ == [
        f"the whole log: {opened.settings.logs}/{build.id}.jsonl",
        f"the image was kept to look into: goldsmith image boot {image.id}",
    ]


def test_a_base_that_cannot_be_used_is_told_with_its_place(opened: Home) -> None:
    (opened.settings.home / "empty.qcow2").touch()
    _, image = made.building(opened)

    with pytest.raises(NotFound) as unknown:
        base_image(opened, "debian-12", "r.yml:3:7", Log())
    with pytest.raises(Invalid) as empty:
        base_image(opened, f"{opened.settings.home}/empty.qcow2", "r.yml:3:7", Log())
    with pytest.raises(NotFound) as gone:
        base_image(opened, "/nowhere.qcow2", "r.yml:3:7", Log())
    with pytest.raises(Conflict) as unfinished:
        base_image(opened, image.id, "r.yml:3:7", Log())

    assert unknown.value.message == 'r.yml:3:7: unknown image "debian-12"'
    assert unknown.value.hint == "goldsmith image bootstrap debian-12"
    assert (empty.value.message, empty.value.where) == (
        f"r.yml:3:7: {opened.settings.home}/empty.qcow2 is empty",
        "r.yml:3:7",
    )
    assert gone.value.message == "r.yml:3:7: there is no file /nowhere.qcow2"
    assert unfinished.value.message == f'r.yml:3:7: image "{image.id}" cannot be used: it is creating'
