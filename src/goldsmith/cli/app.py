"""`goldsmith`: every command is a module of this room, and imports what it needs when it runs."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from .build import build
from .builds.list import list_ as list_builds
from .builds.logs import logs
from .builds.show import show as show_build
from .doctor import doctor
from .gc import gc
from .image.boot import boot
from .image.bootstrap import bootstrap
from .image.delete import delete
from .image.import_ import import_
from .image.list import list_
from .image.show import show
from .run import run
from .secret.delete import delete as delete_secret
from .secret.list import list_ as list_secrets
from .secret.set import set_
from .shell import shell
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
builds = typer.Typer(help="Look at the builds that were made, and at their logs.", no_args_is_help=True)
secret = typer.Typer(help="Keep the secrets that recipes name.", no_args_is_help=True)

app.command()(build)
app.command()(run)
app.command()(shell)
app.command()(validate)
app.add_typer(image, name="image")
app.add_typer(builds, name="builds")
app.add_typer(secret, name="secret")
app.command()(doctor)
app.command()(gc)
image.command()(bootstrap)
image.command("import")(import_)
image.command("list")(list_)
image.command()(show)
image.command()(boot)
image.command()(delete)
builds.command("list")(list_builds)
builds.command("show")(show_build)
builds.command()(logs)
secret.command("set")(set_)
secret.command("list")(list_secrets)
secret.command("delete")(delete_secret)


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
