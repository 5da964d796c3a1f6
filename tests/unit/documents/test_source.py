import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldsmith.documents.problems import Place, Problems
from goldsmith.documents.source import MAX_CHARACTERS, Mapping, Node, Scalar, Sequence, decode, read


def plain(node: Node | None) -> object:
    """The node as lists, dictionaries and texts; None for nothing written."""
    match node:
        case Scalar(null=True):
            return None
        case Scalar():
            return node.text
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key.text: plain(value) for key, value in node.entries}
    raise AssertionError(node)


def good(text: str) -> Node:
    problems = Problems()
    node = read(text, "a.yml", problems)
    assert problems.found == []
    assert node is not None
    return node


def complaints(text: str) -> list[str]:
    problems = Problems()
    read(text, "a.yml", problems)
    return [f"{each.where}: {each.message}" for each in problems.found]


def test_scalars_are_kept_as_written() -> None:
    text = "[1.10, 0700, no, 1e3, 0x1F, 123456789012, '1', 2024-01-01, !!str 010]"

    assert plain(good(text)) == [
        "1.10",
        "0700",
        "no",
        "1e3",
        "0x1F",
        "123456789012",
        "1",
        "2024-01-01",
        "010",
    ]


def test_nothing_differs_from_an_empty_text() -> None:
    assert plain(good("{a: , b: ~, c: null, d: '', e: 'null', f: \"~\"}")) == {
        "a": None,
        "b": None,
        "c": None,
        "d": "",
        "e": "null",
        "f": "~",
    }


def test_places_count_lines_and_characters_from_one() -> None:
    node = good("a: 1\n'é': {b: [x, y]}\n")

    assert isinstance(node, Mapping)
    inner = node.entries[1][1]
    assert isinstance(inner, Mapping)
    assert node.place_of("é") == Place("a.yml", 2, 1)
    assert inner.place_of("b") == Place("a.yml", 2, 7)
    assert inner.entries[0][1].place == Place("a.yml", 2, 10)


@pytest.mark.parametrize(
    "text",
    [
        "---\na: [x]\n",
        "# a comment at column 1\n a:\n - x\n",
        "# a no-break\u00a0space\na:\n- x",
        "\ufeffa:\n  - x\n",
        "a:\r\n  - x\r\n",
    ],
)
def test_unusual_layouts_are_read(text: str) -> None:
    """Edge 19."""
    assert plain(good(text)) == {"a": ["x"]}


def test_a_key_stands_once() -> None:
    assert complaints("a: 1\nb: {c: 1, c: 2}\na: 3\n") == [
        'a.yml:2:11: the key "c" is there already, in line 2',
        'a.yml:3:1: the key "a" is there already, in line 1',
    ]


def test_keys_are_texts() -> None:
    problems = Problems()
    read("a: {{ b }}\n", "a.yml", problems)

    (problem,) = problems.found
    assert problem.where == "a.yml:1:5"
    assert problem.message == "a key has to be a text"
    assert problem.hint == "put a value that begins with {{ into quotes"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "a.yml:1:1: the file is empty"),
        ("# nothing\n", "a.yml:1:1: the file is empty"),
        ("a: 1\n---\nb: 2\n", "a.yml:2:1: a second YAML document begins here"),
        (
            "a: [1\nb: 2\n",
            "a.yml:2:2: not YAML: did not find expected ',' or ']', "
            "while parsing a flow sequence that begins in line 1",
        ),
        (
            "a:\n  b: |\n    x\n  EOF\n",
            "a.yml:5:1: not YAML: could not find expected ':', "
            "while scanning a simple key that begins in line 4",
        ),
        ("ü: \x07", "a.yml:1:4: not YAML: the character U+0007 is not allowed"),
        ("ü: \ud800", "a.yml:1:4: not YAML: the character U+D800 is not allowed"),
        ('a: "\\0"', "a.yml:1:4: a text cannot hold the character U+0000"),
        ("a: *b", "a.yml:1:4: *b names no anchor"),
        ("a: &b [*b]", "a.yml:1:8: *b stands inside the value that it names"),
        ("a: !Ref b", "a.yml:1:4: the tag !Ref has no meaning here"),
        ("a: !!binary aGk=", "a.yml:1:4: the tag !!binary has no meaning here"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, complaint: str) -> None:
    assert complaints(text) == [complaint]


