"""The key of a layer: a digest of everything that decides what a step leaves (design, "Step cache").

A key is made from parts, each with a name, so that a miss can say which of them changed. Left out are
time-outs, attempts, names, what is logged, and what differs from build to build, unless the step's
text names it.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from ..disks.layers import Layer
from ..documents.actions import ACTIONS, ownership, reboots, registry
from ..documents.plan import PlannedStep
from .step import text_of
from .surroundings import Surroundings

#: Part by part, each a word or a digest.
Parts = Mapping[str, str]

#: The part that is the layer below, or the base.
BELOW = "below"

# What several actions share; a change there may change what any of them does.
_SHARED = (registry, reboots, ownership)

_SAID = {
    "account": "it belongs to another account",
    "action": "goldsmith's action {action} changed",
    "agent": "goldsmith's agent changed",
    "architecture": "the architecture is another",
    "beside": "the kernel beside the base's disk is another",
    "directory": "its working directory changed",
    "firmware": "the firmware is another",
    "guest": "the kind of guest is another",
    "machine": "goldsmith's machines changed",
}


def key_of(parts: Parts) -> str:
    """64 hexadecimal digits."""
    return hashlib.sha256(msgspec.json.encode(sorted(parts.items()))).hexdigest()


def parts_of(
    planned: PlannedStep, inputs: Any, surroundings: Surroundings, common: Parts, below: str
) -> dict[str, str]:
    """The parts of a resolved step's key. `below` is the digest of what it stands on; `common` are
    those of all steps of a build: account, architecture, guest, firmware, agent.
    """
    text = text_of(inputs)
    action = planned.step.action
    return {
        **common,
        BELOW: below,
        "action": f"{action} {source_of(action)}",
        "directory": surroundings.directory,
        **{f"environment {name}": value for name, value in surroundings.variables_of(text).items()},
        **{f"secret {secret.name}": secret.version for secret in surroundings.secrets_of(text)},
        **{f"input {name}": digest for name, digest in _inputs(inputs)},
    }


def why(planned: PlannedStep, parts: Parts, earlier: Iterable[Layer]) -> str:
    """Which part of a step's key changed since the layer of `earlier` (newest first) that is nearest."""
    changes = [_changed(parts, layer.parts) for layer in earlier]
    if not changes:
        return "it never ran before on this machine"
    nearest = min(changes, key=len)
    if not nearest:
        return "its layer is gone"
    if nearest == [BELOW]:
        return "what it stands on changed"
    inputs = [name.removeprefix("input ") for name in nearest if name.startswith("input ")]
    told = [f"its inputs changed: {', '.join(inputs)}"] if inputs else []
    for name in nearest:
        kind, _, rest = name.partition(" ")
        if kind == "environment":
            told.append(f"{rest} is another, and its text names it")
        elif kind == "secret":
            told.append(f"the secret {rest} was set anew")
        elif kind in _SAID:
            told.append(_SAID[kind].format(action=planned.step.action))
    return "; ".join(told)


def _changed(new: Parts, old: Parts) -> list[str]:
    return [name for name in sorted({*new, *old}) if new.get(name) != old.get(name)]


def _inputs(inputs: Any) -> Iterable[tuple[str, str]]:
    """Each input by its name in the document, with a digest of its value; of a list, with its index."""
    if isinstance(inputs, tuple):
        for index, item in enumerate(inputs):
            for name, digest in _inputs(item):
                yield f"{name} of {index + 1}", digest
        return
    for field in msgspec.structs.fields(inputs):
        value = msgspec.json.encode(getattr(inputs, field.name), order="sorted")
        yield field.encode_name, hashlib.sha256(value).hexdigest()[:16]


@cache
def source_of(action: str) -> str:
    """A digest of what the action does: its module, and what actions share."""
    module = inspect.getmodule(ACTIONS[action].run)
    assert module is not None
    return source(module, *_SHARED)


def source(*modules: ModuleType) -> str:
    """A digest of the text of modules, for what follows from it."""
    total = hashlib.sha256()
    for module in modules:
        assert module.__file__ is not None
        total.update(Path(module.__file__).read_bytes())
    return total.hexdigest()[:16]
