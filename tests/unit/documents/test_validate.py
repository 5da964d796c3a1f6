from pathlib import Path

import pytest

from goldsmith.documents.validate import check_file
from goldsmith.errors import NotFound


def complaints(path: Path, content: bytes) -> list[str]:
    path.write_bytes(content)
    return [f"{Path(each.file).name}:{each.line}:{each.column}: {each.message}" for each in check_file(path)]


def test_a_recipe_is_told_by_its_base_or_its_components(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"

    assert complaints(path, b"base: debian-12\n") == [
        'a.yml:1:1: a recipe needs "name"',
        'a.yml:1:1: a recipe needs "version"',
    ]
    assert complaints(path, b"name: a\nversion: 1.0.0\ncomponents: []\n") == [
        'a.yml:1:1: a recipe needs "base"'
    ]


def test_anything_else_is_a_document(tmp_path: Path) -> None:
    assert complaints(tmp_path / "a.yml", b"schemaVersion: 1.0\n") == [
        'a.yml:1:1: an AWSTOE document needs "phases"'
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "a.yml:1:1: the file is empty"),
        (b"a: \xff", "a.yml:1:4: not UTF-8 text"),
        (
            b"a: [",
            "a.yml:2:1: not YAML: did not find expected node content, "
            "while parsing a flow node that begins in line 2",
        ),
        (b"x" * (4 * 1024 * 1024 + 1), "a.yml:1:1: longer than 1048576 characters"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_place(tmp_path: Path, content: bytes, complaint: str) -> None:
    assert complaints(tmp_path / "a.yml", content) == [complaint]


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as failed:
        check_file(tmp_path / "gone.yml")

    assert failed.value.message == f"cannot read {tmp_path}/gone.yml: No such file or directory"


def test_the_example_of_the_readme_is_in_order() -> None:
    assert check_file(Path(__file__).parents[3] / "examples" / "nginx" / "recipe.yml") == []
