"""AWSTOE documents, schemaVersion 1.0 (reference §14)."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Annotated

import msgspec
from msgspec import Meta

from . import chaining
from .actions import ACTIONS
from .document import Constant, Document, OnFailure, Parameter, Phase, Step
from .problems import VALIDATE, Place, Problem, Problems, did_you_mean, quote
from .shapes import Reader
from .source import Mapping, Node, Scalar, Sequence, items_of
from .source import read as read_yaml

_SECONDS = "seconds from 1, or -1 for no limit"
_RULE = "3 to 128 letters, digits, _ or -"
_NAME = re.compile("^[A-Za-z0-9_-]{3,128}$")
Name = Annotated[str, Meta(pattern=_NAME.pattern, description=_RULE)]
#: AWS's own Assert example has blanks in step names, against its rule.
StepName = Annotated[
    str, Meta(pattern="^[A-Za-z0-9_-][A-Za-z0-9_ -]{1,126}[A-Za-z0-9_-]$", description=_RULE)
]
Nodes = Annotated[tuple[Node, ...], Meta(min_length=1)]

#: AWSTOE's actions (reference §15), whether they are here or not.
# fmt: off
ACTION_NAMES = frozenset((
    "AppendFile", "Assert", "CopyFile", "CopyFolder", "CreateFile", "CreateFolder", "CreateSymlink",
    "DeleteFile", "DeleteFolder", "ExecuteBash", "ExecuteBinary", "ExecuteDocument", "ExecutePowerShell",
    "InstallMSI", "ListFiles", "MoveFile", "MoveFolder", "ReadFile", "Reboot", "S3Download", "S3Upload",
    "SetFileEncoding", "SetFileOwner", "SetFilePermissions", "SetFolderOwner", "SetFolderPermissions",
    "SetRegistry", "UninstallMSI", "UpdateOS", "WebDownload",
))
# fmt: on
#: The schema asks every step for inputs; AWS's own components leave these two without.
_NEED_NO_INPUTS = frozenset({"Reboot", "UpdateOS"})


class _Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    disable_logging: bool = False


class _Document(_Shape, frozen=True, kw_only=True):
    # As a number in most real documents, as a text from tools that quote everything.
    schema_version: Annotated[str, Meta(pattern=r"^1(\.0)?$", description="1.0")]
    phases: Nodes
    name: str = ""
    description: str = ""
    parameters: tuple[Node, ...] = ()
    constants: tuple[Node, ...] = ()


class _Phase(_Shape, frozen=True, kw_only=True):
    name: Name
    steps: Nodes


class _Step(_Shape, frozen=True, kw_only=True):
    name: StepName
    action: str
    timeout_seconds: Annotated[int, Meta(ge=-1, description=_SECONDS)] = 7200
    on_failure: OnFailure = "Abort"
    max_attempts: Annotated[int, Meta(ge=1, description="a whole number from 1")] = 1
    inputs: Node | None = None
    if_: Node | None = msgspec.field(name="if", default=None)
    loop: Node | None = None


class _Parameter(msgspec.Struct, frozen=True, rename="camel"):
    type: Annotated[str, Meta(pattern="(?i)^string$", description="string")]
    default: str | None = None
    description: str = ""
    allowed_values: tuple[str, ...] = ()


class _Constant(msgspec.Struct, frozen=True):
    type: Annotated[str, Meta(pattern="(?i)^string$", description="string")]
    value: str
    description: str = ""


def check(text: str, filename: str) -> list[Problem]:
    """Everything that is wrong with a document, errors and warnings, in the order of its text."""
    problems = Problems()
    read(text, filename, problems)
    return problems.found


def parse(text: str, filename: str) -> Document:
    """A document ready to be planned. Raises Invalid for its first error, with its place."""
    problems = Problems()
    document = read(text, filename, problems)
    problems.raise_errors(VALIDATE)
    assert document is not None
    return document


def read(text: str, filename: str, problems: Problems) -> Document | None:
    """A document; None where the text has errors, all of which are told."""
    errors = len(problems.errors)
    root = read_yaml(text, filename, problems)
    if root is None:
        return None
    document = _document(root, filename, problems)
    chaining.check(document, problems)
    return document if len(problems.errors) == errors else None


def _document(root: Node, filename: str, problems: Problems) -> Document:
    """What can be made out, also of a document with errors, so that the rest can be checked."""
    shape = Reader(problems).read(root, _Document, "an AWSTOE document")
    seen: dict[str, Place] = {}
    parameters = [_parameter(entry, seen, problems) for entry in items_of(root, "parameters")]
    constants = [_constant(entry, seen, problems) for entry in items_of(root, "constants")]
    quiet = shape is not None and shape.disable_logging
    phases = tuple(
        _phase(node, number, quiet, problems) for number, node in enumerate(items_of(root, "phases"), 1)
    )
    _check_unique("phase", phases, problems)
    return Document(
        name=PurePath(filename).stem,
        file=filename,
        language="toe",
        phases=phases,
        parameters=tuple(filter(None, parameters)),
        constants=tuple(filter(None, constants)),
        title=shape.name if shape else "",
        description=shape.description if shape else "",
    )


def _phase(node: Node, number: int, quiet: bool, problems: Problems) -> Phase:
    name = _text(node, "name")
    with problems.within(f"phase {quote(name) if name else number}: "):
        shape = Reader(problems).read(node, _Phase, "a phase")
    quiet = quiet or (shape is not None and shape.disable_logging)
    steps = tuple(
        _step(step, index, name, quiet, problems) for index, step in enumerate(items_of(node, "steps"), 1)
    )
    _check_unique("step", steps, problems)
    return Phase(name, steps, _place_of(node, "name"))


def _step(node: Node, number: int, phase: str, quiet: bool, problems: Problems) -> Step:
    name, action = _text(node, "name"), _text(node, "action")
    inputs = node.get("inputs") if isinstance(node, Mapping) else None
    step = Step(name, action, _place_of(node, "name"), inputs)
    with problems.within(f"step {quote(name) if name else number}: "):
        shape = Reader(problems).read(node, _Step, "a step")
        if action:
            _check_action(action, _place_of(node, "action"), problems)
            _check_inputs(action, inputs, _place_of(node, "inputs"), phase, problems)
        if shape is None:
            return step
        if shape.timeout_seconds == 0:
            problems.error(_place_of(node, "timeoutSeconds"), f'timeoutSeconds has to be {_SECONDS}, not "0"')
        for key, value in (("if", shape.if_), ("loop", shape.loop)):
            if value is not None:
                place = _place_of(node, key)
                problems.error(place, f"{quote(key)} is part of AWSTOE and not there yet in goldsmith")
    return msgspec.structs.replace(
        step,
        timeout=None if shape.timeout_seconds == -1 else shape.timeout_seconds,
        on_failure=shape.on_failure,
        attempts=shape.max_attempts,
        logged=not (quiet or shape.disable_logging),
    )


def _check_action(action: str, place: Place, problems: Problems) -> None:
    if action in ACTIONS:
        return
    if action in ACTION_NAMES:
        problems.error(place, f"the action {action} is known to AWSTOE and not there yet in goldsmith")
    else:
        problems.error(place, f"unknown action {quote(action)}{did_you_mean(action, ACTION_NAMES)}")


def _check_inputs(action: str, inputs: Node | None, place: Place, phase: str, problems: Problems) -> None:
    if _is_empty(inputs):
        if action in ACTION_NAMES - _NEED_NO_INPUTS:
            problems.error(place, f"{action} needs inputs, and phase {quote(phase)} gives it none")
    elif action in ACTIONS and inputs is not None:
        # What a reference will bring in is judged when its value is known.
        reader = Reader(problems, pending=lambda text: "{{" in text)
        reader.read(inputs, ACTIONS[action].inputs, "inputs", place)


def _parameter(entry: Node, seen: dict[str, Place], problems: Problems) -> Parameter | None:
    key, node = _definition("parameter", "{type: string}", entry, seen, problems)
    if key is None:
        return None
    known = ("type", "default", "description", "allowedValues")
    for name, _ in node.entries:
        if name.text not in known:
            near = did_you_mean(name.text, known)
            problems.warning(
                name.place, f"parameter {key.text}: the key {quote(name.text)} has no effect{near}"
            )
    node = Mapping(tuple(each for each in node.entries if each[0].text in known), node.place)
    with problems.within(f"parameter {key.text}: "):
        shape = Reader(problems).read(node, _Parameter, "a parameter", key.place)
        if shape is None:
            return Parameter(key.text, key.place)
        if shape.default is not None and shape.allowed_values and shape.default not in shape.allowed_values:
            place = node.place_of("default")
            problems.error(place, f"the default {quote(shape.default)} is not among allowedValues")
    return Parameter(key.text, key.place, shape.default, shape.description, shape.allowed_values)


def _constant(entry: Node, seen: dict[str, Place], problems: Problems) -> Constant | None:
    key, node = _definition("constant", "{type: string, value: …}", entry, seen, problems)
    if key is None:
        return None
    with problems.within(f"constant {key.text}: "):
        shape = Reader(problems).read(node, _Constant, "a constant", key.place)
    return Constant(key.text, shape.value if shape else "", key.place)


def _definition(
    kind: str, shape: str, entry: Node, seen: dict[str, Place], problems: Problems
) -> tuple[Scalar | None, Mapping]:
    """The name and the definition of an entry such as `- Level: {type: string}`."""
    nothing = Mapping((), entry.place)
    match entry:
        case Mapping(entries=((key, Mapping() as definition),)):
            pass
        case _:
            hint = f"write - {_text(entry, 'name') or 'Name'}: {shape}"
            problems.error(entry.place, f"a {kind} is one name with its definition below", hint=hint)
            return None, nothing
    if not _NAME.fullmatch(key.text):
        problems.error(key.place, f"the name of a {kind} has to be {_RULE}, not {quote(key.text)}")
    elif key.text in seen:
        line = seen[key.text].line
        problems.error(key.place, f"the name {quote(key.text)} is taken already, in line {line}")
    seen.setdefault(key.text, key.place)
    return key, definition


def _check_unique(kind: str, named: tuple[Phase, ...] | tuple[Step, ...], problems: Problems) -> None:
    seen: dict[str, Place] = {}
    for each in named:
        if each.name and each.name in seen:
            line = seen[each.name].line
            problems.error(each.place, f"the {kind} {quote(each.name)} is there already, in line {line}")
        seen.setdefault(each.name, each.place)


def _text(node: Node, key: str) -> str:
    value = node.get(key) if isinstance(node, Mapping) else None
    return value.text if isinstance(value, Scalar) else ""


def _place_of(node: Node, key: str) -> Place:
    return node.place_of(key) if isinstance(node, Mapping) else node.place


def _is_empty(node: Node | None) -> bool:
    match node:
        case None | Scalar(null=True) | Sequence(items=()) | Mapping(entries=()):
            return True
    return False
