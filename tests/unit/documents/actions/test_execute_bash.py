import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from goldsmith.documents.actions import Call
from goldsmith.documents.actions.execute_bash import Script, execute_bash
from goldsmith.errors import GuestFailed, StepFailed
from tests.unit.steps.local_guest import LocalGuest

from .conftest import Printed


def script(*commands: str) -> Script:
    return Script(commands=commands)


def test_the_commands_are_one_script(call: Call) -> None:
    done = execute_bash(script("greeting=hello", 'echo "$greeting world"'), call)

    assert done.outputs == {"stdout": "hello world"}
    assert done.exit_code == 0


def test_only_the_last_command_decides(call: Call) -> None:
    """Case C08: the script's own exit code counts, and nobody adds -e."""
    assert execute_bash(script("false", "echo done"), call).outputs == {"stdout": "done"}


def test_a_script_may_ask_for_errexit_itself(call: Call) -> None:
    with pytest.raises(StepFailed, match=r"^ended with exit code 1$") as failed:
        execute_bash(script("set -e", "false", "echo done"), call)

    assert failed.value.exit_code == 1


def test_stdout_loses_one_newline_and_stderr_is_not_part_of_it(call: Call, printed: Printed) -> None:
    done = execute_bash(script("set -x", "printf 'a\\n\\n'", "echo oops >&2"), call)

    assert done.outputs == {"stdout": "a\n"}
    assert printed.text("stdout") == "a\n\n"
    assert "oops\n" in printed.text("stderr")


def test_it_is_bash_and_not_a_login_shell(call: Call) -> None:
    done = execute_bash(script('shopt -q login_shell || echo "$BASH_VERSION" | cut -c1-1 | tr 0-9 d'), call)

    assert done.outputs == {"stdout": "d"}


def test_the_script_runs_in_the_working_directory_with_the_environment(call: Call) -> None:
    done = execute_bash(script('echo "$PWD $IMAGE_PHASE"'), call)

    assert done.outputs == {"stdout": f"{call.directory} BUILDING"}


def test_stdin_is_closed(call: Call) -> None:
    """Case C35."""
    done = execute_bash(script("read answer || echo nobody answers"), call)

    assert done.outputs == {"stdout": "nobody answers"}


@pytest.mark.parametrize("command", ["true", "exit 3"])
def test_the_script_file_is_removed_afterwards(call: Call, command: str) -> None:
    try:
        execute_bash(script(f"test -s {call.folder}/script.sh || exit 99", command), call)
    except StepFailed as error:
        assert error.exit_code == 3  # noqa: PT017

    assert list(Path(call.folder).iterdir()) == []


def test_time_out_kills_the_script_and_removes_its_file(call: Call) -> None:
    call = replace(call, timeout=0.5)

    with pytest.raises(StepFailed, match=r"^timed out after 0.5 s$") as failed:
        execute_bash(script("sleep 60"), call)

    assert failed.value.code == "step-timeout"
    assert list(Path(call.folder).iterdir()) == []


def test_a_step_whose_time_is_up_starts_nothing_more(call: Call, guest: LocalGuest) -> None:
    call = replace(call, timeout=0)

    with pytest.raises(StepFailed, match=r"^timed out after 0 s$"):
        execute_bash(script("true"), call)

    assert guest.commands == []


def test_exit_code_194_reboots_and_runs_the_script_again(
    call: Call, guest: LocalGuest, said: list[str]
) -> None:
    done = execute_bash(script("test -e twice && echo second && exit", "touch twice", "exit 194"), call)

    assert done.outputs == {"stdout": "second"}
    assert guest.reboots == 1
    assert said == ["info: exit code 194: reboot 1 of at most 10, then the step runs again"]


def test_a_script_that_always_wants_a_reboot_ends_after_ten(call: Call, guest: LocalGuest) -> None:
    """Case C10a."""
    with pytest.raises(
        StepFailed, match=r"^too many reboots: exit code 194 again after 10 of them$"
    ) as failed:
        execute_bash(script("exit 194"), call)

    assert guest.reboots == 10
    assert failed.value.code == "too-many-reboots"
    assert failed.value.hint == "test at the script's start whether the reboot is done already"


def test_the_folder_may_be_gone_after_a_reboot(call: Call, guest: LocalGuest) -> None:
    class Forgetful(LocalGuest):
        def reboot(self) -> None:
            super().reboot()
            shutil.rmtree(call.folder)

    forgetful = Forgetful(guest.bin.parent)

    done = execute_bash(
        script("test -e again && echo back && exit", "touch again", "exit 194"),
        replace(call, guest=forgetful),
    )

    assert done.outputs == {"stdout": "back"}


def test_without_bash_the_script_runs_in_sh_and_the_log_says_so(
    call: Call, guest: LocalGuest, said: list[str]
) -> None:
    for program in ("sh", "mkdir", "rm"):
        guest.program(program, f'exec /bin/{program} "$@"')
    guest.path = str(guest.bin)

    done = execute_bash(script('echo "${BASH_VERSION-plain}"'), call)

    assert done.outputs == {"stdout": "plain"}
    assert said == ["info: the guest has no bash: the script runs in sh"]


def test_a_guest_that_died_is_left_alone(call: Call, guest: LocalGuest) -> None:
    def die(command: object) -> None:
        if len(guest.commands) == 2:
            raise GuestFailed("the guest panicked")

    guest.before = die

    with pytest.raises(GuestFailed, match=r"^the guest panicked$"):
        execute_bash(script("true"), call)

    assert len(guest.commands) == 2


def test_output_that_is_no_utf_8_is_kept_readable(call: Call) -> None:
    assert execute_bash(script("printf 'a\\377b'"), call).outputs == {"stdout": "a\ufffdb"}
