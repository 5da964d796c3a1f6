"""What is told of an image and of a build beside their plain facts. Kept as JSON."""

from typing import Literal

import msgspec


class StepRecord(msgspec.Struct, frozen=True):
    """How one step of a document went. `exit_code` is None where no program ran.

    `reused`: it did not run, its layer was there from an earlier build. `repeated`: its layer was there
    too, and it ran all the same, for what a reboot had taken from the machine. `layer` is the digest
    (`sha256:…`) of the layer that holds what it left, empty where there is none.
    """

    component: str
    phase: str
    step: str
    action: str
    outcome: Literal["succeeded", "failed", "skipped", "cancelled"]
    seconds: float
    exit_code: int | None = None
    message: str = ""
    reused: bool = False
    repeated: bool = False
    layer: str = ""


class Description(msgspec.Struct, frozen=True):
    """`steps` made the image; `tests` ran in a machine that was booted from it."""

    steps: tuple[StepRecord, ...] = ()
    tests: tuple[StepRecord, ...] = ()
