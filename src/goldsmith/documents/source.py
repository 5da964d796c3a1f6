"""Reads YAML into nodes that know their place and keep scalars exactly as written.

The usual constructors turn `1.10`, `0700` and `no` into 1.1, 448 and False; documents need the text
(reference §16.1). The nodes are made from the parser's events, without recursion, so that neither
nesting nor aliases can exhaust a stack or the memory.
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import yaml

from .problems import Place, Problems, quote

MAX_CHARACTERS = 1024 * 1024
MAX_BYTES = 4 * MAX_CHARACTERS
_TOO_LONG = f"longer than {MAX_CHARACTERS} characters"
MAX_DEPTH = 64
#: Bounds what aliases can expand to: a value weighs 16, and each character of a text 1.
MAX_WEIGHT = 4 * MAX_CHARACTERS
_VALUE_WEIGHT = 16

#: The spellings of "nothing" in YAML 1.1, and the one of leaving a value out.
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TAGS = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(_TAGS + kind for kind in ("str", "int", "float", "bool", "null", "seq", "map"))


class Node:
    """A value of a text: Scalar, Sequence or Mapping. `place` is where it begins."""

    __slots__ = ()
    place: Place


@dataclass(frozen=True, slots=True, eq=False)
class Scalar(Node):
    """A text, as written. `raw` is its source, with quotes and indentation, kept where it has `{{`."""

    text: str
    place: Place
    null: bool = False
    raw: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Sequence(Node):
    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True, eq=False)
class Mapping(Node):
    """Keys are unique texts."""

    entries: tuple[tuple[Scalar, Node], ...]
    place: Place

    def get(self, key: str) -> Node | None:
        return next((value for name, value in self.entries if name.text == key), None)

    def place_of(self, key: str) -> Place:
        """Where a key is written, or the mapping's own place."""
        return next((name.place for name, _ in self.entries if name.text == key), self.place)


def items_of(node: Node, key: str) -> tuple[Node, ...]:
    """The items of the list under a key; none where there is no such list."""
    value = node.get(key) if isinstance(node, Mapping) else None
    return value.items if isinstance(value, Sequence) else ()


def read_file(path: Path) -> bytes:
    """A file's bytes, cut off where they cannot be a text of allowed length. Raises OSError."""
    # Before it is opened: a pipe would wait for a writer.
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is not a file")
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def decode(content: bytes, file: str, problems: Problems) -> str | None:
    """The text of a file, without a byte order mark; None, with a problem, where it is not UTF-8."""
    if len(content) > MAX_BYTES:
        problems.error(Place(file, 1, 1), _TOO_LONG)
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = content[: error.start].decode("utf-8-sig")
        problems.error(_place_after(text, file), "not UTF-8 text", hint="save the file as UTF-8")
        return None


def read(text: str, file: str, problems: Problems) -> Node | None:
    """The one document of a YAML text. None, with a problem, where it is none.

    Duplicate keys, unknown tags and keys that are no text are told and reading goes on.
    """
    if len(text) > MAX_CHARACTERS:
        problems.error(Place(file, 1, 1), _TOO_LONG)
        return None
    text = text.removeprefix("\ufeff")
    try:
        return _Composer(text, file, problems).compose()
    except _Stop as stop:
        problems.error(stop.place, stop.message, hint=stop.hint)
    except yaml.MarkedYAMLError as error:
        _tell(error, text, file, problems)
    except yaml.reader.ReaderError as error:
        # The C parser counts in bytes of UTF-8.
        before = text.encode()[: error.position].decode(errors="ignore")
        problems.error(_place_after(before, file), f"not YAML: the character {_code_point(error.character)}")
    except UnicodeEncodeError as error:
        place = _place_after(text[: error.start], file)
        problems.error(place, f"not YAML: the character {_code_point(ord(text[error.start]))}")
    return None


class _Stop(Exception):
    """A mistake after which the rest cannot be read."""

    def __init__(self, place: Place, message: str, hint: str = "") -> None:
        self.place, self.message, self.hint = place, message, hint


class _Made(NamedTuple):
    """A value with what it costs, aliases written out: its weight, and the levels below it."""

    node: Node
    weight: int
    levels: int


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    place: Place
    is_mapping: bool
    anchor: str | None
    made: list[_Made] = field(default_factory=list)


