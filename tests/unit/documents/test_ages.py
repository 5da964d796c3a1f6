from datetime import timedelta

import pytest

from goldsmith.documents.ages import parse_age
from goldsmith.errors import Invalid


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("24h", timedelta(days=1)),
        ("7d", timedelta(days=7)),
        ("0s", timedelta()),
        ("36500d", timedelta(days=36500)),
    ],
)
def test_an_age_is_a_number_with_its_unit(text: str, age: timedelta) -> None:
    assert parse_age(text) == age


@pytest.mark.parametrize("text", ["", "24", "h", "24 h", "-1h", "1.5h", "24H", "1d12h", "7d\n", "٣h", "1w"])
def test_anything_else_is_told_with_the_rule(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_age(text)

    shown = text.replace("\n", "\\n")
    assert caught.value.message == (
        f'"{shown}" is not an age: a whole number with s, m, h or d, such as 30m, 24h or 7d'
    )


@pytest.mark.parametrize("text", ["36501d", "9999999999d"])
def test_no_age_reaches_before_the_calendar(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_age(text)

    assert caught.value.message == f'"{text}" is too long for an age: the longest is 36500d'
