"""The stages of a build: prepare, build, write, test. Each says what it needs and what it hands on."""

from __future__ import annotations

from ..disks import files, formats, overlay
from ..disks.chain import Chain
from ..documents.document import BUILD_PHASES, TEST_PHASES
from ..documents.plan import Plan, make_plan
from ..documents.recipe import Format, Loaded
from ..errors import GuestFailed, Invalid, TestFailed
from ..guests import firmware
from ..guests.inspection import Root, inspect
from ..guests.vm import System, Vm
from ..steps.course import Tell
from ..steps.layered import Made, run_layered
from ..steps.report import Report
from ..steps.run import run_plan
from . import arming, cleanup, grounds, systems
from .job import Job
from .systems import Known
from .workbench import Workbench

#: The way out where an image cannot be tested by its firmware.
DIRECT = "a disk without a boot loader can be tested by its kernel: `test: direct`"


def plans(loaded: Loaded) -> tuple[Plan, Plan]:
    """What builds, and what tests: test phases of the components run before `tests`. Raises Invalid."""
    building = [each for each in loaded.components if any(map(each.document.phase, BUILD_PHASES))]
    testing = [
        each for each in (*loaded.components, *loaded.tests) if any(map(each.document.phase, TEST_PHASES))
    ]
    return make_plan(building, BUILD_PHASES), make_plan(testing, TEST_PHASES)


def check(job: Job) -> None:
    """Refuse what cannot end well, before anything boots. Raises Invalid, HostLack."""
    assert job.base.file is not None
    formats.check_size(job.base.file.virtual_size, job.size, job.recipe.where("disk.size"))
    if job.recipe.boot == "uefi":
        firmware.find()
    # The overlay grows by what steps write and the image is written beside it; what that comes to
    # nobody knows, but less than the base's own size is not worth a start.
    files.need(job.home.settings.images, job.base.file.size + (1 << 30))


def prepare(job: Job) -> tuple[Workbench, Known]:
    """Where the steps can run, on a disk of the wanted size, and what is known of the base's system.

    Raises Invalid: there is no system in it, or the image could not be tested in the end; Conflict:
    the base's file was changed.
    """
    known = systems.of_image(job.home, job.base, job.folder, job.log)
    if job.recipe.test == "firmware":
        check_testable(known.facts.root, job.recipe.where("base"))
    return Workbench(job, known, grounds.make(job)), known


def check_testable(root: Root, where: str) -> None:
    """Raise Invalid where no image of this system could boot by its firmware and answer then."""
    if root.partition is None:
        raise Invalid(
            "the base has no partition table, so its firmware finds no boot loader to test an image by",
            where=where,
            hint=DIRECT,
            code="no-boot-loader",
        )
    arming.check_init(root, where, "it can be tested by its kernel: `test: direct`")


def build(job: Job, bench: Workbench, tell: Tell) -> Made:
    """Run what the build and validate phases have to run, and power the guest off unless a step failed.

    `tell` hears of each step as it ends. Raises GuestFailed.
    """
    return run_layered(job.build, bench, job.log, job.surroundings("BUILDING"), job.policy, tell)


def write(job: Job, disk: Chain, known: Known, image_id: str) -> list[formats.Written]:
    """Clean an overlay over the disk and write it in each format. What stands first is the image itself,
    a qcow2.
    """
    disk = overlay.over(disk, job.folder / "clean.qcow2", job.size)
    with inspect(job.home.settings, job.log, job.folder / "clean", disk) as inspection:
        inspection.find_root()
        cleanup.clean(inspection, job.recipe.keep, known.facts.resolv_conf, job.log)
    written = [write_format(job, disk, image_id, kind) for kind in formats_of(job)]
    job.home.share_beside(job.base.id, image_id)
    return written


def formats_of(job: Job) -> list[Format]:
    """What is written of an image: the image itself first, a qcow2."""
    return ["qcow2", *(each for each in job.recipe.formats if each != "qcow2")]


def write_format(job: Job, disk: Chain, image_id: str, kind: Format) -> formats.Written:
    with job.log.task("write the image", format=kind) as task:
        path = job.home.settings.images / f"{image_id}.{kind}"
        written = formats.write(disk, path, kind)
        files.write_digest(path, written.digest)
        task.note(f"{written.size / 2**20:.0f} MiB")
    return written


def test(job: Job, image: Chain, known: Known) -> Report:
    """Boot the image as it is, from a throw-away overlay, and run the tests.

    By its firmware and its own boot loader; `test: direct` in the recipe boots its kernel instead.
    Raises TestFailed: it does not boot, or nothing in it can be reached. A test that says no is in the
    report.
    """
    try:
        return _test(job, image, known)
    except GuestFailed as error:
        no_loader = known.facts.root.partition is None and job.recipe.test == "firmware"
        hint = DIRECT if no_loader else error.hint
        raise TestFailed(error.message, last_lines=error.last_lines, hint=hint, code=error.code) from error
    except Invalid as error:  # the steps took out what the base had
        raise TestFailed(error.message, hint=error.hint, code=error.code) from error


def failed_test(report: Report) -> TestFailed | None:
    """What the first test that said no makes of the image; None where all are content."""
    failure = report.error()
    if failure is None:
        return None
    return TestFailed(
        failure.message,
        component=failure.component,
        phase=failure.phase,
        step=failure.step,
        exit_code=failure.exit_code,
        last_lines=failure.last_lines,
        hint=failure.hint,
    )


def _test(job: Job, image: Chain, known: Known) -> Report:
    disk = overlay.over(image, job.folder / "test.qcow2", job.size)
    root = known.facts.root
    if job.recipe.test == "direct":
        system = System(root, known.boot)
    else:
        root = arming.arm(job.home.settings, job.log, job.folder / "arm", disk)
        system = System(root, None, job.recipe.boot)
    with Vm(job.log, job.folder / "test", disk, system, job.hardware()) as vm:
        return run_plan(job.tests, vm, job.log, job.surroundings("TESTING"))
