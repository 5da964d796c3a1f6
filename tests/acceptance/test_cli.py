"""`goldsmith` as a person types it, on a fresh home. Guests are for other tests."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from goldsmith.settings import Settings

EXAMPLE = Path(__file__).parents[2] / "examples" / "nginx"

pytestmark = pytest.mark.usefixtures("home")


def goldsmith(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "goldsmith", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def last_object(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("command", [[], ["image"]])
def test_without_a_command_the_commands_are_shown(command: list[str]) -> None:
    done = goldsmith(*command)

    assert done.returncode == 2
    assert "Commands:" in done.stdout + done.stderr


@pytest.mark.parametrize("words", [["biuld"], ["build"], ["image", "show"], ["image", "list", "--yaml"]])
def test_bad_usage_ends_with_2(words: list[str]) -> None:
    done = goldsmith(*words)

    assert (done.returncode, done.stdout) == (2, "")
    assert "Error: " in done.stderr


def test_a_recipe_without_mistakes_is_valid() -> None:
    done = goldsmith("validate", EXAMPLE / "recipe.yml", EXAMPLE / "components" / "nginx.yml")

    assert (done.returncode, done.stdout, done.stderr) == (0, "2 files checked: nothing is wrong\n", "")


def test_every_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "recipe.yml").write_text("name: web\nversion: 1\nbase: debian-12\ncomponents: [web.yml]\n")
    (tmp_path / "web.yml").write_text(
        "schemaVersion: 1.0\n"
        "phases:\n"
        "  - name: build\n"
        "    steps:\n"
        "      - name: Install\n"
        "        action: ExecuteBahs\n"
        "        inputs: {commands: [apt-get install nginx]}\n"
    )

    done = goldsmith("validate", "recipe.yml", cwd=tmp_path)

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        'recipe.yml:2:1: version has to be three numbers, such as 1.0.0, not "1"',
        'web.yml:6:9: step "Install": unknown action "ExecuteBahs" (did you mean ExecuteBash?)',
        "1 file checked: 2 errors, 0 warnings",
    ]
    assert [
        each["line"]
        for each in last_object(goldsmith("validate", "recipe.yml", "--json", cwd=tmp_path))["problems"]
    ] == [2, 6]


def test_a_recipe_that_is_no_yaml_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "recipe.yml").write_text("name: [\n")

    done = goldsmith("build", "recipe.yml", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: recipe.yml:2:1: not YAML: ")


def test_an_unknown_base_is_named_with_the_way_to_get_one(home: Settings) -> None:
    build: list[str | Path] = ["build", EXAMPLE / "recipe.yml"]
    run: list[str | Path] = ["run", EXAMPLE / "components" / "nginx.yml", "--base", "debian-12"]
    for words in (build, run):
        done = goldsmith(*words)

        assert done.returncode == 1
        assert 'unknown image "debian-12"' in done.stderr
        assert "hint: " in done.stderr
        assert "goldsmith image bootstrap debian-12" in done.stderr
    assert list(home.run.iterdir()) == []


def test_an_unknown_base_is_told_to_machines_on_stdout() -> None:
    done = goldsmith("build", EXAMPLE / "recipe.yml", "--json")

    assert (done.returncode, done.stderr) == (1, "")
    error = last_object(done)["error"]
    assert error["code"] == "unknown-base"
    assert 'recipe.yml:4:1: unknown image "debian-12"' in error["message"]


def test_a_setting_that_nothing_declares_is_refused() -> None:
    done = goldsmith("build", EXAMPLE / "recipe.yml", "--set", "Prot=80")

    assert done.returncode == 1
    assert done.stderr == 'error: --set Prot: no component has a parameter "Prot" (did you mean Port?)\n'


def test_a_setting_without_a_value_is_bad_usage() -> None:
    done = goldsmith("build", EXAMPLE / "recipe.yml", "--set", "Port")

    assert done.returncode == 2
    assert done.stderr.endswith('Error: Invalid value for --set: "Port" is not NAME=VALUE\n')


def test_a_phase_that_the_document_lacks_is_refused() -> None:
    component = EXAMPLE / "components" / "nginx.yml"

    done = goldsmith("run", component, "--base", "debian-12", "--phase", "build,deploy")

    assert done.returncode == 1
    assert f'error: {component}: there is no phase "deploy"' in done.stderr


def test_a_fresh_home_lists_no_images() -> None:
    done = goldsmith("image", "list", "--json")

    assert (done.returncode, done.stdout, done.stderr) == (0, '{"images": []}\n', "")


def test_a_base_that_nobody_can_make_is_refused() -> None:
    done = goldsmith("image", "bootstrap", "debian-1")

    assert done.returncode == 1
    assert done.stderr.startswith("error: no base is called debian-1\nhint: there are debian-11, ")


def test_doctor_tells_machines_what_it_found(home: Settings) -> None:
    done = goldsmith("doctor", "--json")

    told = last_object(done)
    states = {each["name"]: each["state"] for each in told["findings"]}
    assert states["home"] == "ok"
    assert home.home.is_dir()
    assert told["ok"] == ("missing" not in states.values()) == (done.returncode == 0)
    assert {"QEMU", "KVM", "UEFI firmware", "network room", "guest agent", "memory"} <= states.keys()


def test_nobody_reading_any_more_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as nobody:
        command = [sys.executable, "-m", "goldsmith", "doctor"]
        done = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, text=True, check=False)

    assert done.stderr == ""


def test_what_the_encoding_lacks_is_spelt_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "iso-8859-1")
    (tmp_path / "日.yml").write_text("base: debian-12\n")

    done = goldsmith("validate", "日.yml", cwd=tmp_path)

    assert done.stdout.splitlines()[0] == '\\u65e5.yml:1:1: a recipe needs "name"'


def test_a_pipe_gets_no_colours() -> None:
    assert "\x1b" not in goldsmith("doctor").stdout


def test_the_version_is_said() -> None:
    assert goldsmith("--version").stdout.startswith("goldsmith ")
