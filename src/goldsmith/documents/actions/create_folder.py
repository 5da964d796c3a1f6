"""CreateFolder makes folders (AWSTOE, reference §15)."""

from typing import Annotated

from msgspec import Meta

from ...errors import StepFailed
from .ownership import Owner, Permissions, set_ownership
from .registry import Call, Done, Inputs, action


class Folder(Inputs, frozen=True):
    """One folder. Without `permissions` it is 0755: AWSTOE's 0777 less the usual umask."""

    path: Annotated[str, Meta(min_length=1)]
    owner: Owner | None = None
    group: Owner | None = None
    permissions: Permissions | None = None
    overwrite: bool = True


@action("CreateFolder", inputs=tuple[Folder, ...])
def create_folder(folders: tuple[Folder, ...], call: Call) -> Done:
    """Make each folder and its parents, root's unless said otherwise.

    One that is there keeps its content: AWS's page says "overwritten" and does not say what becomes
    of it, and losing files is the worse mistake (unverified).
    Raises StepFailed: it is there and `overwrite` is off, something else stands there, or the guest
    knows no such owner.
    """
    for folder in folders:
        path = call.path(folder.path).rstrip("/") or "/"
        if not folder.overwrite and call.guest.stat(path) is not None:
            raise StepFailed(
                f"{folder.path} is there already and overwrite is false",
                hint="leave overwrite out, or set it to true, to keep going",
            )
        call.do(["mkdir", "-p", "--", path])
        set_ownership(call, path, folder.owner, folder.group, folder.permissions)
    return Done()
