"""The guest `vm`: an image's own system running in QEMU, with the agent in it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from .. import clock
from ..disks.chain import Chain
from ..documents.guest import Command, OnOutput, Result, Stat
from ..errors import GuestFailed, StepFailed
from ..log import Log
from . import (
    agent_files,
    answers,
    command_line,
    initramfs,
    recorded_units,
    residue,
    room,
    state,
    traffic,
    uplink,
)
from .channel import Channel, Refused
from .inspection import LARGEST_FILE, BootFiles, Root, boot_entry_of, full, read, read_boot_files
from .machine import ByFirmware, Direct, FirmwareKind, Hardware, Machine, progress
from .residue import Difference, Fingerprint, Record
from .snapshots import LiveDisk
from .traffic import Traffic

#: Seconds a booting guest may write nothing to its serial port, by accelerator.
BOOT_SILENCE = {"kvm": 60.0, "tcg": 180.0}
#: Seconds until it must have booted, however much it writes.
BOOT_LIMIT = {"kvm": 600.0, "tcg": 1800.0}
#: Seconds that udev may take for the events of a boot; emulated, a module can take 30.
UDEV_LIMIT = 120.0
#: Seconds a guest may take to power off or restart; some services take their time to stop.
STOP_TIMEOUT = 300.0

#: What a serial log ends with when no boot will come any more, and what it means.
_DEAD_ENDS = (
    ("grub rescue>", "its boot loader found no configuration"),
    ("grub>", "its boot loader found no entry to boot"),
    ("No bootable device", "its firmware found nothing to boot"),
    ("Shell>", "its UEFI firmware found nothing to boot"),
    ("(initramfs)", "its initramfs did not find the root file system"),
    ("Kernel panic", "its kernel panicked"),
    ("cannot go on:", "its root could not be mounted"),
    ("You are in emergency mode", "its system stopped in emergency mode"),
    # What it says last, where root is locked and where it has a password.
    ("Press Enter to continue", "its system stopped in emergency mode"),
    ("press Control-D to continue", "its system stopped in emergency mode"),
)
#: How systemd marks on the console what did not start.
_FAILURES = ("[FAILED]", "[DEPEND]", "[ TIME ]")


@dataclass(frozen=True)
class System:
    """What is known of the image that a vm runs. `boot` is its kernel, or None to boot by firmware."""

    root: Root
    boot: BootFiles | None
    firmware: FirmwareKind = "bios"


class Vm:
    """A Guest. `folder` is for its files; `disk` is written to.

    With `resume`, what was recorded when the disk was sealed, its first boot starts the same units.
    Use as a context manager: at its end the machine is gone, by force if nobody powered it off.
    """

    def __init__(
        self,
        log: Log,
        folder: Path,
        disk: Chain,
        system: System,
        hardware: Hardware,
        resume: Record | None = None,
    ) -> None:
        self._log = log
        self._folder = folder
        self._disk = disk
        self._system = system
        self._hardware = hardware
        self._resume = resume
        self._watched: Fingerprint | None = None
        self._traffic, self._booted = Traffic(), Traffic()
        self._live: LiveDisk | None = None
        self._machine: Machine | None = None
        self._channel: Channel | None = None

    def __enter__(self) -> Vm:
        self._folder.mkdir(exist_ok=True)
        try:
            with self._log.task("boot", accelerator=self._hardware.accelerator):
                self._start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    @property
    def channel(self) -> Channel:
        assert self._channel is not None, "the vm is not running"
        return self._channel

    @property
    def system(self) -> System:
        """What runs now: its kernel is another one after a reboot that took a newer."""
        return self._system

    @property
    def machine(self) -> Machine:
        assert self._machine is not None, "the vm is not running"
        return self._machine

    def run(self, command: Command, output: OnOutput | None = None) -> Result:
        environment = [f"{name}={value}" for name, value in command.environment.items()]
        for word in (command.directory, *command.argv, *environment):
            _check_word(word)
        words = [command.directory, str(len(command.argv)), *command.argv, *environment]
        return self.channel.request("run", words, output=output, timeout=command.timeout)

    def put(self, path: str, content: bytes, mode: int = 0o644) -> None:
        try:
            self.channel.ask("put", path, f"{mode:o}", data=content)
        except Refused as reason:
            raise StepFailed(f"cannot write {reason}", hint=full(reason)) from None

    def get(self, path: str) -> bytes:
        try:
            return self.channel.get(path, most=LARGEST_FILE)
        except Refused as reason:
            raise StepFailed(f"cannot read {reason}") from None

    def stat(self, path: str) -> Stat | None:
        try:
            return answers.stat(self.channel.ask("stat", path))
        except Refused as reason:
            raise StepFailed(f"cannot look at {reason}") from None

    def reboot(self) -> None:
        """Restart; a vm that boots its image's kernel from the host takes the one that is default now."""
        with self._log.task("reboot"):
            boot = self._system.boot
            if boot is not None:
                boot = self._newest(boot)
            self._traffic = self.traffic()
            self._stop("reboot", "guest-reset")
            self._system = System(self._system.root, boot, self._system.firmware)
            # A cold build's machine would start what is enabled, and nothing else.
            self._resume = None
            self._start()
            if self._watched is not None:
                self.watch()

    def power_off(self) -> None:
        """Shut the system down in order, and wait until the machine is gone.

        Raises GuestFailed: it does not stop, or ends otherwise.
        """
        with self._log.task("power off"):
            self._stop("poweroff", "guest-shutdown")

    @property
    def disk(self) -> Chain:
        """What it writes to, and all below: with the snapshots that were taken."""
        return self._live.chain if self._live is not None else self._disk

    def snapshot(self, path: Path) -> Path:
        """Go on in a new file at `path`, and return the file that is complete now: one moment of the disk.

        It is not flushed to the host's disk. Raises GuestFailed, HostLack.
        """
        assert self._live is not None, "the vm is not running"
        return self._live.snapshot(path)

    def watch(self) -> None:
        """Remember this machine as it is after its boot; what steps change of it is then known.

        After a restart within a step it is done anew.
        """
        self._watched = self._fingerprint()

    def differences(self) -> tuple[Difference, ...]:
        """What this boot took or brought against `resume`; without any, go on.

        Settings of the kernel that the boot took from files are set back first. Units that were held back
        may start from here on, and the machine is watched.
        """
        assert self._resume is not None, "the vm was not resumed"
        now = self._fingerprint()
        found = residue.compare(self._resume, now)
        if any(each.part == "module" for each in found):
            # Whether a module for the hardware was loaded by the end of a boot is chance.
            self._wait_for_udev()
            now = self._fingerprint()
            found = residue.compare(self._resume, now)
        if state.set_back(self.channel, found):
            now = self._fingerprint()
            found = residue.compare(self._resume, now)
        self._watched = now
        self.channel.ask("remove", recorded_units.HOLD)
        return state.without_on_demand(self.channel, found, self._resume.now.active(), now.active())

    def residue(self) -> Record:
        """What a restart would take of this machine now, or bring."""
        assert self._watched is not None, "nobody watched the vm"
        now = self._fingerprint()
        fresh = state.units(self.channel, residue.newly_active(self._watched, now))
        return residue.record(self._watched, now, fresh, self._resume)

    def traffic(self) -> Traffic:
        """How much the network was used since it was booted, restarts included and their boots left out."""
        return self._traffic + traffic.read(self.channel).after(self._booted)

    def variables(self) -> bytes | None:
        """What UEFI keeps between boots, None for a machine without it."""
        path = self._folder / "uefi-variables"
        return path.read_bytes() if self._system.firmware == "uefi" else None

    def _fingerprint(self) -> Fingerprint:
        return state.fingerprint(self.channel, self._system.root.init)

    def _start(self) -> None:
        self._machine = Machine(self._folder, self.disk, self._boot(), self._hardware)
        self._channel = self._machine.channel()
        self._live = LiveDisk(self._machine, self._channel, self.disk)
        limit = clock.monotonic() + BOOT_LIMIT[self._hardware.accelerator]
        try:
            self._channel.hello(lambda: min(self._time_left(), limit - clock.monotonic()))
        except GuestFailed as error:
            raise self._not_booted(error) from None
        self.channel.ask("entropy", data=os.urandom(64))
        self._wait_until_up()
        now = time.time_ns()
        self.channel.ask("clock", str(now // 10**9), str(now % 10**9))
        if self._system.boot is not None:
            command_line.show_own(self.channel, self._system.boot.entry)
        if self._hardware.network != "none" and self._system.boot is not None:
            uplink.set_up(self.channel, self._log, self._system.root.init)
        self._booted = traffic.read(self.channel)

    def _boot(self) -> Direct | ByFirmware:
        boot, root = self._system.boot, self._system.root
        if boot is None:
            return ByFirmware(self._system.firmware)
        kernel, initrd = self._folder / "kernel", self._folder / "initrd"
        kernel.write_bytes(boot.kernel)
        laid = recorded_units.files(self._resume) if self._resume is not None else {}
        archive = initramfs.pack(agent_files.boot_initramfs(laid))
        initrd.write_bytes(initramfs.append(boot.initrd, archive))
        mode = {"systemd": "unit", "none": "direct"}.get(root.init, "child")
        words = [
            *("rdinit=/goldsmith/agent", f"goldsmith.mode={mode}", f"goldsmith.root={root.device}"),
            *(f"goldsmith.fs={root.kind}", f"goldsmith.options={root.options}"),
            *("console=ttyS0", "panic=-1", "cloud-init=disabled"),
        ]
        if self._hardware.accelerator == "tcg":
            # On a busy host an emulated timer may miss the kernel's test of it, and the kernel panics.
            words.append("no_timer_check")
        append = " ".join([*words, boot.entry.kept_options]).strip()
        return Direct(kernel, initrd, append, self._system.firmware)

    def _time_left(self) -> float:
        text = "\n".join(self.machine.last_lines()[-2:])
        if any(end in text for end, _ in _DEAD_ENDS):
            return 0.0
        return progress(self.machine) + BOOT_SILENCE[self._hardware.accelerator] - clock.monotonic()

    def _not_booted(self, error: GuestFailed) -> GuestFailed:
        if error.code not in ("boot-timeout", "unexpected-reboot", "unexpected-power-off", "kernel-panic"):
            return error
        lines = self.machine.last_lines()
        text = "\n".join(lines)
        why = next((meaning for end, meaning in _DEAD_ENDS if end in text), error.message)
        return GuestFailed(
            f"the guest did not boot: {why}",
            last_lines=lines,
            hint="the last lines of its serial port say where it stopped",
            code="boot-failed",
        )

    def _wait_until_up(self) -> None:
        limit = clock.monotonic() + BOOT_SILENCE[self._hardware.accelerator] * 2
        if self._system.root.init == "systemd":
            self._check_systemd(self._systemd_state(limit))
        elif self._system.root.init == "openrc":
            while not self._openrc_is_up():
                if clock.monotonic() > limit:
                    raise self.machine.failed("the guest's OpenRC did not finish its start", "boot-timeout")
                self.channel.next_frame(clock.monotonic() + 0.2)

    def _systemd_state(self, limit: float) -> str:
        words = ["systemctl", "is-system-running", "--wait"]
        while True:
            done = self.run(Command(words, timeout=max(0.0, limit - clock.monotonic())))
            state = done.stdout.decode(errors="replace").strip()
            if done.timed_out:
                raise self.machine.failed("the guest's system did not finish its start", "boot-timeout")
            if b"unrecognized option" in done.stderr:
                words = words[:2]  # before systemd 240
            elif state in ("initializing", "starting"):
                self.channel.next_frame(clock.monotonic() + 0.5)
            else:
                return state

    def _check_systemd(self, state: str) -> None:
        if state not in ("running", "degraded"):
            lines = self.machine.last_lines(1000)
            failures = [line for line in lines if any(mark in line for mark in _FAILURES)]
            raise GuestFailed(
                f"the guest's system is {state[:40] or 'silent about its state'} and not up",
                last_lines=[*failures[-10:], *lines[-10:]],
                hint="the lines of its serial port say what failed, such as a mount of /etc/fstab",
                code="boot-failed",
            )
        if state == "degraded":
            listed = self.run(Command(["systemctl", "--failed", "--plain", "--no-legend"])).stdout
            lines = listed.decode(errors="replace").splitlines()
            names = ", ".join(line.split()[0] for line in lines if line.strip())
            self._log.warning(f"units that failed while the guest started: {names}")

    def _wait_for_udev(self) -> None:
        """Until it has no events left; it still works on those of the boot when all units are up."""
        limit = clock.monotonic() + UDEV_LIMIT
        while self.stat("/run/udev/queue") is not None and clock.monotonic() < limit:
            self.channel.next_frame(clock.monotonic() + 0.2)

    def _openrc_is_up(self) -> bool:
        level = read(self.channel, "/run/openrc/softlevel", "/")
        return (
            level is not None and level.strip() == b"default" and self.stat("/run/openrc/rc.starting") is None
        )

    def _newest(self, boot: BootFiles) -> BootFiles:
        self.channel.ask("sync")
        entry = boot_entry_of(self.channel, "/")
        if entry is None:
            return boot  # a kernel that lies beside its disk
        return read_boot_files(self.channel, "/") or boot

    def _stop(self, how: str, expected: str) -> None:
        self.channel.ask("sync")
        if self._system.root.init == "none":
            self.channel.send_request("power", ["restart" if how == "reboot" else "off"])
        elif self._system.root.init == "systemd":
            self.channel.send_request("run", ["/", "3", "systemctl", how, "--no-block"])
        else:
            self.channel.send_request("run", ["/", "1", how])
        ended = self.machine.wait_end(STOP_TIMEOUT)
        if ended != expected:
            self.machine.check()
        self._close()

    def _close(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._machine is not None:
            self._machine.close()
            self._machine = None


def network() -> tuple[str, str]:
    """Which network a guest gets on this host, and what should be said about it (empty: nothing)."""
    why = room.lack()
    if not why:
        return "room", ""
    return "plain", f"the guest's network is not shielded from this host's own services: {why}"


def _check_word(word: str) -> None:
    if "\0" in word:
        raise StepFailed(f"a command cannot have a NUL byte in a word: {word[:200]!r}")
    try:
        word.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raise StepFailed(f"a command cannot have this in a word, it is no text: {word[:200]!r}") from None