def test_a_tab_has_a_hint() -> None:
    problems = Problems()
    read("a:\n\tb: 1\n", "a.yml", problems)

    assert [each.hint for each in problems.found] == ["indent with spaces, not tabs"]


def test_anchors_and_merge_keys_work() -> None:
    text = (
        "base: &base {a: 1, b: 2}\nmore: {<<: *base, b: 3}\nboth: {<<: [*base, {c: 4}]}\nlist: [&x y, *x]\n"
    )

    assert plain(good(text)) == {
        "base": {"a": "1", "b": "2"},
        "more": {"b": "3", "a": "1"},
        "both": {"a": "1", "b": "2", "c": "4"},
        "list": ["y", "y"],
    }


def test_aliases_cannot_blow_memory_up() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    assert complaints("\n".join(lines)) == ["a.yml:6:5: too large with its aliases written out"]


def test_aliases_of_one_long_text_cannot_either() -> None:
    text = f"a: &a {'x' * 500_000}\nb: [{', '.join(['*a'] * 10)}]\n"

    assert complaints(text) == ["a.yml:2:4: too large with its aliases written out"]


def test_aliases_cannot_nest_without_end() -> None:
    lines = ["- &a0 [x]"] + [f"- &a{n} [*a{n - 1}]" for n in range(1, 5000)]

    assert complaints("\n".join(lines)) == ["a.yml:64:9: nested deeper than 64 levels"]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "{", "[{a: ["])
def test_a_megabyte_of_nesting_is_refused_quickly(opening: str) -> None:
    text = opening * (MAX_CHARACTERS // len(opening))

    (complaint,) = complaints(text)

    assert "nested deeper than 64 levels" in complaint or "exceeded maximum nesting depth" in complaint


def test_a_text_over_the_limit_is_refused() -> None:
    assert complaints("a" * (MAX_CHARACTERS + 1)) == ["a.yml:1:1: longer than 1048576 characters"]


def test_files_are_utf_8_with_or_without_a_mark() -> None:
    problems = Problems()

    assert decode(b"\xef\xbb\xbfa: \xc3\xa9", "a.yml", problems) == "a: é"
    assert decode("é:\n é\xff".encode("latin-1"), "a.yml", problems) is None
    assert [f"{each.where}: {each.message}" for each in problems.found] == ["a.yml:1:1: not UTF-8 text"]


def test_the_place_of_a_wrong_byte_is_told() -> None:
    problems = Problems()
    decode(b"a: 1\n\xc3\xa9: \xff", "a.yml", problems)

    assert [each.where for each in problems.found] == ["a.yml:2:4"]


YAMLISH = st.text(
    st.sampled_from("ab:-?,[]{}&*!|>'\"%@`#~<=. \n\t\r\0\x07\x85\u2028é\ufeff😀01"), max_size=80
)


@given(st.one_of(st.text(max_size=200), YAMLISH))
def test_any_text_is_read_or_told_about(text: str) -> None:
    problems = Problems()

    node = read(text, "a.yml", problems)

    assert node is not None or problems.errors


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_told_about(content: bytes) -> None:
    problems = Problems()

    assert (decode(content, "a.yml", problems) is None) == bool(problems.errors)


@given(
    st.recursive(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
        ),
        max_leaves=20,
    )
)
def test_what_a_writer_writes_comes_back(value: object) -> None:
    import yaml

    text = yaml.safe_dump(value, allow_unicode=True)

    assert plain(good(text)) == value
