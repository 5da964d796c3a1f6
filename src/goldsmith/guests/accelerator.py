"""Whether KVM really runs a guest here: /dev/kvm may be there and its guests hang."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Literal

import msgspec

from .. import programs
from ..errors import HostLack
from ..settings import Settings

Accelerator = Literal["kvm", "tcg"]

# A boot sector that prints "K" on the serial port and powers QEMU off by its debug-exit device:
#   mov dx,0x3f8; mov al,'K'; out dx,al; mov dx,0xf4; out dx,al; hlt; jmp $
_SECTOR = bytes.fromhex("baf803b04beebaf400eef4ebfe").ljust(510, b"\0") + b"\x55\xaa"


class Probe(msgspec.Struct, frozen=True):
    """What was found, and what it holds for: another boot, QEMU or kernel is asked anew."""

    key: str
    works: bool
    reason: str


def accelerator(settings: Settings) -> Accelerator:
    return "kvm" if probe(settings).works else "tcg"


def probe(settings: Settings) -> Probe:
    """Ask once a boot: one guest, five seconds to a letter on the serial port."""
    key = "|".join([_boot_id(), os.uname().release, _qemu_version(), str(os.geteuid())])
    kept = settings.kernels.parent / "kvm.json"
    try:
        found = msgspec.json.decode(kept.read_bytes(), type=Probe)
        if found.key == key:
            return found
    except (FileNotFoundError, msgspec.DecodeError):
        pass
    works, reason = _try()
    found = Probe(key, works, reason)
    with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as aside:
        aside.write(msgspec.json.encode(found))
    Path(aside.name).rename(kept)
    return found


def _try() -> tuple[bool, str]:
    if not Path("/dev/kvm").exists():
        return False, "/dev/kvm is not there"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False, "no right to use /dev/kvm (join the group kvm)"
    with tempfile.TemporaryDirectory() as folder:
        disk = Path(folder, "sector")
        disk.write_bytes(_SECTOR.ljust(1 << 20, b"\0"))
        serial = Path(folder, "serial")
        command = [
            *(programs.find("setpriv"), "--pdeathsig=KILL", programs.find("qemu-system-x86_64")),
            *("-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35,accel=kvm"),
            *("-cpu", "host", "-m", "64", "-serial", f"file:{serial}"),
            *("-device", "isa-debug-exit,iobase=0xf4,iosize=1"),
            *("-drive", f"file={disk},format=raw,if=virtio,read-only=on"),
        ]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as qemu:
            try:
                _, stderr = qemu.communicate(timeout=5)
            except subprocess.TimeoutExpired:
                qemu.kill()
                _, stderr = qemu.communicate()
        if serial.exists() and b"K" in serial.read_bytes():
            return True, ""
        lines = stderr.decode(errors="replace").strip().splitlines()
        if any("Assertion" in line for line in lines) or not lines:
            return False, "/dev/kvm is there, but a guest on it does not run"
        return False, lines[-1]


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _qemu_version() -> str:
    try:
        return programs.run(["qemu-system-x86_64", "--version"]).decode().splitlines()[0]
    except HostLack:
        return "no QEMU"
