"""Runs a plan so that each step leaves a layer, and goes on from the layers that are there."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from ..disks.chain import Chain
from ..disks.layers import Layer
from ..documents.plan import Plan, PlannedStep
from ..errors import GuestFailed
from ..log import Log
from .course import Course, Tell
from .going_on import going_on
from .lookup import Found, Policy, look_up
from .report import Report
from .sealing import Work, powered_off
from .site import G, Site
from .step import called, names, new_report
from .surroundings import Surroundings


@dataclass(frozen=True)
class Made:
    """What a run left: `disk` as the guest shut it down.

    `digest` is that of its top layer, empty where none was sealed; then nothing that is made of it can
    be found again. After a failed run there is no disk.
    """

    report: Report
    disk: Chain | None
    digest: str


def run_layered(
    plan: Plan, site: Site[G], log: Log, surroundings: Surroundings, policy: Policy, tell: Tell
) -> Made:
    """Run what no layer is there for, seal each step, and shut the guest down.

    Raises GuestFailed, StepFailed (a secret is on the disk); `tell` knows what came before.
    """
    course = Course(tell)
    found = look_up(plan, site.ground, site.layers, surroundings, policy, course.chains)
    for planned, layer in zip(plan.steps, found.layers, strict=False):
        _show(planned, layer, log)
    if not plan.steps:
        return Made(course.end(log), site.disk(site.ground.grown), site.ground.digest)
    if found.miss is not None:
        log.info(f"{called(found.miss.planned)} runs: {found.miss.why}")
    elif policy.reuse and (off := powered_off(site.ground, site.layers, found)) is not None:
        _add_reused(plan, found, len(found.layers), course)
        return Made(course.end(log), site.disk(off), off.digest)
    with going_on(plan, found, site, log) as (guest, at):
        _add_reused(plan, found, at, course)
        below = found.layers[at - 1] if at else site.ground.grown
        work = Work(site, guest, log, surroundings, policy, course, below)
        try:
            work.run_all(plan, found, at)
        except GuestFailed:
            site.failed(guest, work.below)
            raise
        report = course.end(log)
        if report.status == "failed":
            site.failed(guest, work.below)
            return Made(report, None, "")
        guest.power_off()
        return Made(report, guest.disk, work.seal_powered_off())


def _add_reused(plan: Plan, found: Found, count: int, course: Course) -> None:
    for planned, layer in zip(plan.steps[:count], found.layers, strict=False):
        result = layer.result
        report = replace(
            new_report(planned, "success"),
            seconds=result.seconds,
            attempts=result.attempts,
            exit_code=result.exit_code,
            outputs=result.outputs,
            reused=True,
            layer=layer.digest,
        )
        course.add(planned, report)


def _show(planned: PlannedStep, layer: Layer, log: Log) -> None:
    with log.task("step", **names(planned), action=planned.step.action) as task:
        task.note(f"reused, took {layer.result.seconds:.1f} s")
