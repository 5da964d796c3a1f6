"""Going on from the steps that are there leaves the same files as running them all (docs/layers.md)."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import pytest

from goldsmith.builds import machines, stages
from goldsmith.builds.home import Home
from goldsmith.builds.job import Job
from goldsmith.catalog.images import Image
from goldsmith.disks import layer_files
from goldsmith.disks.layer_files import USES
from goldsmith.disks.layers import Layers
from goldsmith.documents.plan import Plan
from goldsmith.documents.recipe import Loaded
from goldsmith.guests.runs import run_folder
from goldsmith.log import Log
from goldsmith.steps.lookup import Policy
from goldsmith.steps.report import Report
from tests import recipes, trees
from tests.trees import Reader, Tree

DOCUMENTS = Path(__file__).parents[1] / "documents"
#: What ./test takes; ./test --all takes all.
QUICK = ("chained", "wanted")


def _documents() -> list[object]:
    names = sorted(path.stem for path in DOCUMENTS.glob("*.yml"))
    return [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow, id=name) for name in names]


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.mark.timeout(1800)  # up to five boots, emulated on a busy machine
@pytest.mark.parametrize("document", _documents())
def test_at_every_cut_a_warm_build_leaves_the_files_of_a_cold_one(
    shared_home: Home, debian: Image, reader: Reader, tmp_path: Path, document: str
) -> None:
    copied = Path(shutil.copy(DOCUMENTS / f"{document}.yml", tmp_path))
    loaded = recipes.loaded(tmp_path, debian.id, [copied])
    cold, cold_tree = build(shared_home, loaded, debian, reader, tmp_path, Policy(reuse=False))
    count = len(cold.steps)
    assert count >= 3

    # From the top down: what is made above a cut is not what the cold build made.
    for cut in reversed(range(1, count)):
        forget(shared_home, cold.steps[cut].layer)
        warm, warm_tree = build(shared_home, loaded, debian, reader, tmp_path, Policy())

        assert [step.reused or step.repeated for step in warm.steps] == [True] * cut + [False] * (count - cut)
        # Where the build went back to the base, the machine was new once more.
        new = trees.FIRST_BOOT if warm.steps[0].repeated else {}
        assert trees.differences(cold_tree, warm_tree, trees.EXCEPTIONS | new) == [], f"after {cut} steps"


def build(
    home: Home, loaded: Loaded, base: Image, reader: Reader, folder: Path, policy: Policy
) -> tuple[Report, Tree]:
    """Run a recipe's steps, and read what the machine that was shut down left: what images are made of."""
    with run_folder(home.settings) as run:
        job = Job(
            id="",
            home=home,
            log=Log(),
            loaded=loaded,
            base=base,
            hardware=cache(lambda: machines.of_recipe(home.settings, Log(), loaded.recipe)),
            folder=run,
            layers=Layers(home.settings, run / USES, Log()),
            build=stages.plans(loaded)[0],
            tests=Plan(()),
            variables={},
            policy=policy,
        )
        bench, known = stages.prepare(job)
        made = stages.build(job, bench, lambda _: None)
        assert made.report.error() is None
        assert made.disk is not None
        assert known.facts.root.partition is not None
        return made.report, reader.read(made.disk, known.facts.root.partition, folder)


def forget(home: Home, digest: str) -> None:
    """Let no key name a layer any more. What stands on it is not found either: keys name what is below."""
    for key in home.settings.keys.iterdir():
        if layer_files.read_key(key) == digest:
            key.unlink()
