"""`goldsmith shell`: a throw-away guest at what a step of a build left, or from an image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..catalog import builds, images
from ..catalog.builds import Build
from ..catalog.description import StepRecord
from ..database.engine import reading
from ..disks import formats, kept, layer_files, overlay
from ..disks.chain import Chain
from ..disks.layers import Layer, Layers
from ..documents.problems import did_you_mean, quote
from ..errors import Conflict, NotFound
from ..guests.runs import run_folder
from ..guests.vm import System, Vm
from ..log import Log
from ..steps.going_on import record_of
from . import grounds, machines, systems
from .booting import boot_image
from .home import Home
from .workbench import kernel_of, lay_variables


@contextmanager
def open_shell(home: Home, reference: str, at: str, log: Log) -> Iterator[Vm]:
    """Boot a guest where one can look around; what is done in it is thrown away.

    `reference` is a build's, else an image's. `at` names a step of the build by `component.phase.step`,
    `component.step`, `step` or its number; without it the build's end is meant: what its last step left,
    or the disk that was kept when a step failed.
    Raises NotFound, Conflict: nothing was kept there; GuestFailed.
    """
    build = _build(home, reference, at)
    if build is None:
        with boot_image(home, reference, log) as vm:
            yield vm
        return
    with run_folder(home.settings) as folder:
        layers = Layers(home.settings, folder / layer_files.USES, log)
        with reading(home.engine) as tx:
            base = images.get_image(tx, build.base_image_id or "")
        grounds.check_base(home, base)
        if not at and (found := kept.find(home.settings, log, build.id, folder / layer_files.USES)):
            layer = None if found.below == found.base else _layer(layers, found.below, build)
            kernel, top = found.kernel, [kept.disk_of(home.settings, build.id)]
            log.info(f"at the disk that was kept when build {build.id} failed")
        else:
            step = _step(build, at)
            layer = _layer(layers, step.layer, build)
            kernel, top = layer.kernel, []
            log.info(f"at what {step.component} / {step.phase} / {step.step} left")
        below = home.disk(base) if layer is None else layers.chain(layer, home.disk(base))
        disk = Chain((*below.files, *top), below.bottom_format)
        with _booted(home, folder, base, disk, kernel, layer, layers, log) as vm:
            yield vm


def _build(home: Home, reference: str, at: str) -> Build | None:
    """The build of a reference; None where an image goes by it, whose name may begin as a build's id does."""
    with reading(home.engine) as tx:
        if not at and images.is_image(tx, reference):
            return None
        build = builds.find_build(tx, reference)
    if build is None:
        raise NotFound(
            f"no build{'' if at else ' and no image'} goes by {quote(reference)}",
            hint="`goldsmith builds list` and `goldsmith image list` show what there is",
        )
    return build


@contextmanager
def _booted(
    home: Home,
    folder: Path,
    base: images.Image,
    disk: Chain,
    kernel: str,
    layer: Layer | None,
    layers: Layers,
    log: Log,
) -> Iterator[Vm]:
    known = systems.of_image(home, base, folder, log)
    boot = kernel_of(home, kernel, known)
    run = folder / "shell"
    run.mkdir()
    uefi = lay_variables(layers, layer, run)
    system = System(known.facts.root, boot, "uefi" if uefi else "bios")
    hardware = machines.hardware(home.settings, log)
    record = record_of(layers, layer) if layer is not None else None
    top = overlay.over(disk, folder / "disk.qcow2", formats.virtual_size(disk))
    with Vm(log, run, top, system, hardware, record) as vm:
        if record is not None:
            for each in vm.differences():
                log.info(f"other than when the step ended: {each}")
        yield vm


def _step(build: Build, at: str) -> StepRecord:
    """The step that `at` names, or the last one that left a layer."""
    if not at:
        for step in reversed(build.steps):
            if step.layer:
                return step
        raise Conflict(
            f"build {build.id} kept nothing to look into",
            hint="build with --keep-on-failure to keep the disk of a step that fails",
            code="nothing-kept",
        )
    named = [step for number, step in enumerate(build.steps, start=1) if at in _spellings(number, step)]
    if len(named) > 1:
        raise Conflict(
            f"several steps of build {build.id} are called {at}",
            hint="write component.phase.step, or the step's number",
            code="several-steps",
        )
    if named:
        if not named[0].layer:
            raise Conflict(
                f"step {at} of build {build.id} left no layer: it is {named[0].outcome}",
                hint=f"`goldsmith shell {build.id}` opens the disk that --keep-on-failure kept, or what the "
                "last step before left",
                code="nothing-kept",
            )
        return named[0]
    known = [f"{step.component}.{step.step}" for step in build.steps]
    near = did_you_mean(at, known)
    raise NotFound(
        f"build {build.id} has no step {quote(at)}{near}", hint=f"its steps are {', '.join(known) or 'none'}"
    )


def _spellings(number: int, step: StepRecord) -> set[str]:
    whole = f"{step.component}.{step.phase}.{step.step}"
    return {whole, f"{step.component}.{step.step}", step.step, str(number)}


def _layer(layers: Layers, digest: str, build: Build) -> Layer:
    layer = layers.get(digest)
    if layer is None:
        raise Conflict(
            f"what this step of build {build.id} left is gone: gc took its layer, or it was damaged",
            hint="build again, and it is there again",
            code="layer-gone",
        )
    return layer
