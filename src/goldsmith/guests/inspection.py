"""A guest in which nothing of the image runs: to look at a disk, grow it, clean it, put the agent in.

Our kernel, our agent as the first process. What a hostile disk does to a file system's driver stays
in the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .. import clock
from ..disks import filesystems, kernels, table
from ..disks.chain import Chain
from ..errors import GuestFailed, Invalid
from ..log import Log
from ..settings import Settings
from . import accelerator, agent_files, answers, boot_entry, initramfs
from .boot_entry import BootEntry
from .channel import LARGEST, Channel, Refused
from .initramfs import File
from .machine import Direct, Hardware, Machine

ROOT = "/sysroot"
DISK = "/dev/vda"
#: Bytes that tell a file system (btrfs has its superblock at 64 KiB).
_HEAD = 72 << 10
#: Bytes that are read of a kernel, an initrd or a file that a step wants.
LARGEST_FILE = 256 << 20
_EXT, _KINDS = ("ext2", "ext3", "ext4"), ("ext2", "ext3", "ext4", "xfs", "btrfs")


@dataclass(frozen=True)
class Root:
    """The root file system of an image. `partition` is None on a disk without a table.

    `init` is systemd, openrc, other or none.
    """

    device: str
    partition: int | None
    kind: str
    options: str
    init: str


@dataclass(frozen=True)
class BootFiles:
    """An image's own kernel and initrd (empty where it has none), read out of it."""

    entry: BootEntry
    kernel: bytes
    initrd: bytes


@contextmanager
def inspect(settings: Settings, log: Log, folder: Path, disk: Chain) -> Iterator[Inspection]:
    """Boot an inspection guest on a disk; at the end it is powered off and gone, its writes on the disk.

    Raises GuestFailed, HostLack.
    """
    folder.mkdir()
    kernel = kernels.our_kernel(settings, log)
    (folder / "initrd").write_bytes(initramfs.pack(agent_files.inspection_initramfs(kernel)))
    boot = Direct(kernel.vmlinuz, folder / "initrd", "console=ttyS0 quiet panic=-1 goldsmith.mode=inspect")
    machine = Machine(folder, disk, boot, Hardware(accelerator.accelerator(settings), memory=640, cpus=1))
    try:
        channel = machine.channel()
        limit = clock.monotonic() + 120
        channel.hello(lambda: limit - clock.monotonic())
        inspection = Inspection(channel)
        yield inspection
        inspection.power_off()
        if machine.wait_end(60) != "guest-shutdown":
            machine.check()
    finally:
        machine.close()


