"""What a document says, whatever language it was written in."""

from __future__ import annotations

from typing import Literal

import msgspec

from .problems import Place
from .source import Node

OnFailure = Literal["Abort", "Continue", "Ignore"]

#: The phases that an image build runs by itself; any other runs by name only.
BUILD_PHASES = ("build", "validate")
TEST_PHASES = ("test",)


class Parameter(msgspec.Struct, frozen=True):
    """A value that whoever uses the document gives. Without a default it has to be given.

    `allowed` is empty where any text will do.
    """

    name: str
    place: Place
    default: str | None = None
    description: str = ""
    allowed: tuple[str, ...] = ()


class Constant(msgspec.Struct, frozen=True):
    name: str
    value: str
    place: Place


class Step(msgspec.Struct, frozen=True):
    """One action. `inputs` still has its references; None where the document gives none.

    `timeout` is in seconds for each attempt, None for no limit. `attempts` counts runs, not retries.
    A step that is not `logged` keeps what it prints to itself.
    """

    name: str
    action: str
    place: Place
    inputs: Node | None = None
    timeout: int | None = 7200
    on_failure: OnFailure = "Abort"
    attempts: int = 1
    logged: bool = True


class Phase(msgspec.Struct, frozen=True):
    name: str
    steps: tuple[Step, ...]
    place: Place

    def step(self, name: str) -> Step | None:
        return next((step for step in self.steps if step.name == name), None)


class Document(msgspec.Struct, frozen=True):
    """A component's text, parsed and checked.

    `name` is what plans, settings and reports call it: the file's name without its suffix. `title`
    and `description` are the author's words.
    """

    name: str
    file: str
    language: Literal["toe"]
    phases: tuple[Phase, ...]
    parameters: tuple[Parameter, ...] = ()
    constants: tuple[Constant, ...] = ()
    title: str = ""
    description: str = ""

    def phase(self, name: str) -> Phase | None:
        return next((phase for phase in self.phases if phase.name == name), None)
