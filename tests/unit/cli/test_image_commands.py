"""The commands that only read and write records, on images that are nothing but records."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from goldsmith.builds.home import open_home
from goldsmith.catalog import images
from goldsmith.catalog.description import Description, StepRecord
from goldsmith.catalog.images import Image, ImageFile, NewImage
from goldsmith.cli.app import app
from goldsmith.database.engine import transaction
from goldsmith.settings import Settings

DIGEST = "sha256:" + "ab" * 32
STEPS = (
    StepRecord("nginx", "build", "Install", "ExecuteBash", "succeeded", 41.25, 0),
    StepRecord("nginx", "build", "Configure", "CreateFile", "succeeded", 0.25),
)
TESTS = (
    StepRecord("nginx", "test", "Runs", "ExecuteBash", "failed", 1.5, 3, "the script ended with exit code 3"),
)


def goldsmith(*words: str) -> Result:
    return CliRunner().invoke(app, words)


@pytest.fixture
def image(home: Settings, pass_time: Callable[[float], None], monkeypatch: pytest.MonkeyPatch) -> Image:
    """An image that was made three hours ago."""
    monkeypatch.setattr("goldsmith.ids.new_id", lambda: "0123456789abcdef0")
    opened = open_home(home)
    new = NewImage(
        name="nginx-golden",
        version="1.0.0",
        origin="build",
        architecture="x86_64",
        boot_modes=("bios", "uefi"),
        family="nginx",
        recipe_name="nginx-golden",
        recipe_version="1.0.0",
    )
    with transaction(opened.engine) as tx:
        made = images.create_image(tx, new)
        path = home.images / f"{made.id}.qcow2"
        path.write_bytes(b"disk" * 1024)
        file = ImageFile(f"images/{path.name}", "qcow2", 327_155_712, 4 << 30, DIGEST)
        made = images.mark_available(tx, made.id, file, Description(STEPS, TESTS))
    opened.engine.dispose()
    pass_time(3 * 3600)
    return made


def test_a_fresh_home_has_no_images(home: Settings) -> None:
    assert goldsmith("image", "list").output == (
        "there are no images yet: `goldsmith image bootstrap debian-12` makes a base\n"
    )


def test_images_are_listed_with_size_and_age(image: Image) -> None:
    assert goldsmith("image", "list").output.splitlines() == [
        "ID                 NAME                FAMILY  STATE      SIZE     DISK   AGE",
        "0123456789abcdef0  nginx-golden/1.0.0  nginx   available  312 MiB  4 GiB  3 h",
    ]


def test_a_list_for_machines_has_every_field_and_the_path(image: Image, home: Settings) -> None:
    (told,) = json.loads(goldsmith("image", "list", "--json").output)["images"]

    assert (told["id"], told["state"], told["family"]) == (image.id, "available", "nginx")
    assert told["path"] == str(home.images / f"{image.id}.qcow2")
    assert told["description"]["steps"][0]["step"] == "Install"


def test_all_of_an_image_is_shown(image: Image, home: Settings) -> None:
    done = goldsmith("image", "show", "nginx")

    assert done.output.splitlines() == [
        "id            0123456789abcdef0",
        "name          nginx-golden",
        "version       1.0.0",
        "family        nginx",
        "state         available",
        "made          2026-01-01 12:00:00 +0000",
        "origin        build",
        "recipe        nginx-golden/1.0.0",
        "architecture  x86_64",
        "boots by      bios, uefi",
        f"path          {home.images}/0123456789abcdef0.qcow2",
        "format        qcow2",
        "size          312 MiB (327155712 bytes)",
        "disk          4 GiB (4294967296 bytes)",
        f"digest        {DIGEST}",
        "",
        "STEPS                      ACTION       OUTCOME    TIME",
        "nginx / build / Install    ExecuteBash  succeeded  41.2 s  exit code 0",
        "nginx / build / Configure  CreateFile   succeeded  0.2 s",
        "",
        "TESTS                ACTION       OUTCOME  TIME",
        "nginx / test / Runs  ExecuteBash  failed   1.5 s  the script ended with exit code 3",
    ]


def test_an_image_is_deleted_with_all_its_files(image: Image, home: Settings) -> None:
    beside = home.images / f"{image.id}.vmdk"
    beside.write_bytes(b"")
    (home.images / f"{image.id}.vmdk.sha256").write_bytes(b"")
    (home.images / f".{image.id}.vhd.new").write_bytes(b"")
    other = home.images / "fedcba98765432100.qcow2"
    other.write_bytes(b"")

    assert goldsmith("image", "delete", "nginx").output == (
        "deleted nginx-golden/1.0.0 (0123456789abcdef0), 4 KiB freed\n"
    )
    assert list(home.images.iterdir()) == [other]
    assert goldsmith("image", "show", image.id).output == (
        f"error: image {image.id} was deleted\n"
        "hint: `goldsmith image list` shows all images; `goldsmith image bootstrap debian-12` makes a base\n"
    )


def test_a_file_that_has_another_name_elsewhere_frees_nothing(image: Image, home: Settings) -> None:
    (home.home / "cache").hardlink_to(home.images / f"{image.id}.qcow2")

    assert json.loads(goldsmith("image", "delete", "nginx", "--json").output) == {
        "deleted": image.id,
        "freed": 0,
    }


def test_all_files_of_an_image_are_shown(image: Image, home: Settings) -> None:
    for name in ("vmdk", "vmdk.sha256", "qcow2.sha256"):
        (home.images / f"{image.id}.{name}").write_bytes(b"")

    assert f"also          {home.images}/{image.id}.vmdk\n" in goldsmith("image", "show", "nginx").output
    (told,) = json.loads(goldsmith("image", "show", "nginx", "--json").output).values()
    assert told["files"] == [
        {"format": kind, "path": f"{home.images}/{image.id}.{kind}"} for kind in ("qcow2", "vmdk")
    ]


def test_an_initrd_without_a_kernel_is_bad_usage(home: Settings, tmp_path: Path) -> None:
    (tmp_path / "initrd").touch()

    done = goldsmith("image", "import", "disk.qcow2", "--initrd", str(tmp_path / "initrd"))

    assert done.exit_code == 2
    assert done.output.endswith("Error: Invalid value for --initrd: it goes with a --kernel\n")


def test_a_kernel_that_is_not_there_is_bad_usage(home: Settings) -> None:
    done = goldsmith("image", "import", "disk.qcow2", "--kernel", "/nowhere")

    assert done.exit_code == 2
    assert "'/nowhere' does not exist." in done.output


def test_an_unknown_image_is_told_with_what_is_near(image: Image) -> None:
    done = goldsmith("image", "show", "nginx-goldn")

    assert done.exit_code == 1
    assert done.output.startswith('error: unknown image "nginx-goldn" (did you mean nginx-golden?)\n')


def test_a_key_without_a_port_is_bad_usage(home: Settings, tmp_path: Path) -> None:
    key = tmp_path / "key.pub"
    key.touch()

    done = goldsmith("image", "boot", "nginx", "--ssh-key", str(key))

    assert done.exit_code == 2
    assert done.output.endswith("Error: Invalid value for --ssh-key: there is no way in without --ssh-port\n")
