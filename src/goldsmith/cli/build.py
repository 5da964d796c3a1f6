"""`goldsmith build`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .text import count

if TYPE_CHECKING:
    from ..builds.build import Outcome
    from ..builds.home import Home
    from ..documents.recipe import Loaded
    from .session import Session


def build(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe's file.")],
    set_: options.Settings = None,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Copy the image there too: to a file, whose suffix may name its format, or into a folder.",
        ),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="qcow2|raw|vmdk|vhd|vhdx",
            help="Write this format in place of the recipe's. Repeatable.",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what would run and what is reused, and why; start nothing.")
    ] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Reuse nothing of earlier builds.")] = False,
    max_age: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Reuse what came over the network for so long (24h, 30m, 7d), in place of the recipe's.",
        ),
    ] = None,
    keep_on_failure: Annotated[
        bool,
        typer.Option("--keep-on-failure", help="Keep the disk of a step that fails, for `goldsmith shell`."),
    ] = False,
    json: options.Json = False,
) -> None:
    """Build an image by a recipe, boot it, test it. What did not change since an earlier build is reused.

    The last line on stdout is the path of the image.
    """
    from .session import opened_home, session

    values = options.settings(set_)
    age = options.age(max_age, "--max-age")
    with session(json) as out:
        from msgspec.structs import replace

        from ..builds import build as builds
        from ..builds import stages
        from ..documents.recipe import load_recipe
        from .destination import destination, formats_of

        asked = formats_of(formats or ())
        loaded = builds.with_settings(load_recipe(recipe), values)
        name = f"{loaded.recipe.name}-{loaded.recipe.version}"
        target = destination(output, name, asked or loaded.recipe.formats)
        loaded = replace(loaded, recipe=replace(loaded.recipe, formats=target.formats))
        wishes = builds.Wishes(reuse=not no_cache, max_age=age, keep_on_failure=keep_on_failure)
        if explain:
            from .explanation import tell_explanation

            with opened_home() as home:
                tell_explanation(home, loaded, wishes, out)
            return
        building, testing = stages.plans(loaded)
        _announce(out, loaded, len(building.steps), len(testing.steps))
        out.expect((*building.steps, *testing.steps))
        with opened_home() as home:
            outcome = builds.build(home, loaded, out.log, wishes)
            copies = target.copy(outcome.paths, out.log)
            written = [outcome.paths[kind] for kind in target.formats]
            _tell(home, outcome, copies, [*copies, *written], out)


def _announce(out: Session, loaded: Loaded, steps: int, tests: int) -> None:
    recipe = loaded.recipe
    what = f"{recipe.name} {recipe.version} on {recipe.base}"
    out.log.info(f"{what}: {count(steps, 'step')}, {count(tests, 'test')}")
    for problem in loaded.warnings:
        out.log.warning(f"{problem.where}: {problem.message}")


def _tell(home: Home, outcome: Outcome, copies: list[Path], files: list[Path], out: Session) -> None:
    """`files` are all that were asked for; the first is what the last line names."""
    from ..builds import build_log
    from .image.words import as_json, summary

    first, *others = files
    log = str(build_log.path_of(home, outcome.build.id))
    made = "" if outcome.made else "nothing changed: this image was made and tested by an earlier build"
    rows = [*summary(outcome.image), ("reused", made), ("log", log)]
    out.say()
    out.facts(rows + [("also", str(path)) for path in others])
    out.result(
        {
            "image": as_json(home, outcome.image),
            "build": outcome.build.id,
            "made": outcome.made,
            "log": log,
            "paths": {kind: str(path) for kind, path in outcome.paths.items()},
            "copies": [str(path) for path in copies],
        }
    )
    out.say(str(first))
