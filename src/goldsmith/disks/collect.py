"""What nothing in the home needs any more: found, shown, and only then freed.

Everything is decided while the store is held alone (`layer_files` has the order of locks), and decided
again when it is freed: a layer that a build found, a key that was used, a run folder that came in between
change the answer, and only what was garbage both times goes.

A layer stays while a key names it or one that stands on it, while a kept disk does, and while the run folder
of a build names it. Every run folder counts: those of dead processes are swept when a home is opened, and
whether the others live is not asked, since asking takes for a moment the lock by which they show it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from .. import clock
from ..log import Log
from ..settings import Settings
from . import damage, integrity, kept, layer_files, shelf, stale
from .garbage import Garbage, Known, age_of, garbage, remove, spelt
from .kept import Kept
from .layer_files import Layer
from .shelf import Keys

_OURS = re.compile(r"([0-9a-f]{64})\..+")


def look(
    settings: Settings,
    unused: timedelta,
    known: Callable[[], Known],
    log: Log,
    suspects: Collection[str] = (),
) -> list[Garbage]:
    """What could be freed now; what stands on something comes before it.

    `unused` is how long keys and kept disks stay without being used, and caches of others. `known` is
    asked while the store is held; `suspects` are layers that `verify` found altered.
    """
    with _decided(settings, unused, known, log, suspects) as found:
        return found


def free(
    settings: Settings,
    unused: timedelta,
    known: Callable[[], Known],
    log: Log,
    shown: Collection[Garbage],
    suspects: Collection[str] = (),
) -> list[Garbage]:
    """Free what was shown and is still garbage, and return that."""
    wanted = {each.paths[0] for each in shown}
    with _decided(settings, unused, known, log, suspects) as found:
        freed = [each for each in found if each.paths[0] in wanted]
        for each in freed:
            remove(each)
    return freed


def verify(settings: Settings) -> list[str]:
    """Read all of every layer; the digests of those whose file is not what it was."""
    altered = []
    for digest, layer in layer_files.read_all(settings).items():
        try:
            if not integrity.verify(layer_files.disk_of(settings, digest), layer.content):
                altered.append(digest)
        except FileNotFoundError:  # another one took it meanwhile
            continue
    return altered


@contextmanager
def _decided(
    settings: Settings,
    unused: timedelta,
    known: Callable[[], Known],
    log: Log,
    suspects: Collection[str],
) -> Iterator[list[Garbage]]:
    """All garbage, for as long as it stays so."""
    with (
        layer_files.locked(settings, log, alone=True),
        shelf.clearing(settings.home_kernels) as of_home,
        shelf.clearing(settings.bases) as of_bases,
        shelf.clearing(settings.kernels) as of_kernels,
    ):
        named = known()
        yield [
            *_of_home(settings, unused, named, suspects, of_home),
            *stale.of_bases(settings, unused, of_bases),
            *stale.of_kernels(settings, unused, named, of_kernels),
        ]


def _of_home(
    settings: Settings, unused: timedelta, known: Known, suspects: Collection[str], kernels: Keys
) -> Iterator[Garbage]:
    layers = layer_files.read_all(settings)
    used = _used(settings)
    busy = layer_files.below(layers, used)
    bad = _bad(settings, layers, suspects)
    kept_disks = kept.read_all(settings)
    reasons: dict[str, str] = {}
    needed = set(busy)

    for path in layer_files.keys(settings):
        digest = layer_files.read_key(path)
        layer = layers.get(digest)
        if digest in busy:
            reason = ""
        elif layer is None:
            reason = "its layer is gone" if digest else "it is torn"
        elif digest in bad:
            reason = "its layer is damaged"
        elif layer.base not in known.bases:
            reason = "no image has the base that it was made on"
        elif (age := age_of(path)) >= unused:
            reason = f"not used for {spelt(age)}"
        else:
            reason = ""
        if not reason:
            needed |= layer_files.below(layers, {digest})
            continue
        reasons[digest] = reason
        yield garbage("key", path.name[:12], reason, [path])

    for build_id, disk in kept_disks.items():
        age = clock.now() - disk.kept_at
        if age < unused or build_id in used:
            needed |= layer_files.below(layers, {disk.below})
        else:
            files = kept.files_of(settings, build_id)
            yield garbage("kept disk", build_id, f"kept {spelt(age)} ago", files)

    height = {digest: len(layer_files.below(layers, {digest})) for digest in layers}
    for digest in sorted(layers.keys() - needed, key=lambda each: -height[each]):
        reason = bad.get(digest) or reasons.get(digest) or "no key names it, and none that stands on it"
        name = f"{digest[7:19]}  {damage.called(layers[digest], digest)}"
        yield garbage("layer", name, reason, layer_files.files_of(settings, digest))

    yield from _torn(settings, layers, busy, kept_disks)
    booted = {layers[each].kernel for each in needed & layers.keys()}
    yield from _kernels(settings, booted | {each.kernel for each in kept_disks.values()}, kernels)


def _used(settings: Settings) -> set[str]:
    """What the run folders note: digests of layers, and builds whose kept disk is in use."""
    noted: set[str] = set()
    for path in settings.run.glob(f"*/{layer_files.USES}"):
        try:
            noted |= set(path.read_text().split())
        except FileNotFoundError:  # its build has ended
            continue
    return noted


def _bad(settings: Settings, layers: Mapping[str, Layer], suspects: Collection[str]) -> dict[str, str]:
    """What is wrong with layers that no build could go on from."""
    own = {}
    for digest, layer in layers.items():
        disk = layer_files.disk_of(settings, digest)
        if not disk.exists():
            own[digest] = "its file is gone"
        elif digest in suspects and not integrity.unchanged(disk, layer.content):
            own[digest] = "its file was altered"
        elif layer.parent != layer.base and layer.parent not in layers:
            own[digest] = "the layer that it stands on is gone"
    return dict.fromkeys(layer_files.above(layers, set(own)), "it stands on a damaged layer") | own


def _torn(
    settings: Settings, layers: Mapping[str, Layer], busy: set[str], kept_disks: Mapping[str, Kept]
) -> Iterator[Garbage]:
    """What processes that were killed left: nobody seals now, so what is not whole never will be."""
    half: dict[str, list[Path]] = {}
    for path in sorted(settings.layers.glob("[!.]*")):
        match = _OURS.fullmatch(path.name)
        if match and f"sha256:{match[1]}" not in layers.keys() | busy:
            half.setdefault(match[1], []).append(path)
    for stem, paths in half.items():
        yield garbage("torn file", stem[:12], "it has no record: sealing it was interrupted", paths)
    for path in sorted(settings.kept.glob("[!.]*.qcow2")):
        if path.stem not in kept_disks:
            yield garbage("torn file", path.name, "it has no record: keeping it was interrupted", [path])
    for folder in (settings.layers, settings.keys, settings.kept):
        for path in sorted(folder.glob(".*.new")):
            yield garbage("torn file", path.name, "writing it was interrupted", [path])


def _kernels(settings: Settings, booted: set[str], keys: Keys) -> Iterator[Garbage]:
    """Kernels of steps that nothing boots. While a build runs they all stay: its next layer may name any."""
    place = settings.home_kernels
    if place == settings.kernels or any(settings.run.iterdir()):
        return
    names = {path.name for path in place.glob("[!.]*")}
    yield from stale.of_shelf(place, "kernel", keys, dict.fromkeys(names - booted, "no layer boots it"))
