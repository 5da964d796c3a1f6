"""Builds are recorded while they run, end once, and fail when their process is gone."""

from datetime import UTC, datetime

import pytest

from goldsmith import clock
from goldsmith.catalog import builds, images
from goldsmith.catalog.builds import Build, BuildError, Dead
from goldsmith.catalog.description import StepRecord
from goldsmith.catalog.images import NewImage
from goldsmith.database.engine import Transaction
from goldsmith.errors import Conflict, NotFound, TestFailed

STEP = StepRecord("web", "build", "Install", "ExecuteBash", "failed", 1.5, 100, "apt-get failed")


def test_a_new_build_waits_and_belongs_to_its_worker(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: at)

    build = builds.create_build(tx, "nginx", "1.0.0", None, "here")

    assert build == Build(
        id=build.id,
        recipe_name="nginx",
        recipe_version="1.0.0",
        status="queued",
        base_image_id=None,
        image_id=None,
        started_at=at,
        ended_at=None,
        error=None,
        steps=(),
        worker="here",
    )


def test_a_build_remembers_its_steps_and_its_image(tx: Transaction) -> None:
    build = builds.create_build(tx, "nginx", "1.0.0", None, "here")
    new = NewImage(name="nginx", version="1.0.0", origin="build", architecture="x86_64", boot_modes=())
    image = images.create_image(tx, new)

    builds.set_status(tx, build.id, "building")
    builds.record_steps(tx, build.id, [STEP])
    builds.set_image(tx, build.id, image.id)

    known = builds.get_build(tx, build.id)
    assert (known.status, known.steps, known.image_id) == ("building", (STEP,), image.id)


def test_an_ended_build_tells_when_and_why(tx: Transaction) -> None:
    build = builds.create_build(tx, "nginx", "1.0.0", None, "here")

    ended = builds.end_build(tx, build.id, "test_failed", TestFailed("2 of 3 tests failed"))

    assert ended.status == "test_failed"
    assert ended.error == BuildError("test-failed", "2 of 3 tests failed")
    assert ended.ended_at is not None
    assert ended.ended_at >= ended.started_at


def test_an_ended_build_never_changes(tx: Transaction) -> None:
    build = builds.create_build(tx, "nginx", "1.0.0", None, "here")
    builds.end_build(tx, build.id, "cancelled")

    with pytest.raises(Conflict) as caught:
        builds.set_status(tx, build.id, "testing")

    assert caught.value.message == f"build {build.id} has ended: it is cancelled"


def test_builds_are_listed_newest_first(tx: Transaction) -> None:
    first = builds.create_build(tx, "nginx", "1.0.0", None, "here")
    second = builds.create_build(tx, "nginx", "1.0.1", None, "here")

    assert builds.list_builds(tx) == [second, first]


def test_an_unknown_build_is_named(tx: Transaction) -> None:
    with pytest.raises(NotFound) as caught:
        builds.get_build(tx, "0123")

    assert caught.value.message == 'unknown build "0123"'


def test_the_build_of_a_dead_worker_fails_with_its_image(tx: Transaction) -> None:
    new = NewImage(name="nginx", version="1.0.0", origin="build", architecture="x86_64", boot_modes=())
    image = images.create_image(tx, new)
    killed = builds.create_build(tx, "nginx", "1.0.0", None, "gone")
    builds.set_image(tx, killed.id, image.id)
    running = builds.create_build(tx, "other", "1.0.0", None, "here")

    found = builds.mark_dead_builds(tx, lambda worker: worker == "here")

    message = "its process ended before the build did (killed, or the host restarted)"
    [dead] = found.builds
    assert (dead.id, dead.status, dead.error) == (killed.id, "failed", BuildError("builder-died", message))
    assert found.image_ids == (image.id,)
    failed = images.get_image(tx, image.id)
    assert (failed.state, failed.message) == ("failed", message)
    assert builds.get_build(tx, running.id) == running
    assert builds.mark_dead_builds(tx, lambda worker: worker == "here") == Dead((), ())


def test_an_image_that_had_failed_its_tests_before_its_builder_died_is_none_of_the_unfinished(
    tx: Transaction,
) -> None:
    new = NewImage(name="nginx", version="1.0.0", origin="build", architecture="x86_64", boot_modes=())
    image = images.create_image(tx, new)
    killed = builds.create_build(tx, "nginx", "1.0.0", None, "gone")
    builds.set_image(tx, killed.id, image.id)
    images.mark_failed(tx, image.id, "the tests say no")

    found = builds.mark_dead_builds(tx, lambda _: False)

    assert [build.id for build in found.builds] == [killed.id]
    assert found.image_ids == ()
    assert images.get_image(tx, image.id).message == "the tests say no"


def test_a_build_is_found_by_its_id_by_a_beginning_of_it_and_as_the_last(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ["0a10000000000000b", "0a20000000000000b", "0b30000000000000b"]
    monkeypatch.setattr("goldsmith.ids.new_id", lambda: given.pop(0))
    assert builds.find_build(tx, "last") is None
    first, second, third = (builds.create_build(tx, "web", "1.0.0", None, "here") for _ in range(3))

    assert builds.find_build(tx, first.id) == first
    assert builds.find_build(tx, "0a2") == second
    assert builds.find_build(tx, "last") == third
    assert [builds.find_build(tx, each) for each in ("", "0c", "0_3", "%", third.id + "0")] == [None] * 5


def test_a_beginning_of_several_builds_finds_none(tx: Transaction, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ["0a10000000000000b", "0a20000000000000b"]
    monkeypatch.setattr("goldsmith.ids.new_id", lambda: given.pop(0))
    for _ in range(2):
        builds.create_build(tx, "web", "1.0.0", None, "here")

    with pytest.raises(Conflict) as caught:
        builds.find_build(tx, "0a")

    assert caught.value.message == 'several builds begin with "0a"'
    assert caught.value.hint == "write more of the id: `goldsmith builds list` shows all"
