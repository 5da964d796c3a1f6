"""What enters a layer's key, and what a miss says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from goldsmith.disks.layers import Layer, Result
from goldsmith.documents import toe
from goldsmith.documents.chaining import Chain
from goldsmith.documents.plan import Component, Plan, make_plan, resolve
from goldsmith.steps import keys
from goldsmith.steps.surroundings import Secret, Surroundings
from tests.played import plan

COMMON = {
    "account": "100000000000",
    "agent": "a",
    "architecture": "x86_64",
    "firmware": "bios",
    "guest": "vm",
}
BELOW = "sha256:" + "0" * 64


def parts(what: Plan, surroundings: Surroundings | None = None, **changed: str) -> dict[str, str]:
    [planned] = what.steps
    below = changed.pop("below", BELOW)
    inputs = resolve(planned, Chain())
    return keys.parts_of(planned, inputs, surroundings or Surroundings(), COMMON | changed, below)


def layer(of: dict[str, str], at: int = 0) -> Layer:
    result = Result(component="played", phase="build", step="Step1", action="ExecuteBash", seconds=1.0)
    return Layer(
        parent=BELOW,
        base=BELOW,
        parts=of,
        result=result,
        network_bytes=0,
        used_network=False,
        ages_from=None,
        content=BELOW,
        sidecars={},
        virtual_size=0,
        size=0,
        made_at=datetime(2026, 1, 1, at, tzinfo=UTC),
    )


def why(new: dict[str, str], *earlier: dict[str, str]) -> str:
    return keys.why(plan("say x").steps[0], new, [layer(each) for each in earlier])


def test_the_same_parts_make_the_same_key_in_any_order() -> None:
    one = parts(plan("say x"))

    assert keys.key_of(one) == keys.key_of(dict(reversed(one.items())))
    assert len(keys.key_of(one)) == 64


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (parts(plan("say y")), "its inputs changed: commands"),
        (parts(plan("say x"), below="sha256:1"), "what it stands on changed"),
        (parts(plan("say x"), agent="b"), "goldsmith's agent changed"),
        (parts(plan("say x"), firmware="uefi"), "the firmware is another"),
        (parts(plan("say x"), architecture="aarch64"), "the architecture is another"),
        (parts(plan("say x"), guest="sandbox"), "the kind of guest is another"),
        (parts(plan("say x"), account="100000000001"), "it belongs to another account"),
        (parts(plan("say x"), Surroundings("/srv")), "its working directory changed"),
        (
            parts(plan("say y"), below="sha256:1", agent="b"),
            "its inputs changed: commands; goldsmith's agent changed",
        ),
    ],
)
def test_a_miss_names_what_changed(new: dict[str, str], said: str) -> None:
    old = parts(plan("say x"))

    assert keys.key_of(new) != keys.key_of(old)
    assert why(new, old) == said


def test_a_miss_is_compared_with_the_nearest_of_earlier_layers() -> None:
    far, near = parts(plan("say z"), agent="b", firmware="uefi"), parts(plan("say x"), agent="b")

    assert why(parts(plan("say x")), far, near) == "goldsmith's agent changed"


def test_a_first_run_and_a_layer_that_is_gone_are_told_apart() -> None:
    new = parts(plan("say x"))

    assert why(new) == "it never ran before on this machine"
    assert why(new, new) == "its layer is gone"


def test_what_differs_per_build_counts_where_the_text_names_it() -> None:
    first, second = (Surroundings(build_variables={"IMAGE_VERSION": each}) for each in ("1.0.0", "2.0.0"))

    unnamed = [keys.key_of(parts(plan("say x"), each)) for each in (first, second)]
    named = [parts(plan("say $IMAGE_VERSION"), each) for each in (first, second)]

    assert unnamed[0] == unnamed[1]
    assert why(named[1], named[0]) == "IMAGE_VERSION is another, and its text names it"


def test_a_secret_enters_by_its_name_and_version_never_by_its_value() -> None:
    def with_secret(value: str, version: str) -> dict[str, str]:
        return parts(plan("say $TOKEN"), Surroundings(secrets=(Secret("TOKEN", value, version),)))

    assert with_secret("one", "1") == with_secret("two", "1")
    assert "one" not in str(with_secret("one", "1"))
    assert why(with_secret("one", "2"), with_secret("one", "1")) == "the secret TOKEN was set anew"


def test_a_secret_reaches_only_the_steps_that_name_it() -> None:
    surroundings = Surroundings(secrets=(Secret("TOKEN", "value", "1"), Secret("OTHER", "value", "1")))

    assert [each.name for each in surroundings.secrets_of("curl $TOKEN")] == ["TOKEN"]


def test_each_input_of_a_list_is_a_part_of_its_own() -> None:
    text = {"path": "/a", "content": "x"}, {"path": "/b", "content": "x"}
    made = [_created(*text), _created(text[0], text[1] | {"content": "y"})]

    assert why(made[1], made[0]) == "its inputs changed: content of 2"


def _created(*files: dict[str, Any]) -> dict[str, str]:
    text = {
        "schemaVersion": "1.0",
        "phases": [
            {"name": "build", "steps": [{"name": "Step1", "action": "CreateFile", "inputs": list(files)}]}
        ],
    }
    return parts(make_plan([Component(toe.parse(json.dumps(text), "played.yml"))], ("build",)))
