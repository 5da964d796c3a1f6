"""Disks of failed builds that were kept to look into: `kept/BUILD.qcow2`, with `BUILD.json` written last."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from .. import clock
from ..log import Log
from ..settings import Settings
from . import files, layer_files, shelf


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a kept disk stands on: `below` is the digest of a layer or of the base image's file, which
    `base` is in either case. `kernel` is as a layer's.
    """

    below: str
    base: str
    kernel: str = ""
    kept_at: datetime


def keep(settings: Settings, log: Log, build_id: str, file: Path, below: str, base: str, kernel: str) -> Path:
    """Keep a disk that nobody writes to any more; its run folder notes the layer below as long."""
    disk = disk_of(settings, build_id)
    kept = Kept(below=below, base=base, kernel=kernel, kept_at=clock.now())
    with layer_files.locked(settings, log):
        shelf.sync(file)
        files.share(file, disk)
        layer_files.write(_record_of(settings, build_id), msgspec.json.encode(kept))
    return disk


def find(settings: Settings, log: Log, build_id: str, uses: Path) -> Kept | None:
    """What a build's kept disk stands on, and note in the run folder's file `uses` that it is in use."""
    with layer_files.locked(settings, log):
        kept = _read(_record_of(settings, build_id))
        if kept is not None:
            with uses.open("a") as file:
                file.write(f"{build_id}\n{kept.below}\n")
        return kept


def read_all(settings: Settings) -> dict[str, Kept]:
    """Every kept disk by its build."""
    found = {path.stem: _read(path) for path in settings.kept.glob("[!.]*.json")}
    return {build_id: kept for build_id, kept in found.items() if kept is not None}


def files_of(settings: Settings, build_id: str) -> list[Path]:
    """The record first, since without it the disk is nothing."""
    return [_record_of(settings, build_id), disk_of(settings, build_id)]


def disk_of(settings: Settings, build_id: str) -> Path:
    return settings.kept / f"{build_id}.qcow2"


def _record_of(settings: Settings, build_id: str) -> Path:
    return settings.kept / f"{build_id}.json"


def _read(path: Path) -> Kept | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Kept)
    except (FileNotFoundError, ValueError):  # no JSON of ours, or no UTF-8
        return None
