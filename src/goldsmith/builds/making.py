"""From a built disk to a tested image: written, or the file of an earlier build that made the same."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from ..catalog import builds, images
from ..catalog.description import Description
from ..catalog.images import Image, ImageFile, NewImage
from ..database.engine import transaction
from ..disks import files, integrity
from ..disks.chain import Chain
from ..disks.formats import Written
from ..errors import TestFailed
from ..steps.layered import Made
from ..steps.report import Report
from . import reuse, stages
from .job import Job
from .recorder import step_records
from .systems import Known


def image_of(job: Job, made: Made, known: Known, testing: Callable[[], None]) -> tuple[Image, bool]:
    """The available image of a built disk, and whether it is a new one; `testing` is called before tests.

    Raises TestFailed: the image was kept, in state failed.
    """
    content = reuse.content_key(job, made.digest)
    found = reuse.find_image(job.home, content) if job.policy.reuse else []
    if (same := reuse.same_image(job, found)) is not None:
        return _again(job, same), False
    image = _record(job, content)
    file = _share(job, found[0], image) if found else _write(job, made, known, image)
    key = reuse.test_key(job, file.digest)
    description = Description(steps=step_records(made.report))
    tested = next((each for each in found if each.state == "available" and each.test_key == key), None)
    if tested is not None:
        job.log.info(f"the same image passed these tests {_when(tested)}: they are not run again")
        description = replace(description, tests=tested.description.tests)
    else:
        testing()
        description = _test(job, image, file, known, description)
    with transaction(job.home.engine) as tx:
        return images.mark_available(tx, image.id, file, description, key), True


def _again(job: Job, image: Image) -> Image:
    """An earlier build's image, in all formats that this one wants."""
    with transaction(job.home.engine) as tx:
        # From here on nobody deletes it: it is in use.
        images.get_usable_image(tx, image.id)
        builds.set_image(tx, job.id, image.id)
    job.log.info(f"nothing changed since image {image.id} was made and tested {_when(image)}")
    _complete(job, image)
    return image


def _record(job: Job, content: str) -> Image:
    recipe = job.recipe
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
        content_key=content,
    )
    with transaction(job.home.engine) as tx:
        image = images.create_image(tx, new)
        builds.set_image(tx, job.id, image.id)
    return image


def _write(job: Job, made: Made, known: Known, image: Image) -> ImageFile:
    assert made.disk is not None
    written = stages.write(job, made.disk, known, image.id)
    return _file(written[0], job.size)


def _share(job: Job, there: Image, image: Image) -> ImageFile:
    """Another image's file under this one's name: files of images never change."""
    assert there.file is not None
    job.log.info(f"the image's file is that of image {there.id}, made of the same {_when(there)}")
    path = job.home.settings.images / f"{image.id}.qcow2"
    files.share(job.home.file(there), path)
    files.write_digest(path, there.file.digest)
    job.home.share_beside(there.id, image.id)
    _complete(job, image)
    return replace(there.file, path=f"images/{path.name}")


def _complete(job: Job, image: Image) -> None:
    """Write the formats that are wanted and not there, from the image itself."""
    folder = job.home.settings.images
    for kind in stages.formats_of(job):
        path = folder / f"{image.id}.{kind}"
        if not path.exists() or not integrity.unchanged(path, files.read_digest(path)):
            stages.write_format(job, Chain((folder / f"{image.id}.qcow2",)), image.id, kind)


def _test(job: Job, image: Image, file: ImageFile, known: Known, description: Description) -> Description:
    path = job.home.settings.home / file.path
    tested = Report(())
    try:
        with job.log.task("test the image"):
            tested = stages.test(job, Chain((path,)), known)
            if (error := stages.failed_test(tested)) is not None:
                raise error
            if files.digest(path) != file.digest:
                raise TestFailed("the image's file changed while it was tested", code="image-changed")
    except TestFailed as error:
        description = replace(description, tests=step_records(tested))
        with transaction(job.home.engine) as tx:
            images.mark_failed(tx, image.id, error.message.splitlines()[0], file, description)
        raise
    return replace(description, tests=step_records(tested))


def _file(written: Written, virtual_size: int) -> ImageFile:
    return ImageFile(
        f"images/{written.path.name}", written.format, written.size, virtual_size, written.digest
    )


def _when(image: Image) -> str:
    return f"on {image.created_at:%Y-%m-%d at %H:%M} UTC"
