"""One QEMU process: its command line, its monitor, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from qemu.qmp import QMPClient, QMPError

from .. import clock, programs
from ..disks.chain import Chain
from ..errors import GuestFailed, HostLack
from . import firmware, loop, room
from .accelerator import Accelerator
from .channel import Channel

SERIAL_TAIL = 20
#: Control sequences of a terminal: colours, and where its cursor goes (ECMA-48, 5.4).
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
#: Seconds until a started QEMU must answer.
START_TIMEOUT = 60.0

#: The name of the node that is the guest's disk, as long as no snapshot was taken.
DISK_NODE = "disk"

FirmwareKind = Literal["bios", "uefi"]


@dataclass(frozen=True)
class Direct:
    """Boot a kernel that lies on the host; with `firmware` uefi it finds UEFI's services."""

    kernel: Path
    initrd: Path
    append: str
    firmware: FirmwareKind = "bios"


@dataclass(frozen=True)
class ByFirmware:
    """Boot the disk as a machine of its own would."""

    firmware: FirmwareKind


@dataclass(frozen=True)
class Hardware:
    """`memory` is in MiB. `network`: room, plain (QEMU's own, not shielded from the host) or none."""

    accelerator: Accelerator
    memory: int = 1024
    cpus: int = 2
    network: str = "none"
    forwards: tuple[tuple[int, int], ...] = ()  # TCP ports: on the host's loopback, in the guest
    seed: Path | None = None  # a second disk, raw and read-only


