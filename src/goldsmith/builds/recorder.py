"""What becomes of a build's steps, written to its record as they end."""

from __future__ import annotations

from ..catalog import builds
from ..catalog.description import StepRecord
from ..database.engine import transaction
from ..steps.report import Report, StepReport
from .job import Job

_OUTCOMES = {"success": "succeeded", "failed": "failed", "ignored": "failed", "skipped": "skipped"}


class Recorder:
    """Keeps the reports of a build's steps; a step that ran is written down at once."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._steps: list[StepRecord] = []

    def tell(self, report: StepReport) -> None:
        self._steps.append(step_record(report))
        if not report.reused and report.status != "skipped":
            self.write()

    def write(self) -> None:
        with transaction(self._job.home.engine) as tx:
            builds.record_steps(tx, self._job.id, self._steps)


def step_records(report: Report) -> tuple[StepRecord, ...]:
    return tuple(map(step_record, report.steps))


def step_record(step: StepReport) -> StepRecord:
    return StepRecord(
        component=step.component,
        phase=step.phase,
        step=step.step,
        action=step.action,
        outcome=_OUTCOMES[step.status],  # type: ignore[arg-type]
        seconds=step.seconds,
        exit_code=step.exit_code,
        message=step.failure.message if step.failure else "",
        reused=step.reused,
        repeated=step.repeated,
        layer=step.layer,
    )
