"""The components that a recipe names: their documents, and the values they are given."""

from __future__ import annotations

import errno
from pathlib import Path

import msgspec

from . import toe
from .document import Document
from .plan import Component
from .problems import Place, Problems, did_you_mean, quote
from .shapes import Reader, describe
from .source import Mapping, Node, Scalar, decode, read_file


class _Entry(msgspec.Struct, frozen=True):
    component: str
    parameters: dict[str, str] = {}


def read_component(node: Node, recipe: Path, phases: tuple[str, ...], problems: Problems) -> Component | None:
    """A component by its path, from the folder of `recipe` on, or by a mapping with its values.

    None after at least one problem. One that has none of the phases is a problem.
    """
    match node:
        case Scalar(null=False):
            entry = _Entry(node.text)
        case Mapping():
            read = Reader(problems).read(node, _Entry, "a component")
            if read is None:
                return None
            entry = read
        case _:
            problems.error(node.place, f"a component has to be a path, not {describe(node)}")
            return None
    if entry.component.startswith("arn:"):
        problems.error(node.place, "components by ARN are not there yet in goldsmith", hint="name its file")
        return None
    document = _document(recipe.parent / entry.component, node.place, problems)
    if document is None:
        return None
    known = [parameter.name for parameter in document.parameters]
    for name in entry.parameters:
        if name not in known:
            near = did_you_mean(name, known)
            problems.error(node.place, f"{document.name} has no parameter {quote(name)}{near}")
    if not any(document.phase(phase) for phase in phases):
        problems.error(
            node.place, f"{document.name} has no phase {' or '.join(phases)}, so nothing of it would run"
        )
    return Component(document, entry.parameters, str(node.place))


def _document(path: Path, place: Place, problems: Problems) -> Document | None:
    try:
        content = read_file(path)
    except OSError as error:
        near = did_you_mean(path.name, _files_beside(path)) if error.errno == errno.ENOENT else ""
        problems.error(place, f"cannot read {path}: {error.strerror}{near}")
        return None
    text = decode(content, str(path), problems)
    return None if text is None else toe.read(text, str(path), problems)


def _files_beside(path: Path) -> list[str]:
    try:
        return [each.name for each in path.parent.iterdir()]
    except OSError:
        return []
