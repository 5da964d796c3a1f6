"""Runs one step on a guest: its references, its attempts, and what became of it (AWSTOE, reference §16)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from .. import clock
from ..documents.actions import ACTIONS, Done
from ..documents.chaining import Chain, chained_uses
from ..documents.guest import Guest
from ..documents.plan import PlannedStep, resolve
from ..errors import GuestFailed, Invalid, StepFailed
from ..log import Log, Stream
from .hints import hint
from .lines import Lines
from .report import Failure, Status, StepReport
from .surroundings import Surroundings

#: The code of GuestFailed for a guest that restarted though nobody asked goldsmith to.
UNEXPECTED_REBOOT = "unexpected-reboot"


@dataclass(frozen=True)
class Bench:
    """Where a step is worked on."""

    guest: Guest
    log: Log
    surroundings: Surroundings


class _Failed(Exception):
    """A step's attempts are used up."""

    def __init__(self, failure: Failure, attempts: int) -> None:
        self.failure, self.attempts = failure, attempts

    def status(self, planned: PlannedStep) -> Status:
        ignored = planned.step.on_failure == "Ignore" and self.failure.code != UNEXPECTED_REBOOT
        return "ignored" if ignored else "failed"


def text_of(inputs: Any) -> str:
    """A step's inputs as one text: what decides results, and where names are looked for."""
    return msgspec.json.encode(inputs).decode()


def run_step(planned: PlannedStep, chain: Chain, bench: Bench, *, repeated: bool = False) -> StepReport:
    """Run a step until it succeeds or its attempts are used up; the chain learns what it gave.

    The chain of a `repeated` step knows that already, from when it ran first. Raises GuestFailed,
    naming component, phase and step: the guest cannot go on.
    """
    start = clock.monotonic()
    step = planned.step
    try:
        with bench.log.task("step", **names(planned), action=step.action) as task:
            if repeated:
                task.note("repeated")
            try:
                _warn_of_gaps(planned, chain, bench.log)
                done, attempts = _attempt(planned, _resolve(planned, chain, bench.log), bench)
            except _Failed as failed:
                ignored = ", ignored" if failed.status(planned) == "ignored" else ""
                task.note(failed.failure.message + ignored)
                raise
            if done.exit_code is not None:
                task.note(f"exit code {done.exit_code}" + (", repeated" if repeated else ""))
        if not repeated:
            chain.given(planned.phase, step.name, dict(done.outputs))
        report = new_report(planned, "success")
        report = replace(report, attempts=attempts, exit_code=done.exit_code, outputs=done.outputs)
    except _Failed as failed:
        report = new_report(planned, failed.status(planned))
        failure = failed.failure
        report = replace(report, attempts=failed.attempts, exit_code=failure.exit_code, failure=failure)
    return replace(report, seconds=round(clock.monotonic() - start, 3), repeated=repeated)


def lost(planned: PlannedStep, error: GuestFailed) -> StepReport:
    """The report of a step whose guest failed under it."""
    failure = Failure(error.message, error.code, error.hint, last_lines=error.last_lines)
    return replace(new_report(planned, "failed"), failure=failure, attempts=1)


def new_report(planned: PlannedStep, status: Status) -> StepReport:
    step = planned.step
    return StepReport(
        component=planned.document.name,
        phase=planned.phase,
        step=step.name,
        action=step.action,
        status=status,
    )


def names(planned: PlannedStep) -> dict[str, str]:
    """What a step is called: its component, phase and name."""
    return {"component": planned.document.name, "phase": planned.phase, "step": planned.step.name}


def called(planned: PlannedStep) -> str:
    """The same as one text."""
    return " / ".join(names(planned).values())


def _resolve(planned: PlannedStep, chain: Chain, log: Log) -> Any:
    try:
        return resolve(planned, chain)
    except Invalid as error:
        log.masker.mask_error(error)
        raise _Failed(Failure(str(error), error.code, error.hint), attempts=0) from error


def _attempt(planned: PlannedStep, inputs: Any, bench: Bench) -> tuple[Done, int]:
    """Run the step until it succeeds; the second value counts the runs. Raises _Failed."""
    step = planned.step
    text = text_of(inputs)
    attempt = 0
    while True:
        attempt += 1
        lines = Lines(bench.log.output if step.logged else _silent, bench.log.masker)
        call = bench.surroundings.call(bench.guest, bench.log, text, step.timeout, lines)
        try:
            try:
                return ACTIONS[step.action].run(inputs, call), attempt
            finally:
                lines.flush()
        except StepFailed as error:
            bench.log.masker.mask_error(error)
            failure = _failure(error, lines if step.logged else None)
            if attempt == step.attempts:
                raise _Failed(failure, attempt) from error
            bench.log.warning(f"attempt {attempt} of {step.attempts} failed: {failure.message}")
        except GuestFailed as error:
            bench.log.masker.mask_error(error)
            if error.code != UNEXPECTED_REBOOT:
                raise _in_context(error, planned) from error
            raise _Failed(_rebooted(error, lines if step.logged else None), attempt) from error


def _warn_of_gaps(planned: PlannedStep, chain: Chain, log: Log) -> None:
    for use, chained in chained_uses(planned.step):
        if chain.lookup(chained) is None:
            log.warning(f"{use.written} stays as it is: step {chained.step} gave no such value")


def _failure(error: StepFailed, lines: Lines | None) -> Failure:
    last = tuple(error.last_lines or (lines.last if lines else ()))
    return Failure(error.message, error.code, hint(error, last), error.exit_code, last)


def _rebooted(error: GuestFailed, lines: Lines | None) -> Failure:
    return Failure(
        error.message,
        error.code,
        "a script that needs a reboot ends with exit code 194 (and runs again) or leaves it to the Reboot "
        "action; a reboot may also have been asked for by the step before",
        last_lines=tuple(lines.last) if lines else (),
    )


def _in_context(error: GuestFailed, planned: PlannedStep) -> GuestFailed:
    context = f"component {planned.document.name}, phase {planned.phase}, step {planned.step.name}"
    return GuestFailed(
        f"{context}: {error.message}", last_lines=error.last_lines, hint=error.hint, code=error.code
    )


def _silent(stream: Stream, line: str) -> None:
    """For steps whose document turns logging off."""
