import pytest

from goldsmith.documents import toe
from goldsmith.documents.actions.create_file import File
from goldsmith.documents.actions.reboot import Delay
from goldsmith.documents.chaining import Chain
from goldsmith.documents.document import Document
from goldsmith.documents.plan import Component, Plan, assign, make_plan, require_phases, resolve
from goldsmith.errors import Invalid

NGINX = """\
schemaVersion: 1.0
parameters:
  - Level: {type: string, default: low, allowedValues: [low, high]}
  - Mode: {type: string}
constants:
  - Owner: {type: string, value: root}
phases:
  - name: build
    steps:
      - name: Path
        action: ExecuteBash
        inputs: {commands: [mktemp]}
      - name: Write
        action: CreateFile
        inputs:
          - path: '{{ build.Path.outputs.stdout }}'
            content: '{{ Level }}'
            permissions: '{{ Mode }}'
            owner: '{{ Owner }}'
  - name: test
    steps:
      - {name: Restart, action: Reboot}
  - name: validate
    steps:
      - name: Look
        action: ExecuteBash
        inputs: {commands: ['cat {{ build.Write.inputs[0].path }}']}
"""
OTHER = """\
schemaVersion: 1.0
parameters: [{Level: {type: string, default: '5'}}]
phases:
  - name: validate
    steps: [{name: One, action: Reboot, inputs: {delaySeconds: '{{ Level }}'}}]
  - name: build
    steps: [{name: Two, action: Reboot}]
"""


def nginx(**parameters: str) -> Component:
    return Component(toe.parse(NGINX, "nginx.yml"), {"Mode": "0600", **parameters}, "recipe.yml:7:5")


def other(**parameters: str) -> Component:
    return Component(toe.parse(OTHER, "other.yml"), parameters)


def names(plan: Plan) -> list[str]:
    return [f"{each.document.name}.{each.phase}.{each.step.name}" for each in plan.steps]


def test_components_come_in_order_and_phases_as_the_document_has_them() -> None:
    plan = make_plan([other(), nginx()], ["build", "validate"])

    assert names(plan) == [
        "other.validate.One",
        "other.build.Two",
        "nginx.build.Path",
        "nginx.build.Write",
        "nginx.validate.Look",
    ]
    assert [each.component for each in plan.steps] == [0, 0, 1, 1, 1]


def test_values_are_parameters_defaults_and_constants() -> None:
    plan = make_plan([nginx(Level="high")], ["test"])

    assert plan.steps[0].values == {"Level": "high", "Mode": "0600", "Owner": "root"}


def test_a_parameter_without_value_is_refused_by_name() -> None:
    """Edge 20."""
    component = Component(toe.parse(NGINX, "nginx.yml"))

    with pytest.raises(Invalid) as failed:
        make_plan([component], ["build"])

    assert str(failed.value) == "nginx.yml:4:5: nginx needs a value for Mode"
    assert failed.value.hint == "give it with --set Mode=…, or under parameters: in the recipe"


def test_a_value_that_is_not_allowed_is_refused() -> None:
    with pytest.raises(Invalid) as failed:
        make_plan([nginx(Level="middle")], ["build"])

    assert str(failed.value) == (
        'nginx.yml:3:5: the parameter Level cannot be "middle" (it is one of low, high)'
    )


def test_an_unknown_parameter_is_refused_where_it_was_given() -> None:
    with pytest.raises(Invalid) as failed:
        make_plan([nginx(Levle="low")], ["build"])

    assert str(failed.value) == 'recipe.yml:7:5: nginx has no parameter "Levle" (did you mean Level?)'


def test_a_value_that_makes_an_input_wrong_is_found_before_anything_runs() -> None:
    with pytest.raises(Invalid) as failed:
        make_plan([nginx(Mode="rw")], ["build"])

    assert str(failed.value) == (
        'nginx.yml:18:13: step "Write": permissions has to be octal digits such as 0644, not "rw"'
    )


def test_a_reference_to_a_phase_that_does_not_run_is_refused() -> None:
    with pytest.raises(Invalid) as failed:
        make_plan([nginx()], ["validate"])

    assert str(failed.value) == (
        'nginx.yml:27:34: step "Look": {{ build.Write.inputs[0].path }}: phase build is not part of this run'
    )


def test_settings_reach_every_component_that_declares_them_or_one_by_name() -> None:
    first, second = assign([nginx(), other()], {"Level": "high", "nginx.Mode": "0644", "other.Level": "7"})

    assert first.parameters == {"Level": "high", "Mode": "0644"}
    assert second.parameters == {"Level": "7"}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("Levle", '--set Levle: no component has a parameter "Levle" (did you mean Level?)'),
        ("other.Mode", '--set other.Mode: other has no parameter "Mode"'),
        ("ngnix.Mode", '--set ngnix.Mode: there is no component "ngnix" (did you mean nginx?)'),
    ],
)
def test_a_setting_that_nobody_declares_is_refused(setting: str, message: str) -> None:
    with pytest.raises(Invalid) as failed:
        assign([nginx(), other()], {setting: "x"})

    assert str(failed.value) == message


def test_a_phase_that_a_document_does_not_have_is_refused_by_name() -> None:
    document: Document = nginx().document

    require_phases(document, ["build", "test"])
    with pytest.raises(Invalid) as failed:
        require_phases(document, ["biuld"])

    assert str(failed.value) == 'nginx.yml: there is no phase "biuld" (did you mean build?)'
    assert failed.value.hint == "its phases are build, test, validate"


def test_a_step_is_resolved_with_what_earlier_ones_gave() -> None:
    plan = make_plan([nginx()], ["build", "validate"])
    chain = Chain()

    resolve(plan.steps[0], chain)
    chain.given("build", "Path", {"stdout": "/tmp/x"})
    written = resolve(plan.steps[1], chain)
    look = resolve(plan.steps[2], chain)

    assert written == (File(path="/tmp/x", content="low", permissions="0600", owner="root"),)
    assert look.commands == ("cat /tmp/x",)


def test_what_a_step_did_not_give_stays_as_it_is_written() -> None:
    """Edge 22."""
    plan = make_plan([nginx()], ["build"])

    (file,) = resolve(plan.steps[1], Chain())

    assert file.path == "{{ build.Path.outputs.stdout }}"


def test_a_step_without_inputs_has_the_defaults() -> None:
    plan = make_plan([nginx()], ["test"])

    assert resolve(plan.steps[0], Chain()) == Delay(delay_seconds=0)


def test_an_output_that_does_not_fit_is_refused_with_its_place() -> None:
    text = """\
schemaVersion: 1.0
phases:
  - name: build
    steps:
      - {name: Mode, action: ExecuteBash, inputs: {commands: [echo rw]}}
      - {name: Write, action: CreateFile, inputs: [{path: a, permissions: '{{ build.Mode.outputs.stdout }}'}]}
"""
    plan = make_plan([Component(toe.parse(text, "a.yml"))], ["build"])
    chain = Chain()
    chain.given("build", "Mode", {"stdout": "rw"})

    with pytest.raises(Invalid) as failed:
        resolve(plan.steps[1], chain)

    assert str(failed.value) == 'a.yml:6:62: permissions has to be octal digits such as 0644, not "rw"'
