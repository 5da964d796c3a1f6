"""Runs a plan on a guest (AWSTOE's runtime, reference §14.1 and §16)."""

from __future__ import annotations

from ..documents.guest import Guest
from ..documents.plan import Plan
from ..log import Log
from .course import Course, Tell
from .report import Report, StepReport
from .step import Bench
from .surroundings import Surroundings


def nobody(report: StepReport) -> None:
    """For runs whose reports are read at their end."""


def run_plan(
    plan: Plan,
    guest: Guest,
    log: Log,
    surroundings: Surroundings | None = None,
    tell: Tell = nobody,
) -> Report:
    """Run the steps in order and report each.

    What a failure does to the steps after it: see Course. Raises GuestFailed, naming component, phase
    and step: the guest cannot go on; `tell` knows what came before.
    """
    bench = Bench(guest, log, surroundings or Surroundings())
    course = Course(tell)
    for planned in plan.steps:
        if course.stopped:
            course.skip(planned)
        else:
            course.add(planned, course.run(planned, bench))
    return course.end(log)
