"""`goldsmith secret delete`."""

from __future__ import annotations

from ..options import Json
from .options import Name, store


def delete(name: Name, json: Json = False) -> None:
    """Forget a secret."""
    from ..session import session

    with session(json) as out:
        store().delete(name)
        out.result({"deleted": name})
        out.say(f"deleted {name}")
