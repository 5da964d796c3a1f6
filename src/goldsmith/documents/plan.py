"""Documents, their values and the wanted phases become the ordered steps of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ..errors import Invalid
from .actions import ACTIONS
from .chaining import Chain, chained_uses
from .document import Document, Parameter, Step
from .problems import Problems, did_you_mean, quote
from .references import substitute
from .shapes import Reader


class Component(msgspec.Struct, frozen=True):
    """A document with the values that its user gives. `where` is the place that names it, if any."""

    document: Document
    parameters: Mapping[str, str] = {}
    where: str = ""


class PlannedStep(msgspec.Struct, frozen=True):
    """A step with its references still in it.

    `component` numbers the components of the plan from 0: steps of one number share their chain.
    `values` are parameters and constants by name.
    """

    component: int
    document: Document
    phase: str
    step: Step
    values: Mapping[str, str]


class Plan(msgspec.Struct, frozen=True):
    steps: tuple[PlannedStep, ...]


def assign(components: Sequence[Component], settings: Mapping[str, str]) -> tuple[Component, ...]:
    """The components with the settings of `--set` put in.

    `NAME` is for every component that declares it, `component.NAME` for those of that name.
    Raises Invalid: no component declares it.
    """
    parameters = [dict(component.parameters) for component in components]
    for setting, value in settings.items():
        owner, _, name = setting.rpartition(".")
        declared = [
            index
            for index, component in enumerate(components)
            if owner in ("", component.document.name) and _parameter(component.document, name)
        ]
        if not declared:
            raise _unknown_setting(setting, [component.document for component in components])
        for index in declared:
            parameters[index][name] = value
    return tuple(
        msgspec.structs.replace(component, parameters=given)
        for component, given in zip(components, parameters, strict=True)
    )


def make_plan(components: Sequence[Component], phases: Iterable[str]) -> Plan:
    """The steps of the wanted phases, component after component, phases in each document's order.

    That is the order of AWSTOE's command line; whether Image Builder validates after all builds is
    not documented (reference §11.1).
    Raises Invalid: a parameter without value, with one that is not allowed, or unknown; an input that
    is wrong with these values; a reference to a step that is not part of the run.
    """
    wanted = frozenset(phases)
    steps: list[PlannedStep] = []
    for number, component in enumerate(components):
        document = component.document
        values = _values(component)
        planned = [
            PlannedStep(number, document, phase.name, step, values)
            for phase in document.phases
            if phase.name in wanted
            for step in phase.steps
        ]
        _check(planned)
        steps += planned
    return Plan(tuple(steps))


def require_phases(document: Document, phases: Iterable[str]) -> None:
    """Raise Invalid for a phase that the document does not have: it would run nothing and succeed."""
    known = [phase.name for phase in document.phases]
    for phase in phases:
        if phase not in known:
            raise Invalid(
                f"there is no phase {quote(phase)}{did_you_mean(phase, known)}",
                where=document.file,
                hint=f"its phases are {', '.join(known)}",
            )


def resolve(planned: PlannedStep, chain: Chain) -> Any:
    """A step's inputs as its action takes them, references replaced; the chain learns them.

    Raises Invalid: with these values an input is wrong.
    """
    step = planned.step
    shape = ACTIONS[step.action].inputs
    if step.inputs is None:
        return shape()
    node = substitute(step.inputs, planned.values, chain.lookup)
    chain.taken(planned.phase, step.name, node)
    problems = Problems()
    inputs = Reader(problems).read(node, shape, "inputs")
    problems.raise_errors()
    return inputs


def _values(component: Component) -> dict[str, str]:
    document = component.document
    known = [parameter.name for parameter in document.parameters]
    for name in component.parameters:
        if name not in known:
            raise Invalid(
                f"{document.name} has no parameter {quote(name)}{did_you_mean(name, known)}",
                where=component.where,
            )
    values = {constant.name: constant.value for constant in document.constants}
    missing = []
    for parameter in document.parameters:
        value = component.parameters.get(parameter.name, parameter.default)
        if value is None:
            missing.append(parameter)
        elif parameter.allowed and value not in parameter.allowed:
            allowed = ", ".join(parameter.allowed)
            raise Invalid(
                f"the parameter {parameter.name} cannot be {quote(value)} (it is one of {allowed})",
                where=str(parameter.place),
            )
        else:
            values[parameter.name] = value
    if missing:
        names = ", ".join(parameter.name for parameter in missing)
        raise Invalid(
            f"{document.name} needs a value for {names}",
            where=str(missing[0].place),
            hint=f"give it with --set {missing[0].name}=…, or under parameters: in the recipe",
        )
    return values


def _check(planned: Sequence[PlannedStep]) -> None:
    """Find before anything runs what the values make wrong."""
    steps = {(each.phase, each.step.name) for each in planned}
    problems = Problems()
    for each in planned:
        step = each.step
        with problems.within(f"step {quote(step.name)}: "):
            for use, chained in chained_uses(step):
                if (chained.phase, chained.step) not in steps:
                    problems.error(use.place, f"{use.written}: phase {chained.phase} is not part of this run")
            if step.inputs is not None:
                node = substitute(step.inputs, each.values, lambda chained: None)
                reader = Reader(problems, pending=lambda text: "{{" in text)
                reader.read(node, ACTIONS[step.action].inputs, "inputs")
    problems.raise_errors()


def _parameter(document: Document, name: str) -> Parameter | None:
    return next((parameter for parameter in document.parameters if parameter.name == name), None)


def _unknown_setting(setting: str, documents: Sequence[Document]) -> Invalid:
    owner, _, name = setting.rpartition(".")
    owners = [document.name for document in documents]
    if owner and owner not in owners:
        return Invalid(
            f"there is no component {quote(owner)}{did_you_mean(owner, owners)}", where=f"--set {setting}"
        )
    known = [
        parameter.name
        for document in documents
        if owner in ("", document.name)
        for parameter in document.parameters
    ]
    whose = owner or "no component"
    says = "has no parameter" if owner else "has a parameter"
    return Invalid(f"{whose} {says} {quote(name)}{did_you_mean(name, known)}", where=f"--set {setting}")
