from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from goldsmith.masking import Masker
from goldsmith.steps.lines import KEPT_LINES, MAX_LINE, Lines


def told(*pieces: bytes) -> list[str]:
    """The lines of one stream that comes in these pieces."""
    lines: list[str] = []
    reader = Lines(lambda stream, line: lines.append(line))
    for piece in pieces:
        reader.feed("stdout", piece)
    reader.flush()
    return lines


def test_a_line_is_told_once_it_is_whole() -> None:
    lines: list[str] = []
    reader = Lines(lambda stream, line: lines.append(f"{stream}: {line}"))

    reader.feed("stdout", b"one\ntw")
    reader.feed("stderr", b"oops\n")
    before = list(lines)
    reader.feed("stdout", b"o\nthree")
    reader.flush()
    reader.flush()

    assert before == ["stdout: one", "stderr: oops"]
    assert lines[2:] == ["stdout: two", "stdout: three"]


def test_empty_lines_are_lines() -> None:
    assert told(b"\n\na\n") == ["", "", "a"]


def test_a_line_written_over_shows_its_last_state() -> None:
    assert told(b"  1%\r 50%\r100%\nnext\n") == ["100%", "next"]


def test_windows_line_ends_are_line_ends_also_in_two_pieces() -> None:
    assert told(b"one\r\ntwo\r", b"\nthree\r\n") == ["one", "two", "three"]


def test_a_progress_bar_does_not_pile_up() -> None:
    assert told(*[b"\r%d%%" % number for number in range(100_000)]) == ["99999%"]


def test_a_character_may_come_in_two_pieces() -> None:
    assert told("é".encode()[:1], "é\n".encode()[1:]) == ["é"]


def test_what_is_no_utf_8_is_replaced() -> None:
    assert told(b"a\xffb\n", b"\xc3") == ["a\ufffdb", "\ufffd"]


def test_a_very_long_line_comes_in_parts() -> None:
    assert [len(line) for line in told(b"x" * (2 * MAX_LINE + 5) + b"\n")] == [MAX_LINE, MAX_LINE, 5]
    assert [len(line) for line in told(b"x" * MAX_LINE, b"x", b"y\n")] == [MAX_LINE, 1, 1]


def test_the_newest_lines_are_kept() -> None:
    reader = Lines(lambda stream, line: None)

    reader.feed("stdout", b"".join(b"%d\n" % number for number in range(100)))
    reader.feed("stderr", b"end\n")

    assert list(reader.last) == [*(str(number) for number in range(100 - KEPT_LINES + 1, 100)), "end"]


@given(st.binary(max_size=200), st.integers(1, 7))
def test_the_size_of_the_pieces_makes_no_difference(data: bytes, size: int) -> None:
    assert told(*[data[start : start + size] for start in range(0, len(data), size)]) == told(data)


def test_secrets_are_masked_before_there_are_lines() -> None:
    lines: list[str] = []
    reader = Lines(lambda stream, line: lines.append(f"{stream}: {line}"), Masker(["hunter2-swords"]))

    for piece in (b"the token is hunt", b"er2-swo\r\nrds, a", b"nd more\nh"):
        reader.feed("stdout", piece)
    reader.feed("stderr", b"hunter2-")
    reader.feed("stderr", b"swords\n")
    before = list(lines)
    reader.flush()

    assert before == ["stdout: the token is ***, and more", "stderr: ***"]
    assert lines[2:] == ["stdout: h"]
    assert list(reader.last) == ["the token is ***, and more", "***", "h"]


def test_a_line_that_could_begin_a_secret_is_told_at_the_latest_at_the_end() -> None:
    lines: list[str] = []
    reader = Lines(lambda stream, line: lines.append(line), Masker(["hunter2"]))

    reader.feed("stdout", b"one h\ntwo\nthree h\n")
    before = list(lines)
    reader.flush()

    assert before == ["one h", "two"]
    assert lines == ["one h", "two", "three h"]


@given(st.lists(st.integers(0, 40)), st.text("\r\n", max_size=3))
def test_a_secret_never_comes_out_of_lines_however_it_is_cut(places: list[int], wrap: str) -> None:
    data = f"before hunt{wrap}er2-ß{wrap}ß-end after\n".encode()
    bounds = sorted({0, len(data), *(place % len(data) for place in places)})
    lines: list[str] = []
    reader = Lines(lambda stream, line: lines.append(line), Masker(["hunter2-ßß-end"]))

    for start, stop in pairwise(bounds):
        reader.feed("stdout", data[start:stop])
    reader.flush()

    assert lines == list(reader.last) == ["before *** after"]
