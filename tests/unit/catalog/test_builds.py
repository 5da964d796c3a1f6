"""Builds are recorded while they run, end once, and fail when their process is gone."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from goldsmith import clock
from goldsmith.catalog import builds, images
from goldsmith.catalog.builds import Build, BuildError
from goldsmith.catalog.description import StepRecord
from goldsmith.catalog.images import NewImage
from goldsmith.catalog.worker import is_alive, this_worker
from goldsmith.database.engine import Transaction, transaction
from goldsmith.errors import Conflict, NotFound, TestFailed
from goldsmith.settings import Settings

STEP = StepRecord("web", "build", "Install", "ExecuteBash", "failed", 1.5, 100, "apt-get failed")

#: A builder that is killed in the middle of its work.
KILLED_BUILDER = """
import os, signal
from goldsmith import settings
from goldsmith.catalog import builds, images
from goldsmith.database.engine import transaction
from goldsmith.database.opening import open_database

with transaction(open_database(settings.load().database)) as tx:
    build = builds.create_build(tx, "nginx", "1.0.0", None)
    new = images.NewImage(name="nginx", version="1.0.0", origin="build", architecture="x86_64", boot_modes=())
    builds.set_image(tx, build.id, images.create_image(tx, new).id)
    builds.set_status(tx, build.id, "building")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_new_build_waits_and_belongs_to_this_process(
    tx: Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: at)

    build = builds.create_build(tx, "nginx", "1.0.0", None)

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
        worker=this_worker(),
    )


def test_a_build_remembers_its_steps_and_its_image(tx: Transaction) -> None:
    build = builds.create_build(tx, "nginx", "1.0.0", None)
    new = NewImage(name="nginx", version="1.0.0", origin="build", architecture="x86_64", boot_modes=())
    image = images.create_image(tx, new)

    builds.set_status(tx, build.id, "building")
    builds.record_steps(tx, build.id, [STEP])
    builds.set_image(tx, build.id, image.id)

    known = builds.get_build(tx, build.id)
    assert (known.status, known.steps, known.image_id) == ("building", (STEP,), image.id)


def test_an_ended_build_tells_when_and_why(tx: Transaction) -> None:
    build = builds.create_build(tx, "nginx", "1.0.0", None)

    ended = builds.end_build(tx, build.id, "test_failed", TestFailed("2 of 3 tests failed"))

    assert ended.status == "test_failed"
    assert ended.error == BuildError("test-failed", "2 of 3 tests failed")
    assert ended.ended_at is not None
    assert ended.ended_at >= ended.started_at


def test_an_ended_build_never_changes(tx: Transaction) -> None:
    build = builds.create_build(tx, "nginx", "1.0.0", None)
    builds.end_build(tx, build.id, "cancelled")

    with pytest.raises(Conflict) as caught:
        builds.set_status(tx, build.id, "testing")

    assert caught.value.message == f"build {build.id} has ended: it is cancelled"


def test_builds_are_listed_newest_first(tx: Transaction) -> None:
    first = builds.create_build(tx, "nginx", "1.0.0", None)
    second = builds.create_build(tx, "nginx", "1.0.1", None)

    assert builds.list_builds(tx) == [second, first]


def test_an_unknown_build_is_named(tx: Transaction) -> None:
    with pytest.raises(NotFound) as caught:
        builds.get_build(tx, "0123")

    assert caught.value.message == 'unknown build "0123"'


def test_the_build_of_a_killed_process_fails_with_its_image(home: Settings, database: Engine) -> None:
    subprocess.run([sys.executable, "-c", KILLED_BUILDER], check=False)
    with transaction(database) as tx:
        running = builds.create_build(tx, "other", "1.0.0", None)

    with transaction(database) as tx:
        [dead] = builds.mark_dead_builds(tx)

    message = "its process ended before the build did (killed, or the host restarted)"
    assert (dead.recipe_name, dead.status) == ("nginx", "failed")
    assert dead.error == BuildError("builder-died", message)
    with transaction(database) as tx:
        image = images.get_image(tx, "nginx")
        assert (image.id, image.state, image.message) == (dead.image_id, "failed", message)
        assert builds.get_build(tx, running.id) == running
        assert builds.mark_dead_builds(tx) == []


def test_a_process_is_alive_until_it_ends() -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", "from goldsmith.catalog.worker import *; print(this_worker()); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    worker = program.stdout.readline().strip()

    assert is_alive(worker)
    program.communicate()
    assert not is_alive(worker)


def test_a_process_with_the_same_number_is_another_one() -> None:
    boot, pid, start = this_worker().split()

    assert not is_alive(f"{boot} {pid} {int(start) - 1}")
    assert not is_alive(f"{'0' * len(boot)} {pid} {start}")