class Inspection:
    """What can be asked of a disk. Paths are those of the image, once its root is mounted."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._mounted: dict[str, str] = {}  # devices by where they are mounted
        self._more_modules = False

    def find_root(self) -> Root:
        """Mount the image's root, found by looking into each file system, and its /boot.

        Raises Invalid: no partition holds a system.
        """
        seen: list[str] = []
        for device in [*self._devices(), DISK]:
            name = device.removeprefix("/dev/")
            found = filesystems.identify(self.channel.ask("read", device, "0", str(_HEAD)))
            if found is None or found.kind not in _KINDS:
                # A whole disk comes last: with partitions on it, it only counts if it is a file system.
                if found or device != DISK or not seen:
                    seen.append(f"{name} ({found.kind if found else 'unknown'})")
                continue
            kind = "ext4" if found.kind in _EXT else found.kind
            why = ""
            for options in ("", "subvol=@", "subvol=root") if kind == "btrfs" else ("",):
                why = self._mount_root(device, kind, options) or why
                if ROOT in self._mounted:
                    number = re.search(r"\d+$", device)
                    return self._describe(device, int(number[0]) if number else None, kind, options)
            seen.append(f"{name} ({found.kind}, {why})")
        what = ", ".join(seen)
        raise Invalid(
            f"no file system of the disk holds a system with /etc/os-release; found {what}",
            hint="LVM, encrypted and multi-disk roots are not known yet",
            code="no-root",
        )

    def read_boot_files(self) -> BootFiles:
        """The kernel that the image boots by default. Raises Invalid: it has none."""
        files = read_boot_files(self.channel, ROOT)
        if files is None:
            raise Invalid(
                "the image has no kernel in /boot",
                hint="a disk without a kernel can be built on only when kernel and initrd lie beside it",
                code="no-kernel",
            )
        return files

    def grow(self, root: Root) -> None:
        """Let table, partition and file system fill the disk. Raises Invalid: something is in the way."""
        if root.partition is not None:
            self._unmount_all()
            sectors = self._size(DISK)
            head = self.channel.ask("read", DISK, "0", str(table.HEAD))
            tail = self.channel.ask("read", DISK, str(sectors * table.SECTOR - table.TAIL), str(table.TAIL))
            for offset, content in table.grow(table.parse(head, sectors, tail), sectors, root.partition):
                self.channel.ask("write", DISK, str(offset), data=content)
            self.channel.ask("reread", DISK)
            self._wait_for(root.device)
            if why := self._mount_root(root.device, root.kind, root.options):
                raise GuestFailed(
                    f"after its partition grew, the root {root.device} {why}", code="grow-failed"
                )
            self._mount_boot()
        try:
            self.channel.ask("grow", ROOT, root.kind, root.device)
        except Refused as reason:
            raise GuestFailed(f"the root file system did not grow: {reason}", code="grow-failed") from None

    def install_agent(self, root: Root) -> None:
        """Put the agent into the image, to be started by its init. For a throw-away overlay."""
        files, links = agent_files.installed(root.init)
        for path, file in files.items():
            self.put(path, file)
        for path, target in links.items():
            with _saying("make the link"):
                self.channel.ask("folder", path.rpartition("/")[0], "755", root=ROOT)
                self.channel.ask("link", target, path, root=ROOT)

    def put(self, path: str, file: File) -> None:
        """Write a file and the folders above it. Raises GuestFailed, naming the path and the reason."""
        with _saying("write"):
            self.channel.ask("folder", path.rpartition("/")[0] or "/", "755", root=ROOT)
            self.channel.ask("put", path, f"{file.mode:o}", root=ROOT, data=file.content)

    def rewrite(self, path: str, content: bytes) -> None:
        """Give a file that is there another content. Raises GuestFailed as put does."""
        found = answers.stat(self.channel.ask("stat", path, root=ROOT))
        # Its own mode, since vfat refuses most others.
        self.put(path, File(content, found.mode if found else 0o644))

    def names(self, *patterns: str) -> list[str]:
        """The paths that match."""
        return _names(self.channel, ROOT, *patterns)

    def get(self, path: str) -> bytes | None:
        """A file's bytes, None where it cannot be read or has more than a MiB."""
        return read(self.channel, path, ROOT)

    def remove(self, *patterns: str) -> None:
        """Remove what matches, with all below. Raises GuestFailed, naming the path and the reason."""
        with _saying("remove"):
            self.channel.ask("remove", *patterns, root=ROOT)

    def empty(self, *patterns: str) -> None:
        """Cut the regular files that match, or lie below what matches, to nothing.

        Raises GuestFailed, naming the path and the reason.
        """
        with _saying("empty"):
            self.channel.ask("empty", *patterns, root=ROOT)

    def wipe(self) -> None:
        """Give back to the disk what the file systems do not use, and zero what cannot be given back.

        Whole clusters of the disk file are given back; a deleted key is smaller than one, and would
        stay in the image beside its neighbours. The file systems are read-only afterwards.
        """
        self.channel.ask("sync")
        for path, device in self._mounted.items():
            try:
                self.channel.ask("trim", path)
            except Refused:  # vfat on some kernels: nothing is lost but a little room
                continue
            with _saying("wipe"):
                self.channel.ask("wipe", path, device, str(self._start(device)))

    def power_off(self) -> None:
        self._unmount_all()
        self.channel.send_request("power", ["off"])

    def _start(self, device: str) -> int:
        """Where a partition begins on its disk, in bytes; 0 for a whole disk."""
        start = read(self.channel, f"/sys/class/block/{device.removeprefix('/dev/')}/start", "/") or b""
        return int(start) * table.SECTOR if start.strip().isdigit() else 0

    def _devices(self) -> list[str]:
        """The disk's partitions, or the disk itself where it has none."""
        names = sorted(answers.devices(self.channel.ask("devices")), key=boot_entry.version_key)
        return [f"/dev/{name}" for name in names if re.fullmatch(r"vda\d+", name)] or [DISK]

    def _size(self, device: str) -> int:
        return answers.devices(self.channel.ask("devices")).get(device.removeprefix("/dev/"), 0)

    def _wait_for(self, device: str) -> None:
        limit = clock.monotonic() + 10
        while not self.channel.ask("stat", device):
            if clock.monotonic() > limit:
                raise GuestFailed(
                    f"{device} did not come back after its table was written", code="grow-failed"
                )

    def _mount_root(self, device: str, kind: str, options: str) -> str:
        """Mount a root; returns why that is none, with nothing mounted, or empty."""
        if why := self._mount(device, ROOT, kind, options):
            return why
        if any(self._has(path) for path in ("/etc/os-release", "/usr/lib/os-release")):
            return ""
        self._unmount_all()
        return "has no /etc/os-release"

    def _mount(self, device: str, target: str, kind: str, options: str = "") -> str:
        """Mount a file system; returns why it cannot be, or empty."""
        if kind in ("xfs", "btrfs") and not self._more_modules:
            names = self.channel.get("/goldsmith/modules/later").decode().split()
            self.channel.ask("modules", *(f"/goldsmith/modules/{name}" for name in names))
            self._more_modules = True
        try:
            self.channel.ask("mount", device, target, kind, options)
        except Refused as reason:
            return f"cannot be mounted: {reason.message.removeprefix(f'{device}: ')}"
        self._mounted[target] = device
        return ""

    def _mount_boot(self) -> None:
        """What the image's fstab mounts at /boot, /boot/efi and /efi, named by UUID, label or device."""
        wanted: dict[str, tuple[str, str]] = {}
        for line in (self.get("/etc/fstab") or b"").decode(errors="replace").splitlines():
            fields = line.split("#")[0].split()
            if len(fields) > 2 and fields[1] in ("/boot", "/boot/efi", "/efi"):
                wanted[fields[1]] = (fields[0].replace('"', ""), fields[2])
        for path in sorted(wanted):
            source, kind = wanted[path]
            device = self._by_name(source)
            if device and kind in (*_KINDS, "vfat"):
                self._mount(device, ROOT + path, "ext4" if kind in _EXT else kind)

    def _by_name(self, source: str) -> str | None:
        for device in self._devices():
            found = filesystems.identify(self.channel.ask("read", device, "0", str(_HEAD)))
            if found and source in (device, f"UUID={found.uuid}", f"LABEL={found.label}"):
                return device
        return None

    def _describe(self, device: str, partition: int | None, kind: str, options: str) -> Root:
        self._mount_boot()
        if self._has("/usr/lib/systemd/systemd") or self._has("/lib/systemd/systemd"):
            init = "systemd"
        elif self._has("/sbin/openrc"):
            init = "openrc"
        else:
            init = "other" if self._has("/sbin/init") else "none"
        return Root(device, partition, kind, options, init)

    def _has(self, path: str) -> bool:
        return bool(self.channel.ask("stat", path, root=ROOT))

    def _unmount_all(self) -> None:
        while self._mounted:
            self.channel.ask("umount", self._mounted.popitem()[0])


