"""What a boot that goes on from a layer finds in /run, so that it starts exactly the recorded units."""

from __future__ import annotations

import re

from .initramfs import File
from .residue import Record

#: While it is there, held units do not start. A later start needs no reload of systemd.
HOLD = "/run/goldsmith/hold"

#: systemd.unit(5); the guest gave the names, and they become paths.
_NAME = re.compile(r"[A-Za-z0-9:_.\\@-]{1,240}\.(service|socket|target|timer|path|automount|scope)")


def files(record: Record) -> dict[str, File]:
    """Files by path (without a leading slash) for agent_files.boot_initramfs."""
    system = "run/systemd/system"
    # A condition that is not met is no failure: whoever needs a held unit starts as before.
    held = File(f"[Unit]\nConditionPathExists=!{HOLD}\n".encode())
    laid = {f"{system}/{unit}.d/40-goldsmith-hold.conf": held for unit in _known(record.hold)}
    if laid:
        laid[HOLD.removeprefix("/")] = File()
    if wanted := _known(record.want):
        text = "[Unit]\n" + "".join(f"Wants={unit}\n" for unit in wanted)
        laid[f"{system}/multi-user.target.d/40-goldsmith-want.conf"] = File(text.encode())
    return laid


def _known(names: tuple[str, ...]) -> list[str]:
    return [name for name in names if _NAME.fullmatch(name)]
