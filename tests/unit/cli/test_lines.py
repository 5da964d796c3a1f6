import json
from collections.abc import Callable

import pytest

from goldsmith.cli.lines import tell_in_json, tell_plainly
from goldsmith.log import Listener, Log


def tell(listener: Listener, pass_time: Callable[[float], None]) -> None:
    log = Log(listener)
    with log.task("test the image"):
        fields = {"component": "nginx", "phase": "test", "step": "Runs", "action": "ExecuteBash"}
        with log.task("step", **fields) as task:
            pass_time(2.5)
            log.output("stdout", "\x1b[32mgreen\x1b[0m\x07 äh")
            log.output("stderr", "")
            task.note("exit code 0")
        log.info("2 steps run")
        log.warning("slow")
    with pytest.raises(KeyboardInterrupt), log.task("boot", accelerator="tcg"):
        raise KeyboardInterrupt


def test_a_plain_line_an_event(
    pass_time: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    tell(tell_plainly, pass_time)

    assert capsys.readouterr().out.splitlines() == [
        "12:00:00  test the image",
        "12:00:00    nginx / test / Runs (ExecuteBash)",
        "12:00:02    | green� äh",
        "12:00:02    |",
        "12:00:02    nginx / test / Runs (ExecuteBash): 2.5 s, exit code 0",
        "12:00:02  2 steps run",
        "12:00:02  warning: slow",
        "12:00:02  test the image: 2.5 s",
        "12:00:02  boot (tcg)",
        "12:00:02  boot (tcg): cancelled, 0.0 s",
    ]


def test_a_json_object_an_event(
    pass_time: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    tell(tell_in_json, pass_time)

    out = capsys.readouterr().out
    assert out.isascii()
    events = [json.loads(line) for line in out.splitlines()]
    assert events[2] == {
        "event": "output",
        "text": "\x1b[32mgreen\x1b[0m\x07 äh",
        "stream": "stdout",
        "at": "2026-01-01T12:00:02.500Z",
    }
    assert [(each["event"], each.get("name"), each.get("status")) for each in events] == [
        ("started", "test the image", None),
        ("started", "step", None),
        ("output", None, None),
        ("output", None, None),
        ("ended", "step", "ok"),
        ("message", None, None),
        ("message", None, None),
        ("ended", "test the image", "ok"),
        ("started", "boot", None),
        ("ended", "boot", "cancelled"),
    ]
