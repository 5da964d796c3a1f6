"""Keeps secrets out of what is told: in a text, however it comes and is wrapped, `***` stands for them.

A secret is also known by what programs commonly make of it: base64, wherever in a longer text it begins,
URL quoting, a JSON text, one line out of several, and each longer line alone. Line ends are looked
through, so a program that wraps its lines gives nothing away.
"""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

MASK = "***"

#: Characters besides white space that a secret has at least: a shorter one would mask half of every text.
SHORTEST = 4

#: A line out of several is masked alone from this length on.
SHORTEST_LINE = 8

#: Line ends that are held back with the beginning of a secret; of more, the rest is left out.
MOST_LINE_ENDS = 1 << 16

#: So many first characters of a form are looked for in one go; shorter beginnings stand in a set.
_ANCHOR = 8

_LINE_ENDS = re.compile(r"[\r\n]+")

#: The lines around keys and certificates (RFC 7468) are no secret, and every image has some.
_ARMOUR = re.compile(r"-{5}(BEGIN|END) [A-Z0-9 ]+-{5}")
_ESCAPE = re.compile(r"%[0-9A-F]{2}")


class Masker:
    """Masks some secrets. Raises ValueError for one that `too_short` tells of."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms: set[str] = set()
        for secret in secrets:
            if too_short(secret):
                raise ValueError(f"a secret has at least {SHORTEST} characters besides white space")
            forms |= {_flat(form) for form in _forms(secret)}
        self._forms = tuple(sorted(forms))
        self._starts = frozenset(
            form[:length] for form in forms for length in range(1, min(_ANCHOR, len(form)))
        )

    def mask(self, text: str) -> str:
        """A whole text, masked."""
        if not self.holds(text):
            return text
        stream = self.stream()
        return stream.feed(text) + stream.flush()

    def mask_error(self, error: BaseException) -> None:
        """Mask all that an error says, in place: message, hint, last lines, notes, and what caused it."""
        seen: list[BaseException] = []
        each: BaseException | None = error
        while each is not None and each not in seen:
            seen.append(each)
            each.args = tuple(self.mask(arg) if isinstance(arg, str) else arg for arg in each.args)
            told = vars(each)
            for name, value in told.items():
                if isinstance(value, str):
                    told[name] = self.mask(value)
                elif isinstance(value, tuple | list) and all(isinstance(line, str) for line in value):
                    # As one text: a secret may be spread over them.
                    told[name] = type(value)(self.mask("\n".join(value)).split("\n")) if value else value
            each = each.__cause__ or each.__context__

    def holds(self, data: str | bytes) -> bool:
        """Whether a secret is in there, in any form that would be masked."""
        flat = _flat(data if isinstance(data, str) else data.decode(errors="replace"))
        return any(form in flat for form in self._forms)

    def stream(self) -> MaskedStream:
        """For a text that comes in pieces."""
        return MaskedStream(self._forms, self._starts)


#: Masks nothing.
NOTHING = Masker(())


class MaskedStream:
    """A text that comes in pieces. What may be the beginning of a secret is held back until that is clear.

    Held back is less than the longest form of a secret, and at most MOST_LINE_ENDS besides.
    """

    def __init__(self, forms: tuple[str, ...], starts: frozenset[str]) -> None:
        self._forms = forms
        self._starts = starts
        self._held = ""
        #: How much at the start of what is held is part of a secret that was told as masked already.
        self._told = 0

    def feed(self, piece: str) -> str:
        """What can be told now."""
        if not self._forms:
            return piece
        text = self._held + piece
        flat = _flat(text)
        return self._tell(text, flat, self._beginning(flat))

    def flush(self) -> str:
        """The rest, when nothing more comes."""
        flat = _flat(self._held)
        return self._tell(self._held, flat, len(flat))

    def _tell(self, text: str, flat: str, end: int) -> str:
        """Tell `text` up to where `flat[end]` stands in it, and hold the rest. `flat` has no line ends."""
        spans = self._spans(flat)
        if not spans and end == len(flat):
            self._held = ""
            return text
        place = _places(text)
        parts: list[str] = []
        done, told = 0, 0 if end else self._told
        for start, stop in spans:
            if start >= end:
                break
            parts.append(text[done : place(start)])
            if start > 0 or not self._told:
                parts.append(MASK)
            # Line ends within a secret go with it, also where only its first part can be told now.
            done = place(end) if stop > end else place(stop - 1) + 1
            told = max(0, stop - end)
        parts.append(text[done : place(end)])
        self._held, self._told = text[place(end) :], told
        if len(self._held) > len(flat) - end + MOST_LINE_ENDS:
            self._held = flat[end:]
        return "".join(parts)

    def _beginning(self, flat: str) -> int:
        """Where at the end stands what may become a form; the text's length where nothing does."""
        size = len(flat)
        begins = size
        for form in self._forms:
            at = flat.find(form[:_ANCHOR], max(0, size - len(form) + 1))
            while 0 <= at < begins:
                if form.startswith(flat[at:]):
                    begins = at
                at = flat.find(form[:_ANCHOR], at + 1)
        short = (
            size - length for length in range(min(_ANCHOR - 1, size), 0, -1) if flat[-length:] in self._starts
        )
        return min(begins, next(short, size))

    def _spans(self, flat: str) -> list[tuple[int, int]]:
        """Where secrets are, in order; those that overlap are one."""
        found = [(0, self._told)] if self._told else []
        for form in self._forms:
            start = flat.find(form)
            while start >= 0:
                found.append((start, start + len(form)))
                start = flat.find(form, start + 1)
        spans: list[tuple[int, int]] = []
        for start, stop in sorted(found):
            if spans and start < spans[-1][1]:
                spans[-1] = (spans[-1][0], max(stop, spans[-1][1]))
            else:
                spans.append((start, stop))
        return spans


def too_short(secret: str) -> bool:
    """Whether a text has fewer characters than can be masked (white space does not count)."""
    return len("".join(secret.split())) < SHORTEST


def _forms(secret: str) -> Iterator[str]:
    """The secret and what programs make of it."""
    yield secret
    yield secret.strip()
    yield " ".join(secret.split())  # what a shell's `echo $SECRET` makes of it
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= SHORTEST_LINE and not _ARMOUR.fullmatch(line))
    yield from (json.dumps(secret, ensure_ascii=ascii)[1:-1] for ascii in (True, False))
    for quoted in (quote(secret), quote(secret, safe=""), quote_plus(secret)):
        yield quoted
        yield _ESCAPE.sub(lambda escape: escape[0].lower(), quoted)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            # Within a longer text, the characters at both ends depend on what stands beside it there.
            data = bytes(before) + secret.encode()
            first = -(-before * 8 // 6)
            yield encode(data).decode()[first : len(data) * 8 // 6]
            yield encode(data).decode()[first:]
            yield encode(data + b"\n").decode()[first:]


def _flat(text: str) -> str:
    return text.replace("\n", "").replace("\r", "")


def _places(text: str) -> Callable[[int], int]:
    """A function from a character's number without line ends to its number with them."""
    starts, removed = [0], [0]
    for ends in _LINE_ENDS.finditer(text):
        starts.append(ends.start() - removed[-1])
        removed.append(removed[-1] + len(ends[0]))
    return lambda index: index + removed[bisect_right(starts, index) - 1]
