"""What a build seals or keeps besides its steps."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from goldsmith.builds import grounds
from goldsmith.builds.workbench import Workbench
from goldsmith.disks.chain import Chain
from goldsmith.log import Event, Log
from goldsmith.settings import Settings
from goldsmith.steps.lookup import Ground, Policy
from tests import stores

PARTS = {"action": grounds.GROW}


def test_of_two_builds_that_grow_a_disk_both_go_on_with_the_same_layer(
    home: Settings, tmp_path: Path
) -> None:
    def grown(build: str) -> str:
        file = stores.disk(tmp_path / build)
        job: Any = SimpleNamespace(policy=Policy(), layers=stores.store(home, build))
        return grounds._seal(job, file, PARTS, stores.BASE).digest

    assert grown("first") == grown("second")


def test_a_disk_is_not_kept_without_what_lies_between_it_and_the_last_layer(
    home: Settings, tmp_path: Path
) -> None:
    told: list[Event] = []
    base = Chain((tmp_path / "base.qcow2",))
    job: Any = SimpleNamespace(
        keep_on_failure=True, log=Log(told.append), base=None, home=SimpleNamespace(disk=lambda _: base)
    )
    guest: Any = SimpleNamespace(disk=base.over(tmp_path / "disk-1.qcow2").over(tmp_path / "disk-2.qcow2"))
    known: Any = None

    Workbench(job, known, Ground(stores.BASE, None, {})).failed(guest, None)

    assert stores.messages(told) == ["the disk is not kept: the step failed while it was sealed"]
    assert list(home.kept.iterdir()) == []
