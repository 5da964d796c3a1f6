"""Going on from a layer: a guest is booted from it and compared with what was recorded.

A layer is a disk and not a running machine. Where a reboot took or brought something, the build goes on
from an earlier layer and repeats the steps in between (design, "A layer is a disk").
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec

from ..disks.layers import Layer, Layers
from ..documents.plan import Plan
from ..errors import Conflict, GuestFailed
from ..guests import residue
from ..guests.residue import Difference, Record
from ..log import Log
from .lookup import Found
from .site import G, Site
from .step import called

#: What lies beside a layer: what was recorded of its machine, and what a boot of it was found to lose.
RESIDUE, LOST = "residue", "lost"


@contextmanager
def going_on(plan: Plan, found: Found, site: Site[G], log: Log) -> Iterator[tuple[G, int]]:
    """A guest that stands where a cold build would stand after so many steps of the plan.

    From the newest layer that loses nothing by a boot. One that was seen to lose something is not
    booted again, and neither is one whose record has the same residue.
    """
    at = len(found.layers)
    while at:
        layer = found.layers[at - 1]
        record = record_of(site.layers, layer)
        # A guest that is only to be shut down misses nothing.
        finished = found.miss is None and at == len(found.layers)
        different = () if finished else _known(site.layers, layer)
        if record is not None and not different:
            with ExitStack() as stack:
                try:
                    log.info(f"going on after {called(plan.steps[at - 1])}")
                    guest = stack.enter_context(site.boot(layer, record))
                    if not finished:
                        with log.task("compare the machine"):
                            different = guest.differences()
                except (GuestFailed, Conflict) as error:  # it does not boot, or its kernel is gone
                    log.warning(f"the machine does not start from this layer: {error.message}")
                    at -= 1
                    continue
                if not different:
                    yield guest, at
                    return
            site.layers.put_beside(layer, LOST, msgspec.json.encode(different))
        lost, at = at, _earlier(found, at, different, site.layers)
        _say_lost(plan, lost, at, different, log)
    with site.boot(site.ground.grown, None) as guest:
        with log.task("record the machine"):
            guest.watch()
        yield guest, 0


def known_start(found: Found, layers: Layers) -> int:
    """How many steps a build that goes on need not repeat, as far as is known without a boot."""
    at = len(found.layers)
    while at and (different := _known(layers, found.layers[at - 1])):
        at = _earlier(found, at, different, layers)
    return at


def _earlier(found: Found, at: int, different: tuple[Difference, ...], layers: Layers) -> int:
    """How many steps stand on the newest layer below that does not have the same residue already."""
    while at := at - 1:
        record = record_of(layers, found.layers[at - 1])
        if record is not None and not any(residue.same_in(each, record) for each in different):
            return at
    return 0


def _known(layers: Layers, layer: Layer) -> tuple[Difference, ...]:
    """What a boot of this layer was found to lose before."""
    try:
        return msgspec.json.decode(layers.beside(layer, LOST) or b"[]", type=tuple[Difference, ...])
    except ValueError:  # no JSON of ours, or no UTF-8
        return ()


def record_of(layers: Layers, layer: Layer) -> Record | None:
    """What was recorded of the machine that made a layer; None where it is damaged, or was not taken."""
    content = layers.beside(layer, RESIDUE)
    return None if content is None else residue.decode(content)


def _say_lost(plan: Plan, lost: int, at: int, different: tuple[Difference, ...], log: Log) -> None:
    """Why the steps between `at` and `lost` are repeated."""
    repeated = ", ".join(called(each) for each in plan.steps[at:lost])
    shown = "; ".join(map(str, different[:3])) + (f"; and {len(different) - 3} more" if different[3:] else "")
    what = shown or "what its machine was like is not known any more"
    log.info(f"after {called(plan.steps[lost - 1])} a restart would change what steps find ({what})")
    log.info(f"repeated for it: {repeated}")
