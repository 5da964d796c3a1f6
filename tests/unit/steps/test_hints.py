import pytest

from goldsmith.errors import StepFailed
from goldsmith.steps.hints import hint


@pytest.mark.parametrize(
    ("exit_code", "last_lines", "expected"),
    [
        (
            127,
            ["x.sh: line 3: nginxx: command not found"],
            "the guest has no program nginxx: install it in an earlier step",
        ),
        (
            127,
            ["/tmp/x.sh: 3: nginxx: not found", "and more"],
            "the guest has no program nginxx: install it in an earlier step",
        ),
        (127, [], "the guest has no such program: install it in an earlier step"),
        (
            126,
            [],
            "the program is there and cannot be executed: look at its permissions and its first line",
        ),
        (
            137,
            [],
            "a process was killed (SIGKILL), often for want of memory: give more in machine.memory",
        ),
        (
            1,
            ["cp: error writing '/a': No space left on device", "giving up"],
            "the guest's disk is full: make disk.size larger in the recipe",
        ),
        (1, ["E: broken"], ""),
    ],
)
def test_how_a_step_ended_tells_the_way_out(exit_code: int, last_lines: list[str], expected: str) -> None:
    assert hint(StepFailed("ended", exit_code=exit_code), last_lines) == expected


def test_a_time_out_shows_the_last_that_was_said() -> None:
    error = StepFailed("timed out", code="step-timeout")
    rest = (
        "; steps have no terminal and stdin is closed, so nobody answers a question: "
        "use the program's non-interactive option, or raise timeoutSeconds"
    )

    assert hint(error, ["Proceed?", " "]) == 'the last it printed was "Proceed?"' + rest
    assert hint(error, []) == "it printed nothing" + rest


def test_an_errors_own_hint_goes_first() -> None:
    assert hint(StepFailed("ended", exit_code=127, hint="do this"), []) == "do this"
