"""`goldsmith build --explain`: what a build would run and what it would reuse, and why. Starts nothing."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace

from ..catalog.images import Image
from ..disks.layer_files import USES
from ..disks.layers import Layer, Layers
from ..documents.chaining import Chain
from ..documents.plan import PlannedStep
from ..documents.recipe import Loaded
from ..guests.machine import Hardware
from ..guests.runs import run_folder
from ..log import Log
from ..steps.going_on import known_start
from ..steps.lookup import Found, look_up
from ..steps.sealing import powered_off
from ..steps.step import names
from . import build as builds
from . import grounds, imports, reuse, secrets, stages
from .home import Home
from .job import Job


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a step. `seconds` is what it took and `made_at` when, where its layer is there.

    It is repeated where an earlier build saw that a restart takes what it leaves; the first such build
    finds that out.
    """

    component: str
    phase: str
    step: str
    action: str
    what: Literal["reused", "repeated", "runs"]
    why: str
    seconds: float | None = None
    made_at: datetime | None = None


class Explanation(msgspec.Struct, frozen=True):
    """`image` and `tests` say what becomes of them; `image_id` is that of the image that is given back."""

    steps: tuple[Verdict, ...]
    image: str
    tests: str
    image_id: str = ""

    @property
    def saved(self) -> float:
        """Seconds that the reused steps took when they ran."""
        return sum(verdict.seconds or 0.0 for verdict in self.steps if verdict.what == "reused")


WRITTEN, TESTED = "written anew", "run in a machine that boots the image"


def explain(home: Home, loaded: Loaded, log: Log, wishes: builds.Wishes) -> Explanation:
    """Look up all that a build of this recipe would look up.

    Raises NotFound, Invalid, Conflict as the build would: the base, a secret, a changed file.
    """
    building, testing = stages.plans(loaded)
    base = _base(home, loaded, log)
    if base is None:
        steps = tuple(_runs(each, "its base is a file that was not imported yet") for each in building.steps)
        return Explanation(steps, WRITTEN, TESTED)
    grounds.check_base(home, base)
    with run_folder(home.settings) as folder:
        job = Job(
            id="",
            home=home,
            log=log,
            loaded=loaded,
            base=base,
            hardware=_nothing_starts,
            folder=folder,
            layers=Layers(home.settings, folder / USES, log),
            build=building,
            tests=testing,
            variables=builds.variables(loaded),
            policy=builds.policy(loaded, wishes),
            secrets=secrets.resolve(home.settings, loaded.recipe),
        )
        ground = grounds.look(home, base, loaded.recipe, job.size, job.layers)
        if ground is None:
            steps = tuple(_runs(each, "its disk has to grow first") for each in building.steps)
            return Explanation(steps, WRITTEN, TESTED)
        chains: dict[int, Chain] = defaultdict(Chain)
        surroundings = job.surroundings("BUILDING")
        found = look_up(building, ground, job.layers, surroundings, job.policy, chains)
        start = len(found.layers) if found.miss is None else known_start(found, job.layers)
        steps = _verdicts(building.steps, found, start)
        if found.miss is not None or not job.policy.reuse:
            return Explanation(steps, WRITTEN, TESTED)
        off = powered_off(ground, job.layers, found) if building.steps else None
        digest = off.digest if off is not None else ("" if building.steps else ground.digest)
        return _image(job, steps, digest)


def _nothing_starts() -> Hardware:
    raise AssertionError("an explanation starts no machine")


def _base(home: Home, loaded: Loaded, log: Log) -> Image | None:
    reference = loaded.recipe.base
    if reference.startswith("/"):
        return imports.imported(home, Path(reference))
    return builds.base_image(home, reference, loaded.recipe.where("base"), log)


def _verdicts(steps: tuple[PlannedStep, ...], found: Found, start: int) -> tuple[Verdict, ...]:
    """`start` is how many steps need not be repeated."""
    there = [_there(planned, layer) for planned, layer in zip(steps, found.layers, strict=False)]
    for number in range(start, len(there)):
        there[number] = replace(there[number], what="repeated", why="a restart takes what it leaves")
    runs: list[Verdict] = []
    for planned in steps[len(found.layers) :]:
        first = found.miss is not None and not runs
        runs.append(_runs(planned, found.miss.why if first and found.miss else "a step before it runs"))
    return (*there, *runs)


def _there(planned: PlannedStep, layer: Layer) -> Verdict:
    verdict = _verdict(planned, "reused", "nothing changed")
    return replace(verdict, seconds=layer.result.seconds, made_at=layer.made_at)


def _runs(planned: PlannedStep, why: str) -> Verdict:
    return _verdict(planned, "runs", why)


def _verdict(planned: PlannedStep, what: Literal["reused", "repeated", "runs"], why: str) -> Verdict:
    called = names(planned)
    return Verdict(
        component=called["component"],
        phase=called["phase"],
        step=called["step"],
        action=planned.step.action,
        what=what,
        why=why,
    )


def _image(job: Job, steps: tuple[Verdict, ...], digest: str) -> Explanation:
    found = reuse.find_image(job.home, reuse.content_key(job, digest))
    if not found:
        return Explanation(steps, WRITTEN, TESTED)
    newest = found[0]
    assert newest.file is not None
    if (same := reuse.same_image(job, found)) is not None:
        return Explanation(steps, f"given back: {same.id}", f"passed on {same.created_at:%Y-%m-%d}", same.id)
    key = reuse.test_key(job, newest.file.digest)
    passed = any(each.state == "available" and each.test_key == key for each in found)
    tests = "passed earlier" if passed else TESTED
    return Explanation(steps, f"reused: the file of {newest.id}", tests)
