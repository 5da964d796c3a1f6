"""A document from a file."""

from pathlib import Path

from ..errors import NotFound
from . import toe
from .document import Document
from .problems import VALIDATE, Problems
from .source import decode, read_file


def load_document(path: Path) -> Document:
    """Read and check a document. Raises NotFound: there is no such file; Invalid: its first error."""
    try:
        content = read_file(path)
    except OSError as error:
        raise NotFound(f"cannot read the component {path}: {error.strerror}") from None
    problems = Problems()
    text = decode(content, str(path), problems)
    document = None if text is None else toe.read(text, str(path), problems)
    problems.raise_errors(VALIDATE)
    assert document is not None
    return document
