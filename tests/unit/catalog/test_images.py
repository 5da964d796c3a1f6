"""Images are recorded, finished, found by their words, and deleted."""

from datetime import UTC, datetime

import msgspec
import pytest

from goldsmith import clock
from goldsmith.catalog import builds, images
from goldsmith.catalog.description import Description, StepRecord
from goldsmith.catalog.images import Image, ImageFile, NewImage
from goldsmith.database.engine import Transaction
from goldsmith.errors import Conflict, Invalid, NotFound

LIST_HINT = "`goldsmith image list` shows all images; `goldsmith image bootstrap debian-12` makes a base"
FILE = ImageFile("images/nginx.qcow2", "qcow2", 200 << 20, 10 << 30, "sha256:" + "0" * 64)


def new(name: str = "nginx", version: str = "1.0.0", family: str | None = None) -> NewImage:
    return NewImage(
        name=name,
        version=version,
        family=family,
        origin="build",
        architecture="x86_64",
        boot_modes=("bios", "uefi"),
    )


def made(tx: Transaction, name: str = "nginx", version: str = "1.0.0", family: str | None = None) -> Image:
    image = images.create_image(tx, new(name, version, family))
    return images.mark_available(tx, image.id, FILE)


def test_a_new_image_is_being_made_and_has_no_file(tx: Transaction, monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: at)

    image = images.create_image(tx, new(family="web"))

    assert image == Image(
        id=image.id,
        name="nginx",
        version="1.0.0",
        state="creating",
        family="web",
        origin="build",
        parent_id=None,
        recipe_name=None,
        recipe_version=None,
        architecture="x86_64",
        boot_modes=("bios", "uefi"),
        file=None,
        created_at=at,
        description=Description(),
        message="",
        content_key="",
        test_key="",
    )


def test_a_finished_image_has_its_file_and_tells_how_it_was_made(tx: Transaction) -> None:
    image = images.create_image(tx, new())
    described = Description(
        steps=(StepRecord("web", "build", "Install", "ExecuteBash", "succeeded", 3.5, 0),)
    )

    finished = images.mark_available(tx, image.id, FILE, described)

    assert finished == msgspec.structs.replace(image, state="available", file=FILE, description=described)


def test_a_failed_image_says_why_and_keeps_its_file(tx: Transaction) -> None:
    image = images.create_image(tx, new())

    failed = images.mark_failed(tx, image.id, "the tests say no", FILE)

    assert (failed.state, failed.message, failed.file) == ("failed", "the tests say no", FILE)


def test_an_image_is_finished_once(tx: Transaction) -> None:
    image = made(tx)

    with pytest.raises(Conflict) as caught:
        images.mark_failed(tx, image.id, "too late")

    assert caught.value.message == f"image {image.id} is available and not being made"


@pytest.mark.parametrize("name", ["", " ", "a/b", "a\nb", "n" * 129])
def test_a_name_that_no_reference_could_spell_is_refused(tx: Transaction, name: str) -> None:
    with pytest.raises(Invalid, match=r"^name: image name .* is not usable$") as caught:
        images.create_image(tx, new(name))

    assert caught.value.hint == "1 to 128 printable characters without /"


def test_an_image_is_found_by_id_name_version_and_family(tx: Transaction) -> None:
    older = made(tx, version="1.0.0", family="web")
    newer = made(tx, version="1.1.0", family="web")

    assert images.get_image(tx, older.id) == older
    assert images.get_image(tx, "nginx/1.0.0") == older
    assert images.get_image(tx, "nginx") == newer
    assert images.get_image(tx, "web") == newer


def test_a_family_is_its_newest_available_image(tx: Transaction) -> None:
    usable = made(tx, family="web")
    images.create_image(tx, new(family="web"))
    images.mark_failed(tx, images.create_image(tx, new(family="web")).id, "no boot")
    made(tx, name="web")

    assert images.get_usable_image(tx, "web") == usable


def test_a_failed_image_is_shown_when_no_other_has_its_name(tx: Transaction) -> None:
    failed = images.mark_failed(tx, images.create_image(tx, new()).id, "no boot")

    assert images.get_image(tx, "nginx") == failed


def test_a_failed_image_is_not_used(tx: Transaction) -> None:
    images.mark_failed(tx, images.create_image(tx, new()).id, "it does not boot")

    with pytest.raises(Conflict) as caught:
        images.get_usable_image(tx, "nginx")

    assert caught.value.message == 'image "nginx" cannot be used: it is failed (it does not boot)'
    assert caught.value.hint == "`goldsmith image list` shows which are available"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("debain-12", 'unknown image "debain-12" (did you mean debian-12?)'),
        ("nginx/1.0.1", 'unknown image "nginx/1.0.1" (did you mean nginx/1.0.0?)'),
        ("windows", 'unknown image "windows"'),
    ],
)
def test_an_unknown_reference_is_answered_with_a_near_one(
    tx: Transaction, reference: str, message: str
) -> None:
    made(tx, family="debian-12")

    with pytest.raises(NotFound) as caught:
        images.get_image(tx, reference)

    assert (caught.value.message, caught.value.hint) == (message, LIST_HINT)


def test_the_list_is_newest_first_without_the_deleted(tx: Transaction) -> None:
    first, second, third = made(tx), made(tx), made(tx)

    images.delete_image(tx, second.id)

    assert images.list_images(tx) == [third, first]


def test_a_deleted_image_is_known_by_its_id_alone(tx: Transaction) -> None:
    image = made(tx)

    deleted = images.delete_image(tx, "nginx")

    assert deleted == msgspec.structs.replace(image, state="deleted")
    with pytest.raises(NotFound, match=rf"^image {image.id} was deleted$"):
        images.get_image(tx, image.id)
    with pytest.raises(NotFound, match=r'^unknown image "nginx"$'):
        images.get_image(tx, "nginx")


def test_an_image_in_use_by_a_running_build_is_not_deleted(tx: Transaction) -> None:
    base = made(tx, name="debian-12")
    build = builds.create_build(tx, "nginx", "1.0.0", base.id, "here")

    with pytest.raises(Conflict) as caught:
        images.delete_image(tx, "debian-12")

    assert caught.value.message == f'image "debian-12" is in use by build {build.id}'
    assert caught.value.hint == "wait until the build has ended, or stop it with Ctrl-C where it runs"


def test_a_base_may_go_when_its_builds_have_ended(tx: Transaction) -> None:
    base = made(tx, name="debian-12")
    build = builds.create_build(tx, "nginx", "1.0.0", base.id, "here")
    builds.end_build(tx, build.id, "available")

    assert images.delete_image(tx, base.id).state == "deleted"


def test_images_of_one_content_are_found_by_it_newest_first(tx: Transaction) -> None:
    content = msgspec.structs.replace(new(), content_key="made-of-this")
    first, second, unfinished = (images.create_image(tx, content) for _ in range(3))
    images.mark_available(tx, first.id, FILE, test_key="tested-so")
    images.mark_failed(tx, second.id, "the tests say no", FILE)

    found = images.find_made(tx, "made-of-this")

    assert {each.id: (each.state, each.test_key) for each in found} == {
        first.id: ("available", "tested-so"),
        second.id: ("failed", ""),
    }
    assert unfinished.id not in [each.id for each in found]
    assert images.find_made(tx, "made-of-that") == []
