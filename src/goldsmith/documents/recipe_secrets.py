"""The secrets of a recipe: which there are, and where each comes from. Their values never stand there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from .problems import Place, Problems, quote

#: A secret's name is that of an environment variable too.
NAME = re.compile("[A-Za-z_][A-Za-z0-9_]{0,127}")
NAME_RULE = "1 to 128 letters, digits or _, no digit first"

#: What a step finds in its environment anyway.
_TAKEN = frozenset({
    "DEBIAN_FRONTEND",
    "HOME",
    "IMAGE_BUILD_VERSION",
    "IMAGE_PHASE",
    "IMAGE_PIPELINE_ARN",
    "IMAGE_VERSION",
    "LANG",
    "PATH",
    "WORKING_DIRECTORY",
})  # fmt: skip

_SOURCE = re.compile(f"(?:(env|secret):)?({NAME.pattern})")


class SecretUse(msgspec.Struct, frozen=True):
    """A secret that steps find in the environment variable `name`.

    Its value is that of the variable `source` where goldsmith runs (`env`), or of the secret `source` of
    `goldsmith secret set` (`secret`).
    """

    name: str
    kind: Literal["env", "secret"]
    source: str


def read_secrets(
    written: Mapping[str, str], places: Mapping[str, Place], problems: Problems
) -> tuple[SecretUse, ...]:
    """The secrets of a recipe's `secrets:`, whose keys are at `secrets.KEY` of `places`."""
    uses = []
    for name, source in written.items():
        place = places[f"secrets.{name}"]
        match = _SOURCE.fullmatch(source)
        if not NAME.fullmatch(name):
            problems.error(place, f"a secret cannot be called {quote(name)}: {NAME_RULE}")
        elif name in _TAKEN:
            problems.error(place, f"a secret cannot be called {name}: steps have a variable of that name")
        elif match is None:
            # What stands there instead may be the value itself, which no message repeats.
            problems.error(
                place,
                f"{name} has to be env:VARIABLE or secret:NAME",
                hint="a secret's value never stands in a recipe: `goldsmith secret set NAME` keeps it",
            )
        else:
            uses.append(SecretUse(name, "env" if match[1] == "env" else "secret", match[2]))
    return tuple(uses)
