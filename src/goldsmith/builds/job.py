"""One build: what to do, on what, with which machine, and the folder for its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..catalog.images import Image
from ..disks.layers import Layers
from ..documents.plan import Plan
from ..documents.recipe import Loaded, Recipe
from ..guests.machine import Hardware
from ..log import Log
from ..steps.lookup import Policy
from ..steps.surroundings import Secret, Surroundings
from .home import Home


@dataclass(frozen=True)
class Job:
    """`id` is the build's, `variables` what its steps find in their environment. `hardware` is asked only
    when a machine starts.
    """

    id: str
    home: Home
    log: Log
    loaded: Loaded
    base: Image
    hardware: Callable[[], Hardware]
    folder: Path
    layers: Layers
    build: Plan
    tests: Plan
    variables: dict[str, str]
    policy: Policy
    secrets: tuple[Secret, ...] = ()
    keep_on_failure: bool = False

    @property
    def recipe(self) -> Recipe:
        return self.loaded.recipe

    @property
    def size(self) -> int:
        """Of the image's disk, in bytes."""
        assert self.base.file is not None
        return self.recipe.disk_size or self.base.file.virtual_size

    def surroundings(self, phase: str) -> Surroundings:
        """Of the steps that run while the image is in a phase: BUILDING or TESTING."""
        return Surroundings(build_variables={**self.variables, "IMAGE_PHASE": phase}, secrets=self.secrets)
