import re
from pathlib import Path

import msgspec
import pytest

from goldsmith.documents import toe
from goldsmith.documents.document import BUILD_PHASES, Document
from goldsmith.documents.plan import Component, Plan, make_plan
from goldsmith.errors import GuestFailed
from goldsmith.log import Event, Log, Message, Output, TaskEnded, TaskStarted
from goldsmith.masking import Masker
from goldsmith.steps.report import Report
from goldsmith.steps.run import run_plan
from goldsmith.steps.surroundings import Surroundings
from tests.unit.steps.local_guest import LocalGuest


def document(name: str, head: str = "", **phases: str) -> Document:
    text = f"schemaVersion: 1.0\n{head}phases:\n"
    for phase, steps in phases.items():
        text += f"- name: {phase}\n  steps:\n" + "".join(f"  {line}\n" for line in steps.splitlines())
    return toe.parse(text, f"{name}.yml")


def plan(steps: str, head: str = "") -> Plan:
    return make_plan([Component(document("nginx", head, build=steps))], BUILD_PHASES)


def bash(name: str, *commands: str, more: str = "") -> str:
    lines = "".join(f"      {line}\n" for command in commands for line in command.splitlines())
    return f"- name: {name}\n  action: ExecuteBash\n{more}  inputs:\n    commands:\n    - |\n{lines}"


@pytest.fixture
def surroundings(tmp_path: Path) -> Surroundings:
    (tmp_path / "work").mkdir()
    variables = {"IMAGE_PHASE": "BUILDING", "IMAGE_VERSION": "1.0.0"}
    return Surroundings(str(tmp_path / "work"), variables, folder=str(tmp_path / "files"))


def statuses(report: Report) -> list[str]:
    return [f"{each.step}: {each.status}" for each in report.steps]


def messages(events: list[Event]) -> list[str]:
    return [f"{each.level}: {each.text}" for each in events if isinstance(each, Message)]


def printed(events: list[Event]) -> list[str]:
    return [f"{each.stream}: {each.text}" for each in events if isinstance(each, Output)]


def test_steps_run_in_order_and_hand_on_their_output(
    guest: LocalGuest, log: Log, events: list[Event], surroundings: Surroundings
) -> None:
    steps = bash("Name", "echo web; echo noise >&2") + bash(
        "Greet", "echo hello {{ build.Name.outputs.stdout }}"
    )

    report = run_plan(plan(steps), guest, log, surroundings)

    assert report.status == "success"
    assert report.error() is None
    assert [(each.outputs, each.exit_code, each.attempts) for each in report.steps] == [
        ({"stdout": "web"}, 0, 1),
        ({"stdout": "hello web"}, 0, 1),
    ]
    assert printed(events) == ["stdout: web", "stderr: noise", "stdout: hello web"]
    assert messages(events) == ["info: 2 steps run, 0 skipped, 0 failed, 0 ignored failures"]


def test_each_step_is_a_task_of_the_log(
    guest: LocalGuest, log: Log, events: list[Event], surroundings: Surroundings
) -> None:
    run_plan(plan(bash("Fine", "true") + bash("Broken", "exit 3")), guest, log, surroundings)

    started = [each for each in events if isinstance(each, TaskStarted)]
    ended = [each for each in events if isinstance(each, TaskEnded)]
    assert [(each.name, each.fields) for each in started] == [
        ("step", {"component": "nginx", "phase": "build", "step": "Fine", "action": "ExecuteBash"}),
        ("step", {"component": "nginx", "phase": "build", "step": "Broken", "action": "ExecuteBash"}),
    ]
    assert [(each.status, each.note) for each in ended] == [
        ("ok", "exit code 0"),
        ("failed", "ended with exit code 3"),
    ]


def test_steps_share_a_directory_and_neither_cd_nor_variables(
    guest: LocalGuest, log: Log, surroundings: Surroundings
) -> None:
    """Edge 5 (13): `cd` and exported variables do not last; files do."""
    steps = bash("One", "echo x > left", "cd /", "export LEVEL=1") + bash(
        "Two", 'cat left; echo "$PWD${LEVEL-}"'
    )

    report = run_plan(plan(steps), guest, log, surroundings)

    assert report.steps[1].outputs == {"stdout": f"x\n{surroundings.directory}"}


