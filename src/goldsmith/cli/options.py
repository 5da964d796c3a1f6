"""What several commands take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="For machines: one JSON object a line on stdout.")]

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A parameter's value for all components that have it; COMPONENT.NAME=VALUE for one. Repeatable.",
    ),
]

Reference = Annotated[
    str, typer.Argument(metavar="IMAGE", help="An image's id, family, name, or NAME/VERSION.")
]


def settings(given: Sequence[str] | None) -> dict[str, str]:
    """The values of `--set`; of a name given twice the last one counts. A usage error without a `=`."""
    values: dict[str, str] = {}
    for each in given or ():
        name, equals, value = each.partition("=")
        if not equals or not name.strip():
            raise typer.BadParameter(f'"{each}" is not NAME=VALUE', param_hint="--set")
        values[name.strip()] = value
    return values


def age(given: str | None, option: str) -> timedelta | None:
    """The time of an option such as `24h`; None where it was not given. A usage error for anything else."""
    from ..documents.ages import parse_age
    from ..errors import Invalid

    if given is None:
        return None
    try:
        return parse_age(given)
    except Invalid as error:
        raise typer.BadParameter(error.message, param_hint=option) from None
