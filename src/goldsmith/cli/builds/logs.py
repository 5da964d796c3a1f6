"""`goldsmith builds logs`."""

from __future__ import annotations

from ..options import Json
from .options import Reference, named


def logs(build: Reference, json: Json = False) -> None:
    """Print what a build told while it ran, or has told so far."""
    from ..session import opened_home, session

    with session(json):
        from ...builds import build_log
        from .. import lines

        tell = lines.tell_in_json if json else lines.tell_plainly
        with opened_home() as home:
            found = named(home, build)
            for event in build_log.read(home, found.id):
                tell(event)
