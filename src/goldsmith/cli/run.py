"""`goldsmith run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options


def run(
    component: Annotated[Path, typer.Argument(metavar="COMPONENT", help="A component document's file.")],
    base: Annotated[
        str,
        typer.Option(metavar="NAME", help="The image to run on: its family, name or id, or a disk's ./path."),
    ],
    phase: Annotated[
        str, typer.Option(metavar="PHASE,...", help="Which phases to run; if not build and validate.")
    ] = "",
    set_: options.Settings = None,
    json: options.Json = False,
) -> None:
    """Run one document in a machine that is thrown away afterwards."""
    from .session import opened_home, session

    values = options.settings(set_)
    phases = tuple(each.strip() for each in phase.split(",")) if phase else ()
    if not all(phases):
        raise typer.BadParameter(f'"{phase}" is not a list such as build,validate', param_hint="--phase")
    with session(json) as out:
        import msgspec

        from ..builds.trial import plan_component, run_component

        plan = plan_component(component, phases, values)
        out.expect(plan.steps)
        with opened_home() as home:
            report = run_component(home, plan, base, out.log)
        if (error := report.error()) is not None:
            raise error
        out.result({"report": {"status": report.status, **msgspec.to_builtins(report)}})
