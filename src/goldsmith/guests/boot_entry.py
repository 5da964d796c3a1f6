"""Which kernel an image boots: its boot loader's default entry, else its newest kernel."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

#: Words of an image's kernel command line that our own boot decides.
_OURS = re.compile(r"(root|rootfstype|rootflags|ro|rw|quiet|splash|initrd|console|panic|BOOT_IMAGE)(=|$)")
#: Kernels that were put aside, or are for emergencies; and files beside a kernel that are none.
_ASIDE = re.compile(r"\.(old|bak|gz|hmac|sig|dpkg-[a-z]+)$|rescue|~$")
#: Where a machine's id stands in an entry of the Boot Loader Specification: as a field, and as the
#: word by which systemd takes it for its own. Both are kernel-install's.
_MACHINE_ID = re.compile(r"^machine-id[ \t].*\n?|[ \t]+systemd\.machine_id=\S*", re.MULTILINE)

#: Such entries, for a system whose EFI partition is mounted at any of its places.
ENTRIES = ("/boot/loader/entries/*.conf", "/boot/efi/loader/entries/*.conf", "/efi/loader/entries/*.conf")


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

    @property
    def own_options(self) -> str:
        """All options, without the words that a boot loader would have filled in."""
        return " ".join(word for word in self.options.split() if "$" not in word)


def of_grub(text: str) -> BootEntry | None:
    """The default entry of a grub.cfg, None where it has none (its entries may stand in other files).

    `set default` names it by number, id or title, with `>` between a submenu and what is in it (GRUB
    manual, "default"). Where a variable names it, or what is named boots no kernel, it is the first.
    """
    menu = _grub_menu(text)
    named = re.findall(r"""^\s*set default=["']?([^"'$]+?)["']?\s*$""", text, re.MULTILINE)
    chosen = _chosen(menu, named[-1].split(">")) if named else None
    return chosen or next((each for item in menu if (each := item.first())), None)


def of_loader_entries(texts: Mapping[str, str]) -> BootEntry | None:
    """The newest of the Boot Loader Specification's entries (`loader/entries/*.conf`), by name to text."""
    for name in sorted(texts, key=lambda path: version_key(PurePosixPath(path).name), reverse=True):
        lines = (line.split(None, 1) for line in texts[name].splitlines())
        fields = {words[0]: words[1].strip() for words in lines if len(words) == 2}
        if "linux" in fields:
            initrd = fields.get("initrd", "").split(" ")[0]
            return BootEntry(fields["linux"], initrd, fields.get("options", ""))
    return None


def without_machine_id(text: str) -> str:
    """A loader entry that is no single machine's: see cleanup.py."""
    return _MACHINE_ID.sub("", text)


def of_files(names: Sequence[str]) -> BootEntry | None:
    """The newest kernel among the paths of a /boot, with the initrd that goes with it.

    Copies that were put aside do not count; a bare `vmlinuz`, mostly a link, does when it stands alone.
    """
    there = set(names)
    kernels = [
        (version_key(version), kind == "vmlinuz", name)
        for name in names
        if not _ASIDE.search(PurePosixPath(name).name)
        for kind, _, version in [PurePosixPath(name).name.partition("-")]
        if kind in ("vmlinuz", "vmlinux", "kernel")
    ]
    versioned = [each for each in kernels if "-" in PurePosixPath(each[2]).name]
    if not kernels:
        return None
    kernel = max(versioned or kernels)[2]
    dash, version = PurePosixPath(kernel).name.partition("-")[1:]
    end = dash + version
    for initrd in (
        f"initrd.img{end}",
        f"initramfs{end}.img",
        f"initramfs{end}",
        f"initrd{end}",
        f"initrd{end}.img",
    ):
        path = str(PurePosixPath(kernel).with_name(initrd))
        if path in there:
            return BootEntry(kernel, path)
    return BootEntry(kernel)


def version_key(name: str) -> list[tuple[int, int, str]]:
    """Orders names by the numbers in them: 6.1.0-9 before 6.1.0-10; a `~` goes before an end."""
    order = [
        (2, int(part), "") if part.isdigit() else (0 if part == "~" else 3, 0, part)
        for part in re.findall(r"[0-9]+|~|[^0-9~]+", name)
    ]
    return [*order, (1, 0, "")]


@dataclass
class _Item:
    """A menuentry, with what it boots, or a submenu with its items. `names` are its title and its id."""

    names: tuple[str, ...]
    boots: BootEntry | None = None
    items: list[_Item] = field(default_factory=list)

    def first(self) -> BootEntry | None:
        """What it boots; of a submenu, its first entry that boots a kernel."""
        return self.boots or next((each for item in self.items if (each := item.first())), None)


def _grub_menu(text: str) -> list[_Item]:
    top = _Item(())
    open_items = [top]
    blocks: list[bool] = []  # for each open brace, whether it opened an item
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[-1] == "{":
            is_item = words[0] in ("menuentry", "submenu")
            blocks.append(is_item)
            if is_item:
                item = _Item(_names(line))
                open_items[-1].items.append(item)
                open_items.append(item)
        elif words == ["}"] and blocks:
            if blocks.pop():
                open_items.pop()
        elif words[0] in ("linux", "linux16", "linuxefi") and len(words) > 1:
            open_items[-1].boots = BootEntry(_path(words[1]), "", " ".join(words[2:]))
        elif words[0] in ("initrd", "initrd16", "initrdefi") and (boots := open_items[-1].boots):
            open_items[-1].boots = replace(boots, initrd=_path(words[-1]))
    # Some write `linux` and `initrd` outside of any entry: then there is one, without a name.
    return [*top.items, *([_Item((), top.boots)] if top.boots else [])]


def _chosen(menu: list[_Item], path: list[str]) -> BootEntry | None:
    items, item = menu, None
    for name in path:
        if name.isdecimal():
            item = items[int(name)] if int(name) < len(items) else None
        else:
            item = next((each for each in items if name in each.names), None)
        if item is None:
            return None
        items = item.items
    return item.first() if item else None


def _names(line: str) -> tuple[str, ...]:
    """Title and id; grub-mkconfig writes `$menuentry_id_option` for `--id`."""
    try:
        words = shlex.split(line)
    except ValueError:  # a quote that ends on another line
        words = line.split()
    ids = (words[at + 1] for at, word in enumerate(words) if word in ("--id", "$menuentry_id_option"))
    return (words[1], *ids)


def _path(word: str) -> str:
    """Without GRUB's device: `($root)/vmlinuz` is /vmlinuz."""
    return re.sub(r"^\([^)]*\)", "", word)
