"""The key that secrets are encrypted with: from the environment, or a file that is made at first use."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet

from ..errors import Conflict, Invalid

#: The environment variable with the key: 32 random bytes in base64.
KEY_VARIABLE = "GOLDSMITH_SECRETS_KEY"


@dataclass(frozen=True)
class Key:
    """`value` is as Fernet takes it. `place` says where it came from."""

    value: bytes = field(repr=False)
    place: str

    @property
    def name(self) -> str:
        """Tells keys apart, and says nothing about them."""
        raw = base64.urlsafe_b64decode(self.value)
        return hashlib.sha256(b"the name of a goldsmith key: " + raw).hexdigest()[:16]


class KeyFile:
    """The key of a home; the variable goes before the file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def read(self, *, make: bool = False) -> Key:
        """The key; `make` writes one where there is none yet, and the lock of the secrets is held then.

        Raises Conflict: it is gone or damaged; Invalid: that of the environment is none.
        """
        if given := os.environ.get(KEY_VARIABLE):
            value = _as_key(given)
            if value is None:
                raise Invalid(
                    "this is no key: a key is 32 random bytes in base64",
                    where=KEY_VARIABLE,
                    hint="make one with `openssl rand -base64 32`",
                )
            return Key(value, KEY_VARIABLE)
        try:
            value = _as_key(self.file.read_text(errors="replace"))
        except FileNotFoundError:
            if make:
                value = Fernet.generate_key()
                write(self.file, value + b"\n")
                return Key(value, str(self.file))
            raise Conflict(
                f"the key of the secrets is gone: {self.file}",
                hint=f"bring it back, or set {KEY_VARIABLE}; if it is lost, remove the file of the secrets "
                "beside it and set them anew",
                code="secrets-key-gone",
            ) from None
        if value is None:
            raise Conflict(
                f"the key of the secrets is damaged: {self.file}",
                hint="bring it back; if it is lost, remove it and the file of the secrets beside it, and set "
                "them anew",
                code="secrets-key-damaged",
            )
        return Key(value, str(self.file))


def write(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all; the lock of the secrets is held."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    fresh.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _as_key(text: str) -> bytes | None:
    """A key written in either alphabet of base64; None for anything else."""
    key = text.strip().translate(str.maketrans("+/", "-_")).encode(errors="replace")
    try:
        return key if len(base64.b64decode(key, b"-_", validate=True)) == 32 else None
    except ValueError:
        return None
