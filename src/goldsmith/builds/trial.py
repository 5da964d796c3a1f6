"""`goldsmith run`: one document in a throw-away guest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..disks import overlay
from ..documents.loading import load_document
from ..documents.plan import Component, assign, make_plan, require_phases
from ..errors import Conflict
from ..guests.runs import run_folder
from ..guests.vm import System, Vm
from ..log import Log
from ..steps.report import Report
from ..steps.run import Surroundings, run_plan
from . import machines, systems
from .build import base_image
from .home import Home


def run_component(
    home: Home,
    path: Path,
    base: str,
    phases: Sequence[str],
    settings: Mapping[str, str],
    log: Log,
    *,
    memory: int | None = None,
) -> Report:
    """Run phases of a document on a base, whose disk stays as it is. `memory` is in bytes.

    Raises Invalid, NotFound before anything boots; GuestFailed. A failed step is in the report.
    """
    document = load_document(path)
    require_phases(document, phases)
    plan = make_plan(assign([Component(document)], settings), phases)
    image = base_image(home, base, "", log)
    if image.file is None:
        raise Conflict(f"image {image.name} has no file")
    with run_folder(home.settings) as folder:
        hardware = machines.hardware(home.settings, log, memory)
        known = systems.of_image(home, image, folder, log)
        disk = overlay.over(home.disk(image), folder / "disk.qcow2", image.file.virtual_size)
        with Vm(log, folder / "run", disk, System(known.facts.root, known.boot), hardware) as vm:
            return run_plan(plan, vm, log, Surroundings(build_variables={"IMAGE_PHASE": "BUILDING"}))
