"""What this host can do for goldsmith, one finding a thing."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from .. import programs
from ..builds import machines
from ..errors import HostLack
from ..guests import accelerator, agent_files, firmware, room
from ..settings import Settings
from .text import size

#: slow and limited things work, in a lesser way; without a missing one no image can be made.
State = Literal["ok", "slow", "limited", "missing"]

#: Bytes: a base and an image take about 2 GiB while they are made, two or three with room to spare 8.
LEAST_DISK, ENOUGH_DISK = 2 << 30, 8 << 30

KEYRINGS = (
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
)

#: Programs beside QEMU by what they are for; all of them are needed.
TOOLS = {
    "tools for bases": ("mmdebstrap", "tar", "mke2fs", "mkfs.vfat", "mcopy", "mmd"),
    "util-linux": ("setpriv", "unshare"),
}


class Finding(msgspec.Struct, frozen=True):
    """One line of `goldsmith doctor`: what was found, what it means, and how to mend it.

    `packages` are those of Debian and Ubuntu that mend it, or a part of it.
    """

    name: str
    state: State
    says: str
    mend: str = ""
    packages: tuple[str, ...] = ()


def look(settings: Settings) -> Iterator[Finding]:
    """Look at everything, one after the other; the slowest takes some seconds."""
    yield processor()
    yield program("QEMU", "qemu-system-x86_64")
    yield program("qemu-img", "qemu-img")
    yield kvm(settings)
    yield uefi()
    for name, wanted in TOOLS.items():
        yield tools(name, wanted)
    yield keyring()
    yield namespaces()
    yield network()
    yield agent()
    for name, folder in (("home", settings.home), ("cache", settings.cache)):
        yield folder_of(name, folder)
    yield memory()


def processor() -> Finding:
    machine, cpus = os.uname().machine, len(os.sched_getaffinity(0))
    if machine != "x86_64":
        return Finding("processor", "missing", f"{machine}, and guests are x86_64 alone so far")
    return Finding("processor", "ok", f"{machine}, {cpus} usable")


def program(name: str, command: str) -> Finding:
    try:
        first = programs.run([command, "--version"]).decode(errors="replace").splitlines()[0]
    except HostLack as lack:
        return _missing(name, lack.message, (command,))
    return Finding(name, "ok", first)


def kvm(settings: Settings) -> Finding:
    try:
        probe = accelerator.probe(settings)
    except HostLack as lack:
        return Finding("KVM", "slow", f"not known: {lack.message}")
    except OSError as error:
        return Finding("KVM", "slow", f"not known: {error.filename}: {error.strerror}")
    if probe.works:
        return Finding("KVM", "ok", "guests run at full speed")
    return Finding("KVM", "slow", f"guests are emulated: {probe.reason}", _mend_kvm())


def uefi() -> Finding:
    try:
        found = firmware.find()
    except HostLack:
        says = "none whose two halves fit: images can be booted by BIOS alone"
        return Finding("UEFI firmware", "limited", says, packages=("ovmf",))
    return Finding("UEFI firmware", "ok", str(found.code))


def tools(name: str, wanted: tuple[str, ...]) -> Finding:
    lacking = tuple(each for each in wanted if not _is_there(each))
    if lacking:
        return _missing(name, f"{', '.join(lacking)} not installed", lacking)
    return Finding(name, "ok", ", ".join(wanted))


def keyring(paths: tuple[str, ...] = KEYRINGS) -> Finding:
    if any(Path(path).exists() for path in paths):
        return Finding("Debian's keys", "ok", "bases can be checked against them")
    says = "not here: what a base is made of cannot be checked"
    return Finding("Debian's keys", "missing", says, packages=("debian-archive-keyring",))


def namespaces() -> Finding:
    """As an ordinary user a base is made in a user namespace with many ids; it is tried, not guessed."""
    if os.geteuid() == 0:
        return Finding("user namespaces", "ok", "not needed by root")
    try:
        command = [programs.find("unshare"), "--user", "--map-root-user", "--map-auto", "true"]
    except HostLack as lack:
        return _missing("user namespaces", lack.message, ("unshare",))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return Finding("user namespaces", "ok", "bases can be made without root")
    reason = (done.stderr.strip().splitlines() or ["it failed"])[-1]
    packages = () if _is_there("newuidmap") else ("uidmap",)
    return Finding("user namespaces", "missing", reason, _mend_namespaces(), packages)


def network() -> Finding:
    why = room.lack()
    if not why:
        return Finding("network room", "ok", "guests reach the internet and nothing of this host")
    lacking = [each for each in ("pasta", "nft", "ip") if not _is_there(each)]
    says = f"guests can reach this host's own services: {why}"
    mend = "as root, goldsmith makes one" if os.geteuid() != 0 else ""
    return Finding("network room", "limited", says, mend, _packages(lacking))


def agent() -> Finding:
    try:
        program = agent_files.program()
    except HostLack as lack:
        return Finding("guest agent", "missing", lack.message, lack.hint)
    return Finding("guest agent", "ok", size(len(program)))


def folder_of(name: str, folder: Path) -> Finding:
    """`folder` is made if it is not there: whether that works is what is asked."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        mend = f"make it writable for this user, or set GOLDSMITH_{name.upper()} to another folder"
        return Finding(name, "missing", f"{folder}: {error.strerror}", mend)
    says = f"{folder}, {size(free)} free"
    if free >= ENOUGH_DISK:
        return Finding(name, "ok", says)
    mend = f"free disk space, or set GOLDSMITH_{name.upper()} to a folder on a larger disk"
    return Finding(name, "missing" if free < LEAST_DISK else "limited", says, mend)


def memory(meminfo: Path = Path("/proc/meminfo")) -> Finding:
    fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    free = int(fields["MemAvailable"].split()[0]) << 10
    wanted = machines.MEMORY_MIB << 20
    says = f"{size(free)} available, a guest takes {size(wanted)}"
    if free >= wanted:
        return Finding("memory", "ok", says)
    return Finding(
        "memory", "limited", says, "end other programs, or ask for less: machine.memory in a recipe"
    )


def _mend_kvm() -> str:
    device = Path("/dev/kvm")
    if not device.exists():
        return (
            "turn virtualization on in the firmware's settings; in a virtual machine, allow it nested guests"
        )
    if not os.access(device, os.R_OK | os.W_OK):
        return "sudo usermod --append --groups kvm $USER, and log in anew"
    return "load the module kvm_intel or kvm_amd anew; in a virtual machine, look at how it nests guests"


def _mend_namespaces() -> str:
    for setting, wanted in (
        ("kernel.apparmor_restrict_unprivileged_userns", "0"),
        ("kernel.unprivileged_userns_clone", "1"),
    ):
        file = Path("/proc/sys", *setting.split("."))
        if file.exists() and file.read_text().strip() != wanted:
            return f"sudo sysctl {setting}={wanted}"
    return "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER"


def _is_there(command: str) -> bool:
    try:
        programs.find(command)
    except HostLack:
        return False
    return True


def _missing(name: str, says: str, commands: tuple[str, ...]) -> Finding:
    return Finding(name, "missing", says, packages=_packages(commands))


def _packages(commands: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(programs.PACKAGES.get(each, each) for each in commands))
