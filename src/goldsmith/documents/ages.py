"""How long something may be kept, as people write it."""

import re
from datetime import timedelta

from ..errors import Invalid
from .problems import quote

AGE_RULE = "a whole number with s, m, h or d, such as 30m, 24h or 7d"

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AGE = re.compile(rf"([0-9]{{1,10}})([{''.join(_UNITS)}])")

#: Older than any file; the calendar has no room for what is much longer.
_LONGEST = timedelta(days=36500)


def parse_age(text: str) -> timedelta:
    """The time of a text such as `90s`, `30m`, `24h` or `7d`; `0s` is none.

    Raises Invalid, naming the text and the rule.
    """
    match = _AGE.fullmatch(text)
    if match is None:
        raise Invalid(f"{quote(text)} is not an age: {AGE_RULE}", code="invalid-age")
    try:
        age = timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        age = timedelta.max
    if age > _LONGEST:
        raise Invalid(f"{quote(text)} is too long for an age: the longest is 36500d", code="invalid-age")
    return age
