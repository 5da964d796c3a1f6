"""Our kernel: what boots inspection guests, and foreign disks that bring none."""

import hashlib
import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import Bug
from ..log import Log
from ..settings import Settings
from . import bootstrap, shelf

SUITE = "bookworm"
PACKAGE = "linux-image-cloud-amd64"

#: What an inspection guest needs to reach its devices and to mount what images are made of. Names
#: that this kernel has built in are no modules; crc32c and its like are asked for by name at mount
#: time, when there is no modprobe that could answer.
WANTED = (
    "virtio_pci",
    "virtio_blk",
    "virtio_console",
    "virtio_net",
    "pvpanic_pci",
    "crc32c_generic",
    "crc32c_intel",
    "sha256_generic",
    "xxhash_generic",
    "blake2b_generic",
    "ext4",
    "xfs",
    "btrfs",
    "nls_cp437",
    "nls_ascii",
    "nls_iso8859_1",
    "nls_utf8",
    "vfat",
)


@dataclass(frozen=True)
class Kernel:
    """`modules` stand in the order in which they can be loaded one after another."""

    vmlinuz: Path
    modules: tuple[Path, ...]


def our_kernel(settings: Settings, log: Log) -> Kernel:
    """The kernel of Debian's cloud package with a few of its modules, fetched the first time.

    Raises HostLack: a tool is missing, or the mirror is out of reach.
    """

    def make(folder: Path) -> None:
        with log.task("fetch the inspection kernel", package=PACKAGE):
            _fetch(folder)

    folder = shelf.keep(settings.kernels, key(), make, log)
    names = (folder / "modules.order").read_text().split()
    return Kernel(folder / "vmlinuz", tuple(folder / "modules" / name for name in names))


def key() -> str:
    """The name of its folder: it follows from what this module says."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:32]


def load_order(modules: dict[str, tuple[str, ...]], wanted: tuple[str, ...]) -> list[str]:
    """The wanted ones of `modules` (name to the names it depends on), each after what it needs.

    Names that are not in `modules` are left out: the caller knows them to be built in.
    """
    order: list[str] = []

    def add(name: str) -> None:
        if name in modules and name not in order:
            for needed in modules[name]:
                add(needed)
            order.append(name)

    for name in wanted:
        add(name)
    return order


def dependencies(module: bytes) -> tuple[str, ...]:
    """What a .ko names in the `depends=` line of its module information."""
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    return tuple(name.replace("-", "_") for name in found[1].decode().split(",") if name) if found else ()


def _fetch(folder: Path) -> None:
    scratch = folder / "scratch"
    scratch.mkdir()
    files: dict[str, str] = {}
    builtin: set[str] = set()
    with (
        bootstrap.root_tar(SUITE, [PACKAGE], ["--variant=extract"], scratch) as stream,
        tarfile.open(fileobj=stream, mode="r|") as archive,
    ):
        for member in archive:
            path = PurePosixPath(member.name)
            content = archive.extractfile(member) if member.isfile() else None
            if content is None:
                continue
            if path.match("boot/vmlinuz-*"):
                with (folder / "vmlinuz").open("wb") as file:
                    shutil.copyfileobj(content, file)
            elif path.suffix == ".ko":
                with (scratch / path.name).open("wb") as file:
                    shutil.copyfileobj(content, file)
                files[_name(path.name)] = path.name
            elif path.name == "modules.builtin":
                builtin = {_name(line) for line in content.read().decode().split()}
    if missing := [name for name in WANTED if name not in files and name not in builtin]:
        raise Bug(f"{PACKAGE} of {SUITE} has no {', '.join(missing)}")
    depends = {name: dependencies((scratch / file).read_bytes()) for name, file in files.items()}
    order = [files[name] for name in load_order(depends, WANTED)]
    (folder / "modules").mkdir()
    for file_name in order:
        (scratch / file_name).rename(folder / "modules" / file_name)
    (folder / "modules.order").write_text("".join(f"{file_name}\n" for file_name in order))
    shutil.rmtree(scratch)


def _name(path: str) -> str:
    """Modules are named with underscores, their files sometimes with hyphens."""
    return PurePosixPath(path).name.removesuffix(".ko").replace("-", "_")
