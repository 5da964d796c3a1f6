"""Steps leave layers, and later builds go on from them: real layers, a played guest (tests/played.py)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldsmith import clock
from goldsmith.disks import files, overlay
from goldsmith.disks.chain import Chain
from goldsmith.log import Log
from goldsmith.steps.lookup import Ground, Policy
from tests.played import COMMON, SIZE, NewSite, became, build, content, plan


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Moves the wall clock on."""
    start = datetime.now(UTC)
    passed = [timedelta()]
    monkeypatch.setattr(clock, "now", lambda: start + passed[0])

    def move(by: timedelta) -> None:
        passed[0] += by

    return move


THREE = ("write 0 1", "write 1 2", "write 2 3")


def test_a_plan_that_did_not_change_starts_no_machine(new_site: NewSite, tmp_path: Path) -> None:
    cold = build(new_site(), plan(*THREE))
    site = new_site()

    warm = build(site, plan(*THREE))

    assert became(warm.report) == ["reused"] * 3
    assert (site.boots, site.played) == ([], [])
    assert warm.digest == cold.digest
    assert cold.disk is not None
    assert warm.disk is not None
    assert content(warm.disk, tmp_path) == content(cold.disk, tmp_path)


def test_the_changed_step_and_all_after_it_run_on_what_the_step_before_left(
    new_site: NewSite, log: Log, messages: list[str], tmp_path: Path
) -> None:
    build(new_site(), plan(*THREE))
    site = new_site()

    made = build(site, plan("write 0 1", "write 1 9", "write 2 3"), log)

    assert became(made.report) == ["reused", "success", "success"]
    assert site.boots == ["Step1"]
    assert site.played == ["write 1 9", "write 2 3"]
    assert "played / build / Step2 runs: its inputs changed: commands" in messages
    assert "going on after played / build / Step1" in messages
    assert made.disk is not None
    shown = content(made.disk, tmp_path)
    assert [shown[cluster << 16] for cluster in range(4)] == [1, 9, 3, 0]


@pytest.mark.parametrize("cut", range(4))
def test_going_on_at_any_cut_leaves_the_same_disk(new_site: NewSite, tmp_path: Path, cut: int) -> None:
    steps = ("write 0 1; write 5 1", "write 5 2", "write 1 7; write 0 4", "write 9 9")
    cold = build(new_site(), plan(*steps), policy=Policy(reuse=False))
    other = [*steps[:cut], "write 3 3"]
    build(new_site(), plan(*other), policy=Policy(reuse=False))

    warm = build(new_site(), plan(*steps))

    assert cold.disk is not None
    assert warm.disk is not None
    assert content(warm.disk, tmp_path) == content(cold.disk, tmp_path)


def test_names_and_time_outs_say_nothing_of_what_a_step_leaves(new_site: NewSite) -> None:
    build(new_site(), plan(*THREE))
    site = new_site()

    made = build(
        site,
        plan(*THREE, names=("First", "Second", "Third"), more="    timeoutSeconds: 5\n    maxAttempts: 2\n"),
    )

    assert became(made.report) == ["reused"] * 3


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("architecture", "aarch64"),
        ("firmware", "uefi"),
        ("guest", "sandbox"),
        ("account", "100000000001"),
        ("agent", "another"),
    ],
)
def test_nothing_is_shared_across_what_decides_results(new_site: NewSite, part: str, value: str) -> None:
    """Cases C76 and C78: architectures by their key only, since one host builds for one."""
    build(new_site(), plan(*THREE))
    site = new_site()
    site.ground = Ground(site.ground.base, None, COMMON | {part: value})

    made = build(site, plan(*THREE))

    assert became(made.report) == ["success"] * 3


def test_another_base_shares_no_layer(new_site: NewSite, log: Log, messages: list[str]) -> None:
    build(new_site(), plan(*THREE))
    site = new_site()
    overlay.create(site.folder / "other.qcow2", 2 * SIZE)
    site.base = Chain((site.folder / "other.qcow2",))
    site.ground = Ground(files.digest(site.base.files[0]), None, COMMON)

    made = build(site, plan(*THREE), log)

    assert became(made.report) == ["success"] * 3
    assert "played / build / Step1 runs: what it stands on changed" in messages


def test_a_reused_step_gives_what_it_gave(new_site: NewSite) -> None:
    chained = ("say seven", "write 1 {{ build.Step1.outputs.stdout }}0")
    build(new_site(), plan("say 1", chained[1]))
    site = new_site()

    made = build(site, plan("say 1", chained[1], "write 2 2"))

    assert became(made.report) == ["reused", "reused", "success"]
    assert made.report.steps[0].outputs == {"stdout": "1"}


def test_a_step_is_repeated_for_what_a_restart_takes_from_its_machine(
    new_site: NewSite, log: Log, messages: list[str]
) -> None:
    steps = ("write 0 1", "write 1 2; leave daemon", "write 2 3")
    build(new_site(), plan(*steps))
    site = new_site()

    made = build(site, plan(*steps[:2], "write 2 9"), log)

    assert became(made.report) == ["reused", "repeated", "success"]
    assert site.boots == ["Step2", "Step1"]
    assert site.played == ["write 1 2", "leave daemon", "write 2 9"]
    assert messages[-3:-1] == [
        "repeated for it: played / build / Step2",
        "going on after played / build / Step1",
    ]
    assert (
        "after played / build / Step2 a restart would change what steps find (process daemon is gone)"
        in messages
    )


