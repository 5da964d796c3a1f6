"""The recipe file: a base image, components and what to make of them (design, "Recipe file")."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ..errors import Invalid, NotFound
from .ages import parse_age
from .document import BUILD_PHASES, TEST_PHASES
from .plan import Component
from .problems import VALIDATE, Place, Problem, Problems, did_you_mean, quote
from .recipe_components import read_component
from .recipe_secrets import SecretUse, read_secrets
from .shapes import Reader
from .source import Mapping, Node, decode, items_of, read_file
from .source import read as read_yaml

Format = Literal["qcow2", "raw", "vmdk", "vhd", "vhdx"]

#: The parts of the clean-up that a recipe can leave out.
CleanUp = Literal[
    "logs",
    "histories",
    "caches",
    "machine-id",
    "ssh-host-keys",
    "random-seed",
    "cloud-init",
    "leases",
    "temporary",
]

MAX_DISK = 64 * 2**40
LEAST_MEMORY = 256 * 2**20
_UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(rf"^([0-9]{{1,9}}) ?({'|'.join(_UNITS)})$")
Size = Annotated[str, Meta(pattern=_SIZE.pattern, description="a size with its unit, such as 10GiB")]

NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
NAME_RULE = "1 to 128 letters, digits, ., _ or -, a letter or digit first"


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """What to build. Sizes are in bytes; None leaves a value to the build. `base` names an image, or
    is the whole path of a disk.

    `max_age` is how long a layer that was made with the network is reused. `places` has where each key
    is written, nested ones with a dot (`disk.size`), for later errors.
    """

    name: str
    version: str
    base: str
    description: str = ""
    disk_size: int | None = None
    boot: Literal["bios", "uefi"] = "bios"
    memory: int | None = None
    cpus: int | None = None
    guest: Literal["auto", "vm"] = "auto"
    test: Literal["firmware", "direct"] = "firmware"
    family: str | None = None
    formats: tuple[Format, ...] = ("qcow2",)
    keep: frozenset[CleanUp] = frozenset()
    secrets: tuple[SecretUse, ...] = ()
    max_age: timedelta | None = None
    refresh: tuple[str, ...] = ()
    places: MappingOf[str, Place] = {}

    def where(self, key: str) -> str:
        """`file:line:column` of a key, or the nothing of one that is left out."""
        return str(self.places.get(key, ""))


class Loaded(msgspec.Struct, frozen=True):
    """A recipe with its documents read and checked; `warnings` are for people to see."""

    recipe: Recipe
    components: tuple[Component, ...]
    tests: tuple[Component, ...]
    warnings: tuple[Problem, ...] = ()


class _Disk(msgspec.Struct, frozen=True):
    size: Size | None = None


class _Machine(msgspec.Struct, frozen=True):
    memory: Size | None = None
    cpus: Annotated[int, Meta(ge=1, le=64, description="a whole number from 1 to 64")] | None = None


class _Network(msgspec.Struct, frozen=True):
    allow: tuple[str, ...] = ()


class _Cache(msgspec.Struct, frozen=True):
    max_age: str | None = None
    refresh: tuple[str, ...] = ()


class _Output(msgspec.Struct, frozen=True):
    family: Annotated[str, Meta(pattern=NAME, description=NAME_RULE)] | None = None
    formats: Annotated[tuple[Format, ...], Meta(min_length=1)] = ("qcow2",)
    regions: tuple[str, ...] = ()
    keep: tuple[CleanUp, ...] = ()


class _Recipe(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(pattern=NAME, description=NAME_RULE)]
    version: Annotated[
        str, Meta(pattern=r"^[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}$", description="three numbers, such as 1.0.0")
    ]
    base: str
    description: str = ""
    disk: _Disk = _Disk()
    boot: Literal["bios", "uefi"] = "bios"
    machine: _Machine = _Machine()
    components: tuple[Node, ...] = ()
    tests: tuple[Node, ...] = ()
    guest: Literal["auto", "vm", "sandbox"] = "auto"
    network: _Network = _Network()
    secrets: dict[str, str] = {}
    cache: _Cache = _Cache()
    output: _Output = _Output()
    test: Literal["firmware", "direct"] = "firmware"


def load_recipe(path: Path) -> Loaded:
    """Read a recipe and the documents it names, whose paths begin at the recipe's folder.

    Raises NotFound: there is no such recipe. Raises Invalid: its first error or that of a document.
    """
    problems = Problems()
    loaded = _load(path, problems)
    problems.raise_errors(VALIDATE)
    assert loaded is not None
    return msgspec.structs.replace(loaded, warnings=tuple(problems.warnings))


def check_recipe(path: Path) -> list[Problem]:
    """Everything that is wrong with a recipe and the documents it names. Raises NotFound: no recipe."""
    problems = Problems()
    _load(path, problems)
    return problems.found


def parse_size(text: str) -> int:
    """Bytes of a size such as `10GiB` or `20GB`, in whole MiB; the text fits Size."""
    match = _SIZE.match(text)
    assert match is not None
    size = int(match[1]) * _UNITS[match[2]]
    return -(-size // 2**20) * 2**20


def _load(path: Path, problems: Problems) -> Loaded | None:
    try:
        content = read_file(path)
    except OSError as error:
        raise NotFound(f"cannot read the recipe {path}: {error.strerror}") from None
    text = decode(content, str(path), problems)
    root = None if text is None else read_yaml(text, str(path), problems)
    if root is None:
        return None
    shape = Reader(problems).read(root, _Recipe, "a recipe")
    places = _places(root)
    if shape is not None:
        if shape.disk.size and parse_size(shape.disk.size) > MAX_DISK:
            problems.error(places["disk.size"], f"the largest disk is 64TiB, not {shape.disk.size}")
        if shape.machine.memory and parse_size(shape.machine.memory) < LEAST_MEMORY:
            problems.error(
                places["machine.memory"], f"a machine has at least 256MiB, not {shape.machine.memory}"
            )
        _refuse_what_comes_later(shape, places, problems)
    components = [
        read_component(node, path, BUILD_PHASES + TEST_PHASES, problems)
        for node in items_of(root, "components")
    ]
    tests = [read_component(node, path, TEST_PHASES, problems) for node in items_of(root, "tests")]
    if shape is None:
        return None
    if shape.cache.refresh and None not in components:
        _check_refresh(shape.cache.refresh, filter(None, components), places["cache.refresh"], problems)
    recipe = _recipe(shape, path.parent, places, problems)
    return Loaded(recipe, tuple(filter(None, components)), tuple(filter(None, tests)))


def _recipe(shape: _Recipe, folder: Path, places: dict[str, Place], problems: Problems) -> Recipe:
    return Recipe(
        name=shape.name,
        version=shape.version,
        base=str((folder / shape.base).absolute()) if shape.base.startswith(("./", "../")) else shape.base,
        description=shape.description,
        disk_size=parse_size(shape.disk.size) if shape.disk.size else None,
        boot=shape.boot,
        memory=parse_size(shape.machine.memory) if shape.machine.memory else None,
        cpus=shape.machine.cpus,
        guest="vm" if shape.guest == "vm" else "auto",
        test=shape.test,
        family=shape.output.family,
        formats=tuple(dict.fromkeys(shape.output.formats)),
        keep=frozenset(shape.output.keep),
        secrets=read_secrets(shape.secrets, places, problems),
        max_age=_max_age(shape.cache.max_age, places, problems),
        refresh=shape.cache.refresh,
        places=places,
    )


def _max_age(written: str | None, places: dict[str, Place], problems: Problems) -> timedelta | None:
    if written is None:
        return None
    try:
        return parse_age(written)
    except Invalid as error:
        problems.error(places["cache.max_age"], f"max_age: {error.message}", hint=error.hint)
        return None


def spellings(component: str, phase: str, step: str) -> set[str]:
    """How `cache.refresh` may name a step, alone or with its component."""
    return {component, f"{component}.{step}", f"{component}.{phase}.{step}"}


def _check_refresh(
    refresh: tuple[str, ...], components: Iterable[Component], place: Place, problems: Problems
) -> None:
    """Tell what names nothing. A test leaves no layer, so its steps are none of those."""
    known = {
        spelling
        for component in components
        for name in BUILD_PHASES
        if (phase := component.document.phase(name))
        for step in phase.steps
        for spelling in spellings(component.document.name, phase.name, step.name)
    }
    for name in refresh:
        if name not in known:
            near = did_you_mean(name, sorted(known))
            problems.error(
                place,
                f"refresh: {quote(name)} is no component or step of this recipe{near}",
                hint="name a COMPONENT, a COMPONENT.STEP or a COMPONENT.PHASE.STEP",
            )


def _refuse_what_comes_later(shape: _Recipe, places: dict[str, Place], problems: Problems) -> None:
    """What the recipe asks for and this version cannot do is never passed over in silence."""
    asked = {
        "guest": shape.guest == "sandbox" and "the sandbox guest is",
        "network.allow": shape.network.allow and "allowed addresses are",
        "output.regions": shape.output.regions and "regions are",
        "base": re.match("(arn|oci|https?):", shape.base) and "a base by ARN or URL is",
    }
    for key, what in asked.items():
        if what:
            problems.error(places[key], f"{key}: {what} not there yet in goldsmith")


def _places(root: Node) -> dict[str, Place]:
    places: dict[str, Place] = {}
    for key, value in root.entries if isinstance(root, Mapping) else ():
        places[key.text] = key.place
        for below, _ in value.entries if isinstance(value, Mapping) else ():
            places[f"{key.text}.{below.text}"] = below.place
    return places
