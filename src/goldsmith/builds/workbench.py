"""Where a build's steps are carried out: vms on layers above the base's disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ..disks import contained, kept, overlay, shelf
from ..disks.chain import Chain
from ..disks.layers import Layer, Layers
from ..errors import Conflict, GoldsmithError, GuestFailed
from ..guests.boot_entry import BootEntry
from ..guests.inspection import BootFiles
from ..guests.residue import Record
from ..guests.vm import System, Vm
from ..steps.lookup import Ground
from .home import Home
from .job import Job
from .systems import Known

#: What lies beside a layer of a recipe with `boot: uefi`: its variables.
VARIABLES = "variables"


class Workbench:
    """A steps.layered.Site. `known` is what is known of the base's system."""

    def __init__(self, job: Job, known: Known, ground: Ground) -> None:
        self._job = job
        self._known = known
        self.ground = ground
        self._files = 0

    @property
    def layers(self) -> Layers:
        return self._job.layers

    def disk(self, layer: Layer | None) -> Chain:
        base = self._job.home.disk(self._job.base)
        return base if layer is None else self.layers.chain(layer, base)

    def new_file(self) -> Path:
        self._files += 1
        return self._job.folder / f"disk-{self._files}.qcow2"

    @contextmanager
    def boot(self, layer: Layer | None, resume: Record | None) -> Iterator[Vm]:
        job = self._job
        disk = overlay.over(self.disk(layer), self.new_file(), self._job.size)
        folder = job.folder / f"build-{self._files}"
        folder.mkdir()
        lay_variables(self.layers, layer, folder)
        boot = kernel_of(job.home, layer.kernel if layer is not None else "", self._known)
        system = System(self._known.facts.root, boot, job.recipe.boot)
        with Vm(job.log, folder, disk, system, job.hardware(), resume) as vm:
            yield vm

    def system(self, guest: Vm) -> tuple[str, Mapping[str, bytes]]:
        boot, variables = guest.system.boot, guest.variables()
        assert boot is not None
        kernel = "" if boot is self._known.boot else keep_kernel(self._job, boot)
        return kernel, {} if variables is None else {VARIABLES: variables}

    def failed(self, guest: Vm, below: Layer | None) -> None:
        job = self._job
        if job.keep_on_failure:
            if len(guest.disk.files) > len(self.disk(below).files) + 1:
                # Such as a disk with a secret on it: what the step wrote lies in a file that is no layer.
                job.log.info("the disk is not kept: the step failed while it was sealed")
                return
            try:
                with job.log.task("keep the failed step's disk"):
                    self._keep(guest, below)
            except (GoldsmithError, OSError) as error:  # what made the step fail is what is to be told
                job.log.warning(f"the disk could not be kept: {error}")

    def _keep(self, guest: Vm, below: Layer | None) -> None:
        job = self._job
        kernel, _ = self.system(guest)
        try:
            file = guest.snapshot(self.new_file())
        except GuestFailed:  # it is the guest that failed: what it wrote is in the file all the same
            file = guest.disk.files[-1]
        kept.keep(
            job.home.settings,
            job.log,
            job.id,
            file,
            below.digest if below is not None else self.ground.base,
            self.ground.base,
            kernel,
        )


def lay_variables(layers: Layers, layer: Layer | None, folder: Path) -> bool:
    """Lay what UEFI kept beside a layer into the folder of a vm that boots it; false: it kept nothing."""
    variables = layers.beside(layer, VARIABLES) if layer is not None else None
    if variables is not None:
        (folder / "uefi-variables").write_bytes(variables)
    return variables is not None


def kernel_of(home: Home, kernel: str, known: Known) -> BootFiles:
    """The kernel of a layer's `kernel`: the base's where it is empty, else one that a step booted into.

    Raises Conflict as read_kernel does.
    """
    return read_kernel(home.settings.home_kernels / kernel) if kernel else known.boot


def read_kernel(folder: Path) -> BootFiles:
    """Raises Conflict: it is gone, or it was altered; then it is removed, to be kept anew."""
    try:
        entry = msgspec.json.decode((folder / "entry.json").read_bytes(), type=BootEntry)
        boot = BootFiles(entry, (folder / "kernel").read_bytes(), (folder / "initrd").read_bytes())
    except (OSError, ValueError):  # no JSON of ours, or no UTF-8
        boot = None
    if boot is None or _kernel_name(boot) != folder.name:
        contained.remove(folder)
        raise Conflict(
            f"the kernel that goes with a layer was altered or removed: {folder}",
            hint="build again: the steps that need it run anew",
            code="kernel-missing",
        )
    return boot


def keep_kernel(job: Job, boot: BootFiles) -> str:
    """Keep a kernel that layers go with, once; returns its folder's name."""
    name = _kernel_name(boot)

    def make(fresh: Path) -> None:
        (fresh / "entry.json").write_bytes(msgspec.json.encode(boot.entry))
        (fresh / "kernel").write_bytes(boot.kernel)
        (fresh / "initrd").write_bytes(boot.initrd)

    shelf.keep(job.home.settings.home_kernels, name, make, job.log)
    return name


def _kernel_name(boot: BootFiles) -> str:
    total = hashlib.sha256(msgspec.json.encode(boot.entry))
    for content in (boot.kernel, boot.initrd):
        total.update(hashlib.sha256(content).digest())
    return total.hexdigest()[:32]