def read_boot_files(channel: Channel, root: str) -> BootFiles | None:
    """The default kernel of the system below `root` in a guest, None where it has none."""
    entry = boot_entry_of(channel, root)
    if entry is None:
        return None
    kernel = _read_boot(channel, entry.kernel, root)
    if kernel is None:
        return None
    return BootFiles(
        entry, kernel, (_read_boot(channel, entry.initrd, root) if entry.initrd else None) or b""
    )


def boot_entry_of(channel: Channel, root: str) -> BootEntry | None:
    for path in ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"):
        found = boot_entry.of_grub((read(channel, path, root) or b"").decode(errors="replace"))
        if found and _read_stat(channel, found.kernel, root):
            return found
    entries = {
        name: (read(channel, name, root) or b"").decode(errors="replace")
        for name in _names(channel, root, *boot_entry.ENTRIES)
    }
    found = boot_entry.of_loader_entries(entries)
    if found and _read_stat(channel, found.kernel, root):
        return found
    return boot_entry.of_files(_names(channel, root, "/boot/*"))


def read(channel: Channel, path: str, root: str, most: int = LARGEST) -> bytes | None:
    """A file's bytes, None where it cannot be read or has more than `most` bytes."""
    try:
        return channel.get(path, root=root, most=most)
    except Refused:
        return None


def full(reason: Refused) -> str:
    """The way out of a full disk, empty for other reasons."""
    lacks = "No space left" in reason.message
    return "give the recipe a larger disk: `disk: {size: 10GiB}`" if lacks else ""


@contextmanager
def _saying(what: str) -> Iterator[None]:
    try:
        yield
    except Refused as reason:
        raise GuestFailed(
            f"cannot {what} {reason} (in the image)", hint=full(reason), code=reason.code
        ) from None


def _names(channel: Channel, root: str, *patterns: str) -> list[str]:
    return [
        name
        for name in channel.ask("names", *patterns, root=root).decode(errors="surrogateescape").split("\0")
        if name
    ]


def _read_stat(channel: Channel, path: str, root: str) -> str:
    for place in ("", "/boot", "/boot/efi", "/efi"):
        if found := channel.ask("stat", place + path, root=root):
            return found.decode()
    return ""


def _read_boot(channel: Channel, path: str, root: str) -> bytes | None:
    """A kernel or initrd, None where there is none. Raises GuestFailed: it is there and cannot be read."""
    why = None
    for place in ("", "/boot", "/boot/efi", "/efi"):
        if channel.ask("stat", place + path, root=root):
            try:
                return channel.get(place + path, root=root, most=LARGEST_FILE)
            except Refused as reason:  # a link to nothing; the file itself may be in another place
                why = reason
    if why is not None:
        raise GuestFailed(f"cannot read {why} (in the image)", code=why.code)
    return None
