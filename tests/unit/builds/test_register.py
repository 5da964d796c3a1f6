"""A disk from outside has its files and its record, or neither."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from goldsmith.builds.home import Home
from goldsmith.builds.register import register
from goldsmith.disks.formats import Written
from goldsmith.errors import Invalid
from goldsmith.guests.runs import run_folder

from . import made


def test_a_record_that_cannot_be_leaves_no_file(opened: Home) -> None:
    with run_folder(opened.settings) as folder:
        path = folder / "0123456789abcdef0.qcow2"
        path.touch()
        written = Written(path, "qcow2", 0, "sha256:" + "0" * 64)

        with pytest.raises(Invalid):
            register(opened, replace(made.NEW, version=""), written, 4 << 30, path.stem)

    assert made.names(opened) == []


def test_all_files_of_its_id_are_taken_over(opened: Home) -> None:
    with run_folder(opened.settings) as folder:
        path = folder / "0123456789abcdef0.qcow2"
        path.touch()
        path.with_suffix(".kernel").touch()
        written = Written(path, "qcow2", 0, "sha256:" + "0" * 64)

        image = register(opened, made.NEW, written, 4 << 30, path.stem)

    assert (image.id, image.state) == (path.stem, "available")
    assert opened.files(image.id) == [opened.beside(image.id, "kernel"), opened.file(image)]
