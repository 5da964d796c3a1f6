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
from . import accelerator, agent_files, boot_entry, initramfs
from .boot_entry import BootEntry
from .channel import Channel, Refused
from .initramfs import File
from .machine import Direct, Hardware, Machine

ROOT = "/sysroot"
DISK = "/dev/vda"
#: Bytes that tell a file system (btrfs has its superblock at 64 KiB).
_HEAD = 72 << 10


@dataclass(frozen=True)
class Root:
    """The root file system of an image. `partition` is None on a disk without a table.

    `init` is systemd, openrc, other or none; `os` the words of os-release.
    """

    device: str
    partition: int | None
    kind: str
    options: str
    init: str
    os: dict[str, str]


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
        self._mounted: list[str] = []
        self._more_modules = False

    def find_root(self) -> Root:
        """Mount the image's root, found by looking into each file system, and its /boot.

        Raises Invalid: no partition holds a system.
        """
        seen: list[str] = []
        for device in self._devices():
            head = self.channel.ask("read", device, "0", str(_HEAD))
            found = filesystems.identify(head)
            seen.append(f"{device.removeprefix('/dev/')} ({found.kind if found else 'unknown'})")
            if found is None or found.kind not in ("ext2", "ext3", "ext4", "xfs", "btrfs"):
                continue
            kind = "ext4" if found.kind.startswith("ext") else found.kind
            for options in ("", "subvol=@", "subvol=root") if kind == "btrfs" else ("",):
                if self._mount_root(device, kind, options):
                    number = re.search(r"\d+$", device)
                    return self._describe(device, int(number[0]) if number else None, kind, options)
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
            if not self._mount_root(root.device, root.kind, root.options):
                raise GuestFailed("the root cannot be mounted after its partition grew", code="grow-failed")
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
            self.channel.ask("folder", path.rpartition("/")[0], "755", root=ROOT)
            self.channel.ask("link", target, path, root=ROOT)

    def put(self, path: str, file: File) -> None:
        self.channel.ask("folder", path.rpartition("/")[0] or "/", "755", root=ROOT)
        self.channel.ask("put", path, f"{file.mode:o}", root=ROOT, data=file.content)

    def get(self, path: str) -> bytes | None:
        """A file's bytes, None where it cannot be read."""
        return read(self.channel, path, ROOT)

    def remove(self, *patterns: str) -> None:
        self.channel.ask("remove", *patterns, root=ROOT)

    def empty(self, *patterns: str) -> None:
        """Cut the regular files that match, or lie below what matches, to nothing."""
        self.channel.ask("empty", *patterns, root=ROOT)

    def trim(self) -> None:
        """Give back to the disk what the file systems do not use."""
        self.channel.ask("sync")
        for path in self._mounted:
            try:
                self.channel.ask("trim", path)
            except Refused:  # vfat on some kernels: nothing is lost but a little room
                continue

    def power_off(self) -> None:
        self._unmount_all()
        self.channel.send_request("power", ["off"])

    def _devices(self) -> list[str]:
        lines = self.channel.ask("devices").decode().splitlines()
        names = sorted((line.split()[0] for line in lines), key=boot_entry.version_key)
        parts = [name for name in names if re.fullmatch(r"vda\d+", name)]
        return [f"/dev/{name}" for name in parts or ["vda"]]

    def _size(self, device: str) -> int:
        for line in self.channel.ask("devices").decode().splitlines():
            name, sectors = line.split()
            if f"/dev/{name}" == device:
                return int(sectors)
        return 0

    def _wait_for(self, device: str) -> None:
        limit = clock.monotonic() + 10
        while not self.channel.ask("stat", device):
            if clock.monotonic() > limit:
                raise GuestFailed(
                    f"{device} did not come back after its table was written", code="grow-failed"
                )

    def _mount_root(self, device: str, kind: str, options: str) -> bool:
        if not self._mount(device, ROOT, kind, options):
            return False
        if any(self._has(path) for path in ("/etc/os-release", "/usr/lib/os-release")):
            return True
        self._unmount_all()
        return False

    def _mount(self, device: str, target: str, kind: str, options: str = "") -> bool:
        if kind in ("xfs", "btrfs") and not self._more_modules:
            names = self.channel.ask("get", "/goldsmith/modules/later").decode().split()
            self.channel.ask("modules", *(f"/goldsmith/modules/{name}" for name in names))
            self._more_modules = True
        try:
            self.channel.ask("mount", device, target, kind, ",".join(filter(None, [options, "dev"])))
        except Refused:
            return False
        self._mounted.append(target)
        return True

    def _mount_boot(self) -> None:
        """What the image's fstab mounts at /boot and /boot/efi, named by UUID, label or device."""
        wanted: dict[str, tuple[str, str]] = {}
        for line in (self.get("/etc/fstab") or b"").decode(errors="replace").splitlines():
            fields = line.split("#")[0].split()
            if len(fields) > 2 and fields[1] in ("/boot", "/boot/efi"):
                wanted[fields[1]] = (fields[0].replace('"', ""), fields[2])
        for path in sorted(wanted):
            source, kind = wanted[path]
            device = self._by_name(source)
            if device and kind in ("ext2", "ext3", "ext4", "xfs", "btrfs", "vfat"):
                self._mount(device, ROOT + path, "ext4" if kind.startswith("ext") else kind)

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
        release = self.get("/etc/os-release") or self.get("/usr/lib/os-release") or b""
        words = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', release.decode(errors="replace"), re.MULTILINE))
        return Root(device, partition, kind, options, init, words)

    def _has(self, path: str) -> bool:
        return bool(self.channel.ask("stat", path, root=ROOT))

    def _unmount_all(self) -> None:
        while self._mounted:
            self.channel.ask("umount", self._mounted.pop())


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
    patterns = (
        "/boot/loader/entries/*.conf",
        "/boot/efi/loader/entries/*.conf",
        "/efi/loader/entries/*.conf",
    )
    entries = {
        name: (read(channel, name, root) or b"").decode(errors="replace")
        for name in _names(channel, root, *patterns)
    }
    found = boot_entry.of_loader_entries(entries)
    if found and _read_stat(channel, found.kernel, root):
        return found
    return boot_entry.of_files(_names(channel, root, "/boot/*"))


def read(channel: Channel, path: str, root: str) -> bytes | None:
    try:
        return channel.ask("get", path, root=root)
    except Refused:
        return None


def _names(channel: Channel, root: str, *patterns: str) -> list[str]:
    return [
        name
        for name in channel.ask("names", *patterns, root=root).decode(errors="replace").split("\0")
        if name
    ]


def _read_stat(channel: Channel, path: str, root: str) -> str:
    for place in ("", "/boot", "/boot/efi", "/efi"):
        if found := channel.ask("stat", place + path, root=root):
            return found.decode()
    return ""


def _read_boot(channel: Channel, path: str, root: str) -> bytes | None:
    for place in ("", "/boot", "/boot/efi", "/efi"):
        if (content := read(channel, place + path, root)) is not None:
            return content
    return None
