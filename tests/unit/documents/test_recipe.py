from datetime import timedelta
from pathlib import Path

import pytest

from goldsmith.documents.recipe import Recipe, check_recipe, load_recipe, parse_size, spellings
from goldsmith.documents.recipe_secrets import SecretUse
from goldsmith.errors import Invalid, NotFound

DOCUMENT = """\
schemaVersion: 1.0
parameters: [{Level: {type: string, default: '1'}}]
phases:
  - {name: build, steps: [{name: One, action: Reboot}]}
"""
TEST = "schemaVersion: 1\nphases: [{name: test, steps: [{name: One, action: Reboot}]}]\n"
PHASES = """\
schemaVersion: 1.0
phases:
  - {name: build, steps: [{name: One, action: Reboot}, {name: Two, action: Reboot}]}
  - {name: validate, steps: [{name: One, action: Reboot}]}
  - {name: test, steps: [{name: Tried, action: Reboot}]}
"""
RECIPE = "name: golden\nversion: 1.10.0\nbase: debian-12\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "nginx.yml").write_text(DOCUMENT)
    (tmp_path / "parts" / "nginx-test.yml").write_text(TEST)
    return tmp_path


def written(text: str) -> Path:
    Path("recipe.yml").write_text(text)
    return Path("recipe.yml")


def complaints(text: str) -> list[str]:
    return [f"{each.where}: {each.message}" for each in check_recipe(written(text))]


@pytest.mark.usefixtures("folder")
def test_a_recipe_is_read_with_its_documents() -> None:
    text = (
        RECIPE
        + """\
description: A web server.
disk: {size: 10GiB}
boot: uefi
machine: {memory: 2GiB, cpus: 4}
guest: vm
test: direct
components:
  - ./parts/nginx.yml
  - component: parts/nginx.yml
    parameters: {Level: 010}
tests: [parts/nginx-test.yml]
network: {allow: []}
output: {family: nginx, formats: [qcow2, vmdk, qcow2], keep: [logs, machine-id]}
"""
    )
    loaded = load_recipe(written(text))

    recipe = loaded.recipe
    assert recipe == Recipe(
        name="golden",
        version="1.10.0",
        base="debian-12",
        description="A web server.",
        disk_size=10 * 2**30,
        boot="uefi",
        memory=2 * 2**30,
        cpus=4,
        guest="vm",
        test="direct",
        family="nginx",
        formats=("qcow2", "vmdk"),
        keep=frozenset({"logs", "machine-id"}),
        places=recipe.places,
    )
    assert [(each.document.name, each.parameters) for each in loaded.components] == [
        ("nginx", {}),
        ("nginx", {"Level": "010"}),
    ]
    assert [each.document.file for each in loaded.tests] == ["parts/nginx-test.yml"]
    assert (recipe.where("disk.size"), recipe.where("base")) == ("recipe.yml:5:8", "recipe.yml:3:1")
    assert recipe.where("output.regions") == ""


@pytest.mark.usefixtures("folder")
def test_a_recipe_says_where_its_secrets_come_from() -> None:
    text = RECIPE + "secrets: {A: 'env:CI_TOKEN', _b2: 'secret:TOKEN', C: TOKEN}\n"

    recipe = load_recipe(written(text)).recipe

    assert recipe.secrets == (
        SecretUse("A", "env", "CI_TOKEN"),
        SecretUse("_b2", "secret", "TOKEN"),
        SecretUse("C", "secret", "TOKEN"),
    )
    assert recipe.where("secrets._b2") == "recipe.yml:4:30"


@pytest.mark.usefixtures("folder")
def test_a_value_in_place_of_a_secrets_source_is_not_repeated() -> None:
    (problem,) = check_recipe(written(RECIPE + "secrets: {A: 'hunter2 hunter2'}\n"))

    assert "hunter2" not in problem.message + problem.hint
    assert problem.hint == "a secret's value never stands in a recipe: `goldsmith secret set NAME` keeps it"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "refreshed"),
    [
        ("nginx", [("build", "One"), ("build", "Two"), ("validate", "One")]),
        ("nginx.One", [("build", "One"), ("validate", "One")]),
        ("nginx.validate.One", [("validate", "One")]),
    ],
)
def test_a_recipe_names_steps_to_be_fresh(name: str, refreshed: list[tuple[str, str]]) -> None:
    Path("parts/nginx.yml").write_text(PHASES)
    text = RECIPE + f"components: [parts/nginx.yml]\ncache: {{max_age: 7d, refresh: [{name}]}}\n"

    recipe = load_recipe(written(text)).recipe

    assert recipe.max_age == timedelta(days=7)
    steps = [("build", "One"), ("build", "Two"), ("validate", "One")]
    named = [step for step in steps if not spellings("nginx", *step).isdisjoint(recipe.refresh)]
    assert named == refreshed


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ngnix", '"ngnix" is no component or step of this recipe (did you mean nginx?)'),
        ("nginx.Twoo", '"nginx.Twoo" is no component or step of this recipe (did you mean nginx.Two?)'),
        ("nginx.test.Tried", '"nginx.test.Tried" is no component or step of this recipe'),
        ("far", '"far" is no component or step of this recipe'),
    ],
)
def test_a_name_of_no_step_to_be_fresh_is_told(name: str, told: str) -> None:
    Path("parts/nginx.yml").write_text(PHASES)

    text = RECIPE + f"components: [parts/nginx.yml]\ncache: {{refresh: [{name}]}}\n"

    (problem,) = check_recipe(written(text))
    assert problem.where == "recipe.yml:5:9"
    assert problem.message.startswith(f"refresh: {told}")
    assert problem.hint == "name a COMPONENT, a COMPONENT.STEP or a COMPONENT.PHASE.STEP"


