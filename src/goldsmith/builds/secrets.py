"""The values of a recipe's secrets, found before anything boots."""

from __future__ import annotations

import os

from ..accounts.secrets import Store, check_value
from ..documents.recipe import Recipe
from ..documents.recipe_secrets import SecretUse
from ..errors import Invalid, NotFound
from ..settings import Settings
from ..steps.surroundings import Secret

#: What a value from the environment has for a version, with the variable's name: a token that is new in
#: every run must not make every step run anew.
ENVIRONMENT = "of the environment:"


def resolve(settings: Settings, recipe: Recipe) -> tuple[Secret, ...]:
    """The secrets that steps of the recipe may ask for, in its order.

    Raises Invalid: a variable is not set, or no secret by its value; NotFound: no such secret; Conflict:
    the store cannot be read. Those about one secret begin with its place in the recipe.
    """
    store = Store(settings.home)
    return tuple(_resolve(use, store, recipe.where(f"secrets.{use.name}")) for use in recipe.secrets)


def _resolve(use: SecretUse, store: Store, where: str) -> Secret:
    if use.kind == "env":
        return Secret(use.name, _of_environment(use, where), f"{ENVIRONMENT} {use.source}")
    try:
        found = store.get(use.source)
    except NotFound as error:
        at = f"{where}: " if where else ""
        raise NotFound(f"{at}{error.message}", hint=error.hint, code=error.code) from None
    return Secret(use.name, found.value, f"{found.name} {found.version} {found.set_at.isoformat()}")


def _of_environment(use: SecretUse, where: str) -> str:
    value = os.environ.get(use.source)
    if value is None:
        raise Invalid(
            f"the secret {use.name} is to come from the environment variable {use.source}, which is not set",
            where=where,
            hint=f"set {use.source} where goldsmith runs, or keep the value with `goldsmith secret set`",
            code="secret-variable-missing",
        )
    try:
        check_value(use.name, value)
    except Invalid as error:
        raise Invalid(
            f"{error.message} (from the environment variable {use.source})",
            where=where,
            hint=error.hint,
            code=error.code,
        ) from None
    return value
