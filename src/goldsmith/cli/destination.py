"""Where `--output` puts copies of the finished image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import typer

from ..disks import files
from ..documents.recipe import Format
from ..errors import Invalid
from ..log import Log

FORMATS: tuple[Format, ...] = get_args(Format)


@dataclass(frozen=True)
class Destination:
    """`formats` are to be written; `copies` says where which of them goes."""

    formats: tuple[Format, ...]
    copies: tuple[tuple[Format, Path], ...] = ()

    def copy(self, paths: Mapping[Format, Path], log: Log) -> list[Path]:
        """Copy the written files with their digests beside them, and return the copies.

        Raises HostLack: the disk is full.
        """
        for kind, path in self.copies:
            with log.task("copy the image", to=str(path)):
                files.copy(paths[kind], path)
                files.write_digest(path, files.read_digest(paths[kind]))
        return [path for _, path in self.copies]


def formats_of(words: Sequence[str]) -> tuple[Format, ...]:
    """The formats of `--format`, each once. Raises BadParameter: there is no such format."""
    known: dict[str, Format] = {kind: kind for kind in FORMATS}
    for word in words:
        if word not in known:
            raise typer.BadParameter(f'"{word}" is none of {", ".join(FORMATS)}', param_hint="--format")
    return tuple(dict.fromkeys(known[word] for word in words))


def destination(output: str | None, name: str, formats: tuple[Format, ...]) -> Destination:
    """What `--output` means for these formats.

    A folder (one that is there, or a path that ends with `/`) takes each as NAME.FORMAT. A file takes
    the format that its suffix names, which is written beside the others then, else the only one.
    Raises Invalid: the file's folder is not there, or something other than a file is in its place;
    BadParameter: nobody can tell which format the file should have.
    """
    if output is None:
        return Destination(formats)
    path = Path(output)
    if output.endswith("/") or path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return Destination(formats, tuple((kind, path / f"{name}.{kind}") for kind in formats))
    if path.exists() and not path.is_file():
        raise Invalid(f"{path} is not a file that could be replaced", where="--output")
    if not path.parent.is_dir():
        raise Invalid(
            f"the folder {path.parent} is not there",
            where="--output",
            hint="a path that ends with / is made as a folder",
        )
    named = next((kind for kind in FORMATS if path.suffix == f".{kind}"), None)
    if named is not None:
        return Destination((*formats, *({named} - {*formats})), ((named, path),))
    if len(formats) > 1:
        listed = ", ".join(f".{kind}" for kind in formats)
        raise typer.BadParameter(
            f"which format should {path} have? let it end in one of {listed}, or name a folder",
            param_hint="--output",
        )
    return Destination(formats, ((formats[0], path),))
