"""Checks a file for its author: a recipe with all it names, or a document."""

from pathlib import Path

from ..errors import NotFound
from . import toe
from .problems import Problem, Problems
from .recipe import check_recipe
from .source import Mapping, decode, read, read_file


def check_file(path: Path) -> list[Problem]:
    """Every problem of a file. Raises NotFound: it cannot be read.

    A recipe is told from a document by its base or its components.
    """
    try:
        content = read_file(path)
    except OSError as error:
        raise NotFound(f"cannot read {path}: {error.strerror}") from None
    problems = Problems()
    text = decode(content, str(path), problems)
    root = None if text is None else read(text, str(path), problems)
    if text is None or root is None:
        return problems.found
    if isinstance(root, Mapping) and (root.get("base") or root.get("components")):
        return check_recipe(path)
    return toe.check(text, str(path))
