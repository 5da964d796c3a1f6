"""A guest that is played: steps write real blocks into real qcow2 layers by qemu-io, and no machine runs.

A played script has lines `write CLUSTER BYTE` (a cluster of 64 KiB full of that byte), `say TEXT`,
`leave NAME` (something in memory that a restart takes), `net` (the network is used), `fail`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from goldsmith import programs
from goldsmith.disks import overlay, qemu_img
from goldsmith.disks.chain import Chain
from goldsmith.disks.layers import Layer, Layers
from goldsmith.documents import toe
from goldsmith.documents.guest import Command, OnOutput, Result, Stat
from goldsmith.documents.plan import Component, Plan, make_plan
from goldsmith.guests.residue import Difference, Fingerprint, Record, compare, record
from goldsmith.guests.traffic import Traffic
from goldsmith.log import Log
from goldsmith.steps.layered import Made, run_layered
from goldsmith.steps.lookup import Ground, Policy
from goldsmith.steps.report import Report, StepReport
from goldsmith.steps.surroundings import Secret, Surroundings

CLUSTER = 64 << 10
SIZE = 4 << 20

#: What enters the key of every step.
COMMON = {"account": "100000000000", "architecture": "x86_64", "firmware": "bios", "guest": "vm"}

#: The byte that the last cluster is full of after the machine was shut down.
SHUTDOWN = 0x7F


class PlayedGuest:
    """A SealingGuest. `memory` is what a restart takes."""

    def __init__(self, site: PlayedSite, disk: Chain, resume: Record | None) -> None:
        self.disk = disk
        self.reboots = 0
        self.memory: dict[str, str] = {}
        self._site = site
        self._resume = resume
        self._watched: Fingerprint | None = None
        self._script = ""
        self._traffic = Traffic()

    def run(self, command: Command, output: OnOutput | None = None) -> Result:
        if command.argv[-1].endswith("script.sh") and command.argv[0] != "rm":
            return self._play(output)
        return Result(0, b"bash\n", b"")

    def put(self, path: str, content: bytes, mode: int = 0o644) -> None:
        self._script = content.decode()

    def get(self, path: str) -> bytes:
        return b""

    def stat(self, path: str) -> Stat | None:
        return None

    def reboot(self) -> None:
        self.reboots += 1
        self.memory.clear()

    def watch(self) -> None:
        self._watched = self._fingerprint()

    def differences(self) -> tuple[Difference, ...]:
        assert self._resume is not None
        self._watched = self._fingerprint()
        return compare(self._resume, self._watched)

    def residue(self) -> Record:
        assert self._watched is not None, "nobody watched the guest"
        return record(self._watched, self._fingerprint(), {}, self._resume)

    def snapshot(self, path: Path) -> Path:
        overlay.create(path, SIZE)
        complete = self.disk.files[-1]
        self.disk = self.disk.over(path)
        return complete

    def traffic(self) -> Traffic:
        return self._traffic

    def power_off(self) -> None:
        self._write(SIZE // CLUSTER - 1, SHUTDOWN)

    def _fingerprint(self) -> Fingerprint:
        return Fingerprint({"process": dict(self.memory)})

    def _play(self, output: OnOutput | None) -> Result:
        said = b""
        for line in self._script.splitlines():
            word, *rest = line.split()
            self._site.played.append(line)
            match word:
                case "write":
                    self._write(int(rest[0]), int(rest[1]))
                case "say":
                    said += " ".join(rest).encode() + b"\n"
                case "leave":
                    self.memory[rest[0]] = "runs"
                case "net":
                    self._traffic += Traffic(100_000, 1)
                case "fail":
                    return Result(1, said, b"")
        if output is not None:
            output("stdout", said)
        return Result(0, said, b"")

    def _write(self, cluster: int, byte: int) -> None:
        command = f"write -q -P {byte} {cluster * CLUSTER} {CLUSTER}"
        program = [programs.find("qemu-io"), "-f", "qcow2", "-c", command, str(self.disk.files[-1])]
        subprocess.run(program, check=True, stdout=subprocess.DEVNULL)


@dataclass
class PlayedSite:
    """A Site over a base of zeros. `played` are the lines of scripts that ran, `boots` counts machines."""

    layers: Layers
    ground: Ground
    base: Chain
    folder: Path
    played: list[str] = field(default_factory=list)
    boots: list[str] = field(default_factory=list)
    files: int = 0
    failures: int = 0

    def disk(self, layer: Layer | None) -> Chain:
        return self.base if layer is None else self.layers.chain(layer, self.base)

    @contextmanager
    def boot(self, layer: Layer | None, resume: Record | None) -> Iterator[PlayedGuest]:
        self.boots.append(layer.result.step if layer is not None else "base")
        yield PlayedGuest(self, overlay.over(self.disk(layer), self.new_file(), SIZE), resume)

    def new_file(self) -> Path:
        self.files += 1
        return self.folder / f"disk-{self.files}.qcow2"

    def system(self, guest: PlayedGuest) -> tuple[str, Mapping[str, bytes]]:
        return "", {}

    def failed(self, guest: PlayedGuest, below: Layer | None) -> None:
        self.failures += 1


NewSite = Callable[[], PlayedSite]


def plan(*scripts: str, names: tuple[str, ...] = (), more: str = "") -> Plan:
    """One component `played` with a step for each script, its lines parted by `;`."""
    text = "schemaVersion: 1.0\nphases:\n- name: build\n  steps:\n"
    for number, script in enumerate(scripts):
        name = names[number] if names else f"Step{number + 1}"
        lines = "".join(f"      - {line.strip()}\n" for line in script.split(";"))
        text += f"  - name: {name}\n    action: ExecuteBash\n{more}    inputs:\n      commands:\n{lines}"
    return make_plan([Component(toe.parse(text, "played.yml"))], ("build",))


def build(
    site: PlayedSite,
    what: Plan,
    log: Log | None = None,
    policy: Policy | None = None,
    secrets: tuple[Secret, ...] = (),
) -> Made:
    """Carry a plan out at a site."""
    reports: list[StepReport] = []
    surroundings = Surroundings(secrets=secrets)
    return run_layered(what, site, log or Log(), surroundings, policy or Policy(), reports.append)


def content(disk: Chain, folder: Path) -> bytes:
    """All bytes that a disk shows."""
    raw = folder / "content.raw"
    qemu_img.run("convert", "-O", "raw", disk.filename(), raw)
    read = raw.read_bytes()
    raw.unlink()
    return read


def became(report: Report) -> list[str]:
    return [
        "reused" if step.reused else "repeated" if step.repeated else step.status for step in report.steps
    ]
