"""Which machine a build's guests get."""

from __future__ import annotations

from ..documents.recipe import Recipe
from ..guests import accelerator, vm
from ..guests.machine import Hardware
from ..log import Log
from ..settings import Settings

MEMORY_MIB, CPUS = 1024, 2


def hardware(settings: Settings, log: Log, memory: int | None = None, cpus: int | None = None) -> Hardware:
    """The best this host has, said once. `memory` is in bytes; None takes the default."""
    found = accelerator.probe(settings)
    if not found.works:
        log.info(f"guests are emulated, which is slow: KVM does not work here ({found.reason})")
    network, warning = vm.network()
    if warning:
        log.warning(warning)
    return Hardware(
        accelerator.accelerator(settings),
        memory=MEMORY_MIB if memory is None else memory >> 20,
        cpus=cpus or CPUS,
        network=network,
    )


def of_recipe(settings: Settings, log: Log, recipe: Recipe) -> Hardware:
    return hardware(settings, log, recipe.memory, recipe.cpus)
