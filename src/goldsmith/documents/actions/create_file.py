"""CreateFile writes text files (AWSTOE, reference §15)."""

import posixpath
from typing import Annotated

from msgspec import Meta

from ...errors import StepFailed
from .ownership import Owner, Permissions, set_ownership
from .registry import Call, Done, Inputs, action

Encoding = Annotated[
    str,
    Meta(
        pattern="(?i)^utf-?(8|(16|32)(-(le|be))?)$",
        description="one of utf8, utf16-LE, utf16-BE, utf32-LE, utf32-BE",
    ),
]


_CODECS = {
    "utf8": "utf-8",
    "utf16": "utf-16-le",
    "utf16le": "utf-16-le",
    "utf16be": "utf-16-be",
    "utf32": "utf-32-le",
    "utf32le": "utf-32-le",
    "utf32be": "utf-32-be",
}


class File(Inputs, frozen=True):
    """One file. Without `permissions` it is 0644: AWSTOE's 0666 less the usual umask."""

    path: Annotated[str, Meta(min_length=1)]
    content: str = ""
    encoding: Encoding = "utf8"
    owner: Owner | None = None
    group: Owner | None = None
    permissions: Permissions | None = None
    overwrite: bool = True


@action("CreateFile", inputs=tuple[File, ...])
def create_file(files: tuple[File, ...], call: Call) -> Done:
    """Write each file, its parents made; what is there already is replaced and keeps its permissions.

    Raises StepFailed: the file is there and `overwrite` is off, it cannot be written, or the guest
    knows no such owner.
    """
    for file in files:
        path = call.path(file.path)
        there = call.guest.stat(path)
        if there is not None and not file.overwrite:
            raise StepFailed(
                f"{file.path} is there already and overwrite is false",
                hint="leave overwrite out, or set it to true, to replace the file",
            )
        call.do(["mkdir", "-p", "--", posixpath.dirname(path)])
        usual = there.mode if there is not None and there.kind == "file" else 0o644
        mode = usual if file.permissions is None else int(file.permissions, 8)
        call.guest.put(path, encode(file.content, file.encoding), mode)
        set_ownership(call, path, file.owner, file.group, file.permissions)
    return Done()


def encode(text: str, encoding: str) -> bytes:
    """The text in one of AWSTOE's encodings. No byte order mark is written (unverified for AWSTOE)."""
    return text.encode(_CODECS[encoding.lower().replace("-", "")])
