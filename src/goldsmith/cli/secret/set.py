"""`goldsmith secret set`."""

from __future__ import annotations

import sys

from ..options import Json
from .options import Name, store


def set_(name: Name, json: Json = False) -> None:
    """Keep a secret: from stdin, or asked for on a terminal.

    One line end at the end of stdin is not part of it. A value set before is replaced.
    """
    from ..session import session

    with session(json) as out:
        from ...accounts.secrets import check_name

        check_name(name)
        version = store().set(name, _value(name))
        out.result({"name": name, "version": version})
        out.say(f"kept {name}, version {version}")


def _value(name: str) -> str:
    if sys.stdin.isatty():
        from getpass import getpass

        return getpass(f"{name}: ")
    from ...accounts.secrets import LARGEST

    # One line end and one byte more than can be kept: enough to tell that it is too large.
    given = sys.stdin.buffer.read(LARGEST + 3)
    for line_end in (b"\r\n", b"\n"):
        if given.endswith(line_end):
            given = given.removesuffix(line_end)
            break
    return given.decode(errors="surrogateescape")
