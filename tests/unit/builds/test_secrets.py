"""The secrets of a recipe have their values, or it is told where one is missing, before anything boots."""

from pathlib import Path

import pytest

from goldsmith.accounts.secrets import Store
from goldsmith.builds.secrets import ENVIRONMENT, resolve
from goldsmith.documents.recipe import Recipe, load_recipe
from goldsmith.errors import Conflict, Invalid, NotFound
from goldsmith.settings import Settings
from goldsmith.steps.surroundings import Secret


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def recipe(secrets: str) -> Recipe:
    Path("recipe.yml").write_text(f"name: a\nversion: 1.0.0\nbase: debian-12\nsecrets: {secrets}\n")
    return load_recipe(Path("recipe.yml")).recipe


@pytest.mark.usefixtures("folder")
def test_values_come_from_the_environment_and_from_the_store(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_TOKEN", "from the environment")
    Store(home.home).set("KEPT", "value one")
    Store(home.home).set("KEPT", "value two")

    found = resolve(home, recipe("{A: 'env:CI_TOKEN', B: 'secret:KEPT', KEPT: KEPT}"))

    [kept] = Store(home.home).list_()
    version = f"KEPT 2 {kept.set_at.isoformat()}"
    assert found == (
        Secret("A", "from the environment", f"{ENVIRONMENT} CI_TOKEN"),
        Secret("B", "value two", version),
        Secret("KEPT", "value two", version),
    )


@pytest.mark.usefixtures("folder")
def test_a_recipe_without_secrets_needs_no_key(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOLDSMITH_SECRETS_KEY", "no key")

    assert resolve(home, recipe("{}")) == ()


@pytest.mark.usefixtures("folder")
def test_a_variable_that_is_not_set_is_told_with_its_place(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI_TOKEN", raising=False)

    with pytest.raises(Invalid) as caught:
        resolve(home, recipe("{A: 'env:CI_TOKEN'}"))

    assert str(caught.value) == (
        "recipe.yml:4:11: the secret A is to come from the environment variable CI_TOKEN, which is not set"
    )
    assert caught.value.hint == (
        "set CI_TOKEN where goldsmith runs, or keep the value with `goldsmith secret set`"
    )


@pytest.mark.usefixtures("folder")
def test_a_variable_that_is_no_secret_is_told_with_its_place(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value, complaint in (
        ("", "the secret A is empty"),
        ("abc", "the secret A is too short: 4 characters besides white space are the least"),
    ):
        monkeypatch.setenv("CI_TOKEN", value)
        with pytest.raises(Invalid) as caught:
            resolve(home, recipe("{A: 'env:CI_TOKEN'}"))
        assert str(caught.value) == (f"recipe.yml:4:11: {complaint} (from the environment variable CI_TOKEN)")


@pytest.mark.usefixtures("folder")
def test_a_secret_that_nobody_set_is_told_with_its_place(home: Settings) -> None:
    Store(home.home).set("TOKEN", "hunter2")

    with pytest.raises(NotFound) as caught:
        resolve(home, recipe("{A: TOKNE}"))

    assert str(caught.value) == 'recipe.yml:4:11: there is no secret "TOKNE" (did you mean TOKEN?)'
    assert caught.value.hint == (
        "`goldsmith secret list` shows which there are, `goldsmith secret set NAME` adds one"
    )


@pytest.mark.usefixtures("folder")
def test_a_store_that_cannot_be_read_is_told(home: Settings) -> None:
    Store(home.home).set("TOKEN", "hunter2")
    (home.home / "secrets").write_text("half")

    with pytest.raises(Conflict, match=r"^the file of the secrets is damaged: "):
        resolve(home, recipe("{A: TOKEN}"))
