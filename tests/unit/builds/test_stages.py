"""What stages refuse before anything runs, and what they make of tests that say no."""

from __future__ import annotations

from dataclasses import replace

import pytest

from goldsmith.builds import stages
from goldsmith.errors import Invalid
from goldsmith.guests.inspection import Root
from goldsmith.steps.report import Failure, Report, StepReport

ROOT = Root("/dev/vda1", 1, "ext4", "", "systemd")


def test_a_base_without_a_table_is_refused_where_its_image_is_to_boot_by_firmware() -> None:
    with pytest.raises(Invalid) as caught:
        stages.check_testable(replace(ROOT, device="/dev/vda", partition=None), "r.yml:3:1")

    assert caught.value.message == (
        "r.yml:3:1: the base has no partition table, so its firmware finds no boot loader to test an image by"
    )
    assert caught.value.hint == "a disk without a boot loader can be tested by its kernel: `test: direct`"


@pytest.mark.parametrize("init", ["other", "none"])
def test_a_base_whose_init_is_not_known_is_refused_likewise(init: str) -> None:
    with pytest.raises(Invalid) as caught:
        stages.check_testable(replace(ROOT, init=init), "r.yml:3:1")

    assert caught.value.message == (
        "r.yml:3:1: the image has neither systemd nor OpenRC, so nothing in it starts goldsmith's agent when "
        f"it boots by its firmware (its init: {init})"
    )
    assert caught.value.hint == "it can be tested by its kernel: `test: direct`"


@pytest.mark.parametrize("init", ["systemd", "openrc"])
def test_a_usual_base_is_not_refused(init: str) -> None:
    stages.check_testable(replace(ROOT, init=init), "")


def test_a_test_that_says_no_is_told_with_all_that_is_known_of_it() -> None:
    failure = Failure("exit code 3", hint="look", exit_code=3, last_lines=("one",))
    step = StepReport(
        component="web", phase="test", step="Runs", action="ExecuteBash", status="failed", failure=failure
    )
    report = Report((step,))

    error = stages.failed_test(report)

    assert error is not None
    assert error.message == "component web, phase test, step Runs: exit code 3"
    told = (error.component, error.phase, error.step, error.exit_code, error.last_lines, error.hint)
    assert told == ("web", "test", "Runs", 3, ("one",), "look")
    assert stages.failed_test(Report(())) is None
