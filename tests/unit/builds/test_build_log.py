"""A build's log holds what happened, and not more of a talkative step than a disk can."""

from __future__ import annotations

import json
from typing import Any

import pytest

from goldsmith.builds import build_log
from goldsmith.builds.home import Home
from goldsmith.log import Log


def written(home: Home) -> list[dict[str, Any]]:
    return [json.loads(line) for line in build_log.path_of(home, "1").read_text().splitlines()]


def test_each_event_is_a_line(opened: Home) -> None:
    log = Log()
    with build_log.listening(opened, "1", log), log.task("boot"):
        log.output("stdout", "up")

    assert [event["event"] for event in written(opened)] == ["started", "output", "ended"]


def test_what_a_task_prints_beyond_the_limit_is_left_out_and_counted(
    opened: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_log, "LIMIT", 1 << 20)
    log = Log()
    with build_log.listening(opened, "1", log):
        with log.task("talks"):
            for _ in range(40):
                log.output("stdout", "x" * (100 << 10))
        with log.task("next"):
            log.output("stdout", "still heard")

    events = written(opened)
    assert sum(len(event.get("text", "")) for event in events[:-4]) < 1 << 20
    warnings = [event["text"] for event in events if event.get("level") == "warning"]
    assert warnings == ["2.9 MiB of what this printed are left out: 1 MiB are kept"]
    assert events[-2]["text"] == "still heard"
