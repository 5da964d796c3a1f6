"""Layers that are not what they were: found at their use, and taken out with all that stands on them."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from ..log import Log
from ..settings import Settings
from . import integrity, layer_files
from .layer_files import Layer


class Damage(NamedTuple):
    """Which layer is none any more, and what happened to it."""

    digest: str
    what: str


def whole(settings: Settings, digest: str, trusted: Collection[str] = ()) -> list[Layer] | Damage:
    """The layer and all below it, the upper first, if they are what they were when they were sealed.

    It is looked no deeper than to one of the `trusted`.
    """
    found: list[Layer] = []
    while True:
        layer = layer_files.read(settings, digest)
        if layer is None:
            return Damage(digest, "its record is gone or damaged")
        try:
            if not integrity.unchanged(layer_files.disk_of(settings, digest), layer.content):
                return Damage(digest, "its file was altered")
        except FileNotFoundError:
            return Damage(digest, "its file is gone")
        found.append(layer)
        if layer.parent == layer.base or layer.parent in trusted:
            return found
        digest = layer.parent


def remove(settings: Settings, top: str, log: Log) -> None:
    """Take out what is damaged of a layer and of those below it, with the keys that lead there.

    A build that runs on one of them goes on with the files that it has open, and what it seals above is
    found to have lost what it stands on.
    """
    with layer_files.locked(settings, log, alone=True):
        found = whole(settings, top)
        if not isinstance(found, Damage):  # made anew since it was found
            return
        layers = layer_files.read_all(settings)
        gone = layer_files.above(layers, {found.digest})
        if others := len(gone) - 1:
            more = f", with the {others} that {'stands' if others == 1 else 'stand'} on it"
        else:
            more = ""
        name = called(layers.get(found.digest), found.digest)
        log.warning(f"the layer of {name} is damaged ({found.what}): it is made anew{more}")
        for key in layer_files.keys(settings):
            if layer_files.read_key(key) in gone:
                key.unlink()
        for digest in gone:
            for path in layer_files.files_of(settings, digest):
                path.unlink()


def called(layer: Layer | None, digest: str) -> str:
    """How a layer is named for people: by its step, where its record can still be read."""
    if layer is None:
        return digest.removeprefix("sha256:")[:12]
    result = layer.result
    return " / ".join(filter(None, (result.component, result.phase, result.step)))
