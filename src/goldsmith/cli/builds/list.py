"""`goldsmith builds list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import clock
from ..options import Json
from ..text import age, duration

if TYPE_CHECKING:
    from ...catalog.builds import Build

HEADING = ("ID", "RECIPE", "STATE", "IMAGE", "TIME", "AGE")


def list_(json: Json = False) -> None:
    """List all builds, the newest first."""
    from ..session import opened_home, session

    with session(json) as out:
        import msgspec

        from ...catalog.builds import list_builds
        from ...database.engine import reading

        with opened_home() as home:
            with reading(home.engine) as tx:
                builds = list_builds(tx)
        out.result({"builds": [msgspec.to_builtins(build) for build in builds]})
        if builds:
            out.table([HEADING, *map(_row, builds)])
        else:
            out.say("there are no builds yet: `goldsmith build RECIPE` makes one")


def _row(build: Build) -> tuple[str, ...]:
    now = clock.now()
    return (
        build.id,
        f"{build.recipe_name}/{build.recipe_version}",
        build.status,
        build.image_id or "-",
        duration(((build.ended_at or now) - build.started_at).total_seconds()),
        age((now - build.started_at).total_seconds()),
    )
