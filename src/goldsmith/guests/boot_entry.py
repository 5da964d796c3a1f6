"""Which kernel an image boots: its boot loader's default entry, else its newest kernel."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

#: Words of an image's kernel command line that our own boot decides.
_OURS = re.compile(r"(root|rootfstype|rootflags|ro|rw|quiet|splash|initrd|console|panic|BOOT_IMAGE)(=|$)")


@dataclass(frozen=True)
class BootEntry:
    """Paths as the boot loader names them: from the root, or from a /boot of its own."""

    kernel: str
    initrd: str = ""
    options: str = ""

    @property
    def kept_options(self) -> str:
        """The options that make the system what it is (net.ifnames=0), without those of the boot."""
        return " ".join(word for word in self.options.split() if not _OURS.match(word) and "$" not in word)


def of_grub(text: str) -> BootEntry | None:
    """The default entry of a grub.cfg: the first, unless `set default` names another by its number."""
    entries = _grub_entries(text)
    if not entries:
        return None
    named = re.findall(r'^\s*set default="?(\d+)"?\s*$', text, re.MULTILINE)
    number = int(named[-1]) if named else 0
    return entries[number] if number < len(entries) else entries[0]


def of_loader_entries(texts: Mapping[str, str]) -> BootEntry | None:
    """The newest of the Boot Loader Specification's entries (`loader/entries/*.conf`), by name to text."""
    for name in sorted(texts, key=version_key, reverse=True):
        fields = {
            key: rest.strip() for line in texts[name].splitlines() for key, _, rest in [line.partition(" ")]
        }
        if "linux" in fields:
            initrd = fields.get("initrd", "").split(" ")[0]
            return BootEntry(fields["linux"], initrd, fields.get("options", ""))
    return None


def of_files(names: Sequence[str]) -> BootEntry | None:
    """The newest kernel among the paths of a /boot, with the initrd that goes with it."""
    kernels = [name for name in names if re.match(r"(vmlinuz|vmlinux|kernel)\b", PurePosixPath(name).name)]
    usable = [name for name in kernels if "rescue" not in name]
    if not usable:
        return None
    kernel = max(usable, key=version_key)
    version = PurePosixPath(kernel).name.partition("-")[2]
    for pattern in ("initrd.img-{}", "initramfs-{}.img", "initramfs-{}", "initrd-{}", "initrd-{}.img"):
        initrd = str(PurePosixPath(kernel).with_name(pattern.format(version)))
        if initrd in names:
            return BootEntry(kernel, initrd)
    return BootEntry(kernel)


def version_key(name: str) -> list[tuple[int, int, str]]:
    """Orders names by the numbers in them: 6.1.0-9 before 6.1.0-10; a `~` goes before an end."""
    parts = re.findall(r"\d+|[^\d]+", name)
    return [(1, int(part), "") if part.isdigit() else (0 if "~" in part else 2, 0, part) for part in parts]


def _grub_entries(text: str) -> list[BootEntry]:
    entries: list[BootEntry] = []
    kernel: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] in ("linux", "linux16", "linuxefi") and len(words) > 1:
            kernel = words[1:]
            entries.append(BootEntry(kernel[0], "", " ".join(kernel[1:])))
        elif words[0] in ("initrd", "initrd16", "initrdefi") and kernel:
            entries[-1] = BootEntry(kernel[0], words[-1], " ".join(kernel[1:]))
            kernel = []
    return entries
