"""What is wrong with a text, all of it at once, each with its place."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

import msgspec

from ..errors import Invalid


class Place(NamedTuple):
    """A place in a text. Lines and columns count from 1, columns count characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(msgspec.Struct, frozen=True):
    """One thing to tell an author. An error keeps the text from running, a warning does not."""

    file: str
    line: int
    column: int
    severity: Literal["error", "warning"]
    message: str
    hint: str = ""

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problems:
    """Collects problems while a text is read, so that a reader can go on after a mistake."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        self._context = ""

    def error(self, place: Place, message: str, *, hint: str = "") -> None:
        self._found[Problem(*place, "error", self._context + message, hint)] = None

    def warning(self, place: Place, message: str, *, hint: str = "") -> None:
        self._found[Problem(*place, "warning", self._context + message, hint)] = None

    def add(self, problems: Iterable[Problem]) -> None:
        self._found.update(dict.fromkeys(problems))

    @contextmanager
    def within(self, context: str) -> Iterator[None]:
        """Set words such as `step "Install": ` before the messages of a block."""
        before = self._context
        self._context = before + context
        try:
            yield
        finally:
            self._context = before

    @property
    def found(self) -> list[Problem]:
        """Each problem once, in the order of the text."""
        return sorted(self._found, key=lambda problem: (problem.file, problem.line, problem.column))

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.found if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        return [problem for problem in self.found if problem.severity == "warning"]

    def raise_errors(self, advice: str = "") -> None:
        """Raise Invalid for the first error, nothing without one.

        Where there are more, the hint counts them and says `advice`.
        """
        errors = self.errors
        if not errors:
            return
        first, more = errors[0], len(errors) - 1
        count = f"{more} more {'error' if more == 1 else 'errors'}" if more else ""
        hint = "; ".join(filter(None, [first.hint, count, advice if more else ""]))
        raise Invalid(first.message, where=first.where, hint=hint)


#: The advice for who has errors in a file.
VALIDATE = "`goldsmith validate` shows all"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean ExecuteBash?)`, or nothing where no known word is near."""
    spelt = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word[:100].lower(), spelt, n=1, cutoff=0.6)
    return f" (did you mean {spelt[near[0]]}?)" if near else ""


def quote(text: str) -> str:
    """A value as a message shows it: in double quotes, one line, not longer than a line."""
    shown = text if len(text) <= 60 else text[:57] + "..."
    return '"' + "".join(c if c.isprintable() else repr(c)[1:-1] for c in shown) + '"'
