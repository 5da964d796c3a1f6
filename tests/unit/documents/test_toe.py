import pytest

from goldsmith.documents import toe
from goldsmith.documents.actions import ACTIONS
from goldsmith.errors import Invalid
from tests.unit.documents.toe_texts import bash, complaints, document


def test_a_document_is_read_whole() -> None:
    text = """\
name: Web server
description: Installs one.
schemaVersion: 1.0
parameters:
  - Level: {type: string, default: 1.10, description: How much., allowedValues: [1.10, 2]}
  - Token: {type: string}
constants:
  - Mode: {type: string, value: 0700}
phases:
  - name: build
    steps:
      - name: Install
        action: ExecuteBash
        timeoutSeconds: 60
        onFailure: Continue
        maxAttempts: 3
        inputs:
          commands: ['echo {{ Level }} {{ Token }} {{ Mode }}']
      - name: Update
        action: UpdateOS
        timeoutSeconds: -1
  - name: cleanup
    disableLogging: true
    steps:
      - {name: Install, action: Reboot, inputs: {delaySeconds: }}
"""
    found = toe.parse(text, "components/nginx.yml")

    assert (found.name, found.title, found.description) == ("nginx", "Web server", "Installs one.")
    level, token = found.parameters
    assert (level.name, level.default, level.allowed) == ("Level", "1.10", ("1.10", "2"))
    assert (token.name, token.default, token.allowed) == ("Token", None, ())
    assert [(each.name, each.value) for each in found.constants] == [("Mode", "0700")]
    assert [phase.name for phase in found.phases] == ["build", "cleanup"]
    install, update = found.phases[0].steps
    assert (install.timeout, install.on_failure, install.attempts, install.logged) == (
        60,
        "Continue",
        3,
        True,
    )
    assert (update.timeout, update.on_failure, update.attempts, update.inputs) == (None, "Abort", 1, None)
    (again,) = found.phases[1].steps
    assert (again.name, again.timeout, again.logged) == ("Install", 7200, False)
    assert str(install.place) == "components/nginx.yml:12:9"


@pytest.mark.parametrize("version", ["1.0", "1", "'1.0'", '"1"'])
def test_the_schema_version_has_four_spellings(version: str) -> None:
    assert complaints(document(bash()).replace("1.0", version, 1)) == []


def test_an_unknown_action_is_named_with_its_place() -> None:
    text = document(bash("First", more="  onFailure: Abort\n") + bash("Install").replace("Bash", "Bahs"))

    assert complaints(text)[0] == (
        'nginx.yml:11:9: error: step "Install": unknown action "ExecuteBahs" (did you mean ExecuteBash?)'
    )
    with pytest.raises(Invalid) as failed:
        toe.parse(text, "nginx.yml")
    assert str(failed.value) == (
        'nginx.yml:11:9: step "Install": unknown action "ExecuteBahs" (did you mean ExecuteBash?)'
    )
    assert failed.value.where == "nginx.yml:11:9"


@pytest.mark.parametrize("action", sorted(toe.ACTION_NAMES - set(ACTIONS)))
def test_an_action_that_comes_later_is_refused_in_so_many_words(action: str) -> None:
    text = document(f"- name: Fetch\n  action: {action}\n  inputs: {{a: b}}")

    assert complaints(text) == [
        f'nginx.yml:6:9: error: step "Fetch": the action {action} is known to AWSTOE '
        "and not there yet in goldsmith"
    ]


@pytest.mark.parametrize("key", ["if", "loop"])
def test_a_construct_that_comes_later_is_refused_in_so_many_words(key: str) -> None:
    assert complaints(document(bash(more=f"  {key}: {{for: {{start: 1}}}}\n"))) == [
        f'nginx.yml:7:9: error: step "Hello": "{key}" is part of AWSTOE and not there yet in goldsmith'
    ]


@pytest.mark.parametrize("inputs", ["", "  inputs:\n", "  inputs: []\n", "  inputs: {}\n"])
@pytest.mark.parametrize("action", ["ExecuteBash", "CreateFile", "S3Download"])
def test_missing_inputs_are_told_with_step_and_phase(action: str, inputs: str) -> None:
    """Case C01."""
    text = document(f"- name: Fetch\n  action: {action}\n{inputs}")

    line = 7 if inputs else 5
    assert (
        f'nginx.yml:{line}:9: error: step "Fetch": {action} needs inputs, and phase "build" gives it none'
        in complaints(text)
    )


