"""What opening a home clears up, and which files are an image's."""

from __future__ import annotations

from goldsmith.builds.home import Home, open_home
from goldsmith.guests.runs import run_folder

from . import made


def test_what_a_dead_build_was_making_goes_with_its_files(opened: Home) -> None:
    build, image = made.building(opened, worker="gone")
    other = opened.settings.images / "fedcba98765432100.qcow2"
    other.touch()

    open_home(opened.settings).engine.dispose()

    assert made.now(opened, build, image) == ("failed", "failed")
    assert made.names(opened) == [other.name]


def test_an_image_that_was_kept_because_its_tests_say_no_stays_when_its_builder_dies(opened: Home) -> None:
    build, image = made.building(opened, worker="gone")
    made.fail_tests(opened, image)

    open_home(opened.settings).engine.dispose()

    assert made.now(opened, build, image) == ("failed", "failed")
    assert opened.files(image.id) == [opened.settings.images / f"{image.id}.qcow2"]


def test_a_build_whose_run_folder_is_held_is_alive(opened: Home) -> None:
    with run_folder(opened.settings) as folder:
        build, image = made.building(opened, worker=folder.name)

        open_home(opened.settings).engine.dispose()

        assert made.now(opened, build, image) == ("queued", "creating")
        assert len(made.names(opened)) == 3


def test_the_files_of_an_image_are_listed_without_digests_and_half_written_ones(opened: Home) -> None:
    _, image = made.building(opened)

    assert opened.files(image.id) == [opened.settings.images / f"{image.id}.qcow2"]


def test_removing_files_frees_what_has_no_other_name(opened: Home) -> None:
    _, image = made.building(opened)
    (opened.settings.home / "elsewhere").hardlink_to(opened.settings.images / f"{image.id}.qcow2")

    assert opened.remove_files(image.id) == 2 * 4096
    assert made.names(opened) == []
