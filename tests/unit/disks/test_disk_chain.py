import json
from pathlib import Path

import pytest

from goldsmith.disks.chain import Chain

BASE, STEP, SCRATCH = Path("/l/base.qcow2"), Path("/l/step.qcow2"), Path("/r/scratch.qcow2")


def test_every_node_says_its_driver_and_what_lies_below_it() -> None:
    bottom, middle, top = Chain((BASE, STEP)).over(SCRATCH).blockdevs("root")

    assert bottom == {
        "node-name": "root-0",
        "driver": "qcow2",
        "backing": None,
        "read-only": True,
        "file": {"driver": "file", "filename": "/l/base.qcow2", "read-only": True},
    }
    assert middle == {
        "node-name": "root-1",
        "driver": "qcow2",
        "backing": "root-0",
        "read-only": True,
        "file": {"driver": "file", "filename": "/l/step.qcow2", "read-only": True},
    }
    assert top == {
        "node-name": "root",
        "driver": "qcow2",
        "backing": "root-1",
        "discard": "unmap",
        "file": {"driver": "file", "filename": "/r/scratch.qcow2", "discard": "unmap"},
    }


def test_a_throw_away_top_flushes_nothing() -> None:
    (only,) = Chain((SCRATCH,)).blockdevs("root", throw_away=True)

    assert only["cache"] == only["file"]["cache"] == {"no-flush": True}


def test_a_raw_bottom_has_no_backing_to_speak_of() -> None:
    bottom, top = Chain((Path("/l/disk"),), "raw").over(SCRATCH).blockdevs("root")

    assert bottom["driver"] == "raw"
    assert "backing" not in bottom
    assert top["backing"] == "root-0"


def test_the_file_name_for_qemu_img_nests_the_whole_chain() -> None:
    name = Chain((BASE, STEP)).filename()

    scheme, _, text = name.partition(":")
    top = json.loads(text)
    assert scheme == "json"
    assert (top["driver"], top["file"]["filename"]) == ("qcow2", "/l/step.qcow2")
    assert top["backing"]["file"]["filename"] == "/l/base.qcow2"
    assert top["backing"]["backing"] is None


def test_a_chain_of_nothing_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="a chain has at least one file"):
        Chain(())
