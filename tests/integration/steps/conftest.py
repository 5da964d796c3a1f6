"""Sites of one home for played guests, and what their builds tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldsmith.disks import files, overlay
from goldsmith.disks.chain import Chain
from goldsmith.disks.layers import Layers
from goldsmith.log import Event, Log, Message
from goldsmith.settings import Settings
from goldsmith.steps.lookup import Ground
from tests.played import COMMON, SIZE, NewSite, PlayedSite


@pytest.fixture
def base(tmp_path: Path) -> Chain:
    path = tmp_path / "base.qcow2"
    overlay.create(path, SIZE)
    return Chain((path,))


@pytest.fixture
def new_site(home: Settings, base: Chain, tmp_path: Path) -> NewSite:
    """Sites of one home, each with a run folder of its own, as builds have."""
    count = iter(range(100))

    def make(**common: str) -> PlayedSite:
        folder = tmp_path / f"run-{next(count)}"
        folder.mkdir()
        layers = Layers(home, folder / "layers", Log())
        return PlayedSite(layers, Ground(files.digest(base.files[0]), None, COMMON | common), base, folder)

    return make


@pytest.fixture
def messages() -> list[str]:
    return []


@pytest.fixture
def log(messages: list[str]) -> Log:
    def listen(event: Event) -> None:
        if isinstance(event, Message):
            messages.append(event.text)

    return Log(listen)
