"""`goldsmith build`: all stages of one recipe in this process, without queue or server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from ..catalog import builds, images
from ..catalog.builds import Build
from ..catalog.description import Description, StepRecord
from ..catalog.images import Image, ImageFile, NewImage
from ..database.engine import reading, transaction
from ..disks import bases, files
from ..disks.chain import Chain
from ..disks.formats import Written
from ..documents.plan import assign
from ..documents.recipe import Format, Loaded
from ..errors import Conflict, GoldsmithError, Invalid, NotFound, TestFailed
from ..guests.runs import run_folder
from ..log import Log
from ..steps.report import Report
from . import build_log, imports, machines, stages
from .home import Home


@dataclass(frozen=True)
class Outcome:
    """`paths` are the image's files by format."""

    build: Build
    image: Image
    paths: dict[Format, Path]


def with_settings(loaded: Loaded, settings: Mapping[str, str]) -> Loaded:
    """The recipe with the values of `--set`. Raises Invalid: nothing declares one."""
    together = assign((*loaded.components, *loaded.tests), settings)
    count = len(loaded.components)
    return replace(loaded, components=together[:count], tests=together[count:])


def build(home: Home, loaded: Loaded, log: Log) -> Outcome:
    """Build, write and test an image.

    Raises Invalid, NotFound, HostLack before anything boots; StepFailed, GuestFailed: there is no
    image; TestFailed: the image was kept, in state failed.
    """
    recipe = loaded.recipe
    building, testing = stages.plans(loaded)
    base = base_image(home, recipe.base, recipe.where("base"), log)
    variables = {"IMAGE_VERSION": recipe.version, "IMAGE_BUILD_VERSION": "1", "IMAGE_PIPELINE_ARN": ""}
    with run_folder(home.settings) as folder:
        with transaction(home.engine) as tx:
            # As long as its run folder is held, a build is alive: see home.open_home.
            record = builds.create_build(tx, recipe.name, recipe.version, base.id, worker=folder.name)
        try:
            with build_log.listening(home, record.id, log):
                hardware = machines.of_recipe(home.settings, log, recipe)
                job = stages.Job(home, log, loaded, base, hardware, folder, building, testing, variables)
                return _run(job, record)
        except BaseException as error:
            _end_badly(home, record.id, error)
            raise


def base_image(home: Home, reference: str, where: str, log: Log) -> Image:
    """The image that a reference names: one of the catalog, or a file, which is then imported.

    Raises NotFound, Conflict, Invalid, each with `where`, the place of the reference.
    """
    try:
        if reference.startswith(("/", "./", "../")):
            return imports.import_image(home, Path(reference), log)
        with reading(home.engine) as tx:
            return images.get_usable_image(tx, reference)
    except Invalid as error:
        raise Invalid(error.message, where=where, hint=error.hint, code=error.code) from None
    except (NotFound, Conflict) as error:
        made = isinstance(error, NotFound) and reference in bases.names()
        hint = f"goldsmith image bootstrap {reference}" if made else error.hint
        code = "unknown-base" if isinstance(error, NotFound) else error.code
        at = f"{where}: " if where else ""
        raise type(error)(f"{at}{error.message}", hint=hint, code=code) from None


def _run(job: stages.Job, record: Build) -> Outcome:
    home, recipe, log = job.home, job.recipe, job.log
    stages.check(job)
    _status(home, record.id, "preparing")
    disk, known = stages.prepare(job)
    _status(home, record.id, "building")
    made = stages.build(job, disk, known)
    with transaction(home.engine) as tx:
        builds.record_steps(tx, record.id, _records(made))
    if (failure := made.error()) is not None:
        raise failure
    new = NewImage(
        name=recipe.name,
        version=recipe.version,
        origin="build",
        architecture=job.base.architecture,
        boot_modes=(recipe.boot,) if recipe.test == "firmware" else (),
        family=recipe.family,
        parent_id=job.base.id,
        recipe_name=recipe.name,
        recipe_version=recipe.version,
    )
    with transaction(home.engine) as tx:
        image = images.create_image(tx, new)
        builds.set_image(tx, record.id, image.id)
    written = stages.write(job, disk, known, image.id)
    file = _file(written[0], job.size)
    description = Description(steps=_records(made))
    tested = Report(())
    _status(home, record.id, "testing")
    try:
        with log.task("test the image"):
            tested = stages.test(job, Chain((written[0].path,)), known)
            if (error := stages.failed_test(tested)) is not None:
                raise error
            if files.digest(written[0].path) != file.digest:
                raise TestFailed("the image's file changed while it was tested", code="image-changed")
    except TestFailed as error:
        description = replace(description, tests=_records(tested))
        with transaction(home.engine) as tx:
            images.mark_failed(tx, image.id, error.message.splitlines()[0], file, description)
        raise
    description = replace(description, tests=_records(tested))
    with transaction(home.engine) as tx:
        image = images.mark_available(tx, image.id, file, description)
        record = builds.end_build(tx, record.id, "available")
    return Outcome(record, image, {each.format: each.path for each in written})


def _file(written: Written, virtual_size: int) -> ImageFile:
    return ImageFile(
        f"images/{written.path.name}", written.format, written.size, virtual_size, written.digest
    )


def _records(report: Report) -> tuple[StepRecord, ...]:
    outcomes = {"success": "succeeded", "failed": "failed", "ignored": "failed", "skipped": "skipped"}
    return tuple(
        StepRecord(
            component=step.component,
            phase=step.phase,
            step=step.step,
            action=step.action,
            outcome=outcomes[step.status],  # type: ignore[arg-type]
            seconds=step.seconds,
            exit_code=step.exit_code,
            message=step.failure.message if step.failure else "",
        )
        for step in report.steps
    )


def _status(home: Home, build_id: str, status: builds.Status) -> None:
    with transaction(home.engine) as tx:
        builds.set_status(tx, build_id, status)


def _end_badly(home: Home, build_id: str, error: BaseException) -> None:
    """Record why, and take away what an image that never came to be has left.

    Notes on the error where the whole log is, and the image if there is one to look into.
    """
    status: builds.Status = "failed"
    if isinstance(error, TestFailed):
        status = "test_failed"
    elif isinstance(error, KeyboardInterrupt):
        status = "cancelled"
    told = error if isinstance(error, GoldsmithError) else None
    with transaction(home.engine) as tx:
        record = builds.end_build(tx, build_id, status, told)
        image = images.get_image(tx, record.image_id) if record.image_id else None
        if image is not None and image.state == "creating":
            images.mark_failed(tx, image.id, told.message if told else f"the build was {status}")
            # Before the records are final: whoever opens the home next does it again if this ends here.
            home.remove_files(image.id)
    if told is not None:
        told.add_note(f"the whole log: {build_log.path_of(home, build_id)}")
        if image is not None and image.state == "failed" and image.file is not None:
            told.add_note(f"the image was kept to look into: goldsmith image boot {image.id}")
