"""The store of layers in tests: small disks, and what a build that seals them does."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from goldsmith import programs
from goldsmith.disks import overlay, qemu_img
from goldsmith.disks.chain import Chain
from goldsmith.disks.layer_files import USES
from goldsmith.disks.layers import Layer, Layers, NewLayer, Result
from goldsmith.log import Event, Log, Message
from goldsmith.settings import Settings

BASE = "sha256:" + "ba" * 32
CLUSTER = 64 << 10
SIZE = 1 << 20


def settings(folder: Path) -> Settings:
    """A home and a cache that no other test shares."""
    return Settings(folder / "home", folder / "cache")


def store(home: Settings, build: str = "build", log: Log | None = None) -> Layers:
    """The store as a build sees it whose run folder is called so."""
    folder = home.run / build
    folder.mkdir(exist_ok=True)
    return Layers(home, folder / USES, log or Log())


def end(home: Settings, build: str = "build") -> None:
    """The build's run folder goes, and with it what it noted."""
    (home.run / build / USES).unlink(missing_ok=True)
    (home.run / build).rmdir()


def disk(path: Path, content: bytes = b"") -> Path:
    """The smallest qcow2 that a header can promise: 32 KiB in clusters of 512 bytes (QEMU: qcow2.rst)."""
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 9, 32 << 10, 0, 1, 512, 1024, 1, 0, 0)
    path.write_bytes(header.ljust(1536, b"\0") + content.ljust(16 << 10, b"\0"))
    return path


def written(path: Path, cluster: int, byte: int) -> Path:
    """A real overlay in which a guest wrote one cluster full of a byte."""
    overlay.create(path, SIZE)
    command = f"write -q -P {byte} {cluster * CLUSTER} {CLUSTER}"
    subprocess.run([programs.find("qemu-io"), "-f", "qcow2", "-c", command, path], check=True)
    return path


def content(chain: Chain, folder: Path) -> bytes:
    """The first byte of each cluster that a disk shows."""
    raw = folder / "content.raw"
    qemu_img.run("convert", "-O", "raw", chain.filename(), raw)
    return raw.read_bytes()[::CLUSTER]


def new(step: str = "Install", below: Layer | None = None, **more: object) -> NewLayer:
    """What is known of a layer before it is sealed; without `below` it stands on BASE."""
    fields: dict[str, object] = {
        "parent": below.digest if below else BASE,
        "base": below.base if below else BASE,
        "parts": {"input commands": step},
        "result": Result(component="nginx", phase="build", step=step, action="ExecuteBash", seconds=1.5),
        "network_bytes": 0,
        "used_network": False,
        "ages_from": None,
        **more,
    }
    return NewLayer(**fields)  # type: ignore[arg-type]


def sealed(
    layers: Layers,
    file: Path,
    step: str = "Install",
    below: Layer | None = None,
    key: str = "",
    beside: Mapping[str, bytes] | None = None,
) -> Layer:
    """A layer of a small disk, named by a key if one is given."""
    layer = layers.add(disk(file, step.encode()), new(step, below), beside or {})
    return layers.name(key, layer) if key else layer


def messages(told: list[Event]) -> list[str]:
    return [event.text for event in told if isinstance(event, Message)]


def names(folder: Path) -> list[str]:
    """The files of a folder, without its lock."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
