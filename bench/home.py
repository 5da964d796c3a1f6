"""A GOLDSMITH_HOME for benches, with the base that all ways of doing the job start from."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .measuring import goldsmith

RECIPE = Path(__file__).parent / "job" / "recipe.yml"


def environment(work: Path) -> dict[str, str]:
    """A home of its own; the cache, and so the base and the kernels, are the user's."""
    return {**os.environ, "GOLDSMITH_HOME": str(work / "home")}


def bootstrap(work: Path) -> Path:
    """The base's disk, made where it is not there yet."""
    _ask(work, "image", "bootstrap", "debian-12")
    return Path(_ask(work, "image", "show", "debian-12")["image"]["path"])


def built(work: Path) -> Path:
    """The newest image of the job, built where there is none."""
    images = _ask(work, "image", "list")["images"]
    mine = [image for image in images if image["name"] == "bench-nginx" and image["state"] == "available"]
    if mine:
        return Path(mine[0]["path"])
    bootstrap(work)
    return Path(_ask(work, "build", RECIPE)["image"]["path"])


def delete(work: Path, image_id: str) -> None:
    _ask(work, "image", "delete", image_id)


def objects(stream: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The JSON objects that goldsmith prints, one a line, as they come."""
    for line in stream:
        yield json.loads(line)


def _ask(work: Path, *words: str | Path) -> Any:
    done = subprocess.run(
        goldsmith(*words, "--json"), env=environment(work), stdout=subprocess.PIPE, text=True, check=True
    )
    return list(objects(iter(done.stdout.splitlines())))[-1]