class _Composer:
    def __init__(self, text: str, file: str, problems: Problems) -> None:
        self._text, self._file, self._problems = text, file, problems
        self._open: list[_Open] = []
        self._anchors: dict[str, _Made | None] = {}
        self._root: Node | None = None

    def compose(self) -> Node:
        for event in yaml.parse(self._text, Loader=yaml.CSafeLoader):
            mark = event.start_mark
            assert mark is not None
            place = Place(self._file, mark.line + 1, mark.column + 1)
            match event:
                case yaml.DocumentStartEvent() if self._root is not None:
                    raise _Stop(place, "a second YAML document begins here", "keep one in a file")
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._check_tag(event.tag, place)
                    if event.anchor:
                        self._anchors[event.anchor] = None
                    self._open.append(_Open(place, isinstance(event, yaml.MappingStartEvent), event.anchor))
                    self._check_levels(place, 0)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    opened = self._open.pop()
                    self._take(self._close(opened), opened.anchor)
                case yaml.ScalarEvent():
                    self._check_tag(event.tag, place)
                    self._take(self._scalar(event, place), event.anchor)
                case yaml.AliasEvent(anchor=str(name)):
                    self._take(self._alias(name, place), None)
        if self._root is None:
            raise _Stop(Place(self._file, 1, 1), "the file is empty")
        return self._root

    def _take(self, made: _Made, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = made
        if self._open:
            self._open[-1].made.append(made)
        else:
            self._root = made.node

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> _Made:
        text: str = event.value
        if "\0" in text:
            raise _Stop(place, "a text cannot hold the character U+0000")
        assert event.start_mark is not None
        assert event.end_mark is not None
        raw = self._text[event.start_mark.index : event.end_mark.index] if "{{" in text else ""
        scalar = Scalar(text, place, null=event.implicit[0] and text in _NULLS, raw=raw)
        return _Made(scalar, _VALUE_WEIGHT + len(text), 0)

    def _alias(self, name: str, place: Place) -> _Made:
        if name not in self._anchors:
            raise _Stop(place, f"*{name} names no anchor", f"write &{name} before the value it stands for")
        made = self._anchors[name]
        if made is None:
            raise _Stop(place, f"*{name} stands inside the value that it names")
        self._check_levels(place, made.levels)
        return made

    def _close(self, opened: _Open) -> _Made:
        weight = _VALUE_WEIGHT + sum(made.weight for made in opened.made)
        if weight > MAX_WEIGHT:
            raise _Stop(opened.place, "too large with its aliases written out")
        levels = 1 + max((made.levels for made in opened.made), default=0)
        nodes = [made.node for made in opened.made]
        if opened.is_mapping:
            return _Made(self._mapping(nodes, opened.place), weight, levels)
        return _Made(Sequence(tuple(nodes), opened.place), weight, levels)

    def _mapping(self, nodes: list[Node], place: Place) -> Mapping:
        entries: dict[str, tuple[Scalar, Node]] = {}
        merged: list[Node] = []
        for key, value in zip(nodes[::2], nodes[1::2], strict=True):
            if not isinstance(key, Scalar):
                hint = "put a value that begins with {{ into quotes" if isinstance(key, Mapping) else ""
                self._problems.error(key.place, "a key has to be a text", hint=hint)
            elif key.text == "<<" and not isinstance(value, Scalar):
                merged.append(value)
            elif key.text in entries:
                line = entries[key.text][0].place.line
                self._problems.error(key.place, f"the key {quote(key.text)} is there already, in line {line}")
            else:
                entries[key.text] = (key, value)
        for key, value in _merge_entries(merged):
            entries.setdefault(key.text, (key, value))
        return Mapping(tuple(entries.values()), place)

    def _check_levels(self, place: Place, below: int) -> None:
        if len(self._open) + below > MAX_DEPTH:
            raise _Stop(place, f"nested deeper than {MAX_DEPTH} levels")

    def _check_tag(self, tag: str | None, place: Place) -> None:
        if tag and tag != "!" and tag not in _PLAIN_TAGS:
            shown = tag.replace(_TAGS, "!!")
            hint = "expand the template first" if shown.startswith("!") else ""
            self._problems.error(place, f"the tag {shown} has no meaning here", hint=hint)


def _merge_entries(merged: list[Node]) -> Iterator[tuple[Scalar, Node]]:
    """What `<<: *defaults` or `<<: [*a, *b]` brings in; a key of the mapping's own goes before it."""
    for node in merged:
        if isinstance(node, Mapping):
            yield from node.entries
        elif isinstance(node, Sequence):
            yield from _merge_entries(list(node.items))


def _tell(error: yaml.MarkedYAMLError, text: str, file: str, problems: Problems) -> None:
    mark = error.problem_mark or error.context_mark
    place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
    context = ""
    if error.context and error.context_mark:
        context = f", {error.context} that begins in line {error.context_mark.line + 1}"
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    hint = "indent with spaces, not tabs" if "\t" in line[: place.column] else ""
    problems.error(place, f"not YAML: {error.problem or error.context}{context}", hint=hint)


def _place_after(text: str, file: str) -> Place:
    line = text.count("\n") + 1
    return Place(file, line, len(text) - (text.rfind("\n") + 1) + 1)


def _code_point(character: int) -> str:
    return f"U+{character:04X} is not allowed"
