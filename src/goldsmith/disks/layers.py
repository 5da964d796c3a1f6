"""The store of layers: what steps left, and the keys by which later builds find it.

Files never change once they have their name, and get it when they are whole and on the disk; so a process
may be killed at any instant, and what it left is either a layer or what gc takes (`collect`).
The order of locks, and what they are for, stands in `layer_files`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from .. import clock
from ..errors import Conflict
from ..log import Log
from ..settings import Settings
from . import damage, files, formats, integrity, layer_files, shelf
from .chain import Chain
from .damage import Damage
from .layer_files import Layer, NewLayer, Result

__all__ = ["Layer", "Layers", "NewLayer", "Result", "reached"]


def reached(point: str) -> None:
    """A point of sealing where the process may die and nothing is broken; tests let it die there.

    In order: synced, digested, placed, beside, described, named.
    """


class Layers:
    """The store as one build sees it. `uses` is a file in its run folder, where it notes what it uses."""

    def __init__(self, settings: Settings, uses: Path, log: Log) -> None:
        self._settings = settings
        self._uses = uses
        self._log = log
        self._noted: set[str] = set()

    def find(self, key: str) -> Layer | None:
        """The layer of a key: whole, as are all below it down to the base, and noted as used.

        A damaged one is removed with what stands on it, and the log says so. What this build found or
        sealed before is not looked at again below another.
        """
        path = self._settings.keys / key
        with self._shared():
            try:
                digest = layer_files.read_key(path)
            except FileNotFoundError:
                return None
            if not digest:  # torn: whoever names a layer by it replaces it
                return None
            found = self._used(digest)
            if found is not None:
                now = clock.now().timestamp()
                os.utime(path, (now, now))
                return found
        damage.remove(self._settings, digest, self._log)
        return None

    def get(self, digest: str) -> Layer | None:
        """The layer of a digest, as find gives it; also one that no key names."""
        with self._shared():
            if layer_files.read(self._settings, digest) is None:
                return None
            found = self._used(digest)
            if found is not None:
                return found
        damage.remove(self._settings, digest, self._log)
        return None

    def add(self, file: Path, new: NewLayer, beside: Mapping[str, bytes]) -> Layer:
        """Make a layer of a qcow2 file that nobody writes to any more, with what is kept `beside` it.

        The file keeps its name too: a running machine may have it open. Who seals the same twice gets
        two layers. Raises Conflict: something writes to the file; HostLack, OSError: the disk is full.
        """
        shelf.sync(file)
        reached("synced")
        facts = integrity.measure(file)
        reached("digested")
        made, record = layer_files.record(
            Layer(
                **msgspec.structs.asdict(new),
                content=facts.digest,
                sidecars={what: layer_files.sha256(content) for what, content in sorted(beside.items())},
                virtual_size=formats.virtual_size(Chain((file,))),
                size=file.stat().st_blocks * 512,
                made_at=clock.now(),
            )
        )
        with self._shared():
            self._note(made.digest)
            try:
                self._seal(file, facts, made, record, beside)
            except BaseException:
                for path in layer_files.files_of(self._settings, made.digest):
                    path.unlink()
                raise
        return made

    def name(self, key: str, layer: Layer, instead_of: str = "") -> Layer:
        """Let a key name a layer; returns the one that it names now, which is another one's of a race.

        `instead_of` is the digest that the key named and that is too old or bad: then the key is
        replaced. So is one that names no whole layer.
        """
        path = self._settings.keys / key
        with self._shared(), (self._settings.keys / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            there = self._named(path, instead_of)
            if there is not None:
                return there
            layer_files.write(path, layer_files.key_file(layer))
            reached("named")
        return layer

    def chain(self, top: Layer, base: Chain) -> Chain:
        """The disk that a layer shows: the base's files, then every layer up to this one.

        Raises Conflict: one of them was found damaged, and removed, after this one was found.
        """
        found = [top]
        with self._shared():
            while found[-1].parent != found[-1].base:
                below = layer_files.read(self._settings, found[-1].parent)
                if below is None:
                    raise Conflict(
                        f"the layer {found[-1].parent} is gone: another process found it damaged",
                        hint="start the build again: what was damaged is made anew",
                        code="layer-gone",
                    )
                found.append(below)
        disks = (layer_files.disk_of(self._settings, each.digest) for each in reversed(found))
        return Chain((*base.files, *disks), base.bottom_format)

    def beside(self, layer: Layer, what: str) -> bytes | None:
        """What was laid beside a layer; None where there is no such thing, or it was altered."""
        try:
            content = layer_files.sidecar_of(self._settings, layer.digest, what).read_bytes()
        except FileNotFoundError:
            return None
        sealed = layer.sidecars.get(what)
        return content if sealed in (None, layer_files.sha256(content)) else None

    def put_beside(self, layer: Layer, what: str, content: bytes) -> None:
        """Lay something beside a sealed layer, whole or not at all; what lies there already stays."""
        path = layer_files.sidecar_of(self._settings, layer.digest, what)
        with self._shared():
            if not path.exists():
                layer_files.write(path, content)

    def like(self, component: str, phase: str, step: str) -> list[Layer]:
        """The layers that a step of this name left and that had a key, the newest first."""
        wanted = (component, phase, step)
        with self._shared():
            found = layer_files.read_all(self._settings).values()
        like = [
            each
            for each in found
            if each.parts and (each.result.component, each.result.phase, each.result.step) == wanted
        ]
        return sorted(like, key=lambda each: each.made_at, reverse=True)

    def _shared(self) -> AbstractContextManager[None]:
        return layer_files.locked(self._settings, self._log)

    def _used(self, digest: str) -> Layer | None:
        """The layer, noted as used; None where it is damaged."""
        found = damage.whole(self._settings, digest, self._noted)
        if isinstance(found, Damage):
            return None
        self._note(*(layer.digest for layer in found))
        return found[0]

    def _note(self, *digests: str) -> None:
        """All of a chain: with what one layer says of its parent damaged, gc still knows of those below."""
        new = [digest for digest in digests if digest not in self._noted]
        if new:
            with self._uses.open("a") as file:
                file.write("".join(f"{digest}\n" for digest in new))
            self._noted.update(new)

    def _seal(
        self, file: Path, facts: integrity.Facts, made: Layer, record: bytes, beside: Mapping[str, bytes]
    ) -> None:
        disk = layer_files.disk_of(self._settings, made.digest)
        files.share(file, disk)
        disk.chmod(0o400)
        integrity.remember(disk, facts)
        shelf.sync(disk.parent)
        reached("placed")
        for what, content in beside.items():
            layer_files.write(layer_files.sidecar_of(self._settings, made.digest, what), content)
        reached("beside")
        layer_files.write(layer_files.record_of(self._settings, made.digest), record)
        reached("described")

    def _named(self, path: Path, instead_of: str) -> Layer | None:
        """The whole layer that a key names, unless it is the one to be replaced."""
        try:
            digest = layer_files.read_key(path)
        except FileNotFoundError:
            return None
        return self._used(digest) if digest not in ("", instead_of) else None
