"""Images: what was made, imported or is being made, and by which words it is found."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, RowMapping, and_, or_, select

from .. import clock, ids
from ..database.engine import Transaction
from ..documents.problems import did_you_mean, quote
from ..errors import Conflict, Invalid, NotFound
from .builds import ENDED
from .description import Description
from .tables import builds, images

State = Literal["creating", "available", "failed", "deleted"]
Origin = Literal["base", "import", "build"]
BootMode = Literal["bios", "uefi"]

LIST_HINT = "`goldsmith image list` shows all images; `goldsmith image bootstrap debian-12` makes a base"


class ImageFile(msgspec.Struct, frozen=True):
    """The finished file of an image: `path` relative to the home, sizes in bytes, `digest` as `sha256:…`.

    `size` is what the file takes, `virtual_size` what the machine sees.
    """

    path: str
    format: str
    size: int
    virtual_size: int
    digest: str


class NewImage(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an image before it is there.

    `boot_modes` are the firmwares it was seen to be made for or tested with; empty where nobody knows.
    `content_key` names what its file is made of and how, so that the same need not be written twice;
    empty where nothing does.
    """

    name: str
    version: str
    origin: Origin
    architecture: str
    boot_modes: tuple[BootMode, ...]
    family: str | None = None
    parent_id: str | None = None
    recipe_name: str | None = None
    recipe_version: str | None = None
    content_key: str = ""


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """One image. `file` is None until it is finished, `message` says why it failed.

    `test_key` names the tests that it passed, and the machine they ran in.
    """

    id: str
    name: str
    version: str
    state: State
    family: str | None
    origin: Origin
    parent_id: str | None
    recipe_name: str | None
    recipe_version: str | None
    architecture: str
    boot_modes: tuple[BootMode, ...]
    file: ImageFile | None
    created_at: datetime
    description: Description
    message: str
    content_key: str
    test_key: str


def check_new(new: NewImage) -> None:
    """Raise Invalid for a name, version or family that no reference could spell."""
    for what, value in ("name", new.name), ("version", new.version), ("family", new.family or "-"):
        if not value.strip() or "/" in value or not value.isprintable() or len(value) > 128:
            raise Invalid(
                f"image {what} {quote(value)} is not usable",
                where=what,
                hint="1 to 128 printable characters without /",
            )


def create_image(tx: Transaction, new: NewImage, image_id: str = "") -> Image:
    """Record an image that is being made. Several may share name and version; the newest is found by them.

    `image_id` is one of ids.new_id that the image's files have already. Raises what check_new raises.
    """
    check_new(new)
    image_id = image_id or ids.new_id()
    values = msgspec.structs.asdict(new) | {"boot_modes": ",".join(new.boot_modes)}
    tx.execute(
        images.insert().values(
            id=image_id,
            state="creating",
            created_at=clock.now(),
            description=Description(),
            message="",
            test_key="",
            **values,
        )
    )
    return _by_id(tx, image_id)


def mark_available(
    tx: Transaction,
    image_id: str,
    file: ImageFile,
    description: Description | None = None,
    test_key: str = "",
) -> Image:
    """The image is finished and may be used. Raises Conflict: it is not being made any more."""
    return _finish(tx, image_id, "available", "", file, description, test_key)


def mark_failed(
    tx: Transaction,
    image_id: str,
    message: str,
    file: ImageFile | None = None,
    description: Description | None = None,
) -> Image:
    """The image is no good, and `message` says why; its file is kept where there is one, to look into.

    Raises Conflict: it is not being made any more.
    """
    return _finish(tx, image_id, "failed", message, file, description, "")


def get_image(tx: Transaction, reference: str) -> Image:
    """The image of an id, a family, a name, or `name/version`.

    Of several, an available one before the others, then the newest; a family before a name.
    Raises NotFound.
    """
    image = None
    if reference.isprintable():  # bytes of a command line that are no UTF-8 name nothing
        image = _find(tx, images.c.id == reference) or _find(tx, _spelt(reference), reference)
    if image is None:
        raise NotFound(f"unknown image {quote(reference)}{_suggestion(tx, reference)}", hint=LIST_HINT)
    if image.state == "deleted":
        raise NotFound(f"image {reference} was deleted", hint=LIST_HINT)
    return image


def is_image(tx: Transaction, reference: str) -> bool:
    """Whether get_image would find one."""
    try:
        get_image(tx, reference)
    except NotFound:
        return False
    return True


