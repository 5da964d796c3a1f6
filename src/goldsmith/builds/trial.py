"""`goldsmith run`: one document in a throw-away guest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..disks import overlay
from ..documents.document import BUILD_PHASES, TEST_PHASES
from ..documents.loading import load_document
from ..documents.plan import Component, Plan, assign, make_plan, require_phases
from ..errors import Conflict
from ..guests.runs import run_folder
from ..guests.vm import System, Vm
from ..log import Log
from ..steps.report import Report
from ..steps.run import run_plan
from ..steps.surroundings import Surroundings
from . import machines, systems
from .build import base_image
from .home import Home


def plan_component(path: Path, phases: Sequence[str], settings: Mapping[str, str]) -> Plan:
    """The steps of a document's phases; without any named, of those of build and validate it has.

    Raises NotFound, Invalid: no such file or phase, or the document is wrong.
    """
    document = load_document(path)
    wanted = phases or [phase for phase in BUILD_PHASES if document.phase(phase)] or BUILD_PHASES
    require_phases(document, wanted)
    return make_plan(assign([Component(document)], settings), wanted)


def run_component(home: Home, plan: Plan, base: str, log: Log) -> Report:
    """Run a plan on a base, whose disk stays as it is.

    Raises NotFound, Conflict before anything boots; GuestFailed. A failed step is in the report.
    """
    image = base_image(home, base, "", log)
    if image.file is None:
        raise Conflict(f"image {image.name} has no file")
    with run_folder(home.settings) as folder:
        hardware = machines.hardware(home.settings, log)
        known = systems.of_image(home, image, folder, log)
        disk = overlay.over(home.disk(image), folder / "disk.qcow2", image.file.virtual_size)
        with Vm(log, folder / "run", disk, System(known.facts.root, known.boot), hardware) as vm:
            return run_plan(plan, vm, log, Surroundings(build_variables={"IMAGE_PHASE": image_phase(plan)}))


def image_phase(plan: Plan) -> str:
    """IMAGE_PHASE as a build of these phases would set it (reference §14.2)."""
    phases = {planned.phase for planned in plan.steps}
    return "TESTING" if phases and phases <= set(TEST_PHASES) else "BUILDING"
