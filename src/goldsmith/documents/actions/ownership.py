"""Owner, group and permissions of what an action makes."""

from typing import Annotated

from msgspec import Meta

from .registry import Call

#: `755`, `0755` and `1777`, as written; the first two mean the same (edge 10).
Permissions = Annotated[str, Meta(pattern="^0?[0-7]{3,4}$", description="octal digits such as 0644")]

#: A name or a number; a colon would set the group as well.
Owner = Annotated[str, Meta(pattern="^[^:/\\s-][^:/\\s]*$", description="the name of a user or group")]


def set_ownership(
    call: Call, path: str, owner: str | None, group: str | None, permissions: str | None
) -> None:
    """Change what is given of the three. Raises StepFailed: the guest knows no such user or group."""
    if owner is not None:
        call.do(["chown", "--", owner, path])
    if group is not None:
        call.do(["chgrp", "--", group, path])
    # Last, since a change of owner takes set-user-id and set-group-id bits away.
    if permissions is not None:
        call.do(["chmod", "--", permissions, path])
