"""What a build's first step stands on: the base, or the layer in which its disk has grown."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ..catalog.images import Image
from ..disks import files, integrity, overlay, table
from ..disks.layers import Layer, Layers, NewLayer, Result
from ..documents.recipe import Recipe
from ..errors import Conflict
from ..guests import agent_files, command_line, inspection, machine, recorded_units, uplink, vm
from ..guests.inspection import inspect
from ..steps import keys, surroundings
from ..steps.lookup import Ground
from .home import Home
from .job import Job

#: The account that everything belongs to until there are others.
ACCOUNT = "100000000000"

#: The first pseudo step: table, partition and file system fill a larger disk.
GROW = "grow the disk"


def common_parts(home: Home, base: Image, recipe: Recipe) -> dict[str, str]:
    """What enters the key of every step of a build."""
    return {
        "account": ACCOUNT,
        "agent": _agent(),
        "beside": beside(home, base),
        "architecture": base.architecture,
        "firmware": recipe.boot,
        "guest": "vm",
        "machine": keys.source(command_line, machine, recorded_units, surroundings, uplink, vm),
    }


def beside(home: Home, base: Image) -> str:
    """Digests of the kernel and initrd that lie beside a base's disk, empty where it boots its own."""
    found = [path for what in ("kernel", "initrd") if (path := home.beside(base.id, what)).exists()]
    return " ".join(files.digest(path) for path in found)


def look(home: Home, base: Image, recipe: Recipe, size: int, layers: Layers) -> Ground | None:
    """The ground if it is there already; None where the disk has still to grow."""
    assert base.file is not None
    common = common_parts(home, base, recipe)
    if size == base.file.virtual_size:
        return Ground(base.file.digest, None, common)
    grown = layers.find(keys.key_of(_parts(common, base.file.digest, size)))
    return None if grown is None else Ground(base.file.digest, grown, common)


def make(job: Job) -> Ground:
    """The ground, and the disk grown where it is not yet. Raises Invalid, GuestFailed: it cannot grow."""
    check_base(job.home, job.base)
    there = look(job.home, job.base, job.recipe, job.size, job.layers) if job.policy.reuse else None
    assert job.base.file is not None
    digest = job.base.file.digest
    common = common_parts(job.home, job.base, job.recipe)
    if there is not None or job.size == job.base.file.virtual_size:
        return there or Ground(digest, None, common)
    disk = overlay.over(job.home.disk(job.base), job.folder / "grown.qcow2", job.size)
    with job.log.task(GROW, to=f"{job.size / 2**30:g} GiB"):
        with inspect(job.home.settings, job.log, job.folder / "grow", disk) as guest:
            guest.grow(guest.find_root())
    parts = _parts(common, digest, job.size)
    return Ground(digest, _seal(job, disk.files[-1], parts, digest), common)


def check_base(home: Home, base: Image) -> None:
    """Raise Conflict where an image's file is not what was registered: what is built on it is not what
    its record says, and layers above it would not fit.
    """
    assert base.file is not None
    path = home.disk(base).files[0]
    if not integrity.unchanged(path, base.file.digest):
        again = f"goldsmith image bootstrap {base.name} --refresh" if base.origin == "base" else ""
        raise Conflict(
            f"the file of image {base.name} was changed since it was registered: {path}",
            hint=again or f"goldsmith image import {path} takes it as an image of its own",
            code="image-changed",
        )


def _seal(job: Job, file: Path, parts: Mapping[str, str], base: str) -> Layer:
    result = Result(component="", phase="", step=GROW, action=GROW, seconds=0.0)
    new = NewLayer(
        parent=base,
        base=base,
        parts=dict(parts),
        result=result,
        network_bytes=0,
        used_network=False,
        ages_from=None,
    )
    key = keys.key_of(parts)
    there = None if job.policy.reuse else job.layers.find(key)
    # In a race that of the other build: the keys of steps name what the key below names.
    return job.layers.name(key, job.layers.add(file, new, {}), there.digest if there else "")


def _parts(common: Mapping[str, str], base: str, size: int) -> dict[str, str]:
    action = f"{GROW} {keys.source(inspection, table)}"
    return {**common, keys.BELOW: base, "action": action, "input size": str(size)}


def _agent() -> str:
    """A digest of what goldsmith brings into every guest: the agent, and what it lays over /run."""
    total = hashlib.sha256()
    for name, file in sorted(agent_files.boot_initramfs({}).items()):
        total.update(
            msgspec.json.encode([name, hashlib.sha256(file.content).hexdigest(), file.mode, file.link])
        )
    return total.hexdigest()[:16]