def test_steps_know_their_build_by_environment(
    guest: LocalGuest, log: Log, surroundings: Surroundings
) -> None:
    report = run_plan(
        plan(bash("Env", 'echo "$IMAGE_PHASE $IMAGE_VERSION $WORKING_DIRECTORY"')), guest, log, surroundings
    )

    assert report.steps[0].outputs == {"stdout": f"BUILDING 1.0.0 {surroundings.directory}"}


def test_nothing_of_the_run_stays_where_steps_work(
    guest: LocalGuest, log: Log, surroundings: Surroundings
) -> None:
    run_plan(plan(bash("One", "true") + bash("Two", "false")), guest, log, surroundings)

    assert list(Path(surroundings.directory).iterdir()) == []


def test_abort_skips_all_that_follows_also_in_other_phases(
    guest: LocalGuest, log: Log, events: list[Event], surroundings: Surroundings
) -> None:
    first = document(
        "first", build=bash("One", "exit 3") + bash("Two", "true"), validate=bash("Look", "true")
    )
    both = make_plan(
        [Component(first), Component(document("second", build=bash("Three", "true")))], BUILD_PHASES
    )

    report = run_plan(both, guest, log, surroundings)

    assert statuses(report) == ["One: failed", "Two: skipped", "Look: skipped", "Three: skipped"]
    assert messages(events) == ["info: 1 step run, 3 skipped, 1 failed, 0 ignored failures"]


def test_continue_runs_the_rest_and_fails(guest: LocalGuest, log: Log, surroundings: Surroundings) -> None:
    steps = bash("One", "exit 3", more="  onFailure: Continue\n") + bash("Two", "true")

    report = run_plan(plan(steps), guest, log, surroundings)

    assert statuses(report) == ["One: failed", "Two: success"]
    assert report.status == "failed"


def test_ignore_runs_the_rest_and_succeeds_saying_so(
    guest: LocalGuest, log: Log, events: list[Event], surroundings: Surroundings
) -> None:
    """Edge 25."""
    steps = bash("One", "exit 3", more="  onFailure: Ignore\n") + bash("Two", "true")

    report = run_plan(plan(steps), guest, log, surroundings)

    assert statuses(report) == ["One: ignored", "Two: success"]
    assert report.status == "success"
    assert report.error() is None
    assert messages(events) == ["info: 2 steps run, 0 skipped, 0 failed, 1 ignored failures"]
    notes = [each.note for each in events if isinstance(each, TaskEnded)]
    assert notes == ["ended with exit code 3, ignored", "exit code 0"]


def test_the_output_of_a_failed_step_is_not_handed_on(
    guest: LocalGuest, log: Log, events: list[Event], surroundings: Surroundings
) -> None:
    """Edge 22: the reference stays as it is written."""
    steps = bash("One", "echo x; exit 3", more="  onFailure: Ignore\n") + bash(
        "Two", "echo '{{ build.One.outputs.stdout }}'"
    )

    report = run_plan(plan(steps), guest, log, surroundings)

    assert report.steps[1].outputs == {"stdout": "{{ build.One.outputs.stdout }}"}
    assert messages(events)[0] == (
        "warning: {{ build.One.outputs.stdout }} stays as it is: step One gave no such value"
    )


def test_max_attempts_counts_runs(
    guest: LocalGuest, log: Log, events: list[Event], surroundings: Surroundings
) -> None:
    """Edge 24."""
    step = bash("One", "echo x >> runs; test $(wc -l < runs) -eq 3", more="  maxAttempts: 3\n")

    report = run_plan(plan(step), guest, log, surroundings)

    assert (report.status, report.steps[0].attempts) == ("success", 3)
    assert messages(events)[:2] == [
        "warning: attempt 1 of 3 failed: ended with exit code 1",
        "warning: attempt 2 of 3 failed: ended with exit code 1",
    ]


def test_after_the_last_attempt_the_step_has_failed(
    guest: LocalGuest, log: Log, surroundings: Surroundings
) -> None:
    step = bash("One", "echo x >> runs; false", more="  maxAttempts: 2\n")

    report = run_plan(plan(step + bash("Count", "cat runs")), guest, log, surroundings)

    assert (report.status, report.steps[0].attempts) == ("failed", 2)
    assert (Path(surroundings.directory) / "runs").read_text() == "x\nx\n"


