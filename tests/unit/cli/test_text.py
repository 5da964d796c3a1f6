import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldsmith.cli.text import age, clean, columns, count, duration, size, title


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("plain äöü 日本", "plain äöü 日本"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\picture", "picture"),
        ("\x1b(Bcharset", "charset"),
        ("\x1b]52;c;never ended", ""),
        ("\x9b2Jeight bits", "eight bits"),
        ("a\tb", "a       b"),
        ("bell\x07 back\x08 escape\x1b", "bell� back� escape�"),
        ("right\u202eto left", "right�to left"),
        ("a\xa0space", "a space"),
    ],
)
def test_what_drives_a_terminal_is_taken_out(printed: str, shown: str) -> None:
    assert clean(printed) == shown


@given(st.text())
def test_a_clean_line_holds_nothing_but_what_prints(text: str) -> None:
    assert clean(text).isprintable()


@pytest.mark.parametrize(
    ("bytes_", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (327_155_712, "312 MiB"),
        (4 << 30, "4 GiB"),
        (2_500_000_000, "2.3 GiB"),
        (5 << 50, "5120 TiB"),
    ],
)
def test_sizes_are_in_binary_units(bytes_: int, shown: str) -> None:
    assert size(bytes_) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.0 s"),
        (41, "41.0 s"),
        (59.96, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.4, "59 min 59 s"),
        (3720, "1 h 02 min"),
    ],
)
def test_durations_are_short(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-3, "0 s"),
        (12.9, "12 s"),
        (300, "5 min"),
        (3 * 3600, "3 h"),
        (86400, "1 day"),
        (40 * 86400, "40 days"),
    ],
)
def test_an_age_is_its_largest_unit(seconds: float, shown: str) -> None:
    assert age(seconds) == shown


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert columns([("ID", "NAME"), ("1", "nginx"), ("123", "")]) == ["ID   NAME", "1    nginx", "123"]


def test_one_thing_is_not_several() -> None:
    assert (count(1, "step"), count(2, "step"), count(0, "step")) == ("1 step", "2 steps", "0 steps")


def test_a_step_is_called_by_component_phase_and_name() -> None:
    fields = {"component": "nginx", "phase": "build", "step": "Install", "action": "ExecuteBash"}

    assert title("step", fields) == ("nginx / build / Install", "ExecuteBash")
    assert title("boot", {"accelerator": "tcg"}) == ("boot", "tcg")
    assert title("clean up", {}) == ("clean up", "")
