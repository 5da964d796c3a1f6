"""What the commands about builds share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ...builds.home import Home
    from ...catalog.builds import Build

Reference = Annotated[
    str, typer.Argument(metavar="BUILD", help="A build's id or its beginning, or `last` for the newest.")
]


def named(home: Home, reference: str) -> Build:
    """The build that a command is about. Raises NotFound; Conflict: it could be several."""
    from ...catalog.builds import find_build
    from ...database.engine import reading
    from ...documents.problems import quote
    from ...errors import NotFound

    with reading(home.engine) as tx:
        found = find_build(tx, reference)
    if found is None:
        none = reference == "last"
        raise NotFound(
            "there are no builds yet" if none else f"unknown build {quote(reference)}",
            hint="`goldsmith build RECIPE` makes one" if none else "`goldsmith builds list` shows all builds",
            code="unknown-build",
        )
    return found
