"""A guest at work whose disk becomes a layer after each step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic

import msgspec
from msgspec.structs import replace

from .. import clock
from ..disks import secret_search
from ..disks.layers import Layer, Layers, NewLayer, Result
from ..documents.plan import Plan, PlannedStep
from ..errors import StepFailed
from ..guests import residue
from ..guests.traffic import Traffic
from ..log import Log
from . import keys
from .course import Course
from .going_on import RESIDUE
from .lookup import Found, Ground, Policy, resolved
from .report import Failure, StepReport
from .site import G, Site
from .step import Bench, called, names
from .surroundings import Surroundings

#: The last pseudo step: the guest is shut down in order, and its services write what they hold.
POWER_OFF = "power off"


@dataclass
class Work(Generic[G]):
    """A guest at work. `below` is the layer under its overlay, `digest` the one that the keys name: in a
    race for a key, and for repeated steps, that is another build's of the same content.
    """

    site: Site[G]
    guest: G
    log: Log
    surroundings: Surroundings
    policy: Policy
    course: Course
    below: Layer | None
    digest: str = ""
    #: Off once something ran that cannot become a layer: what follows would stand on it.
    sealing: bool = True
    traffic: Traffic = field(init=False)

    def __post_init__(self) -> None:
        self.digest = self.below.digest if self.below is not None else self.site.ground.digest
        self.traffic = self.guest.traffic()

    def run_all(self, plan: Plan, found: Found, at: int) -> None:
        """Run the steps of a plan that come after the first `at`."""
        for number, planned in enumerate(plan.steps[at:], start=at):
            if self.course.stopped:
                self.course.skip(planned)
            elif number < len(found.layers):
                self.repeat(planned, found.layers[number])
            else:
                first = found.miss is not None and number == len(found.layers)
                self.run(planned, found.miss.stale if first and found.miss is not None else "")

    def repeat(self, planned: PlannedStep, layer: Layer) -> None:
        """Run a step again whose layer is there, for what its machine held."""
        report = self._run(planned, repeated=True)
        if report.status != "success":
            self._stop_sealing(planned, "it failed")
        elif self.sealing:
            report = self.seal(planned, report, {}, "")
            self.digest = layer.digest
        self.course.add(planned, report)

    def run(self, planned: PlannedStep, stale: str) -> None:
        """Run a step and seal what it leaves; `stale` is the digest of a layer that is too old."""
        inputs = resolved(planned, self.course.chains[planned.component])
        report = self._run(planned)
        if report.status != "success":
            self._stop_sealing(planned, "it failed")
        elif self.sealing:
            parts = keys.parts_of(planned, inputs, self.surroundings, self.site.ground.common, self.digest)
            report = self.seal(planned, report, parts, stale)
        self.course.add(planned, report)

    def seal(
        self, planned: PlannedStep, report: StepReport, parts: Mapping[str, str], stale: str
    ) -> StepReport:
        """Make a layer of what is on the disk; without parts it gets no key. The report names it.

        There is none where what is recorded beside the disk would hold a secret.
        """
        if any(map(self.log.masker.holds, report.outputs.values())):
            self._stop_sealing(planned, "what it gave holds a secret")
            return report
        with self.log.task("seal") as task:
            record = residue.encode(machine := self.guest.residue())
            if self.log.masker.holds(msgspec.json.encode(machine)):
                self._stop_sealing(
                    planned, "a command line or systemd's environment in its machine holds a secret"
                )
                return report
            file = self.guest.snapshot(self.site.new_file())
            if leak := self._leak(file, "after this step"):
                self.sealing = False
                task.note(leak.message)
                return replace(report, status="failed", failure=leak)
            layer = self._add(file, planned, report, parts, {RESIDUE: record})
            task.note(f"{layer.size / 2**20:.1f} MiB")
        if parts:
            self._name(layer, parts, stale)
        return replace(report, layer=layer.digest)

    def seal_powered_off(self) -> str:
        """The disk of the guest that was shut down; returns its layer's digest, or empty.

        Raises StepFailed: a secret is on it, from the shutdown or from what ran since the last layer.
        """
        file = self.guest.disk.files[-1]
        if leak := self._leak(file, "after the machine was shut down"):
            raise StepFailed(leak.message, hint=leak.hint, code=leak.code)
        if not self.sealing:
            return ""
        parts = _power_off_parts(self.site.ground, self.digest)
        layer = self._add(file, None, None, parts, {})
        return self._name(layer, parts, "")

    def _run(self, planned: PlannedStep, *, repeated: bool = False) -> StepReport:
        return self.course.run(planned, Bench(self.guest, self.log, self.surroundings), repeated=repeated)

    def _add(
        self,
        file: Path,
        planned: PlannedStep | None,
        report: StepReport | None,
        parts: Mapping[str, str],
        beside: Mapping[str, bytes],
    ) -> Layer:
        used, grown = False, 0
        if report is not None:
            now = self.guest.traffic()
            used, grown = now.used(self.traffic), now.bytes - self.traffic.bytes
            self.traffic = now
        ages_from = self.below.ages_from if self.below is not None else None
        kernel, more = self.site.system(self.guest)
        new = NewLayer(
            parent=self.below.digest if self.below is not None else self.site.ground.base,
            base=self.site.ground.base,
            parts=dict(parts),
            result=_result(planned, report),
            network_bytes=grown,
            used_network=used,
            ages_from=ages_from or (clock.now() if used else None),
            kernel=kernel,
        )
        self.below = self.site.layers.add(file, new, {**more, **beside})
        return self.below

    def _name(self, layer: Layer, parts: Mapping[str, str], stale: str) -> str:
        key = keys.key_of(parts)
        if not self.policy.reuse and (there := self.site.layers.find(key)) is not None:
            stale = there.digest
        self.digest = self.site.layers.name(key, layer, stale).digest
        return self.digest

    def _leak(self, file: Path, when: str) -> Failure | None:
        values = {secret.name: secret.value.strip().encode() for secret in self.surroundings.secrets}
        found = secret_search.find(file, values)
        if found is None:
            return None
        return Failure(
            f"the disk holds the secret {found.name} {when} (at byte {found.offset})",
            code="secret-on-disk",
            hint="write it to a file under /run, which is in memory, or give it to a program by its stdin; a "
            "file that was deleted still holds it",
        )

    def _stop_sealing(self, planned: PlannedStep, reason: str) -> None:
        if self.sealing and not self.course.stopped:
            self.log.info(f"nothing from {called(planned)} on is kept for later builds: {reason}")
        self.sealing = False


def powered_off(ground: Ground, layers: Layers, found: Found) -> Layer | None:
    """The layer of the guest that was shut down after the last of a plan's steps, all of which were found."""
    return layers.find(keys.key_of(_power_off_parts(ground, found.layers[-1].digest)))


def _power_off_parts(ground: Ground, below: str) -> dict[str, str]:
    return {**ground.common, keys.BELOW: below, "action": POWER_OFF}


def _result(planned: PlannedStep | None, report: StepReport | None) -> Result:
    if planned is None or report is None:
        return Result(component="", phase="", step=POWER_OFF, action=POWER_OFF, seconds=0.0)
    return Result(
        **names(planned),
        action=planned.step.action,
        seconds=report.seconds,
        attempts=report.attempts,
        exit_code=report.exit_code,
        outputs=dict(report.outputs),
    )
