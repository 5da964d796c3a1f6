"""`goldsmith validate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Json
from .text import count

if TYPE_CHECKING:
    from ..documents.problems import Problem
    from .session import Session


def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Recipes and component documents.")],
    json: Json = False,
) -> None:
    """Check recipes and documents, and all that recipes name.

    Prints FILE:LINE:COLUMN: MESSAGE for each problem, and exits with 1 on any error.
    """
    from .session import session

    with session(json) as out:
        import msgspec

        from ..documents.validate import check_file

        found: dict[Problem, None] = {}  # each once: two recipes may name the same document
        for file in files:
            for problem in check_file(file):
                if problem not in found:
                    found[problem] = None
                    _tell(out, problem)
        errors = sum(problem.severity == "error" for problem in found)
        told = ", ".join([count(errors, "error"), count(len(found) - errors, "warning")])
        out.say(f"{count(len(files), 'file')} checked: {told if found else 'nothing is wrong'}")
        out.result({"problems": [msgspec.to_builtins(each) for each in found]})
        if errors:
            raise typer.Exit(1)


def _tell(out: Session, problem: Problem) -> None:
    mark = "warning: " if problem.severity == "warning" else ""
    out.say(f"{problem.where}: {mark}{problem.message}")
    if problem.hint:
        out.say(f"    hint: {problem.hint}")
