from pathlib import Path

import pytest

from goldsmith.documents.loading import load_document
from goldsmith.errors import Invalid, NotFound
from tests.unit.documents.toe_texts import bash, document


def test_a_document_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "nginx.yml"
    path.write_text(document(bash()))

    loaded = load_document(path)

    assert (loaded.name, loaded.file) == ("nginx", str(path))


def test_a_document_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as failed:
        load_document(tmp_path / "gone.yml")

    assert failed.value.message == f"cannot read the component {tmp_path}/gone.yml: No such file or directory"


def test_the_first_error_of_several_is_raised(tmp_path: Path) -> None:
    path = tmp_path / "nginx.yml"
    path.write_text("schemaVersion: 3\nphases: []\n")

    with pytest.raises(Invalid) as failed:
        load_document(path)

    assert str(failed.value) == f'{path}:1:1: schemaVersion has to be 1.0, not "3"'
    assert failed.value.hint == "1 more error; `goldsmith validate` shows all"
