"""`goldsmith image show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..options import Json, Reference
from ..step_table import step_table
from ..text import size

if TYPE_CHECKING:
    from ...builds.home import Home
    from ...catalog.images import Image


def show(image: Reference, json: Json = False) -> None:
    """Show all that is known of an image.

    Where its file is, which steps made it and how long they took, and how its tests went.
    """
    from ..session import opened_home, session

    with session(json) as out:
        from ...catalog.images import get_image
        from ...database.engine import reading
        from .words import as_json

        with opened_home() as home:
            with reading(home.engine) as tx:
                found = get_image(tx, image)
        out.result({"image": as_json(home, found)})
        out.facts(_facts(home, found))
        for what, records in ("STEPS", found.description.steps), ("TESTS", found.description.tests):
            if records:
                out.say()
                out.table(step_table(what, records))


def _facts(home: Home, image: Image) -> list[tuple[str, str]]:
    file = image.file
    rows = [
        ("id", image.id),
        ("name", image.name),
        ("version", image.version),
        ("family", image.family or ""),
        ("state", image.state),
        ("message", image.message),
        ("made", f"{image.created_at.astimezone():%Y-%m-%d %H:%M:%S %z}"),
        ("origin", image.origin),
        ("parent", image.parent_id or ""),
        ("recipe", f"{image.recipe_name}/{image.recipe_version}" if image.recipe_name else ""),
        ("architecture", image.architecture),
        ("boots by", ", ".join(image.boot_modes)),
    ]
    if file is not None:
        rows += [
            ("path", str(home.settings.home / file.path)),
            ("format", file.format),
            ("size", f"{size(file.size)} ({file.size} bytes)"),
            ("disk", f"{size(file.virtual_size)} ({file.virtual_size} bytes)"),
            ("digest", file.digest),
        ]
        main = home.settings.home / file.path
        rows += [("also", str(path)) for path in home.files(image.id) if path != main]
    return rows