def test_the_time_out_is_for_each_attempt(guest: LocalGuest, log: Log, surroundings: Surroundings) -> None:
    step = bash(
        "One", "test -e late && exit", "touch late; sleep 30", more="  maxAttempts: 2\n  timeoutSeconds: 1\n"
    )

    report = run_plan(plan(step), guest, log, surroundings)

    assert (report.status, report.steps[0].attempts) == ("success", 2)


def test_a_step_that_waits_for_a_key_dies_at_its_time_out_with_its_last_output(
    guest: LocalGuest, log: Log, surroundings: Surroundings
) -> None:
    """Case C35."""
    step = bash("Ask", "printf 'Continue? [y/N] '; sleep 30", more="  timeoutSeconds: 1\n")

    error = run_plan(plan(step), guest, log, surroundings).error()

    assert error is not None
    assert error.message == "component nginx, phase build, step Ask: timed out after 1 s"
    assert (error.code, error.exit_code, error.last_lines) == ("step-timeout", None, ("Continue? [y/N] ",))
    assert error.hint == (
        'the last it printed was "Continue? [y/N]"; steps have no terminal and stdin is closed, so nobody '
        "answers a question: use the program's non-interactive option, or raise timeoutSeconds"
    )


def test_no_limit_is_no_limit(guest: LocalGuest, log: Log, surroundings: Surroundings) -> None:
    run_plan(plan(bash("One", "true", more="  timeoutSeconds: -1\n")), guest, log, surroundings)

    assert {command.timeout for command in guest.commands} == {None, 60}


def test_a_failure_says_where_and_how(guest: LocalGuest, log: Log, surroundings: Surroundings) -> None:
    step = bash("Install", "seq 1 30; echo broken >&2; exit 3")

    error = run_plan(plan(step), guest, log, surroundings).error()

    assert error is not None
    assert error.message == "component nginx, phase build, step Install: ended with exit code 3"
    assert (error.component, error.phase, error.step) == ("nginx", "build", "Install")
    assert (error.exit_code, error.code, error.hint) == (3, "step-failed", "")
    assert error.last_lines == (*(str(number) for number in range(12, 31)), "broken")


def test_errexit_in_the_script_fails_the_step(
    guest: LocalGuest, log: Log, surroundings: Surroundings
) -> None:
    """Case C08."""
    report = run_plan(plan(bash("One", "set -e", "false", "echo done")), guest, log, surroundings)

    assert (report.status, report.steps[0].exit_code) == ("failed", 1)


def test_too_many_reboots_fail_the_step(guest: LocalGuest, log: Log, surroundings: Surroundings) -> None:
    """Case C10a."""
    report = run_plan(plan(bash("One", "exit 194")), guest, log, surroundings)

    error = report.error()
    assert guest.reboots == 10
    assert error is not None
    assert error.message == (
        "component nginx, phase build, step One: too many reboots: exit code 194 again after 10 of them"
    )


@pytest.mark.parametrize("policy", ["Abort", "Continue", "Ignore"])
def test_a_reboot_that_nobody_asked_for_fails_the_step_and_ends_the_run(
    guest: LocalGuest, log: Log, surroundings: Surroundings, policy: str
) -> None:
    """Case C10b."""

    def restart(command: object) -> None:
        if len(guest.commands) == 2:
            raise GuestFailed("the guest restarted", code="unexpected-reboot")

    guest.before = restart
    steps = bash("One", "reboot; sleep 600", more=f"  onFailure: {policy}\n  maxAttempts: 3\n") + bash(
        "Two", "true"
    )

    report = run_plan(plan(steps), guest, log, surroundings)

    error = report.error()
    assert statuses(report) == ["One: failed", "Two: skipped"]
    assert report.steps[0].attempts == 1
    assert error is not None
    assert (error.code, error.message) == (
        "unexpected-reboot",
        "component nginx, phase build, step One: the guest restarted",
    )
    assert error.hint == (
        "a script that needs a reboot ends with exit code 194 (and runs again) or leaves it to the Reboot "
        "action; a reboot may also have been asked for by the step before"
    )
    assert len(guest.commands) == 2


