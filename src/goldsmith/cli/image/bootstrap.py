"""`goldsmith image bootstrap`."""

from __future__ import annotations

from typing import Annotated

import typer

from ..options import Json


def bootstrap(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="debian-11, debian-12 or debian-13, each with -minimal for a bare one."
        ),
    ],
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Make it anew, also if the last one is less than a day old.")
    ] = False,
    json: Json = False,
) -> None:
    """Make a base image from Debian's packages."""
    from ..session import opened_home, session

    with session(json) as out:
        from ...builds import bases
        from .words import tell_new

        with opened_home() as home:
            tell_new(home, bases.bootstrap(home, name, out.log, refresh=refresh), out)
