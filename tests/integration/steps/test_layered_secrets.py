"""No layer holds a secret, nor what is recorded beside it: real layers, a played guest (tests/played.py)."""

from __future__ import annotations

import pytest

from goldsmith.errors import StepFailed
from goldsmith.log import Log
from goldsmith.masking import Masker
from goldsmith.settings import Settings
from goldsmith.steps.surroundings import Secret
from tests.played import SHUTDOWN, NewSite, became, build, plan


def test_what_holds_a_secret_is_not_kept(new_site: NewSite, log: Log, messages: list[str]) -> None:
    secrets = (Secret("TOKEN", "s3cret-value", "1"),)
    telling = plan("write 0 1", "say s3cret-value", "write 1 2")

    with log.masking(Masker(["s3cret-value"])):
        made = build(new_site(), telling, log, secrets=secrets)
        again = build(new_site(), telling, log, secrets=secrets)

    assert became(made.report) == ["success"] * 3
    assert became(again.report) == ["reused", "success", "success"]
    assert (
        "nothing from played / build / Step2 on is kept for later builds: what it gave holds a secret"
        in messages
    )


def test_a_secret_on_the_disk_fails_the_step_and_no_layer_has_it(new_site: NewSite, home: Settings) -> None:
    secrets = (Secret("TOKEN", "\x07" * 12, "1"),)

    made = build(new_site(), plan("write 0 1", "write 1 7", "write 2 3"), secrets=secrets)

    assert became(made.report) == ["success", "failed", "skipped"]
    failure = made.report.steps[1].failure
    assert failure is not None
    assert failure.message == "the disk holds the secret TOKEN after this step (at byte 65536)"
    assert len(list(home.layers.glob("*.qcow2"))) == 1


@pytest.mark.parametrize("before", ["say s3cret-value", "fail"])
def test_a_secret_on_the_disk_is_found_too_where_no_layer_is_made(
    new_site: NewSite, log: Log, before: str
) -> None:
    secrets = (Secret("TOKEN", "s3cret-value", "1"), Secret("OTHER", "\x07" * 12, "1"))
    steps = plan(before, "write 1 7", more="    onFailure: Ignore\n")

    with log.masking(Masker(["s3cret-value"])), pytest.raises(StepFailed) as failed:
        build(new_site(), steps, log, secrets=secrets)

    assert failed.value.code == "secret-on-disk"
    assert failed.value.message == (
        "the disk holds the secret OTHER after the machine was shut down (at byte 65536)"
    )


def test_a_secret_that_the_shutdown_writes_is_found(new_site: NewSite, home: Settings) -> None:
    secrets = (Secret("TOKEN", chr(SHUTDOWN) * 12, "1"),)

    with pytest.raises(StepFailed, match="the disk holds the secret TOKEN after the machine was shut down"):
        build(new_site(), plan("write 0 1"), secrets=secrets)

    assert len(list(home.layers.glob("*.qcow2"))) == 1


def test_a_secret_in_a_command_line_is_not_recorded(
    new_site: NewSite, log: Log, messages: list[str], home: Settings
) -> None:
    secrets = (Secret("TOKEN", "s3cret-value", "1"),)

    with log.masking(Masker(["s3cret-value"])):
        made = build(new_site(), plan("write 0 1", "leave s3cret-value"), log, secrets=secrets)

    assert became(made.report) == ["success"] * 2
    assert (
        "nothing from played / build / Step2 on is kept for later builds: a command line or systemd's "
        "environment in its machine holds a secret"
    ) in messages
    assert len(list(home.layers.glob("*.residue"))) == 1


def test_a_secret_that_was_set_anew_runs_the_steps_that_name_it(
    new_site: NewSite, log: Log, messages: list[str]
) -> None:
    steps = plan("write 0 1", "say $TOKEN", "write 1 2")
    build(new_site(), steps, secrets=(Secret("TOKEN", "one-value", "1"),))

    same = build(new_site(), steps, secrets=(Secret("TOKEN", "another-value", "1"),))
    newer = build(new_site(), steps, log, secrets=(Secret("TOKEN", "another-value", "2"),))

    assert became(same.report) == ["reused"] * 3
    assert became(newer.report) == ["reused", "success", "success"]
    assert "played / build / Step2 runs: the secret TOKEN was set anew" in messages
