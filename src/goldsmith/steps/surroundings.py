"""What steps find around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..documents.actions import Call
from ..documents.guest import Guest
from ..log import Log
from .lines import Lines


@dataclass(frozen=True)
class Secret:
    """A value that a step gets by environment. `version` changes when the value was set anew."""

    name: str
    value: str = field(repr=False)
    version: str


@dataclass(frozen=True)
class Surroundings:
    """`directory` is the one working directory of the run; Image Builder's default is /tmp, which it
    tells in WORKING_DIRECTORY (reference §11.1). `folder` is for files of a step that must not stay:
    on a tmpfs, so that no layer ever holds them.

    `build_variables` are the environment variables that differ from build to build: IMAGE_PHASE,
    IMAGE_VERSION and their kin (reference §14.2). They stand apart because they say nothing about what
    a step does, unless its text names them. A secret is for the steps whose text names it alone.
    """

    directory: str = "/tmp"  # noqa: S108 - a path in the guest
    build_variables: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[Secret, ...] = ()
    folder: str = "/run/goldsmith/steps"

    def secrets_of(self, text: str) -> tuple[Secret, ...]:
        """The secrets that a step's text names."""
        return tuple(secret for secret in self.secrets if secret.name in text)

    def variables_of(self, text: str) -> dict[str, str]:
        """The variables of the build that a step's text names."""
        return {name: value for name, value in self.build_variables.items() if name in text}

    def call(self, guest: Guest, log: Log, text: str, timeout: int | None, lines: Lines) -> Call:
        """One attempt of a step of this text."""
        environment = {"WORKING_DIRECTORY": self.directory, **self.build_variables}
        environment |= {secret.name: secret.value for secret in self.secrets_of(text)}
        return Call(
            guest=guest,
            log=log,
            output=lines.feed,
            directory=self.directory,
            folder=self.folder,
            environment=environment,
            timeout=timeout,
        )
