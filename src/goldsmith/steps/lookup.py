"""Which steps of a plan need not run, since an earlier build left what they leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from .. import clock
from ..disks.layers import Layer, Layers
from ..documents.chaining import Chain
from ..documents.plan import Plan, PlannedStep, resolve
from ..documents.recipe import spellings
from ..errors import Invalid
from . import keys
from .surroundings import Surroundings

MAX_AGE = timedelta(days=1)

#: What `refresh` names and UpdateOS never get older than this, however old others may.
FRESH = timedelta(days=1)


@dataclass(frozen=True)
class Policy:
    """What may be reused. `max_age` is for layers that used the network and all above them; `refresh`
    names steps as a recipe's `cache.refresh` does.
    """

    reuse: bool = True
    max_age: timedelta = MAX_AGE
    refresh: tuple[str, ...] = ()

    def refreshes(self, planned: PlannedStep) -> bool:
        spelt = spellings(planned.document.name, planned.phase, planned.step.name)
        return planned.step.action == "UpdateOS" or not spelt.isdisjoint(self.refresh)


@dataclass(frozen=True)
class Ground:
    """What a plan's steps stand on: the `base` by its digest, or the layer in which it has grown.

    `common` are the parts of every step's key.
    """

    base: str
    grown: Layer | None
    common: Mapping[str, str]

    @property
    def digest(self) -> str:
        return self.grown.digest if self.grown is not None else self.base


@dataclass(frozen=True)
class Miss:
    """The first step that has no layer to reuse, and why. `stale`: the digest of one that is too old."""

    planned: PlannedStep
    why: str
    stale: str = ""


@dataclass(frozen=True)
class Found:
    """`layers` are those of the plan's first steps, in order; `miss` is the step after them, if any."""

    layers: tuple[Layer, ...]
    miss: Miss | None


def look_up(
    plan: Plan,
    ground: Ground,
    layers: Layers,
    surroundings: Surroundings,
    policy: Policy,
    chains: dict[int, Chain],
) -> Found:
    """Go through the steps until one has no layer: nothing above it can have one, since keys name what
    lies below. The chains learn what the reused steps gave.
    """
    found: list[Layer] = []
    below = ground.digest
    for planned in plan.steps:
        chain = chains[planned.component]
        inputs = resolved(planned, chain)
        if inputs is None:
            return Found(tuple(found), Miss(planned, "its inputs are wrong"))
        parts = keys.parts_of(planned, inputs, surroundings, ground.common, below)
        layer = layers.find(keys.key_of(parts)) if policy.reuse else None
        if layer is None:
            like = layers.like(planned.document.name, planned.phase, planned.step.name)
            reason = (
                keys.why(planned, parts, like) if policy.reuse else "nothing is to be reused (--no-cache)"
            )
            return Found(tuple(found), Miss(planned, reason))
        if old := _too_old(layer, planned, policy):
            return Found(tuple(found), Miss(planned, old, stale=layer.digest))
        chain.given(planned.phase, planned.step.name, dict(layer.result.outputs))
        found.append(layer)
        below = layer.digest
    return Found(tuple(found), None)


def resolved(planned: PlannedStep, chain: Chain) -> Any:
    """A step's inputs; None where they are wrong with these values, which its run will tell."""
    try:
        return resolve(planned, chain)
    except Invalid:
        return None


def _too_old(layer: Layer, planned: PlannedStep, policy: Policy) -> str:
    now = clock.now()
    if layer.ages_from is not None and now - layer.ages_from >= policy.max_age:
        age, limit = _hours(now - layer.ages_from), _hours(policy.max_age)
        return f"it holds what came over the network {age} ago, and the cache's max_age is {limit}"
    if policy.refreshes(planned) and now - layer.made_at >= FRESH:
        return f"it is refreshed every day, and was made {_hours(now - layer.made_at)} ago"
    return ""


def _hours(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
