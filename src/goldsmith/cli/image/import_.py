"""`goldsmith image import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import Json


def import_(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A qcow2 or raw disk; its content says which.")
    ],
    name: Annotated[str, typer.Option(metavar="NAME", help="What to call it, if not as its file.")] = "",
    kernel: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", exists=True, dir_okay=False, help="The kernel, for a disk that has none in it."
        ),
    ] = None,
    initrd: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="The initrd beside that kernel, if it needs one.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Take a copy of a disk from elsewhere as an image."""
    from ..session import opened_home, session

    if initrd is not None and kernel is None:
        raise typer.BadParameter("it goes with a --kernel", param_hint="--initrd")
    with session(json) as out:
        from ...builds.imports import import_image
        from .words import tell_new

        with opened_home() as home:
            image = import_image(home, path, out.log, name=name, kernel=kernel, initrd=initrd)
            tell_new(home, image, out)
