"""What the commands about secrets share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ...accounts.secrets import Store

Name = Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits and _; no digit first.")]


def store() -> Store:
    """The secrets of the home that the environment names."""
    from ... import settings
    from ...accounts.secrets import Store

    return Store(settings.load().home)