def get_usable_image(tx: Transaction, reference: str) -> Image:
    """As get_image, for building on or booting. Raises NotFound; Conflict: it is not available."""
    image = get_image(tx, reference)
    if image.state != "available":
        reason = f" ({image.message})" if image.message else ""
        raise Conflict(
            f"image {quote(reference)} cannot be used: it is {image.state}{reason}",
            hint="`goldsmith image list` shows which are available",
            code="image-not-available",
        )
    return image


def find_made(tx: Transaction, content_key: str) -> list[Image]:
    """The images with a file of this content that were not deleted, newest first."""
    there = and_(images.c.content_key == content_key, images.c.state.in_(("available", "failed")))
    chosen = select(images).where(there, images.c.path.is_not(None)).order_by(*_NEWEST_FIRST)
    return [_image(row) for row in tx.execute(chosen).mappings()]


def list_images(tx: Transaction) -> list[Image]:
    """All that are not deleted, newest first."""
    chosen = select(images).where(images.c.state != "deleted").order_by(*_NEWEST_FIRST)
    return [_image(row) for row in tx.execute(chosen).mappings()]


def delete_image(tx: Transaction, reference: str) -> Image:
    """Mark an image deleted and return it; removing its file is the caller's, after the transaction.

    Images stand alone, so one may be deleted whatever was built on it before.
    Raises NotFound; Conflict: a build that has not ended uses or makes it.
    """
    image = get_image(tx, reference)
    uses = or_(builds.c.base_image_id == image.id, builds.c.image_id == image.id)
    build = tx.execute(select(builds.c.id).where(uses, builds.c.status.not_in(ENDED))).scalar()
    if build is not None:
        raise Conflict(
            f"image {quote(reference)} is in use by build {build}",
            hint="wait until the build has ended, or stop it with Ctrl-C where it runs",
            code="image-in-use",
        )
    tx.execute(images.update().where(images.c.id == image.id).values(state="deleted"))
    return _by_id(tx, image.id)


_NEWEST_FIRST = (images.c.created_at.desc(), images.c.id)


def _finish(
    tx: Transaction,
    image_id: str,
    state: State,
    message: str,
    file: ImageFile | None,
    description: Description | None,
    test_key: str,
) -> Image:
    values: dict[str, Any] = {"state": state, "message": message, "test_key": test_key}
    if file is not None:
        values |= msgspec.structs.asdict(file)
    if description is not None:
        values["description"] = description
    waiting = and_(images.c.id == image_id, images.c.state == "creating")
    if tx.execute(images.update().where(waiting).values(values)).rowcount == 0:
        image = _by_id(tx, image_id)
        raise Conflict(f"image {image_id} is {image.state} and not being made", code="image-not-creating")
    return _by_id(tx, image_id)


def _spelt(reference: str) -> ColumnElement[bool]:
    name, slash, version = reference.partition("/")
    if slash:
        there = and_(images.c.name == name, images.c.version == version)
    else:
        there = or_(images.c.family == name, images.c.name == name)
    return and_(there, images.c.state != "deleted")


def _find(tx: Transaction, condition: ColumnElement[bool], family: str = "") -> Image | None:
    # A family promises its newest usable image: one that is merely named so must not stand in for it.
    promised = images.c.family.is_not_distinct_from(family)
    order = ((images.c.state == "available").desc(), promised.desc(), *_NEWEST_FIRST)
    row = tx.execute(select(images).where(condition).order_by(*order).limit(1)).mappings().first()
    return None if row is None else _image(row)


def _by_id(tx: Transaction, image_id: str) -> Image:
    image = _find(tx, images.c.id == image_id)
    if image is None:
        raise NotFound(f"unknown image {quote(image_id)}", hint=LIST_HINT)
    return image


def _suggestion(tx: Transaction, reference: str) -> str:
    there = select(images.c.name, images.c.version, images.c.family).where(images.c.state != "deleted")
    rows = tx.execute(there).all()
    words = {word for name, version, family in rows for word in (name, family, f"{name}/{version}") if word}
    return did_you_mean(reference, sorted(words))


def _image(row: RowMapping) -> Image:
    fields = {str(name): value for name, value in row.items()}
    file = {name: fields.pop(name) for name in ImageFile.__struct_fields__}
    fields["file"] = None if file["path"] is None else file
    fields["boot_modes"] = [mode for mode in fields["boot_modes"].split(",") if mode]
    return msgspec.convert(fields, Image)
