from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from goldsmith.documents.problems import Problems
from goldsmith.documents.shapes import Reader
from goldsmith.documents.source import Node, Scalar, read


class Inner(msgspec.Struct, frozen=True):
    flag: bool = False


class Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    name: Annotated[str, Meta(pattern="^[a-z]+$", description="small letters")]
    max_size: Annotated[int, Meta(ge=1, le=9, description="a number from 1 to 9")] = 5
    colour: Literal["red", "green"] = "red"
    words: Annotated[tuple[str, ...], Meta(min_length=1)] = ("none",)
    inner: Inner | None = None
    values: dict[str, str] = {}
    raw: Node | None = None


def shape(text: str, pending: bool = False) -> tuple[Shape | None, list[str]]:
    problems = Problems()
    node = read(text, "a.yml", problems)
    assert node is not None
    reader = Reader(problems, pending=(lambda text: "{{" in text) if pending else lambda text: False)
    value = reader.read(node, Shape, "a thing")
    return value, [f"{each.where}: {each.message}" for each in problems.found]


def test_a_struct_is_read() -> None:
    value, complaints = shape(
        "name: abc\nmaxSize: 7\ncolour: green\nwords: [a, 010]\n"
        "inner: {flag: yes}\nvalues: {a: 1.10}\nraw: [x]\n"
    )

    assert complaints == []
    assert value is not None
    assert (value.name, value.max_size, value.colour, value.words) == ("abc", 7, "green", ("a", "010"))
    assert value.inner == Inner(flag=True)
    assert value.values == {"a": "1.10"}


def test_nothing_written_is_the_default() -> None:
    value, complaints = shape("{name: abc, maxSize: , colour: ~, words: null, inner: , values: , raw: }")

    assert complaints == []
    assert value is not None
    assert (value.max_size, value.colour, value.words) == (5, "red", ("none",))
    assert (value.inner, value.values, value.raw) == (None, {}, None)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{}", 'a.yml:1:1: a thing needs "name"'),
        ("[]", "a.yml:1:1: a thing has to be a mapping, not a list"),
        ("abc", 'a.yml:1:1: a thing has to be a mapping, not "abc"'),
        ("name: ", "a.yml:1:1: name has to be small letters, not nothing"),
        ("name: ABC", 'a.yml:1:1: name has to be small letters, not "ABC"'),
        ('name: "abc\\n"', 'a.yml:1:1: name has to be small letters, not "abc\\n"'),
        ("name: [a]", "a.yml:1:1: name has to be small letters, not a list"),
        ("{name: abc, nam: x}", 'a.yml:1:13: a thing has no key "nam" (did you mean name?)'),
        ("{name: abc, MaxSize: 2}", 'a.yml:1:13: a thing has no key "MaxSize" (did you mean maxSize?)'),
        ("{name: abc, zzz: x}", 'a.yml:1:13: a thing has no key "zzz"'),
        ("{name: abc, maxSize: 10}", 'a.yml:1:13: maxSize has to be a number from 1 to 9, not "10"'),
        ("{name: abc, maxSize: 1.0}", 'a.yml:1:13: maxSize has to be a number from 1 to 9, not "1.0"'),
        ("{name: abc, maxSize: 0x1}", 'a.yml:1:13: maxSize has to be a number from 1 to 9, not "0x1"'),
        ("{name: abc, colour: grene}", 'a.yml:1:13: colour cannot be "grene" (did you mean green?)'),
        ("{name: abc, colour: x}", 'a.yml:1:13: colour cannot be "x" (it is one of green, red)'),
        ("{name: abc, words: []}", "a.yml:1:13: words is an empty list"),
        ("{name: abc, words: one}", 'a.yml:1:13: words has to be a list, not "one"'),
        ("{name: abc, words: [a, [b]]}", "a.yml:1:24: words[1] has to be a text, not a list"),
        ("{name: abc, words: [a, ]}", None),
        ("{name: abc, words: [a, ~]}", "a.yml:1:24: words[1] has to be a text, not nothing"),
        ("{name: abc, inner: {flag: maybe}}", 'a.yml:1:21: flag has to be true or false, not "maybe"'),
        ("{name: abc, values: {a: {}}}", "a.yml:1:22: a has to be a text, not a mapping"),
    ],
)
def test_a_mistake_is_told_at_its_key_or_item(text: str, complaint: str | None) -> None:
    value, complaints = shape(text)

    assert complaints == ([complaint] if complaint else [])
    assert (value is None) == bool(complaint)


def test_all_mistakes_are_told_at_once() -> None:
    _, complaints = shape("{maxSize: x, inner: {flg: 1}, words: [{}]}")

    assert complaints == [
        'a.yml:1:1: a thing needs "name"',
        'a.yml:1:2: maxSize has to be a number from 1 to 9, not "x"',
        'a.yml:1:22: inner has no key "flg" (did you mean flag?)',
        "a.yml:1:39: words[0] has to be a text, not a mapping",
    ]


def test_a_value_that_comes_later_is_not_judged_but_its_place_is() -> None:
    assert shape("{name: '{{ A }}', maxSize: '{{ N }}', colour: '{{ C }}'}", pending=True) == (None, [])
    assert shape("{name: abc, words: '{{ A }}'}", pending=True)[1] == [
        'a.yml:1:13: words has to be a list, not "{{ A }}"'
    ]


def test_a_node_comes_as_it_is() -> None:
    value, _ = shape("{name: abc, raw: 0700}")

    assert value is not None
    assert isinstance(value.raw, Scalar)
    assert value.raw.text == "0700"


def test_a_long_or_unprintable_value_is_shown_short() -> None:
    _, complaints = shape(f'{{name: "{"A" * 100}\\n"}}')

    assert complaints == [f'a.yml:1:2: name has to be small letters, not "{"A" * 57}..."']
