import pytest

from goldsmith.cli.printing import print_error, print_json, print_line, styled


def test_a_style_is_taken_away_where_nobody_wants_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)

    assert styled("word", fg="red") == "\x1b[31mword\x1b[0m"
    print_line("word", fg="red")  # into no terminal
    assert capsys.readouterr().out == "word\n"
    monkeypatch.setenv("NO_COLOR", "1")
    assert styled("word", fg="red") == "word"


def test_json_cannot_drive_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": "\x1b[2J\x9b2J\u202eä\udcff"})

    assert capsys.readouterr().out == '{"text": "\\u001b[2J\\u009b2J\\u202e\\u00e4\\udcff"}\n'


def test_errors_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("wrong")

    assert capsys.readouterr() == ("", "wrong\n")
