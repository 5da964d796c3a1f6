"""Where layers are made: what a plan that leaves them asks of the guest and of the build around it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar

from ..disks.chain import Chain
from ..disks.layers import Layer, Layers
from ..documents.guest import Guest
from ..guests.residue import Difference, Record
from ..guests.traffic import Traffic
from .lookup import Ground


class SealingGuest(Guest, Protocol):
    """A Guest whose disk can be sealed while it runs; what its calls mean stands at guests.vm.Vm."""

    @property
    def disk(self) -> Chain: ...
    def watch(self) -> None: ...
    def differences(self) -> tuple[Difference, ...]: ...
    def residue(self) -> Record: ...
    def snapshot(self, path: Path) -> Path: ...
    def traffic(self) -> Traffic: ...
    def power_off(self) -> None: ...


G = TypeVar("G", bound=SealingGuest)


class Site(Protocol[G]):
    """Where a plan is carried out: what a build knows and its steps do not."""

    @property
    def layers(self) -> Layers: ...
    @property
    def ground(self) -> Ground: ...

    def disk(self, layer: Layer | None) -> Chain:
        """The whole chain up to a layer; of the base where it is None."""

    def boot(self, layer: Layer | None, resume: Record | None) -> AbstractContextManager[G]:
        """A guest on an empty overlay above a layer."""

    def new_file(self) -> Path:
        """Where a new overlay can be made."""

    def system(self, guest: G) -> tuple[str, Mapping[str, bytes]]:
        """What a boot of the guest's disk needs beside it: the name of its kernel, and more files."""

    def failed(self, guest: G, below: Layer | None) -> None:
        """The run failed; here the disk can still be kept. `below` is the layer under its overlay."""
