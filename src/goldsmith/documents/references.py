"""`{{ … }}` in a document's texts (AWSTOE, reference §14.2).

A text is gone through exactly once: what a value brings in is never looked at again, so a constant
may hold `{{ item }}` for a template that some other program reads. Braces that hold no reference
stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import msgspec

from ..errors import Invalid
from .problems import Place
from .source import Mapping as MappingNode
from .source import Node, Scalar, Sequence

#: What a step's inputs may grow to, as much as a guest keeps of a step's output.
MAX_CHARACTERS = 16 * 1024 * 1024

_BRACES = re.compile(r"\{\{([^{}\n]*)\}\}")
_NAME = re.compile(r"[A-Za-z0-9_-]{3,128}")
_CHAINED = re.compile(
    r"(?P<phase>[A-Za-z0-9_-]+)\.(?P<step>[A-Za-z0-9_ -]+)\.(?P<side>inputs|outputs)"
    r"(?:\[(?P<index>[0-9]{1,4})\])?\.(?P<key>[A-Za-z0-9_-]+)"
)
#: Values that AWSTOE takes from outside the document.
_OUTSIDE = re.compile(r"(aws:ssm|aws:imds|env|context):.*")


class Named(msgspec.Struct, frozen=True):
    """`{{ Name }}`: a parameter or a constant, where the document has one of that name."""

    name: str


class Chained(msgspec.Struct, frozen=True):
    """`{{ phase.step.outputs.key }}`, or inputs, with or without `[index]`: from an earlier step."""

    phase: str
    step: str
    side: str
    index: int | None
    key: str

    def __str__(self) -> str:
        index = "" if self.index is None else f"[{self.index}]"
        return f"{{{{ {self.phase}.{self.step}.{self.side}{index}.{self.key} }}}}"


class Outside(msgspec.Struct, frozen=True):
    """`{{ aws:ssm:… }}`, `{{ aws:imds:… }}`, `{{ env:… }}`, `{{ context:… }}`."""

    source: str


class Unknown(msgspec.Struct, frozen=True):
    """Braces around anything else."""


Reference = Named | Chained | Outside | Unknown
Values = Mapping[str, str]
Lookup = Callable[[Chained], str | None]


class Use(msgspec.Struct, frozen=True):
    """A reference where it stands; `written` is its spelling, with the braces."""

    reference: Reference
    written: str
    place: Place


def uses(node: Node | None) -> Iterator[Use]:
    """Every reference in the texts below a node, with its own place."""
    match node:
        case Scalar():
            yield from _uses_in(node)
        case Sequence():
            for item in node.items:
                yield from uses(item)
        case MappingNode():
            for _, value in node.entries:
                yield from uses(value)


def substitute(node: Node, values: Values, lookup: Lookup) -> Node:
    """The node with its references replaced, once.

    `lookup` gives the value of a chained reference, or None for one that stays as it is written.
    Raises Invalid: the texts grow over 16 Mi characters.
    """
    return _Substitution(values, lookup).node(node)


def parse(inner: str) -> Reference:
    """What the text between two pairs of braces refers to."""
    inner = inner.strip()
    if chained := _CHAINED.fullmatch(inner):
        index = chained["index"]
        return Chained(
            chained["phase"],
            chained["step"],
            chained["side"],
            None if index is None else int(index),
            chained["key"],
        )
    if _NAME.fullmatch(inner):
        return Named(inner)
    if outside := _OUTSIDE.fullmatch(inner):
        return Outside(outside[1])
    return Unknown()


def _uses_in(scalar: Scalar) -> Iterator[Use]:
    found = list(_BRACES.finditer(scalar.text))
    written = list(_BRACES.finditer(scalar.raw))
    for index, match in enumerate(found):
        # Escapes and folded lines can hide braces in the source; then the text's own place has to do.
        exact = len(found) == len(written)
        place = _place_in(scalar, written[index].start()) if exact else scalar.place
        yield Use(parse(match[1]), match[0], place)


def _place_in(scalar: Scalar, offset: int) -> Place:
    before = scalar.raw[:offset]
    if "\n" not in before:
        return scalar.place._replace(column=scalar.place.column + offset)
    line = scalar.place.line + before.count("\n")
    return scalar.place._replace(line=line, column=offset - before.rfind("\n"))


class _Substitution:
    def __init__(self, values: Values, lookup: Lookup) -> None:
        self._values, self._lookup = values, lookup
        self._size = 0

    def node(self, node: Node) -> Node:
        match node:
            case Scalar() if "{{" in node.text:
                return Scalar(self._text(node), node.place)
            case Sequence():
                return Sequence(tuple(self.node(item) for item in node.items), node.place)
            case MappingNode():
                entries = tuple((key, self.node(value)) for key, value in node.entries)
                return MappingNode(entries, node.place)
        return node

    def _text(self, scalar: Scalar) -> str:
        parts: list[str] = []
        end = 0
        for match in _BRACES.finditer(scalar.text):
            value = self._value(parse(match[1]))
            parts += [scalar.text[end : match.start()], match[0] if value is None else value]
            end = match.end()
            self._size += len(parts[-2]) + len(parts[-1])
            if self._size > MAX_CHARACTERS:
                raise Invalid(
                    f"the inputs grow over {MAX_CHARACTERS} characters with their references",
                    where=str(scalar.place),
                )
        return "".join([*parts, scalar.text[end:]])

    def _value(self, reference: Reference) -> str | None:
        match reference:
            case Named(name=name):
                return self._values.get(name)
            case Chained():
                return self._lookup(reference)
        return None
