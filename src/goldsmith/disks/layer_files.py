"""A layer: what a step left on the disk, and its files in the store.

`layers/HEX.qcow2` is the disk, `HEX.NAME` what was recorded beside it, and `HEX.json` the record, which is
written last of all: without it there is no layer. HEX is the digest of the record, so a layer's name says
what lies below it, what its file and the files beside it hold, and which step made it. Two steps that
leave the same bytes, as all do that write nothing, are two layers.

Locks, always taken in this order: `layers/.lock` (shared by all that look and seal; alone for gc, and for who
removes a damaged layer), `keys/.lock` (alone, to replace what a key names), then those of shelves. What
is found or added is written down in `run/BUILD/layers` while the first is held, so whoever holds it alone
sees either a layer that nobody uses, or its user.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec

from .. import ids
from ..log import Log
from ..settings import Settings
from . import integrity, shelf

#: The file in a run folder that says what its build uses, one digest a line.
USES = "layers"

_OURS = ("qcow2", "json", f"qcow2{integrity.FACTS_SUFFIX}")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What the step gave, for a build that reuses it."""

    component: str
    phase: str
    step: str
    action: str
    seconds: float
    attempts: int = 1
    exit_code: int | None = None
    outputs: dict[str, str] = {}


class NewLayer(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a layer before it is sealed.

    `parent` is the digest (`sha256:…`) of the layer below or, at the bottom, of the base image's file,
    which `base` is in either case. `parts` are what entered its key, by part, to name what changed;
    without any it has no key. `ages_from` is when the oldest was made of it and those below it that used
    the network. `kernel` names a folder of settings.home_kernels; empty: it boots the base's own.
    """

    parent: str
    base: str
    parts: dict[str, str]
    result: Result
    network_bytes: int
    used_network: bool
    ages_from: datetime | None
    kernel: str = ""


class Layer(NewLayer, frozen=True, kw_only=True):
    """A sealed layer. `content` is the digest of its file, which takes `size` bytes and shows a guest
    `virtual_size`; `sidecars` are the digests of what was laid beside it when it was sealed. `digest` is
    that of the record's bytes, which do not hold it.
    """

    content: str
    sidecars: dict[str, str]
    virtual_size: int
    size: int
    made_at: datetime
    digest: str = ""


def record(layer: Layer) -> tuple[Layer, bytes]:
    """A layer without a digest with the one that it gets, and its record."""
    content = msgspec.json.encode(layer)
    return msgspec.structs.replace(layer, digest=sha256(content)), content


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def disk_of(settings: Settings, digest: str) -> Path:
    return beside(settings, digest, "qcow2")


def record_of(settings: Settings, digest: str) -> Path:
    return beside(settings, digest, "json")


def sidecar_of(settings: Settings, digest: str, what: str) -> Path:
    """Where something lies that is kept beside a layer."""
    assert what not in _OURS
    assert what.isidentifier()
    return beside(settings, digest, what)


def beside(settings: Settings, digest: str, suffix: str) -> Path:
    return settings.layers / f"{digest.removeprefix('sha256:')}.{suffix}"


def files_of(settings: Settings, digest: str) -> list[Path]:
    """All files of a layer that are there; the record first, since without it the others are nothing."""
    record = record_of(settings, digest)
    found = set(settings.layers.glob(f"{record.stem}.*"))
    return sorted(found, key=lambda path: (path != record, path))


def read(settings: Settings, digest: str) -> Layer | None:
    """The layer by its record alone; None where there is none, or one that is not what it was."""
    try:
        content = record_of(settings, digest).read_bytes()
    except FileNotFoundError:
        return None
    if sha256(content) != digest:
        return None
    return msgspec.structs.replace(msgspec.json.decode(content, type=Layer), digest=digest)


def read_all(settings: Settings) -> dict[str, Layer]:
    """Every layer by its digest, by their records alone."""
    found = (read(settings, f"sha256:{path.stem}") for path in settings.layers.glob("[!.]*.json"))
    return {layer.digest: layer for layer in found if layer is not None}


def above(layers: Mapping[str, Layer], bottoms: set[str]) -> set[str]:
    """The digests of `bottoms` and of all layers that stand on one of them."""
    found = set(bottoms)
    while more := {each.digest for each in layers.values() if each.parent in found} - found:
        found |= more
    return found


def below(layers: Mapping[str, Layer], tops: set[str]) -> set[str]:
    """The digests of `tops` and of all layers that they stand on."""
    found: set[str] = set()
    for top in tops:
        digest = top
        while digest in layers and digest not in found:
            found.add(digest)
            digest = layers[digest].parent
    return found | tops


def keys(settings: Settings) -> list[Path]:
    """The files of all keys."""
    return sorted(settings.keys.glob("[!.]*"))


def read_key(path: Path) -> str:
    """The digest that a key names; empty where the key is torn. Raises FileNotFoundError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Key).layer
    except ValueError:  # no JSON of ours, or no UTF-8
        return ""


def key_file(layer: Layer) -> bytes:
    """What the file of a key holds that names a layer."""
    return msgspec.json.encode(_Key(layer.digest))


@contextmanager
def locked(settings: Settings, log: Log, *, alone: bool = False) -> Iterator[None]:
    """Hold the store, shared or alone; says so before it waits."""
    how = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    with (settings.layers / ".lock").open("w") as file:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if not alone:
                log.info("another goldsmith is clearing up the layers: waiting for it")
            fcntl.flock(file, how)
        yield


@contextmanager
def fresh(path: Path, content: bytes) -> Iterator[Path]:
    """A whole file beside a path, to be renamed or linked to it; gone at the end of the block."""
    aside = path.with_name(f".{path.name}.{ids.new_id()}.new")
    try:
        aside.write_bytes(content)
        shelf.sync(aside)
        yield aside
    finally:
        aside.unlink(missing_ok=True)


def place(aside: Path, path: Path) -> None:
    """Give a whole file its name, in place of what bears it."""
    aside.replace(path)
    shelf.sync(path.parent)


def write(path: Path, content: bytes) -> None:
    """Write a small file whole or not at all."""
    with fresh(path, content) as aside:
        place(aside, path)


class _Key(msgspec.Struct, frozen=True):
    layer: Annotated[str, msgspec.Meta(pattern="^sha256:[0-9a-f]{64}$")]