@pytest.mark.parametrize(
    "step",
    [
        "- {name: Restart, action: Reboot}",
        "- {name: Restart, action: Reboot, inputs: {delaySeconds: }}",
        "- {name: Restart, action: Reboot, inputs: {delaySeconds: '5'}}",
        "- {name: Update, action: UpdateOS}",
        "- {name: Update, action: UpdateOS, inputs: {include: , exclude: [linux-image-amd64]}}",
        "- {name: Folder, action: CreateFolder, inputs: [{path: /a, permissions: 0777, overwrite: no}]}",
        "- {name: File, action: CreateFile, inputs: [{path: /a, encoding: UTF-16-be}]}",
        "- {name: File, action: CreateFile, inputs: [{path: /a, permissions: '{{ Unknown }}'}]}",
        "- {name: With a blank, action: Reboot}",
    ],
)
def test_legal_steps_have_no_errors(step: str) -> None:
    """Edges 9 and 10."""
    assert not [each for each in complaints(document(step)) if ": error: " in each]


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        ("- {action: Reboot}", '5:9: error: step 1: a step needs "name"'),
        ("- {name: Restart}", '5:9: error: step "Restart": a step needs "action"'),
        (
            "- {name: Restart, action: Reboot, onfailure: Abort}",
            '5:41: error: step "Restart": a step has no key "onfailure" (did you mean onFailure?)',
        ),
        (
            "- {name: Re, action: Reboot}",
            '5:10: error: step "Re": name has to be 3 to 128 letters, digits, _ or -, not "Re"',
        ),
        (
            "- {name: a.b.c, action: Reboot}",
            '5:10: error: step "a.b.c": name has to be 3 to 128 letters, digits, _ or -, not "a.b.c"',
        ),
        (
            "- {name: Restart, action: Reboot, timeoutSeconds: 0}",
            '5:41: error: step "Restart": timeoutSeconds has to be seconds from 1, '
            'or -1 for no limit, not "0"',
        ),
        (
            "- {name: Restart, action: Reboot, timeoutSeconds: -2}",
            '5:41: error: step "Restart": timeoutSeconds has to be seconds from 1, '
            'or -1 for no limit, not "-2"',
        ),
        (
            "- {name: Restart, action: Reboot, onFailure: abort}",
            '5:41: error: step "Restart": onFailure cannot be "abort" (did you mean Abort?)',
        ),
        (
            "- {name: Restart, action: Reboot, maxAttempts: 0}",
            '5:41: error: step "Restart": maxAttempts has to be a whole number from 1, not "0"',
        ),
        (
            "- {name: Restart, action: Reboot, inputs: {delaySeconds: -1}}",
            '5:50: error: step "Restart": delaySeconds has to be a number of seconds, not "-1"',
        ),
        (
            "- {name: Bash, action: ExecuteBash, inputs: {commands: echo}}",
            '5:52: error: step "Bash": commands has to be a list, not "echo"',
        ),
        (
            "- {name: Bash, action: ExecuteBash, inputs: {comands: [echo]}}",
            '5:52: error: step "Bash": inputs has no key "comands" (did you mean commands?)',
        ),
        (
            "- {name: File, action: CreateFile, inputs: {path: /a}}",
            '5:42: error: step "File": inputs has to be a list, not a mapping',
        ),
        (
            "- {name: File, action: CreateFile, inputs: [{path: /a, permissions: 0999}]}",
            '5:62: error: step "File": permissions has to be octal digits such as 0644, not "0999"',
        ),
        (
            "- {name: File, action: CreateFile, inputs: [{path: /a, encoding: latin1}]}",
            '5:62: error: step "File": encoding has to be one of utf8, utf16-LE, utf16-BE, '
            'utf32-LE, utf32-BE, not "latin1"',
        ),
        (
            "- {name: Update, action: UpdateOS, inputs: {include: [--all]}}",
            '5:61: error: step "Update": include[0] has to be a package\'s name, not "--all"',
        ),
        ("- text", '5:9: error: step 1: a step has to be a mapping, not "text"'),
    ],
)
def test_a_wrong_step_is_told_with_its_place(step: str, complaint: str) -> None:
    assert f"nginx.yml:{complaint}" in complaints(document(step))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{}", '1:1: error: an AWSTOE document needs "phases"'),
        ("- a", "1:1: error: an AWSTOE document has to be a mapping, not a list"),
        ("schemaVersion: 1.0\nphases: []", "2:1: error: phases is an empty list"),
        ("schemaVersion: 2.0\nphases: []", '1:1: error: schemaVersion has to be 1.0, not "2.0"'),
        (
            "schemaversion: 1.0",
            '1:1: error: an AWSTOE document has no key "schemaversion" (did you mean schemaVersion?)',
        ),
        ("phases:\n- steps: []", '2:3: error: phase 1: a phase needs "name"'),
        ("phases:\n- name: build\n  steps: []", '3:3: error: phase "build": steps is an empty list'),
        (
            "phases:\n- name: build!\n",
            '2:3: error: phase "build!": name has to be 3 to 128 letters, digits, _ or -, not "build!"',
        ),
        (
            "phases:\n- name: build\n- name: build\n",
            '3:3: error: the phase "build" is there already, in line 2',
        ),
    ],
)
def test_a_wrong_frame_is_told_with_its_place(text: str, complaint: str) -> None:
    assert f"nginx.yml:{complaint}" in complaints(text)


