"""`goldsmith secret list`."""

from __future__ import annotations

from ... import clock
from ..options import Json
from ..text import age
from .options import store

HEADING = ("NAME", "VERSION", "AGE")


def list_(json: Json = False) -> None:
    """List the names of all secrets, with their versions. No command shows a value."""
    from ..session import session

    with session(json) as out:
        import msgspec

        secrets = store().list_()
        out.result({"secrets": [msgspec.to_builtins(secret) for secret in secrets]})
        if secrets:
            now = clock.now()
            rows = [
                (each.name, str(each.version), age((now - each.set_at).total_seconds())) for each in secrets
            ]
            out.table([HEADING, *rows])
        else:
            out.say("there are no secrets yet: `goldsmith secret set NAME` keeps one")
