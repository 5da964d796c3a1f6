"""A plan on its way: what was reported so far, what its steps gave, and whether it has stopped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from ..documents.chaining import Chain
from ..documents.plan import PlannedStep
from ..errors import GuestFailed
from ..log import Log
from .report import Report, StepReport
from .step import UNEXPECTED_REBOOT, Bench, lost, new_report, run_step

#: Told each step's report as soon as it is over.
Tell = Callable[[StepReport], None]


class Course:
    """After a failure `Abort` stops the run, `Continue` goes on and the run fails all the same,
    `Ignore` goes on and it does not. A guest that a step's own program restarted stops the run,
    whatever the step says: nobody knows how far it came.
    """

    def __init__(self, tell: Tell) -> None:
        self.chains: dict[int, Chain] = defaultdict(Chain)
        self.stopped = False
        self._tell = tell
        self._reports: list[StepReport] = []

    def run(self, planned: PlannedStep, bench: Bench, *, repeated: bool = False) -> StepReport:
        """Run a step. Raises GuestFailed: then `tell` knows it already."""
        try:
            return run_step(planned, self.chains[planned.component], bench, repeated=repeated)
        except GuestFailed as error:
            self._tell(lost(planned, error))
            raise

    def add(self, planned: PlannedStep, report: StepReport) -> None:
        """A step is over."""
        self._reports.append(report)
        self._tell(report)
        if report.failure is not None:
            aborted = report.status == "failed" and planned.step.on_failure == "Abort"
            self.stopped = self.stopped or aborted or report.failure.code == UNEXPECTED_REBOOT

    def skip(self, planned: PlannedStep) -> None:
        self.add(planned, new_report(planned, "skipped"))

    def end(self, log: Log) -> Report:
        done = Report(tuple(self._reports))
        log.info(done.summary)
        return done
