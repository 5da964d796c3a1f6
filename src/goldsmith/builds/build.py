"""`goldsmith build`: all stages of one recipe in this process, without queue or server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

from msgspec.structs import replace

from ..catalog import builds, images
from ..catalog.builds import Build
from ..catalog.images import Image
from ..database.engine import reading, transaction
from ..disks import bases, kept
from ..disks.layer_files import USES
from ..disks.layers import Layers
from ..documents.plan import assign
from ..documents.recipe import Format, Loaded
from ..errors import Conflict, GoldsmithError, Invalid, NotFound, TestFailed
from ..guests.runs import run_folder
from ..log import Log
from ..masking import Masker
from ..steps.lookup import MAX_AGE, Policy
from . import build_log, imports, machines, making, secrets, stages
from .home import Home
from .job import Job
from .recorder import Recorder


@dataclass(frozen=True)
class Wishes:
    """What whoever starts a build may ask for besides the recipe. `max_age` None leaves it to the recipe."""

    reuse: bool = True
    max_age: timedelta | None = None
    keep_on_failure: bool = False


@dataclass(frozen=True)
class Outcome:
    """`paths` are the image's files by format. `made` is false for the image of an earlier build."""

    build: Build
    image: Image
    paths: dict[Format, Path]
    made: bool = True


def with_settings(loaded: Loaded, settings: Mapping[str, str]) -> Loaded:
    """The recipe with the values of `--set`. Raises Invalid: nothing declares one."""
    together = assign((*loaded.components, *loaded.tests), settings)
    count = len(loaded.components)
    return replace(loaded, components=together[:count], tests=together[count:])


def build(home: Home, loaded: Loaded, log: Log, wishes: Wishes | None = None) -> Outcome:
    """Build, write and test an image, or give back the one that an earlier build made of the same.

    Raises Invalid, NotFound, HostLack before anything boots; StepFailed, GuestFailed: there is no
    image; TestFailed: the image was kept, in state failed.
    """
    recipe = loaded.recipe
    wishes = wishes or Wishes()
    building, testing = stages.plans(loaded)
    values = secrets.resolve(home.settings, recipe)
    base = base_image(home, recipe.base, recipe.where("base"), log)
    masker = Masker(secret.value for secret in values)
    with run_folder(home.settings) as folder, log.masking(masker):
        with transaction(home.engine) as tx:
            # As long as its run folder is held, a build is alive: see home.open_home.
            record = builds.create_build(tx, recipe.name, recipe.version, base.id, worker=folder.name)
        try:
            with build_log.listening(home, record.id, log):
                job = Job(
                    id=record.id,
                    home=home,
                    log=log,
                    loaded=loaded,
                    base=base,
                    hardware=cache(lambda: machines.of_recipe(home.settings, log, recipe)),
                    folder=folder,
                    layers=Layers(home.settings, folder / USES, log),
                    build=building,
                    tests=testing,
                    variables=variables(loaded),
                    policy=policy(loaded, wishes),
                    secrets=values,
                    keep_on_failure=wishes.keep_on_failure,
                )
                return _run(job)
        except BaseException as error:
            masker.mask_error(error)
            _end_badly(home, record.id, error)
            raise


def variables(loaded: Loaded) -> dict[str, str]:
    """What steps find in their environment of the image that is built (reference §14.2)."""
    return {
        "IMAGE_VERSION": loaded.recipe.version,
        "IMAGE_BUILD_VERSION": "1",
        "IMAGE_PIPELINE_ARN": "",
    }


def policy(loaded: Loaded, wishes: Wishes) -> Policy:
    """What may be reused: the command line's word counts before the recipe's."""
    recipe = loaded.recipe
    max_age = recipe.max_age if wishes.max_age is None else wishes.max_age
    return Policy(wishes.reuse, MAX_AGE if max_age is None else max_age, recipe.refresh)


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


def _run(job: Job) -> Outcome:
    stages.check(job)
    _status(job, "preparing")
    bench, known = stages.prepare(job)
    _status(job, "building")
    recorder = Recorder(job)
    made = stages.build(job, bench, recorder.tell)
    recorder.write()
    if (failure := made.report.error()) is not None:
        raise failure
    image, new = making.image_of(job, made, known, lambda: _status(job, "testing"))
    with transaction(job.home.engine) as tx:
        record = builds.end_build(tx, job.id, "available")
    paths = {kind: job.home.settings.images / f"{image.id}.{kind}" for kind in stages.formats_of(job)}
    return Outcome(record, image, paths, new)


def _status(job: Job, status: builds.Status) -> None:
    with transaction(job.home.engine) as tx:
        builds.set_status(tx, job.id, status)


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
        if kept.disk_of(home.settings, build_id).exists():
            told.add_note(f"the disk was kept to look into: goldsmith shell {build_id}")
        if image is not None and image.state == "failed" and image.file is not None:
            told.add_note(f"the image was kept to look into: goldsmith image boot {image.id}")
