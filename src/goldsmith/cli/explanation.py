"""What `goldsmith build --explain` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ..builds.explain import Verdict, explain
from .text import count, duration, step_name

if TYPE_CHECKING:
    from ..builds.build import Wishes
    from ..builds.home import Home
    from ..documents.recipe import Loaded
    from .session import Session

HEADING = ("", "STEP", "TOOK", "WHY")


def tell_explanation(home: Home, loaded: Loaded, wishes: Wishes, out: Session) -> None:
    """A line a step, then what becomes of the image and its tests. Raises what explain raises."""
    found = explain(home, loaded, out.log, wishes)
    if found.steps:
        out.table([HEADING, *map(_row, found.steps)])
    reused = [verdict for verdict in found.steps if verdict.what == "reused"]
    out.say()
    out.facts(
        [
            ("runs", count(len(found.steps) - len(reused), "step")),
            ("reused", f"{count(len(reused), 'step')}, which took {duration(found.saved)}" if reused else ""),
            ("image", found.image),
            ("tests", found.tests),
        ]
    )
    out.result({"explanation": msgspec.to_builtins(found)})


def _row(verdict: Verdict) -> tuple[str, ...]:
    took = "" if verdict.seconds is None else duration(verdict.seconds)
    return verdict.what, step_name(verdict.component, verdict.phase, verdict.step), took, verdict.why
