"""What became of a plan, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from ..errors import StepFailed

#: AWSTOE's Success, Failed, IgnoredFailure and Skipped.
Status = Literal["success", "failed", "ignored", "skipped"]


class Failure(msgspec.Struct, frozen=True):
    """Why a step went wrong. `last_lines` are the end of what its last attempt printed."""

    message: str
    code: str = "step-failed"
    hint: str = ""
    exit_code: int | None = None
    last_lines: tuple[str, ...] = ()


class StepReport(msgspec.Struct, frozen=True, kw_only=True):
    """One step. `exit_code` is None where no program of the document's ended; `attempts` counts runs.

    A `reused` step did not run: `layer` is what an earlier build made of it, `seconds` what it took
    then. A `repeated` one was there too, and ran again for what a reboot took from the machine.
    `layer` is empty where none was sealed.
    """

    component: str
    phase: str
    step: str
    action: str
    status: Status
    seconds: float = 0.0
    attempts: int = 0
    exit_code: int | None = None
    outputs: Mapping[str, str] = {}
    failure: Failure | None = None
    reused: bool = False
    repeated: bool = False
    layer: str = ""


class Report(msgspec.Struct, frozen=True):
    """A whole run. It failed when a step did whose failure was not to be ignored."""

    steps: tuple[StepReport, ...]

    @property
    def status(self) -> Literal["success", "failed"]:
        return "failed" if self._count("failed") else "success"

    @property
    def summary(self) -> str:
        """The counts that AWSTOE gives at its end, for people."""
        reused = sum(step.reused for step in self.steps)
        run = sum(step.status != "skipped" for step in self.steps) - reused
        counts = [
            f"{run} {'step' if run == 1 else 'steps'} run",
            *([f"{reused} reused"] if reused else []),
            f"{self._count('skipped')} skipped",
            f"{self._count('failed')} failed",
            f"{self._count('ignored')} ignored failures",
        ]
        return ", ".join(counts)

    def error(self) -> StepFailed | None:
        """The first failure as an error to raise; None after a success."""
        for step in self.steps:
            if step.status == "failed" and step.failure is not None:
                failure = step.failure
                return StepFailed(
                    f"component {step.component}, phase {step.phase}, step {step.step}: {failure.message}",
                    component=step.component,
                    phase=step.phase,
                    step=step.step,
                    exit_code=failure.exit_code,
                    last_lines=failure.last_lines,
                    hint=failure.hint,
                    code=failure.code,
                )
        return None

    def _count(self, status: Status) -> int:
        return sum(step.status == status for step in self.steps)