def test_a_step_name_stands_once_in_its_phase_and_may_stand_in_others() -> None:
    """Edge 8."""
    twice = document(bash("Same") + bash("Same"))
    elsewhere = document(bash("Same")) + "  - name: test\n    steps:\n      - {name: Same, action: Reboot}\n"

    assert complaints(twice) == ['nginx.yml:9:9: error: the step "Same" is there already, in line 5']
    assert complaints(elsewhere) == []


def test_parameters_and_constants_share_their_names() -> None:
    head = (
        "parameters:\n  - Level: {type: string}\n  - Level: {type: string}\n"
        "constants:\n  - Level: {type: string, value: x}\n  - level: {type: string, value: x}\n"
    )

    assert complaints(document(bash(), head)) == [
        'nginx.yml:4:5: error: the name "Level" is taken already, in line 3',
        'nginx.yml:6:5: error: the name "Level" is taken already, in line 3',
    ]


@pytest.mark.parametrize(
    ("head", "complaint"),
    [
        (
            "parameters:\n  - name: Level\n    type: string\n",
            "3:5: error: a parameter is one name with its definition below [write - Level: {type: string}]",
        ),
        (
            "constants:\n  - Level: x\n",
            "3:5: error: a constant is one name with its definition below "
            "[write - Name: {type: string, value: …}]",
        ),
        ("parameters:\n  Level: {type: string}\n", "2:1: error: parameters has to be a list, not a mapping"),
        (
            "parameters:\n  - Le: {type: string}\n",
            '3:5: error: the name of a parameter has to be 3 to 128 letters, digits, _ or -, not "Le"',
        ),
        ("parameters:\n  - Level: {}\n", '3:5: error: parameter Level: a parameter needs "type"'),
        (
            "parameters:\n  - Level: {type: number}\n",
            '3:13: error: parameter Level: type has to be string, not "number"',
        ),
        (
            "parameters:\n  - Level: {type: string, default: c, allowedValues: [a, b]}\n",
            '3:27: error: parameter Level: the default "c" is not among allowedValues',
        ),
        (
            "parameters:\n  - Level: {type: string, defualt: c}\n",
            '3:27: warning: parameter Level: the key "defualt" has no effect (did you mean default?)',
        ),
        ("constants:\n  - Level: {type: string}\n", '3:5: error: constant Level: a constant needs "value"'),
    ],
)
def test_a_wrong_definition_is_told_with_its_place(head: str, complaint: str) -> None:
    """Edges 3 and 16."""
    assert complaints(document(bash(), head)) == [f"nginx.yml:{complaint}"]


def test_a_value_written_as_a_number_is_a_text() -> None:
    """Edge 9."""
    head = "constants:\n  - Owner: {type: string, value: 012345678901}\n"

    assert toe.parse(document(bash(), head), "a.yml").constants[0].value == "012345678901"


def test_all_mistakes_of_a_document_are_told_in_its_order() -> None:
    text = document(
        bash("One", more="  onFailure: Stop\n  onFailure: Abort\n")
        + "- {name: Two, action: CopyFil, inputs: []}\n- {name: Three}\n"
    )

    assert [each.split(": error")[0] for each in complaints(text)] == [
        "nginx.yml:7:9",
        "nginx.yml:8:9",
        "nginx.yml:11:21",
        "nginx.yml:12:9",
    ]


def test_the_first_error_says_how_many_follow() -> None:
    with pytest.raises(Invalid) as failed:
        toe.parse("schemaVersion: 3\nphases: []\n", "a.yml")

    assert str(failed.value) == 'a.yml:1:1: schemaVersion has to be 1.0, not "3"'
    assert failed.value.hint == "1 more error; `goldsmith validate` shows all"