@pytest.mark.usefixtures("folder")
def test_what_cannot_be_read_does_not_make_other_names_wrong() -> None:
    text = RECIPE + "components: [gone.yml]\ncache: {refresh: [gone.One]}\n"

    assert complaints(text) == ["recipe.yml:4:14: cannot read gone.yml: No such file or directory"]


@pytest.mark.usefixtures("folder")
def test_a_short_recipe_has_defaults() -> None:
    recipe = load_recipe(written(RECIPE)).recipe

    assert (recipe.disk_size, recipe.boot, recipe.guest, recipe.test) == (None, "bios", "auto", "firmware")
    assert (recipe.formats, recipe.keep, recipe.family) == (("qcow2",), frozenset(), None)
    assert (recipe.secrets, recipe.max_age, recipe.refresh) == ((), None, ())


def test_document_paths_begin_at_the_recipes_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(RECIPE + "components: [parts/nginx.yml]\n")
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")

    loaded = load_recipe(Path("../recipe.yml"))

    assert loaded.components[0].document.file == "../parts/nginx.yml"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("version: 1.0", '2:1: version has to be three numbers, such as 1.0.0, not "1.0"'),
        (
            "name: a b",
            '1:1: name has to be 1 to 128 letters, digits, ., _ or -, a letter or digit first, not "a b"',
        ),
        ("disk: {size: 10}", '4:8: size has to be a size with its unit, such as 10GiB, not "10"'),
        ("disk: {size: 10G}", '4:8: size has to be a size with its unit, such as 10GiB, not "10G"'),
        ("disk: {size: 65TiB}", "4:8: the largest disk is 64TiB, not 65TiB"),
        ("disk: 10GiB", '4:1: disk has to be a mapping, not "10GiB"'),
        ("boot: efi", '4:1: boot cannot be "efi" (did you mean uefi?)'),
        ("machine: {cpus: 0}", '4:11: cpus has to be a whole number from 1 to 64, not "0"'),
        ("componets: []", '4:1: a recipe has no key "componets" (did you mean components?)'),
        ("components: nginx.yml", '4:1: components has to be a list, not "nginx.yml"'),
        ("components: [[a]]", "4:14: a component has to be a path, not a list"),
        ("components: [{parameters: {}}]", '4:14: a component needs "component"'),
        (
            "components: [parts/ngnix.yml]",
            "4:14: cannot read parts/ngnix.yml: No such file or directory (did you mean nginx.yml?)",
        ),
        ("components: [none/ngnix.yml]", "4:14: cannot read none/ngnix.yml: No such file or directory"),
        (f"components: [{'x' * 300}]", f"4:14: cannot read {'x' * 300}: File name too long"),
        ("components: [parts]", "4:14: cannot read parts: it is not a file"),
        ("components: [/dev/zero]", "4:14: cannot read /dev/zero: it is not a file"),
        (
            "components: [{component: parts/nginx.yml, parameters: {Levle: 1}}]",
            '4:14: nginx has no parameter "Levle" (did you mean Level?)',
        ),
        ("tests: [parts/nginx.yml]", "4:9: nginx has no phase test, so nothing of it would run"),
        ("output: {formats: [qcow]}", '4:20: formats[0] cannot be "qcow" (did you mean qcow2?)'),
        ("output: {formats: []}", "4:10: formats is an empty list"),
        ("output: {keep: [log]}", '4:17: keep[0] cannot be "log" (did you mean logs?)'),
        ("guest: sandbox", "4:1: guest: the sandbox guest is not there yet in goldsmith"),
        (
            "network: {allow: [10.0.0.1]}",
            "4:11: network.allow: allowed addresses are not there yet in goldsmith",
        ),
        ("secrets: [TOKEN]", "4:1: secrets has to be a mapping, not a list"),
        ("secrets: {TOKEN: }", "4:11: TOKEN has to be a text, not nothing"),
        (
            "secrets: {TO-KEN: 'env:TOKEN'}",
            '4:11: a secret cannot be called "TO-KEN": 1 to 128 letters, digits or _, no digit first',
        ),
        (
            "secrets: {PATH: 'env:TOKEN'}",
            "4:11: a secret cannot be called PATH: steps have a variable of that name",
        ),
        ("secrets: {TOKEN: 'hunter2!'}", "4:11: TOKEN has to be env:VARIABLE or secret:NAME"),
        ("secrets: {TOKEN: 'vault:TOKEN'}", "4:11: TOKEN has to be env:VARIABLE or secret:NAME"),
        ("secrets: {TOKEN: 'env:'}", "4:11: TOKEN has to be env:VARIABLE or secret:NAME"),
        (
            "cache: {max_age: 24}",
            '4:9: max_age: "24" is not an age: a whole number with s, m, h or d, such as 30m, 24h or 7d',
        ),
        (
            "cache: {refresh: [nginx]}",
            '4:9: refresh: "nginx" is no component or step of this recipe',
        ),
        (
            "output: {regions: [us-east-1]}",
            "4:10: output.regions: regions are not there yet in goldsmith",
        ),
        (
            "components: [arn:aws:imagebuilder:us-east-1:aws:component/a/x.x.x]",
            "4:14: components by ARN are not there yet in goldsmith",
        ),
        (
            "base: https://example.org/a.qcow2",
            "3:1: base: a base by ARN or URL is not there yet in goldsmith",
        ),
    ],
)
def test_a_wrong_recipe_is_told_with_its_place(line: str, complaint: str) -> None:
    """Case C65 for the sizes."""
    key = line.split(":")[0]
    text = "".join(each + "\n" for each in RECIPE.splitlines() if each.split(":")[0] != key)
    lines = text.splitlines()
    lines.insert({"name": 0, "version": 1, "base": 2}.get(key, 3), line)

    assert complaints("\n".join(lines)) == [f"recipe.yml:{complaint}"]