def test_a_guest_that_died_is_told_with_the_step(
    guest: LocalGuest, log: Log, surroundings: Surroundings
) -> None:
    def die(command: object) -> None:
        if len(guest.commands) == 2:
            raise GuestFailed(
                "the guest panicked", last_lines=["Kernel panic"], hint="look at the log", code="panic"
            )

    guest.before = die

    with pytest.raises(GuestFailed) as failed:
        run_plan(plan(bash("One", "true", more="  maxAttempts: 3\n")), guest, log, surroundings)

    assert failed.value.message == "component nginx, phase build, step One: the guest panicked"
    assert (failed.value.last_lines, failed.value.hint, failed.value.code) == (
        ("Kernel panic",),
        "look at the log",
        "panic",
    )


WRITE = (
    "- name: Write\n  action: CreateFile\n  inputs:\n"
    "  - path: x\n    permissions: '{{ build.Mode.outputs.stdout }}'\n"
)


def test_an_output_that_fits_no_input_fails_the_step_with_its_place(
    guest: LocalGuest, log: Log, surroundings: Surroundings
) -> None:
    error = run_plan(plan(bash("Mode", "echo rw") + WRITE), guest, log, surroundings).error()

    assert error is not None
    assert error.message == (
        "component nginx, phase build, step Write: "
        'nginx.yml:15:7: permissions has to be octal digits such as 0644, not "rw"'
    )


def test_an_error_about_an_input_does_not_tell_a_secret_that_a_step_gave(
    guest: LocalGuest, log: Log, surroundings: Surroundings
) -> None:
    with log.masking(Masker(["s3cret-value"])):
        report = run_plan(plan(bash("Mode", "echo s3cret-value") + WRITE), guest, log, surroundings)

    failure = report.steps[1].failure
    assert failure is not None
    assert failure.message == 'nginx.yml:15:7: permissions has to be octal digits such as 0644, not "***"'


def test_disabled_logging_keeps_what_a_step_prints_to_itself(
    guest: LocalGuest, log: Log, events: list[Event], surroundings: Surroundings
) -> None:
    step = bash("One", "echo secret; exit 3", more="  disableLogging: true\n")

    error = run_plan(plan(step), guest, log, surroundings).error()

    assert error is not None
    assert error.last_lines == ()
    assert printed(events) == []


def test_every_action_runs_through_a_plan(guest: LocalGuest, log: Log, surroundings: Surroundings) -> None:
    """Case C05 too: the constant's braces arrive as they are."""
    head = "constants:\n  - jinja: {type: string, value: '{{ item }}'}\n"
    steps = """\
- {name: Folder, action: CreateFolder, inputs: [{path: roles, permissions: 0750}]}
- {name: File, action: CreateFile, inputs: [{path: roles/main.yml, content: "- debug: msg={{ jinja }}"}]}
- {name: Restart, action: Reboot}
- {name: Show, action: ExecuteBash, inputs: {commands: ['cat {{ build.File.inputs[0].path }}']}}
"""

    report = run_plan(plan(steps, head), guest, log, surroundings)

    assert report.status == "success"
    assert report.steps[3].outputs == {"stdout": "- debug: msg={{ item }}"}
    assert guest.reboots == 1


def test_components_do_not_see_each_others_steps(
    guest: LocalGuest, log: Log, surroundings: Surroundings
) -> None:
    steps = bash("One", "echo {{ Who }}") + bash("Two", "echo {{ build.One.outputs.stdout }}")
    one = document("one", "parameters: [{Who: {type: string}}]\n", build=steps)
    twice = make_plan([Component(one, {"Who": "me"}), Component(one, {"Who": "you"})], BUILD_PHASES)

    report = run_plan(twice, guest, log, surroundings)

    assert [each.outputs["stdout"] for each in report.steps] == ["me", "me", "you", "you"]


def test_a_report_is_plain_data(guest: LocalGuest, log: Log, surroundings: Surroundings) -> None:
    report = run_plan(plan(bash("One", "exit 3")), guest, log, surroundings)

    written = msgspec.json.encode(report)

    assert msgspec.json.decode(written, type=Report) == report
    assert re.search(rb'"seconds":[0-9.]+', written)
