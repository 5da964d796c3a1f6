"""No text makes the check crash or hang."""

import json

from hypothesis import given
from hypothesis import strategies as st

from goldsmith.documents import toe
from goldsmith.documents.plan import Component, make_plan
from goldsmith.errors import Invalid

WORDS = (
    "name schemaVersion phases steps action inputs commands if loop parameters constants type string default "
    "1.0 ExecuteBash Reboot build {{ }} {{Level}} {{build.One.outputs.stdout}} : - [ ] { } , "
    "&a *a << ' \" | > "
    "# ~ One"
)
VALID = """\
schemaVersion: 1.0
parameters:
  - Level: {type: string, default: low}
phases:
  - name: build
    steps:
      - name: One
        action: ExecuteBash
        inputs:
          commands:
            - |
              echo {{ Level }}
      - name: Two
        action: CreateFile
        inputs:
          - {path: '{{ build.One.outputs.stdout }}', permissions: 0644}
"""
KEYS = ["name", "action", "inputs", "commands", "path", "if", "type", "value", "maxAttempts", "steps"]
TEXTS = ["", "build", "One", "Reboot", "ExecuteBash", "CreateFile", "UpdateOS", "1", "{{ One }}", "\u00e9"]

values = st.recursive(
    st.none() | st.sampled_from(TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
steps = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["One", "Two"]),
        "action": st.sampled_from(["Reboot", "UpdateOS", "CreateFile"]),
    },
    optional={"inputs": values, "maxAttempts": values, "loop": values},
)
phases = st.fixed_dictionaries(
    {"name": st.just("build") | values, "steps": st.lists(steps | values, min_size=1, max_size=3) | values}
)
documents = st.fixed_dictionaries(
    {"schemaVersion": st.just("1.0") | values, "phases": st.lists(phases | values, max_size=3) | values},
    optional={
        "parameters": st.lists(st.dictionaries(st.just("One"), values)) | values,
        "constants": st.lists(st.dictionaries(st.just("Two"), values)) | values,
        "disableLogging": values,
    },
)


def accepted(text: str) -> bool:
    """Whether the text is a document; if not, that it is told with a place."""
    problems = toe.check(text, "a.yml")
    assert all(each.line >= 1 and each.column >= 1 and each.message for each in problems)
    try:
        make_plan([Component(toe.parse(text, "a.yml"))], ["build"])
    except Invalid:
        return False
    return True


def test_the_document_to_be_damaged_is_in_order() -> None:
    assert accepted(VALID)


@given(st.lists(st.sampled_from([*WORDS.split(), "\n", "\n  ", "\n    ", " ", ": ", "- "]), max_size=60))
def test_no_words_crash_the_check(words: list[str]) -> None:
    accepted("".join(words))


@given(st.integers(0, len(VALID)), st.integers(0, 20), st.text(max_size=5))
def test_no_damage_crashes_the_check(start: int, length: int, noise: str) -> None:
    accepted(VALID[:start] + noise + VALID[start + length :])


@given(documents)
def test_no_tree_crashes_the_check(document: object) -> None:
    accepted(json.dumps(document))
