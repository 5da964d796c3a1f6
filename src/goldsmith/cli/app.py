"""`goldsmith`: every command is a module of this room, and imports what it needs when it runs."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from .build import build
from .doctor import doctor
from .image.boot import boot
from .image.bootstrap import bootstrap
from .image.delete import delete
from .image.import_ import import_
from .image.list import list_
from .image.show import show
from .run import run
from .validate import validate

# rich's help takes longer to load than everything else here; `session` tells what goes wrong.
app = typer.Typer(
    name="goldsmith",
    help="Golden VM images on your own machine, from components of AWS EC2 Image Builder.",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
image = typer.Typer(help="Make, import, look at, boot and delete images.", no_args_is_help=True)

app.command()(build)
app.command()(run)
app.command()(validate)
app.add_typer(image, name="image")
app.command()(doctor)
image.command()(bootstrap)
image.command("import")(import_)
image.command("list")(list_)
image.command()(show)
image.command()(boot)
image.command()(delete)


def _version(wanted: bool) -> None:
    if wanted:
        from .release import release

        typer.echo(f"goldsmith {release()}")
        raise typer.Exit


@app.callback()
def goldsmith(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which goldsmith this is.")
    ] = False,
) -> None:
    """Golden VM images on your own machine, from components of AWS EC2 Image Builder."""


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # What a guest prints need not fit the encoding here.
            stream.reconfigure(errors="backslashreplace")
    app()