class Machine:
    """A running QEMU. `folder` is for its files: serial log, UEFI variables, its room."""

    def __init__(self, folder: Path, disk: Chain, boot: Direct | ByFirmware, hardware: Hardware) -> None:
        self.folder = folder
        self.serial = folder / "serial"
        self._agent, agent_end = socket.socketpair()
        monitor, monitor_end = socket.socketpair()
        self._alarm, self._ring = socket.socketpair()
        self._events: list[dict[str, Any]] = []
        self._client = QMPClient("goldsmith")
        self._stderr = folder / "stderr"
        command = _command(folder, disk, boot, hardware, agent_end.fileno(), monitor_end.fileno())
        self._running: subprocess.Popen[bytes] | None = None
        try:
            loop.wait(self._start(command, monitor, (agent_end, monitor_end)), START_TIMEOUT)
        except BaseException as error:
            _end(self._running)
            for end in (self._agent, monitor, self._alarm, self._ring):
                end.close()
            if isinstance(error, TimeoutError):
                raise self._not_started(f"its monitor is silent for {START_TIMEOUT:.0f} seconds") from None
            raise
        finally:
            agent_end.close()
            monitor_end.close()

    @property
    def _process(self) -> subprocess.Popen[bytes]:
        assert self._running is not None, "QEMU was not started"
        return self._running

    @property
    def pid(self) -> int:
        """Of the process that all of the machine's processes die with."""
        return self._process.pid

    def channel(self) -> Channel:
        """The line to the agent in it."""
        return Channel(self._agent, self.check, self.ended, self._alarm.fileno())

    def check(self) -> None:
        """Raise what went wrong with the machine, if anything did."""
        with contextlib.suppress(BlockingIOError):
            self._alarm.recv(4096, socket.MSG_DONTWAIT)
        self._check_events()
        if self._process.poll() is None:
            return
        match self.how_it_ended():
            case "guest-panic":
                raise self.failed("the guest's kernel panicked", "kernel-panic")
            case "guest-reset":
                raise self.failed(
                    "the guest restarted though no step asked for it",
                    "unexpected-reboot",
                    hint="a kernel panic looks the same; a step that wants a restart exits with 194 or"
                    " uses the Reboot action",
                )
            case "guest-shutdown":
                raise self.failed("the guest powered itself off", "unexpected-power-off")
            case _:
                tail = _tail(self._stderr)
                raise GuestFailed(
                    f"QEMU ended (exit {self._process.returncode})" + (": " + tail[-1] if tail else ""),
                    last_lines=tail,
                    code="qemu-ended",
                )

    def _check_events(self) -> None:
        for event in list(self._events):
            data = event.get("data", {})
            if event["event"] == "BLOCK_IO_ERROR":
                raise self._disk_error(data)
            if event["event"] == "GUEST_PANICKED":
                raise self.failed("the guest's kernel panicked", "kernel-panic")

    def ended(self) -> NoReturn:
        """Wait for the end that a broken line announces, and raise why it came."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
            loop.wait(self._settle(), 10)
        self.check()
        raise self.failed("the guest's agent hung up", "agent-gone")

    def how_it_ended(self) -> str:
        """The reason of QEMU's SHUTDOWN event: guest-reset, guest-shutdown, guest-panic, … or empty."""
        for event in reversed(self._events):
            if event["event"] == "SHUTDOWN":
                return str(event["data"]["reason"])
        return ""

    def wait_end(self, timeout: float) -> str:
        """Wait until the process is gone and return how it ended.

        Only then are its disks free (case C74). Raises GuestFailed: it is still there, or panicked, or
        could not use its disk (which keeps it from stopping); HostLack: the host's disk is full.
        """
        limit = clock.monotonic() + timeout
        while self._process.poll() is None:
            self._check_events()
            if clock.monotonic() >= limit:
                raise self.failed(f"the guest did not stop within {timeout:.0f} seconds", "stop-timeout")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5)
        loop.wait(self._settle(), 10)
        return self.how_it_ended()

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run a QMP command. Raises GuestFailed."""
        try:
            return loop.wait(self._client.execute(command, arguments or None), 60)
        except (QMPError, TimeoutError) as error:
            raise GuestFailed(f"QEMU refused {command}: {error}", code="qemu-refused") from error

    def failed(self, message: str, code: str, *, hint: str = "") -> GuestFailed:
        """An error of this guest, with the end of its serial log."""
        return GuestFailed(message, last_lines=self.last_lines(), hint=hint, code=code)

    def last_lines(self, most: int = SERIAL_TAIL) -> list[str]:
        """The end of its serial log, without what colours it on a terminal."""
        return _tail(self.serial, most)

    def close(self) -> None:
        """End it at once, if it still runs, and wait until it is gone."""
        _end(self._process)
        with contextlib.suppress(Exception):
            loop.wait(self._settle(), 10)
        for end in (self._agent, self._alarm, self._ring):
            end.close()

    async def _start(
        self, command: Sequence[str], monitor: socket.socket, ends: Sequence[socket.socket]
    ) -> None:
        try:
            with self._stderr.open("wb") as stderr:
                # A session of its own: Ctrl-C is for goldsmith, which then stops its guests in order.
                self._running = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=stderr,
                    stderr=stderr,
                    pass_fds=[end.fileno() for end in ends],
                    start_new_session=True,
                )
            for end in ends:
                end.close()
            await self._client.connect(monitor)
            self._watcher = asyncio.create_task(self._watch())
        except (QMPError, OSError) as error:
            _end(self._running)
            raise self._not_started("" if isinstance(error, QMPError) else str(error)) from error
        except BaseException:  # cancelled: whoever waited is gone, or was told that it took too long
            _end(self._running)
            raise

    def _not_started(self, why: str) -> GuestFailed:
        tail = _tail(self._stderr)
        what = ": ".join(filter(None, ["QEMU did not start", why, *tail[-1:]]))
        return GuestFailed(what, last_lines=tail, code="qemu-failed")

    async def _watch(self) -> None:
        async for event in self._client.events:
            self._events.append(dict(event))
            with contextlib.suppress(OSError):
                self._ring.send(b"!", socket.MSG_DONTWAIT)

    async def _settle(self) -> None:
        """Let the last events arrive, and end the watch."""
        with contextlib.suppress(QMPError, EOFError, OSError):
            await self._client.disconnect()
        for _ in range(3):
            await asyncio.sleep(0)
        self._watcher.cancel()

    def _disk_error(self, data: dict[str, Any]) -> HostLack | GuestFailed:
        if data.get("nospace"):
            return HostLack(
                "the host's disk is full: the guest's disk could not grow",
                hint="free disk space, or set GOLDSMITH_HOME to a larger disk",
                code="disk-full",
            )
        return self.failed(
            f"QEMU could not {data.get('operation')} the guest's disk: {data.get('reason')}", "disk-error"
        )


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        process.kill()
        process.wait()


def _command(
    folder: Path, disk: Chain, boot: Direct | ByFirmware, hardware: Hardware, agent: int, monitor: int
) -> list[str]:
    accel = "kvm" if hardware.accelerator == "kvm" else "tcg,thread=multi"
    machine = "q35,graphics=off,usb=off,vmport=off"
    blockdevs = disk.blockdevs(DISK_NODE, throw_away=True)
    boot_words: list[str] = []
    if isinstance(boot, Direct):
        boot_words = ["-kernel", str(boot.kernel), "-initrd", str(boot.initrd), "-append", boot.append]
    if boot.firmware == "uefi":
        pair = firmware.find()
        # Blank where they are not there yet; a machine that is started again in its folder has its own.
        variables = folder / "uefi-variables"
        if not variables.exists():
            shutil.copyfile(pair.variables, variables)
        machine += ",pflash0=uefi-code,pflash1=uefi-variables"
        blockdevs += [
            {"node-name": "uefi-code", "driver": "file", "filename": str(pair.code), "read-only": True},
            {"node-name": "uefi-variables", "driver": "file", "filename": str(variables)},
        ]
    network: list[str] = []
    # Another slot than while building: an image that is tied to it has no network at its test (C43).
    place = "" if isinstance(boot, Direct) else ",bus=pcie.0,addr=0x12"
    if hardware.network != "none":
        options = "".join(f",hostfwd=tcp:127.0.0.1:{host}-:{port}" for host, port in hardware.forwards)
        network = [
            *("-netdev", f"user,id=net,ipv6=off{options}"),
            *("-device", f"virtio-net-pci,netdev=net,romfile=,mac={_mac()}{place}"),
        ]
    seed: list[str] = []
    if hardware.seed is not None:
        file = {"driver": "file", "filename": str(hardware.seed), "read-only": True}
        node = {"node-name": "seed", "driver": "raw", "read-only": True, "file": file}
        seed = ["-blockdev", json.dumps(node), "-device", "virtio-blk-pci,drive=seed"]
    qemu = [
        programs.find("qemu-system-x86_64"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"),
        *("-machine", machine, "-accel", accel, "-cpu", "host" if hardware.accelerator == "kvm" else "max"),
        *("-m", str(hardware.memory), "-smp", str(hardware.cpus), "-rtc", "base=utc"),
        *("-chardev", f"socket,id=monitor,fd={monitor}", "-mon", "chardev=monitor,mode=control"),
        *(
            "-chardev",
            f"file,id=serial,path={_escaped(folder / 'serial')},append=on",
            "-serial",
            "chardev:serial",
        ),
        *("-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,fd={agent}"),
        *("-device", "virtserialport,chardev=agent,name=org.goldsmith.agent"),
        *(word for node in blockdevs for word in ("-blockdev", json.dumps(node))),
        *("-device", f"virtio-blk-pci,drive={DISK_NODE},werror=stop,rerror=stop"),
        *("-device", "virtio-rng-pci", "-device", "pvpanic-pci"),
        *seed,
        *network,
        *boot_words,
    ]
    if hardware.network == "room":
        qemu = [programs.find("unshare"), *room.inside(folder, qemu)[1:]]
    return [programs.find("setpriv"), "--pdeathsig=KILL", *qemu]


def _mac() -> str:
    """An address of its own for each machine, so that no image is tied to one."""
    return ":".join(["52:54:00", *(f"{byte:02x}" for byte in os.urandom(3))])


def _escaped(path: Path) -> str:
    """A path in a list of QEMU options, where a comma is doubled."""
    return str(path).replace(",", ",,")


def _tail(path: Path, lines: int = SERIAL_TAIL) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 65536))
            text = _ESCAPES.sub("", file.read().decode(errors="replace"))
    except FileNotFoundError:
        return []
    shown = ("".join(c for c in line if c.isprintable() or c == "\t") for line in text.splitlines())
    return [line for line in shown if line.strip()][-lines:]


def progress(machine: Machine) -> float:
    """When the machine last wrote to its serial port, by the monotonic clock (never: now)."""
    try:
        written = machine.serial.stat().st_mtime
    except FileNotFoundError:
        return clock.monotonic()
    return clock.monotonic() - max(0.0, clock.now().timestamp() - written)
