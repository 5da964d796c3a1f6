"""One attempt of one step, on a guest below the test's folder."""

from pathlib import Path

import pytest

from goldsmith.documents.actions import Call
from goldsmith.log import Event, Log, Message, Stream
from tests.unit.steps.local_guest import LocalGuest


class Printed:
    """Everything the guest's programs printed."""

    def __init__(self) -> None:
        self._pieces: list[tuple[Stream, bytes]] = []

    def __call__(self, stream: Stream, data: bytes) -> None:
        self._pieces.append((stream, data))

    def text(self, stream: Stream) -> str:
        return b"".join(piece for of, piece in self._pieces if of == stream).decode()


@pytest.fixture
def guest(tmp_path: Path) -> LocalGuest:
    return LocalGuest(tmp_path)


@pytest.fixture
def printed() -> Printed:
    return Printed()


@pytest.fixture
def said() -> list[str]:
    """What the log told people."""
    return []


@pytest.fixture
def call(guest: LocalGuest, printed: Printed, said: list[str], tmp_path: Path) -> Call:
    def listen(event: Event) -> None:
        if isinstance(event, Message):
            said.append(f"{event.level}: {event.text}")

    work = tmp_path / "work"
    work.mkdir()
    return Call(
        guest=guest,
        log=Log(listen),
        output=printed,
        directory=str(work),
        folder=str(work / "goldsmith-run"),
        environment={"IMAGE_PHASE": "BUILDING"},
        timeout=30,
    )
