"""Reads nodes into frozen structs, and tells every mistake with its place.

A struct's field is a text, a whole number, a yes or no, a Literal, a tuple, a mapping of texts, another
struct, any of these or None, or a Node (kept as it is). Keys are the struct's encoded names;
`msgspec.Meta` brings patterns and bounds, and its `description` is what a message asks for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect

from .problems import Place, Problems, did_you_mean, quote
from .source import Mapping, Node, Scalar, Sequence

T = TypeVar("T")


class _Bad:
    """Stands for a value that was told to be wrong."""


_BAD = _Bad()

#: What Go's YAML takes for a yes or no where the schema wants one; AWSTOE is written in Go.
_YES = frozenset({"true", "yes", "on", "y"})
_NO = frozenset({"false", "no", "off", "n"})


class Reader:
    """Reads nodes; `pending` says of a text that its value comes later, so only its place is judged."""

    def __init__(self, problems: Problems, pending: Callable[[str], bool] = lambda text: False) -> None:
        self._problems = problems
        self._pending = pending

    def read(self, node: Node, shape: type[T], name: str, place: Place | None = None) -> T | None:
        """A value of the shape, or None after at least one problem (or with a pending text inside).

        `name` is what messages call the node, `place` where the author looks for it: its key.
        """
        kind: Any = shape  # some shapes are tuples of structs, which mypy does not call hashable
        value = self._read(node, _type_of(kind), name, place or node.place)
        return None if value is _BAD else cast(T, value)

    def _read(self, node: Node, kind: inspect.Type, name: str, place: Place) -> Any:
        description = ""
        if isinstance(kind, inspect.Metadata):
            description = (kind.extra_json_schema or {}).get("description", "")
            kind = kind.type
        match kind:
            case inspect.CustomType():
                return node
            case inspect.UnionType(types=types):
                if isinstance(node, Scalar) and node.null:
                    return None
                one = next(each for each in types if not isinstance(each, inspect.NoneType))
                return self._read(node, one, name, place)
            case inspect.StructType():
                return self._struct(node, kind, name, place)
            case inspect.VarTupleType():
                return self._tuple(node, kind, name, place)
            case inspect.DictType():
                return self._dict(node, kind, name, place)
            case _:
                return self._scalar(node, kind, name, place, description)

    def _struct(self, node: Node, kind: inspect.StructType, name: str, place: Place) -> Any:
        if not isinstance(node, Mapping):
            return self._wrong(node, name, place, "a mapping")
        fields = {field.encode_name: field for field in kind.fields}
        values: dict[str, Any] = {}
        complete = True
        for key, value in node.entries:
            field = fields.get(key.text)
            if field is None:
                near = did_you_mean(key.text, fields)
                self._problems.error(key.place, f"{name} has no key {quote(key.text)}{near}")
                complete = False
            elif field.required or not (isinstance(value, Scalar) and value.null):
                values[field.name] = self._read(value, field.type, key.text, key.place)
                complete &= values[field.name] is not _BAD
        written = {key.text for key, _ in node.entries}
        for key_text, field in fields.items():
            if field.required and key_text not in written:
                self._problems.error(place, f"{name} needs {quote(key_text)}")
                complete = False
        return kind.cls(**values) if complete else _BAD

    def _tuple(self, node: Node, kind: inspect.VarTupleType, name: str, place: Place) -> Any:
        if not isinstance(node, Sequence):
            return self._wrong(node, name, place, "a list")
        if len(node.items) < (kind.min_length or 0):
            self._problems.error(place, f"{name} is an empty list")
            return _BAD
        items = tuple(
            self._read(item, kind.item_type, f"{name}[{index}]", item.place)
            for index, item in enumerate(node.items)
        )
        return _BAD if _BAD in items else items

    def _dict(self, node: Node, kind: inspect.DictType, name: str, place: Place) -> Any:
        if not isinstance(node, Mapping):
            return self._wrong(node, name, place, "a mapping")
        values = {
            key.text: self._read(value, kind.value_type, key.text, key.place) for key, value in node.entries
        }
        return _BAD if _BAD in values.values() else values

    def _scalar(self, node: Node, kind: inspect.Type, name: str, place: Place, description: str) -> Any:
        wanted = description or _WORDS.get(type(kind), "a text")
        if not isinstance(node, Scalar) or node.null:
            return self._wrong(node, name, place, wanted)
        if self._pending(node.text):
            return _BAD
        match kind:
            case inspect.StrType(pattern=pattern):
                if pattern is None or re.fullmatch(pattern, node.text):
                    return node.text
            case inspect.IntType(ge=least, le=most):
                number = int(node.text) if re.fullmatch(r"[-+]?[0-9]{1,18}", node.text) else None
                if (
                    number is not None
                    and (least is None or number >= least)
                    and (most is None or number <= most)
                ):
                    return number
            case inspect.BoolType():
                if node.text.lower() in _YES | _NO:
                    return node.text.lower() in _YES
            case inspect.LiteralType(values=values):
                if node.text in values:
                    return node.text
                choices = [str(value) for value in values]
                near = did_you_mean(node.text, choices) or f" (it is one of {', '.join(choices)})"
                self._problems.error(place, f"{name} cannot be {quote(node.text)}{near}")
                return _BAD
        return self._wrong(node, name, place, wanted)

    def _wrong(self, node: Node, name: str, place: Place, wanted: str) -> _Bad:
        self._problems.error(place, f"{name} has to be {wanted}, not {describe(node)}")
        return _BAD


def describe(node: Node) -> str:
    """What stands there, for the end of a message."""
    match node:
        case Scalar(null=True):
            return "nothing"
        case Scalar():
            return quote(node.text)
        case Sequence():
            return "a list"
    return "a mapping"


_WORDS: dict[type[inspect.Type], str] = {
    inspect.IntType: "a whole number",
    inspect.BoolType: "true or false",
}


@cache
def _type_of(shape: Any) -> inspect.Type:
    return msgspec.inspect.type_info(shape)
