import pytest
import typer

from goldsmith.cli.options import settings


def test_settings_are_names_and_values() -> None:
    assert settings(None) == {}
    assert settings(["Port=80", "nginx.Name=a=b", "Empty=", "Port=8080"]) == {
        "Port": "8080",
        "nginx.Name": "a=b",
        "Empty": "",
    }


@pytest.mark.parametrize("given", ["Port", "=80", " =80", ""])
def test_what_is_no_setting_is_bad_usage(given: str) -> None:
    with pytest.raises(typer.BadParameter) as failed:
        settings([given])

    assert failed.value.message == f'"{given}" is not NAME=VALUE'
    assert failed.value.exit_code == 2
