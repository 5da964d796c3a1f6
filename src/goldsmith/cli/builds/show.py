"""`goldsmith builds show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import clock
from ..options import Json
from ..step_table import step_table
from ..text import duration
from .options import Reference, named

if TYPE_CHECKING:
    from ...catalog.builds import Build


def show(build: Reference, json: Json = False) -> None:
    """Show all that is known of a build.

    How it ended, which steps ran or were reused and how long they took, and where its log is.
    """
    from ..session import opened_home, session

    with session(json) as out:
        import msgspec

        from ...builds import build_log

        with opened_home() as home:
            found = named(home, build)
        log = str(build_log.path_of(home, found.id))
        out.result({"build": {**msgspec.to_builtins(found), "log": log}})
        out.facts(_facts(found, log))
        if found.steps:
            out.say()
            out.table(step_table("STEPS", found.steps))


def _facts(build: Build, log: str) -> list[tuple[str, str]]:
    ended = build.ended_at or clock.now()
    return [
        ("id", build.id),
        ("recipe", f"{build.recipe_name}/{build.recipe_version}"),
        ("state", build.status),
        ("error", build.error.message if build.error else ""),
        ("base", build.base_image_id or ""),
        ("image", build.image_id or ""),
        ("started", f"{build.started_at.astimezone():%Y-%m-%d %H:%M:%S %z}"),
        ("time", duration((ended - build.started_at).total_seconds())),
        ("log", log),
    ]
