"""The clean-up list that people read is the one that runs."""

import re
from pathlib import Path
from typing import get_args

from goldsmith.builds.cleanup import PARTS
from goldsmith.documents.recipe import CleanUp

PAGE = Path(__file__).parents[3] / "docs" / "images.md"


def test_each_part_can_be_named_in_a_recipe_and_stands_in_the_docs() -> None:
    section = PAGE.read_text().split("## What is cleaned")[1].split("## ")[0]
    described = re.findall(r"^\| ([a-z-]+) \|", section, re.MULTILINE)
    assert set(described[1:]) == set(PARTS) == set(get_args(CleanUp))
