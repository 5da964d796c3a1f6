import multiprocessing
import threading
import time
from pathlib import Path

import pytest

from goldsmith.disks import shelf
from goldsmith.log import Event, Log, Message


def fill(folder: Path) -> None:
    (folder / "file").write_text("content")


def test_what_is_kept_is_made_once(tmp_path: Path) -> None:
    made: list[Path] = []

    for _ in range(2):
        folder = shelf.keep(tmp_path, "key", made.append, Log())

    assert folder == tmp_path / "key"
    assert len(made) == 1


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    def stop(folder: Path) -> None:
        fill(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shelf.keep(tmp_path, "key", stop, Log())

    assert [path.name for path in tmp_path.iterdir()] == [".key.lock"]


def test_what_a_killed_process_left_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / ".key.new").mkdir()
    (tmp_path / ".key.new" / "half").write_text("")

    folder = shelf.keep(tmp_path, "key", fill, Log())

    assert [path.name for path in folder.iterdir()] == ["file"]


def test_a_second_process_waits_for_the_first_and_says_so(tmp_path: Path) -> None:
    told: list[Event] = []
    first = multiprocessing.get_context("fork").Process(target=keep_slowly, args=(tmp_path,))
    first.start()
    while not (tmp_path / ".key.new").exists():
        time.sleep(0.01)

    folder = shelf.keep(tmp_path, "key", lambda _: pytest.fail("made twice"), Log(told.append))

    first.join()
    assert (folder / "file").read_text() == "content"
    assert [event.text for event in told if isinstance(event, Message)] == [
        "another goldsmith is making the same thing: waiting for it"
    ]


def keep_slowly(path: Path) -> None:
    def make(folder: Path) -> None:
        time.sleep(0.5)
        fill(folder)

    shelf.keep(path, "key", make, Log())


def test_a_lock_that_gc_took_away_is_not_waited_for_in_vain(tmp_path: Path) -> None:
    """Who waited for the old file must not work beside who holds the new one."""
    working: list[str] = []
    told: list[Event] = []

    def work(name: str) -> None:
        with shelf.locked(tmp_path, "key", Log(told.append)):
            working.append(name)
            assert working == [name]
            time.sleep(0.1)
            working.remove(name)

    with shelf.locked(tmp_path, "key", Log()):
        waiting = [threading.Thread(target=work, args=(name,)) for name in "ab"]
        for each in waiting:
            each.start()
        while len(told) < 2:
            time.sleep(0.01)
        (tmp_path / ".key.lock").unlink()
    work("c")
    for each in waiting:
        each.join()

    assert working == []
    assert (tmp_path / ".key.lock").exists()


def test_clearing_holds_what_nobody_holds(tmp_path: Path) -> None:
    for name in (".idle.lock", ".half.new", "made.json", ".torn.json.new"):
        (tmp_path / name).touch()

    with shelf.locked(tmp_path, "busy", Log()), shelf.clearing(tmp_path) as keys:
        with shelf.clearing(tmp_path) as others:
            pass

    assert keys == shelf.Keys({"idle", "half", "made", "torn"}, {"busy"})
    assert others.idle == set()
    assert others.busy == keys.idle | keys.busy
