"""Runs a plan on a guest (AWSTOE's runtime, reference §14.1 and §16)."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from .. import clock
from ..documents.actions import ACTIONS, Call, Done
from ..documents.chaining import Chain, chained_uses
from ..documents.guest import Command, Guest
from ..documents.plan import Plan, PlannedStep, resolve
from ..errors import GuestFailed, Invalid, StepFailed
from ..log import Log, Stream
from .hints import hint
from .lines import Lines
from .report import Failure, Report, Status, StepReport

#: The code of GuestFailed for a guest that restarted though nobody asked goldsmith to.
UNEXPECTED_REBOOT = "unexpected-reboot"


@dataclass(frozen=True)
class Surroundings:
    """What steps find around them.

    `directory` is the one working directory of the run; Image Builder's default is /tmp, which it
    tells in WORKING_DIRECTORY (reference §11.1). `build_variables` are the environment variables that
    differ from build to build: IMAGE_PHASE, IMAGE_VERSION and their kin (reference §14.2). They stand
    apart because they say nothing about what a step does.
    """

    directory: str = "/tmp"  # noqa: S108 - a path in the guest
    build_variables: Mapping[str, str] = field(default_factory=dict)


class _Failed(Exception):
    """A step's attempts are used up."""

    def __init__(self, failure: Failure, attempts: int) -> None:
        self.failure, self.attempts = failure, attempts

    def status(self, planned: PlannedStep) -> Status:
        ignored = planned.step.on_failure == "Ignore" and self.failure.code != UNEXPECTED_REBOOT
        return "ignored" if ignored else "failed"


def run_plan(plan: Plan, guest: Guest, log: Log, surroundings: Surroundings | None = None) -> Report:
    """Run the steps in order and report each.

    After a failure `Abort` skips all further steps, `Continue` goes on and the run fails all the same,
    `Ignore` goes on and it does not. A guest that a step's own program restarted makes that step fail
    and ends the run, whatever the step says: nobody knows how far it came.
    Raises GuestFailed, naming component, phase and step: the guest cannot go on.
    """
    machine = _Machine(guest, log, surroundings or Surroundings())
    chains: dict[int, Chain] = defaultdict(Chain)
    reports: list[StepReport] = []
    stopped = lost = False
    for planned in plan.steps:
        if stopped:
            reports.append(_new_report(planned, "skipped"))
            continue
        report = _run_step(planned, chains[planned.component], machine)
        reports.append(report)
        if report.failure is not None:
            lost = report.failure.code == UNEXPECTED_REBOOT
            stopped = lost or (report.status == "failed" and planned.step.on_failure == "Abort")
    if not lost:
        guest.run(Command(["rm", "-rf", "--", machine.folder]))
    done = Report(tuple(reports))
    log.info(done.summary)
    return done


@dataclass(frozen=True)
class _Machine:
    guest: Guest
    log: Log
    surroundings: Surroundings

    @property
    def folder(self) -> str:
        return posixpath.join(self.surroundings.directory, "goldsmith-run")

    def call(self, timeout: int | None, lines: Lines) -> Call:
        environment = {"WORKING_DIRECTORY": self.surroundings.directory, **self.surroundings.build_variables}
        return Call(
            guest=self.guest,
            log=self.log,
            output=lines.feed,
            directory=self.surroundings.directory,
            folder=self.folder,
            environment=environment,
            timeout=timeout,
        )


def _run_step(planned: PlannedStep, chain: Chain, machine: _Machine) -> StepReport:
    start = clock.monotonic()
    step = planned.step
    names = {"component": planned.document.name, "phase": planned.phase}
    try:
        with machine.log.task("step", **names, step=step.name, action=step.action) as task:
            try:
                _warn_of_gaps(planned, chain, machine.log)
                done, attempts = _attempt(planned, _resolve(planned, chain), machine)
            except _Failed as failed:
                ignored = ", ignored" if failed.status(planned) == "ignored" else ""
                task.note(failed.failure.message + ignored)
                raise
            if done.exit_code is not None:
                task.note(f"exit code {done.exit_code}")
        chain.given(planned.phase, step.name, dict(done.outputs))
        report = _new_report(planned, "success")
        report = replace(report, attempts=attempts, exit_code=done.exit_code, outputs=done.outputs)
    except _Failed as failed:
        report = _new_report(planned, failed.status(planned))
        failure = failed.failure
        report = replace(report, attempts=failed.attempts, exit_code=failure.exit_code, failure=failure)
    return replace(report, seconds=round(clock.monotonic() - start, 3))


def _resolve(planned: PlannedStep, chain: Chain) -> Any:
    try:
        return resolve(planned, chain)
    except Invalid as error:
        raise _Failed(Failure(str(error), error.code, error.hint), attempts=0) from error


def _attempt(planned: PlannedStep, inputs: Any, machine: _Machine) -> tuple[Done, int]:
    """Run the step until it succeeds; the second value counts the runs. Raises _Failed."""
    step = planned.step
    attempt = 0
    while True:
        attempt += 1
        lines = Lines(machine.log.output if step.logged else _silent)
        try:
            try:
                return ACTIONS[step.action].run(inputs, machine.call(step.timeout, lines)), attempt
            finally:
                lines.flush()
        except StepFailed as error:
            failure = _failure(error, lines if step.logged else None)
            if attempt == step.attempts:
                raise _Failed(failure, attempt) from error
            machine.log.warning(f"attempt {attempt} of {step.attempts} failed: {failure.message}")
        except GuestFailed as error:
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


def _new_report(planned: PlannedStep, status: Status) -> StepReport:
    step = planned.step
    return StepReport(
        component=planned.document.name,
        phase=planned.phase,
        step=step.name,
        action=step.action,
        status=status,
    )


def _silent(stream: Stream, line: str) -> None:
    """For steps whose document turns logging off."""
