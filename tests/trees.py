"""The file tree of a disk, to compare what two builds left.

Mounted on the host, which goldsmith itself never does: QEMU shows the disk as a raw file by FUSE, and its
root file system is mounted read-only from that.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from goldsmith import programs
from goldsmith.disks import formats, table
from goldsmith.disks.chain import Chain

#: Seconds until QEMU shows a disk.
PATIENCE = 20.0

#: What may differ, as patterns of paths with the reason for each. A second cold build differs in the same.
EXCEPTIONS = {
    r"/var/lib/systemd/random-seed": "made by chance at each shut-down",
    r"/var/log/journal(/.*)?": "when things happened, in a folder named by the machine-id",
    r"/var/log/(wtmp|dpkg\.log|apt/(history|term)\.log)": "when things happened",
    r"/var/cache/apt/(src)?pkgcache\.bin": "apt's own cache, which holds times and addresses in memory",
}
#: What may differ besides where the base itself was started anew.
FIRST_BOOT = {
    r"/etc/machine-id": "made by chance at the first boot",
    r"/etc/ssh/ssh_host_.*": "made by chance at the first boot",
}


@dataclass(frozen=True)
class Entry:
    """`content` is the digest of a file, the target of a link, the numbers of a device. `links` are a
    file's names; `attributes` hold access lists and capabilities.
    """

    kind: str
    mode: int
    owner: tuple[int, int]
    content: str
    links: int
    attributes: tuple[tuple[str, bytes], ...]


#: By path, with a leading slash.
Tree = Mapping[str, Entry]


class Reader:
    """Reads trees. It remembers a file's digest by its inode with the time of its last change, which a
    kernel sets and no program can: all disks that one Reader reads stand on one base.
    """

    def __init__(self) -> None:
        self._digests: dict[tuple[int, ...], str] = {}

    def read(self, disk: Chain, partition: int, folder: Path) -> Tree:
        """All that the file system in a partition holds. `folder` is for the mount, and stays empty."""
        with _mounted(disk, partition, folder) as root:
            return {f"/{path.relative_to(root)}": self._entry(path) for path in _below(root)}

    def _entry(self, path: Path) -> Entry:
        facts = path.lstat()
        kind = stat.filemode(facts.st_mode)[0]
        names = sorted(os.listxattr(path, follow_symlinks=False))
        return Entry(
            kind,
            stat.S_IMODE(facts.st_mode),
            (facts.st_uid, facts.st_gid),
            self._content(path, kind, facts),
            facts.st_nlink if kind == "-" else 1,
            tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in names),
        )

    def _content(self, path: Path, kind: str, facts: os.stat_result) -> str:
        if kind == "l":
            return str(path.readlink())
        if kind in "bc":
            return f"{os.major(facts.st_rdev)}:{os.minor(facts.st_rdev)}"
        if kind != "-":
            return ""
        key = (facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
        if key not in self._digests:
            with path.open("rb") as file:
                self._digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._digests[key]


def differences(one: Tree, other: Tree, exceptions: Mapping[str, str]) -> list[str]:
    """A line for each path that is otherwise in the other tree and that no exception's pattern covers."""
    left_out = re.compile("|".join(exceptions))
    return [
        f"{path}: {one.get(path)} / {other.get(path)}"
        for path in sorted(one.keys() | other.keys())
        if one.get(path) != other.get(path) and not left_out.fullmatch(path)
    ]


def _below(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root, onerror=_refuse):
        yield Path(folder)
        # Also links to folders, which are not walked.
        yield from (Path(folder, name) for name in folders if Path(folder, name).is_symlink())
        yield from (Path(folder, name) for name in names)


def _refuse(error: OSError) -> None:
    raise error


@contextmanager
def _mounted(disk: Chain, partition: int, folder: Path) -> Iterator[Path]:
    root = folder / "root"
    root.mkdir()
    with _shown(disk, folder / "raw") as raw:
        size = formats.virtual_size(disk)
        with raw.open("rb") as file:
            found = table.parse(file.read(table.HEAD), size // table.SECTOR)
        start = next(each.start for each in found.partitions if each.number == partition)
        # What is mounted was frozen or shut down: its journal is empty.
        options = f"ro,loop,noload,offset={start * table.SECTOR}"
        programs.run(["mount", "-t", "ext4", "-o", options, raw, root])
        try:
            yield root
        finally:
            programs.run(["umount", root])
            root.rmdir()


@contextmanager
def _shown(disk: Chain, raw: Path) -> Iterator[Path]:
    """A raw file that shows a disk."""
    raw.touch()
    node = json.loads(disk.filename().removeprefix("json:")) | {"node-name": "disk"}
    export = f"type=fuse,id=raw,node-name=disk,mountpoint={raw},writable=off"
    command = [programs.find("qemu-storage-daemon"), "--blockdev", json.dumps(node), "--export", export]
    with subprocess.Popen(command) as daemon:
        try:
            deadline = time.monotonic() + PATIENCE
            while raw.stat().st_size == 0:
                assert daemon.poll() is None, "qemu-storage-daemon ended"
                assert time.monotonic() < deadline, "the disk is not shown"
                time.sleep(0.01)
            yield raw
        finally:
            daemon.terminate()
    raw.unlink()