def test_what_a_restart_takes_is_tried_once(new_site: NewSite) -> None:
    steps = ("write 0 1", "leave daemon", "write 1 2", "write 2 3")
    build(new_site(), plan(*steps))
    first, second = new_site(), new_site()

    build(first, plan(*steps[:3], "write 2 8"))
    made = build(second, plan(*steps[:3], "write 2 9"))

    assert first.boots == ["Step3", "Step1"], "step 2 has the same residue: it need not be booted"
    assert second.boots == ["Step1"]
    assert became(made.report) == ["reused", "repeated", "repeated", "success"]


def test_what_was_made_above_a_repeated_step_is_found_by_the_next_build(new_site: NewSite) -> None:
    steps = ("write 0 1", "leave daemon", "write 2 3")
    build(new_site(), plan(*steps))
    build(new_site(), plan(*steps[:2], "write 2 9"))
    site = new_site()

    made = build(site, plan(*steps[:2], "write 2 9"))

    assert became(made.report) == ["reused"] * 3
    assert site.boots == []


def test_nothing_is_repeated_for_a_machine_that_is_only_to_be_shut_down(
    new_site: NewSite, tmp_path: Path
) -> None:
    steps = ("write 0 1", "leave daemon")
    build(new_site(), plan(*steps, "write 2 3"))
    build(new_site(), plan(*steps, "write 2 9"))  # finds what a restart takes after step 2
    site = new_site()

    made = build(site, plan(*steps))

    assert became(made.report) == ["reused"] * 2
    assert (site.boots, site.played) == (["Step2"], [])


def test_a_step_that_failed_leaves_no_layer_and_the_mended_one_goes_on(new_site: NewSite) -> None:
    failed = build(new_site(), plan("write 0 1", "write 1 2; fail", "write 2 3"))
    site = new_site()

    made = build(site, plan("write 0 1", "write 1 2", "write 2 3"))

    assert became(failed.report) == ["success", "failed", "skipped"]
    assert (failed.disk, failed.digest) == (None, "")
    assert became(made.report) == ["reused", "success", "success"]
    assert site.boots == ["Step1"]


def test_nothing_is_kept_above_a_failure_that_was_ignored(
    new_site: NewSite, log: Log, messages: list[str]
) -> None:
    ignoring = plan("write 0 1", "fail", "write 2 3", more="    onFailure: Ignore\n")
    made = build(new_site(), ignoring, log)
    site = new_site()

    again = build(site, ignoring)

    assert became(made.report) == ["success", "ignored", "success"]
    assert made.digest == ""
    assert "nothing from played / build / Step2 on is kept for later builds: it failed" in messages
    assert became(again.report) == ["reused", "ignored", "success"]


def test_what_came_over_the_network_is_reused_for_a_day(
    new_site: NewSite, log: Log, messages: list[str], later: Callable[[timedelta], None]
) -> None:
    steps = ("write 0 1", "net; write 1 2", "write 2 3")
    build(new_site(), plan(*steps))
    later(timedelta(hours=23))
    fresh = build(new_site(), plan(*steps))
    later(timedelta(hours=2))

    old = build(new_site(), plan(*steps), log)
    after = build(new_site(), plan(*steps))

    assert became(fresh.report) == ["reused"] * 3
    assert became(old.report) == ["reused", "success", "success"]
    assert (
        "played / build / Step2 runs: it holds what came over the network 25 h ago, and the cache's max_age "
        "is 24 h" in messages
    )
    assert became(after.report) == ["reused"] * 3


def test_a_longer_max_age_does_not_count_for_what_is_refreshed(
    new_site: NewSite, log: Log, messages: list[str], later: Callable[[timedelta], None]
) -> None:
    steps = ("net; write 0 1", "write 1 2")
    build(new_site(), plan(*steps))
    later(timedelta(hours=50))

    kept = build(new_site(), plan(*steps), policy=Policy(max_age=timedelta(days=7)))
    refreshing = Policy(max_age=timedelta(days=7), refresh=("played.Step2",))
    refreshed = build(new_site(), plan(*steps), log, policy=refreshing)

    assert became(kept.report) == ["reused", "reused"]
    assert became(refreshed.report) == ["reused", "success"]
    assert "played / build / Step2 runs: it is refreshed every day, and was made 2 days ago" in messages


def test_without_the_cache_all_runs_and_later_builds_find_it(new_site: NewSite) -> None:
    first = build(new_site(), plan(*THREE))
    second = build(new_site(), plan(*THREE), policy=Policy(reuse=False))

    third = build(new_site(), plan(*THREE))

    assert became(second.report) == ["success"] * 3
    assert became(third.report) == ["reused"] * 3
    assert third.digest == second.digest != first.digest
