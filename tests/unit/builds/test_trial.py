"""What a single document's steps are told of the phase they are in."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldsmith.builds import trial
from tests.recipes import bash, document


@pytest.mark.parametrize(
    ("phases", "told"),
    [
        (["build"], "BUILDING"),
        (["validate"], "BUILDING"),
        (["build", "test"], "BUILDING"),
        (["test"], "TESTING"),
    ],
)
def test_the_image_phase_is_testing_where_nothing_but_tests_runs(
    tmp_path: Path, phases: list[str], told: str
) -> None:
    steps = {phase: [bash("Say", "echo")] for phase in ("build", "validate", "test")}

    plan = trial.plan_component(document(tmp_path, "work", steps), phases, {})

    assert trial.image_phase(plan) == told
