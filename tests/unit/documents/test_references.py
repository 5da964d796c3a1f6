import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldsmith.documents.problems import Place, Problems
from goldsmith.documents.references import (
    MAX_CHARACTERS,
    Chained,
    Named,
    Outside,
    Unknown,
    parse,
    substitute,
    uses,
)
from goldsmith.documents.source import Mapping, Node, Scalar, Sequence, read
from goldsmith.errors import Invalid

HERE = Place("a.yml", 1, 1)


def nothing(chained: Chained) -> str | None:
    return None


def replaced(text: str, **values: str) -> str:
    node = substitute(Scalar(text, HERE), values, nothing)
    assert isinstance(node, Scalar)
    return node.text


def tree(text: str) -> Node:
    node = read(text, "a.yml", Problems())
    assert node is not None
    return node


@pytest.mark.parametrize(
    ("inner", "reference"),
    [
        ("Name", Named("Name")),
        ("  a_b-1  ", Named("a_b-1")),
        ("ab", Unknown()),
        (" .Param ", Unknown()),
        ("loop.value", Unknown()),
        ("", Unknown()),
        ("build.Get.outputs.stdout", Chained("build", "Get", "outputs", None, "stdout")),
        ("build.Get it.outputs[0].stdout", Chained("build", "Get it", "outputs", 0, "stdout")),
        ("build.Get.inputs[12].source", Chained("build", "Get", "inputs", 12, "source")),
        ("build.Get.inputs.document-s3", Chained("build", "Get", "inputs", None, "document-s3")),
        ("build.Get.output.stdout", Unknown()),
        ("aws:ssm:/path/x", Outside("aws:ssm")),
        ("aws:ssm:resolve(name)", Outside("aws:ssm")),
        ("aws:imds:instance-id", Outside("aws:imds")),
        ("env:HOME", Outside("env")),
        ("context:date", Outside("context")),
        ("global:x", Unknown()),
    ],
)
def test_braces_hold_one_of_a_few_forms(inner: str, reference: object) -> None:
    assert parse(inner) == reference


def test_names_are_replaced_with_or_without_blanks() -> None:
    assert replaced("{{Name}}-{{ Name }}/{{  Name  }}", Name="x") == "x-x/x"


def test_there_is_exactly_one_pass() -> None:
    """Case C05: a value that holds braces is not looked at again."""
    assert replaced("- debug: msg={{ jinja }}", jinja="{{ item }}", item="no") == "- debug: msg={{ item }}"


@pytest.mark.parametrize(
    "text",
    ["{{ item }}", "{{ .State }}", "{{ a.b.outputs.stdout", "{{\nitem\n}}", "{{}}", "}} {{", "{ {item} }"],
)
def test_what_names_nothing_stays_as_it_is(text: str) -> None:
    """Edge 1, case C05."""
    assert replaced(text, other="x") == text


def test_braces_around_braces_keep_theirs() -> None:
    assert replaced("{{{ item }}} ${{{ item }}}", item="x") == "{x} ${x}"


def test_chained_values_come_from_the_lookup() -> None:
    asked = []

    def lookup(chained: Chained) -> str | None:
        asked.append(str(chained))
        return "1" if chained.key == "stdout" else None

    node = substitute(
        Scalar("exit {{build.Fail.outputs.stdout}} {{ build.Get.inputs[0].path }}", HERE), {}, lookup
    )

    assert isinstance(node, Scalar)
    assert node.text == "exit 1 {{ build.Get.inputs[0].path }}"
    assert asked == ["{{ build.Fail.outputs.stdout }}", "{{ build.Get.inputs[0].path }}"]


def test_every_text_of_a_tree_is_gone_through_and_keys_are_not() -> None:
    node = substitute(
        tree("- path: '{{ Name }}'\n  list: [a, '{{ Name }}']\n  '{{ Name }}': x\n"), {"Name": "v"}, nothing
    )

    assert isinstance(node, Sequence)
    mapping = node.items[0]
    assert isinstance(mapping, Mapping)
    keys = [key.text for key, _ in mapping.entries]
    path, inner = mapping.get("path"), mapping.get("list")
    assert keys == ["path", "list", "{{ Name }}"]
    assert isinstance(path, Scalar)
    assert path.text == "v"
    assert isinstance(inner, Sequence)
    assert [item.text for item in inner.items if isinstance(item, Scalar)] == ["a", "v"]


def test_a_value_that_becomes_empty_is_still_a_text() -> None:
    node = substitute(Scalar("{{ Name }}", HERE), {"Name": ""}, nothing)

    assert isinstance(node, Scalar)
    assert (node.text, node.null) == ("", False)


def test_references_have_places_of_their_own() -> None:
    text = (
        "a: x {{ One }} {{ Two }}\nb: |\n  é {{ Tri }}\n\n    {{ Four }}\n"
        "c: ['{{ Five }}', \"{{\\x20Six }}\"]\n"
    )

    found = [(use.written, str(use.place)) for use in uses(tree(text))]

    assert found == [
        ("{{ One }}", "a.yml:1:6"),
        ("{{ Two }}", "a.yml:1:16"),
        ("{{ Tri }}", "a.yml:3:5"),
        ("{{ Four }}", "a.yml:5:5"),
        ("{{ Five }}", "a.yml:6:6"),
        ("{{ Six }}", "a.yml:6:20"),
    ]


def test_a_folded_reference_has_the_place_of_its_text() -> None:
    assert [str(use.place) for use in uses(tree("a: >\n  {{\n  Name }}\n"))] == ["a.yml:1:4"]


def test_texts_do_not_grow_without_bound() -> None:
    text = "{{ Name }}" * 20

    with pytest.raises(Invalid) as failed:
        replaced(text, Name="x" * (MAX_CHARACTERS // 19))

    assert str(failed.value) == "a.yml:1:1: the inputs grow over 16777216 characters with their references"


BRACED = st.text(st.sampled_from("{}ab. [0]:\nNameoutputsinputs"), max_size=60)


@given(BRACED)
def test_without_values_every_text_stays_as_it_is(text: str) -> None:
    assert replaced(text) == text


@given(st.lists(st.sampled_from(["{{ Name }}", "{{Name}}", "{", "}", " ", "x", "{{ none }}"])), st.text())
def test_the_result_is_the_texts_between_and_the_values(pieces: list[str], value: str) -> None:
    text = "|".join(pieces)

    expected = "|".join(value if "Name" in piece else piece for piece in pieces)

    assert replaced(text, Name=value) == expected


@given(st.text(max_size=60))
def test_any_inner_text_is_parsed(text: str) -> None:
    assert isinstance(parse(text), Named | Chained | Outside | Unknown)
