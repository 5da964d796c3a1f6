"""`goldsmith image delete`."""

from __future__ import annotations

from ..options import Json, Reference
from ..text import size


def delete(image: Reference, json: Json = False) -> None:
    """Delete an image: its record and all its files."""
    from ..session import opened_home, session

    with session(json) as out:
        from ...catalog.images import delete_image
        from ...database.engine import transaction

        with opened_home() as home:
            with transaction(home.engine) as tx:
                deleted = delete_image(tx, image)
            freed = home.remove_files(deleted.id)
        out.result({"deleted": deleted.id, "freed": freed})
        out.say(f"deleted {deleted.name}/{deleted.version} ({deleted.id}), {size(freed)} freed")