@pytest.mark.usefixtures("folder")
def test_a_document_without_a_phase_of_image_builds_is_refused() -> None:
    Path("parts/clean.yml").write_text(TEST.replace("test", "cleanup"))

    assert complaints(RECIPE + "components: [parts/clean.yml]\n") == [
        "recipe.yml:4:14: clean has no phase build or validate or test, so nothing of it would run"
    ]


@pytest.mark.usefixtures("folder")
def test_mistakes_of_recipe_and_documents_are_told_together() -> None:
    Path("parts/nginx.yml").write_text(DOCUMENT.replace("Reboot", "Rebot"))

    text = RECIPE + "boot: x\ncomponents: [parts/nginx.yml, parts/nginx.yml, gone.yml]\n"

    assert complaints(text) == [
        'parts/nginx.yml:4:39: step "One": unknown action "Rebot" (did you mean Reboot?)',
        'recipe.yml:4:1: boot cannot be "x" (it is one of bios, uefi)',
        "recipe.yml:5:48: cannot read gone.yml: No such file or directory",
    ]


@pytest.mark.usefixtures("folder")
def test_loading_raises_the_first_error() -> None:
    with pytest.raises(Invalid) as failed:
        load_recipe(written("name: golden\nversion: 1\nbase: [x]\n"))

    assert str(failed.value) == 'recipe.yml:2:1: version has to be three numbers, such as 1.0.0, not "1"'
    assert failed.value.hint == "1 more error; `goldsmith validate` shows all"


@pytest.mark.usefixtures("folder")
def test_warnings_of_documents_come_with_the_recipe() -> None:
    Path("parts/nginx.yml").write_text(
        DOCUMENT.replace("action: Reboot", "action: Reboot, inputs: {delaySeconds: '{{ x }}'}")
    )

    (warning,) = load_recipe(written(RECIPE + "components: [parts/nginx.yml]\n")).warnings

    assert warning.message == 'step "One": {{ x }} refers to nothing and stays as it is'


@pytest.mark.usefixtures("folder")
def test_a_recipe_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound, match=r"^cannot read the recipe gone.yml: No such file or directory$"):
        load_recipe(Path("gone.yml"))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10GiB", 10 * 2**30),
        ("512MiB", 512 * 2**20),
        ("20GB", 19074 * 2**20),  # the next whole MiB
        ("1 TiB", 2**40),
        ("4096KiB", 2**22),
    ],
)
def test_sizes_are_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size
