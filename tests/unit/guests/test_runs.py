"""Run folders: owned by a lock, and swept when their process is gone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from goldsmith import ids, settings
from goldsmith.guests import runs
from goldsmith.settings import Settings


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return replace(settings.load(), home=tmp_path / "home")


def test_a_folder_is_there_for_the_block_and_gone_with_its_files_after_it(here: Settings) -> None:
    with runs.run_folder(here) as folder:
        (folder / "file").write_text("x")
        assert folder.parent == here.run
    assert list(here.run.iterdir()) == []


def test_a_folder_is_gone_also_when_the_block_fails(here: Settings) -> None:
    with pytest.raises(KeyboardInterrupt):
        with runs.run_folder(here):
            raise KeyboardInterrupt
    assert list(here.run.iterdir()) == []


def test_a_sweep_takes_what_nobody_owns_and_nothing_else(here: Settings) -> None:
    (here.run / "left").mkdir()
    (here.run / "left" / "disk.qcow2").write_text("x")
    (here.run / "a-file").write_text("x")
    with runs.run_folder(here) as owned:
        assert runs.sweep(here) == 1
        assert sorted(here.run.iterdir()) == sorted([owned, here.run / "a-file"])


def test_a_folder_that_a_sweep_holds_before_its_lock_is_left_for_another(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter(["swept", "ours"])
    sweeps: list[int] = []

    def new_id() -> str:
        return next(names)

    real = os.open

    def open_late(path: Path, flags: int) -> int:
        """Between mkdir and lock, another process's sweep takes the first folder's lock."""
        if path.name == "swept" and not sweeps:
            sweeps.append(real(path, os.O_RDONLY))
            fcntl.flock(sweeps[0], fcntl.LOCK_EX)
        return real(path, flags)

    monkeypatch.setattr(ids, "new_id", new_id)
    monkeypatch.setattr(os, "open", open_late)
    with runs.run_folder(here) as folder:
        monkeypatch.undo()
        assert folder.name == "ours"
    os.close(sweeps[0])


def test_a_folder_that_a_sweep_removed_before_its_lock_is_left_for_another(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter(["swept", "ours"])
    real = fcntl.flock

    def lock_late(lock: int, how: int) -> None:
        """Between open and lock, another process's sweep removes the first folder."""
        if (here.run / "swept").exists():
            (here.run / "swept").rmdir()
        real(lock, how)

    monkeypatch.setattr(ids, "new_id", lambda: next(names))
    monkeypatch.setattr(fcntl, "flock", lock_late)
    with runs.run_folder(here) as folder:
        assert folder.name == "ours"
        assert folder.is_dir()


def test_a_folder_that_a_dying_guest_still_writes_into_is_gone_too(here: Settings) -> None:
    def write() -> None:
        limit = time.monotonic() + 0.3
        while time.monotonic() < limit:
            with contextlib.suppress(FileNotFoundError):
                (folder / f"late-{time.monotonic_ns()}").touch()

    with runs.run_folder(here) as folder:
        writer = threading.Thread(target=write)
        writer.start()
    writer.join()

    assert list(here.run.iterdir()) == []
