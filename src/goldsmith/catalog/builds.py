"""Builds: which recipe ran when, in which process, and how it ended."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, RowMapping, and_, select

from .. import clock, ids
from ..database.engine import Transaction
from ..documents.problems import quote
from ..errors import Conflict, GoldsmithError, NotFound
from .description import StepRecord
from .tables import builds, images

Status = Literal[
    "queued",
    "preparing",
    "repairing",
    "building",
    "testing",
    "delivering",
    "releasing",
    "cancelling",
    "available",
    "partial",
    "failed",
    "test_failed",
    "cancelled",
]

#: A build with one of these never changes again.
ENDED: tuple[Status, ...] = ("available", "partial", "failed", "test_failed", "cancelled")


class BuildError(msgspec.Struct, frozen=True):
    """Why a build did not end well; `code` is that of the error in goldsmith.errors."""

    code: str
    message: str


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a recipe. `ended_at` is None while it runs, `image_id` before there is an image.

    `worker` names the process that runs it, in the words of whoever can tell whether it is alive.
    """

    id: str
    recipe_name: str
    recipe_version: str
    status: Status
    base_image_id: str | None
    image_id: str | None
    started_at: datetime
    ended_at: datetime | None
    error: BuildError | None
    steps: tuple[StepRecord, ...]
    worker: str


class Dead(msgspec.Struct, frozen=True):
    """Builds that died, and the ids of the images that they were making: nothing of these is whole."""

    builds: tuple[Build, ...]
    image_ids: tuple[str, ...]


def create_build(
    tx: Transaction, recipe_name: str, recipe_version: str, base_image_id: str | None, worker: str
) -> Build:
    """Record a build that `worker` is about to run. A base that is only a file has no id."""
    build_id = ids.new_id()
    tx.execute(
        builds.insert().values(
            id=build_id,
            recipe_name=recipe_name,
            recipe_version=recipe_version,
            status="queued",
            base_image_id=base_image_id,
            started_at=clock.now(),
            steps=(),
            worker=worker,
        )
    )
    return get_build(tx, build_id)


def set_status(tx: Transaction, build_id: str, status: Status) -> Build:
    """Where a running build has come to. Raises Conflict: it has ended; NotFound."""
    return _change(tx, build_id, status=status)


def set_image(tx: Transaction, build_id: str, image_id: str) -> Build:
    """The image that the build makes. Raises Conflict: it has ended; NotFound."""
    return _change(tx, build_id, image_id=image_id)


def record_steps(tx: Transaction, build_id: str, steps: Sequence[StepRecord]) -> Build:
    """All steps that were run so far. Raises Conflict: the build has ended; NotFound."""
    return _change(tx, build_id, steps=tuple(steps))


def end_build(tx: Transaction, build_id: str, status: Status, error: GoldsmithError | None = None) -> Build:
    """The end of a build, with one of ENDED. Raises Conflict: it has ended before; NotFound."""
    assert status in ENDED
    told = {} if error is None else {"error_code": error.code, "error_message": error.message}
    return _change(tx, build_id, status=status, ended_at=clock.now(), **told)


def get_build(tx: Transaction, build_id: str) -> Build:
    """Raises NotFound."""
    row = tx.execute(select(builds).where(builds.c.id == build_id)).mappings().first()
    if row is None:
        raise NotFound(f"unknown build {quote(build_id)}")
    return _build(row)


def find_build(tx: Transaction, reference: str) -> Build | None:
    """The build of an id or of its beginning, or `last`: the newest of all. None: there is none.

    Raises Conflict: several ids begin so.
    """
    chosen = select(builds).order_by(*_NEWEST_FIRST)
    if reference != "last":
        chosen = chosen.where(builds.c.id.startswith(reference, autoescape=True))
    # What cannot be printed (bytes of a command line that are no UTF-8) names nothing.
    found = tx.execute(chosen.limit(2)).mappings().all() if reference and reference.isprintable() else []
    if len(found) > 1 and reference != "last":
        raise Conflict(
            f"several builds begin with {quote(reference)}",
            hint="write more of the id: `goldsmith builds list` shows all",
            code="several-builds",
        )
    return _build(found[0]) if found else None


def list_builds(tx: Transaction) -> list[Build]:
    """All builds, newest first."""
    return _select(tx, builds.c.id.is_not(None))


def mark_dead_builds(tx: Transaction, is_alive: Callable[[str], bool]) -> Dead:
    """Fail the builds whose worker is not alive, and the images they were making.

    For the start of every program that builds. What they left in files is the caller's to sweep; an
    image that had failed before (its tests said no) was kept to be looked into, and is none of those.
    """
    dead = [build for build in _select(tx, builds.c.status.not_in(ENDED)) if not is_alive(build.worker)]
    message = "its process ended before the build did (killed, or the host restarted)"
    error = GoldsmithError(message, code="builder-died")
    making = []
    for image_id in filter(None, (build.image_id for build in dead)):
        unfinished = and_(images.c.id == image_id, images.c.state == "creating")
        if tx.execute(images.update().where(unfinished).values(state="failed", message=message)).rowcount:
            making.append(image_id)
    return Dead(tuple(end_build(tx, build.id, "failed", error) for build in dead), tuple(making))


_NEWEST_FIRST = (builds.c.started_at.desc(), builds.c.id)


def _change(tx: Transaction, build_id: str, **values: Any) -> Build:
    running = and_(builds.c.id == build_id, builds.c.status.not_in(ENDED))
    changed = tx.execute(builds.update().where(running).values(values)).rowcount
    build = get_build(tx, build_id)
    if not changed:
        raise Conflict(f"build {build_id} has ended: it is {build.status}", code="build-ended")
    return build


def _select(tx: Transaction, condition: ColumnElement[bool]) -> list[Build]:
    chosen = select(builds).where(condition).order_by(*_NEWEST_FIRST)
    return [_build(row) for row in tx.execute(chosen).mappings()]


def _build(row: RowMapping) -> Build:
    fields = {str(name): value for name, value in row.items()}
    code, message = fields.pop("error_code"), fields.pop("error_message")
    fields["error"] = None if code is None else BuildError(code, message)
    return msgspec.convert(fields, Build)
