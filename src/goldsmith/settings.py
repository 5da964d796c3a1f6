"""Where goldsmith keeps its files, by XDG unless the environment says otherwise."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """`home` (GOLDSMITH_HOME) holds images, builds and their records; `cache` what can be made anew."""

    home: Path
    cache: Path

    @cached_property
    def images(self) -> Path:
        return _folder(self.home / "images")

    @cached_property
    def layers(self) -> Path:
        """What steps left, by digest."""
        return _folder(self.home / "layers")

    @cached_property
    def keys(self) -> Path:
        """A file for each key, which names a layer."""
        return _folder(self.home / "keys")

    @cached_property
    def kept(self) -> Path:
        """Disks of failed builds that were kept to look into."""
        return _folder(self.home / "kept")

    @cached_property
    def home_kernels(self) -> Path:
        """Kernels that steps brought, for the layers that boot them."""
        return _folder(self.home / "kernels")

    @cached_property
    def run(self) -> Path:
        """One folder for each running guest or build; a sweep at start takes what nobody owns."""
        return _folder(self.home / "run")

    @cached_property
    def logs(self) -> Path:
        return _folder(self.home / "logs")

    @property
    def database(self) -> Path:
        return _folder(self.home) / "goldsmith.db"

    @cached_property
    def bases(self) -> Path:
        return _folder(self.cache / "bases")

    @cached_property
    def kernels(self) -> Path:
        return _folder(self.cache / "kernels")


def load() -> Settings:
    """Read GOLDSMITH_HOME, GOLDSMITH_CACHE, XDG_DATA_HOME and XDG_CACHE_HOME."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Settings(
        home=Path(os.environ.get("GOLDSMITH_HOME") or data / "goldsmith").absolute(),
        cache=Path(os.environ.get("GOLDSMITH_CACHE") or cache / "goldsmith").absolute(),
    )


def _folder(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
