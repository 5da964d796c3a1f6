"""What references of one document may point at, and what they give while its steps run."""

from __future__ import annotations

from collections.abc import Iterator

from .actions import ACTIONS
from .document import Document, Step
from .problems import Problems, did_you_mean
from .references import Chained, Named, Outside, Use, uses
from .source import Mapping, Node, Scalar, Sequence

StepKey = tuple[str, str]


class Chain:
    """What the steps of one document have taken and given so far."""

    def __init__(self) -> None:
        self._inputs: dict[StepKey, Node] = {}
        self._outputs: dict[StepKey, dict[str, str]] = {}

    def taken(self, phase: str, step: str, inputs: Node) -> None:
        self._inputs[phase, step] = inputs

    def given(self, phase: str, step: str, outputs: dict[str, str]) -> None:
        self._outputs[phase, step] = outputs

    def lookup(self, chained: Chained) -> str | None:
        """The value of a reference; None where the step was skipped or failed (edge 22)."""
        key = (chained.phase, chained.step)
        if chained.side == "outputs":
            return self._outputs.get(key, {}).get(chained.key)
        found = _input(self._inputs.get(key), chained)
        return found.text if isinstance(found, Scalar) else None


def chained_uses(step: Step) -> Iterator[tuple[Use, Chained]]:
    """The references of a step to earlier steps."""
    for use in uses(step.inputs):
        if isinstance(use.reference, Chained):
            yield use, use.reference


def check(document: Document, problems: Problems) -> None:
    """Tell every reference that can never hold, and warn of those that name nothing."""
    names = [*(each.name for each in document.parameters), *(each.name for each in document.constants)]
    earlier: set[StepKey] = set()
    for phase in document.phases:
        for step in phase.steps:
            with problems.within(f'step "{step.name}": '):
                for use in uses(step.inputs):
                    _check_use(use, document, names, earlier, problems)
            earlier.add((phase.name, step.name))


def _check_use(
    use: Use, document: Document, names: list[str], earlier: set[StepKey], problems: Problems
) -> None:
    match use.reference:
        case Named(name=name) if name in names:
            return
        case Named(name=name):
            near = did_you_mean(name, names)
            problems.warning(
                use.place, f"{use.written} names no parameter or constant and stays as it is{near}"
            )
        case Chained() as chained:
            _check_chained(use, chained, document, earlier, problems)
        case Outside(source=source):
            problems.error(
                use.place,
                f"{use.written}: references to {source} are known to AWSTOE and not there yet in goldsmith",
            )
        case _:
            problems.warning(use.place, f"{use.written} refers to nothing and stays as it is")


def _check_chained(
    use: Use, chained: Chained, document: Document, earlier: set[StepKey], problems: Problems
) -> None:
    phase = document.phase(chained.phase)
    if phase is None:
        near = did_you_mean(chained.phase, [each.name for each in document.phases])
        problems.error(use.place, f"{use.written}: there is no phase {chained.phase}{near}")
        return
    step = phase.step(chained.step)
    if step is None:
        near = did_you_mean(chained.step, [each.name for each in phase.steps])
        problems.error(use.place, f"{use.written}: phase {phase.name} has no step {chained.step}{near}")
    elif (chained.phase, chained.step) not in earlier:
        problems.error(use.place, f"{use.written}: step {step.name} does not run before this one")
    elif chained.side == "inputs":
        if not isinstance(_input(step.inputs, chained), Scalar):
            problems.error(use.place, f"{use.written}: step {step.name} has no such text among its inputs")
    elif step.action in ACTIONS:
        outputs = ACTIONS[step.action].outputs
        if chained.key not in outputs or chained.index not in (None, 0):
            gives = f"gives only {', '.join(outputs)}" if outputs else "gives no outputs"
            problems.error(
                use.place, f"{use.written}: {step.action} {gives}{did_you_mean(chained.key, outputs)}"
            )


def _input(node: Node | None, chained: Chained) -> Node | None:
    """The input that a reference names: in a list by its index, else of the one mapping."""
    index = chained.index or 0
    if isinstance(node, Sequence):
        node = node.items[index] if index < len(node.items) else None
    elif index > 0:
        return None
    return node.get(chained.key) if isinstance(node, Mapping) else None
