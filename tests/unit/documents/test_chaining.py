import pytest

from goldsmith.documents import toe
from tests.unit.documents.toe_texts import bash, complaints, document


def test_unknown_names_are_a_warning() -> None:
    """Case C05: written verbatim, and told."""
    text = document(
        bash(command="echo {{ item }} {{ Levle }} {{ .State }}"), "parameters:\n  - Level: {type: string}\n"
    )

    assert complaints(text) == [
        'nginx.yml:10:28: warning: step "Hello": {{ item }} names no parameter or constant '
        "and stays as it is",
        'nginx.yml:10:39: warning: step "Hello": {{ Levle }} names no parameter or constant '
        "and stays as it is (did you mean Level?)",
        'nginx.yml:10:51: warning: step "Hello": {{ .State }} refers to nothing and stays as it is',
    ]
    assert toe.parse(text, "nginx.yml").name == "nginx"


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [
        ("build.First.outputs.stdout", None),
        ("build.First.outputs[0].stdout", None),
        ("build.Files.inputs[1].path", None),
        ("build.Files.inputs.path", None),
        ("biuld.First.outputs.stdout", "there is no phase biuld (did you mean build?)"),
        ("build.Frist.outputs.stdout", "phase build has no step Frist (did you mean First?)"),
        ("build.Second.outputs.stdout", "step Second does not run before this one"),
        ("build.Third.outputs.stdout", "step Third does not run before this one"),
        ("build.First.outputs.stdot", "ExecuteBash gives only stdout (did you mean stdout?)"),
        ("build.First.outputs[1].stdout", "ExecuteBash gives only stdout (did you mean stdout?)"),
        ("build.Files.outputs.stdout", "CreateFile gives no outputs"),
        ("build.Files.inputs[2].path", "step Files has no such text among its inputs"),
        ("build.Files.inputs[0].content", "step Files has no such text among its inputs"),
        ("build.First.inputs.commands", "step First has no such text among its inputs"),
        ("build.First.inputs[1].commands", "step First has no such text among its inputs"),
        ("aws:ssm:/a", "references to aws:ssm are known to AWSTOE and not there yet in goldsmith"),
        ("env:HOME", "references to env are known to AWSTOE and not there yet in goldsmith"),
    ],
)
def test_references_to_steps_have_to_hold(reference: str, complaint: str | None) -> None:
    text = document(
        bash("First")
        + "- {name: Files, action: CreateFile, inputs: [{path: /a}, {path: /b}]}\n"
        + bash("Second", "echo {{ " + reference + " }}")
        + bash("Third")
    )

    expected = f'nginx.yml:13:28: error: step "Second": {{{{ {reference} }}}}: {complaint}'
    assert complaints(text) == ([expected] if complaint else [])
