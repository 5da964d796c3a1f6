"""Secrets: one encrypted file in the home, read whole and replaced whole.

`secrets` is a line that says which key it needs, then a Fernet token of all names, values and versions.
The key lies beside it in `secrets.key`, made with the first secret, or comes from the environment. Who
can read both can read the secrets; the file alone (in a backup, on a share) says nothing.
"""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from .. import clock
from ..documents.problems import did_you_mean, quote
from ..documents.recipe_secrets import NAME, NAME_RULE
from ..errors import Conflict, Invalid, NotFound
from ..masking import SHORTEST, too_short
from .secret_key import KEY_VARIABLE, KeyFile, write

#: Bytes of a value at most. Linux hands over 128 KiB in one variable.
LARGEST = 64 << 10

_HEAD = re.compile(rb"goldsmith-secrets 1 ([0-9a-f]{16})")
_HINT = "`goldsmith secret list` shows which there are, `goldsmith secret set NAME` adds one"


@dataclass(frozen=True)
class Secret:
    """`version` counts from 1, over a deletion too; with `set_at` it never means two values, also where the
    file was removed and its secrets set anew.
    """

    name: str
    value: str = field(repr=False)
    version: int
    set_at: datetime


class Listed(msgspec.Struct, frozen=True):
    """A secret as it is shown: everything but its value."""

    name: str
    version: int
    set_at: datetime


class _Kept(msgspec.Struct, frozen=True):
    """`value` is None for one that was deleted; its version stays."""

    version: int
    set_at: datetime
    value: str | None


_Secrets = dict[str, _Kept]


class Store:
    """The secrets of a home.

    Every method raises Conflict: the file is damaged, or its key is another one, damaged or gone;
    Invalid: what the environment gives as the key is none. All work on the file as it is now; writers go
    one after the other.
    """

    def __init__(self, home: Path) -> None:
        self._file = home / "secrets"
        self._key = KeyFile(home / "secrets.key")

    def set(self, name: str, value: str) -> int:
        """Keep a value under a name, in place of the one before, and return its version.

        Raises Invalid, as check_name and check_value do.
        """
        check_name(name)
        check_value(name, value)
        with self._changing() as kept:
            version = kept[name].version + 1 if name in kept else 1
            kept[name] = _Kept(version, clock.now(), value)
        return version

    def get(self, name: str) -> Secret:
        """Raises NotFound."""
        kept = self._read()
        found = _existing(kept, name)
        assert found.value is not None
        return Secret(name, found.value, found.version, found.set_at)

    def list_(self) -> list[Listed]:
        """All of them, by name."""
        kept = sorted(self._read().items())
        return [Listed(name, each.version, each.set_at) for name, each in kept if each.value is not None]

    def delete(self, name: str) -> None:
        """Forget a value. Raises NotFound."""
        with self._changing() as kept:
            found = _existing(kept, name)
            kept[name] = _Kept(found.version, clock.now(), None)

    @contextmanager
    def _changing(self) -> Iterator[_Secrets]:
        """The secrets to change in the block; other processes wait until they are written."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._file.with_name(".secrets.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kept = self._read()
            yield kept
            key = self._key.read(make=not self._file.exists())
            token = Fernet(key.value).encrypt(msgspec.json.encode(kept))
            write(self._file, f"goldsmith-secrets 1 {key.name}\n".encode() + token + b"\n")

    def _read(self) -> _Secrets:
        try:
            content = self._file.read_bytes()
        except FileNotFoundError:
            return {}
        line, _, token = content.partition(b"\n")
        head = _HEAD.fullmatch(line)
        if head is None:
            raise self._damaged()
        key = self._key.read()
        if head[1].decode() != key.name:
            raise Conflict(
                f"the secrets in {self._file} were encrypted with another key than that of {key.place}",
                hint=f"bring back the key they were set with, in {self._key.file} or in {KEY_VARIABLE}",
                code="secrets-key-wrong",
            )
        try:
            return msgspec.json.decode(Fernet(key.value).decrypt(token.strip()), type=_Secrets)
        except (InvalidToken, msgspec.MsgspecError):
            raise self._damaged() from None

    def _damaged(self) -> Conflict:
        return Conflict(
            f"the file of the secrets is damaged: {self._file}",
            hint="bring it back from a copy, or remove it and set the secrets anew",
            code="secrets-damaged",
        )


def check_name(name: str) -> None:
    """Raise Invalid for what cannot be the name of a secret, and so of an environment variable."""
    if not NAME.fullmatch(name):
        raise Invalid(f"a secret cannot be called {quote(name)}: {NAME_RULE}", code="secret-name")


def check_value(name: str, value: str) -> None:
    """Raise Invalid for what cannot be a secret: nothing, too short to mask, too long, or no text."""
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise Invalid(
            f"the secret {name} is no UTF-8 text",
            hint="keep it in base64, and let the step decode it",
            code="secret-not-text",
        ) from None
    if not value.strip():
        raise Invalid(
            f"the secret {name} is empty", hint="a secret is one text of any lines", code="secret-empty"
        )
    if too_short(value):
        raise Invalid(
            f"the secret {name} is too short: {SHORTEST} characters besides white space are the least",
            hint="what is shorter could not be masked in logs without masking half of every line",
            code="secret-short",
        )
    if size > LARGEST:
        raise Invalid(
            f"the secret {name} has {size} bytes, and {LARGEST} are the most",
            hint="a file belongs into the guest by another way; keep the key to it as a secret",
            code="secret-large",
        )
    if "\0" in value:
        raise Invalid(
            f"the secret {name} has a NUL character, which no environment variable can hold",
            hint="keep it in base64, and let the step decode it",
            code="secret-nul",
        )


def _existing(kept: _Secrets, name: str) -> _Kept:
    found = kept.get(name)
    if found is None or found.value is None:
        near = did_you_mean(name, [each for each, what in kept.items() if what.value is not None])
        raise NotFound(f"there is no secret {quote(name)}{near}", hint=_HINT, code="unknown-secret")
    return found
