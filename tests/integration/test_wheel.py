"""What `pip install .` brings: the agent and the migrations are inside, and nothing is compiled twice."""

import subprocess
import sys
from pathlib import Path
from platform import machine
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
NEEDS = "from hatchling.build import get_requires_for_build_wheel as needs; print(*needs())"


def needs(monkeypatch: pytest.MonkeyPatch, cache: Path | None = None) -> str:
    """What pip has to install for the build, beside hatchling."""
    if cache is not None:
        monkeypatch.setenv("GOLDSMITH_CACHE", str(cache))
    command = [sys.executable, "-c", NEEDS]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def test_the_wheel_has_the_agent_and_the_migrations(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

    [wheel] = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        agent = archive.read(f"goldsmith/guests/agent/agent-{machine()}")
        names = archive.namelist()

    assert agent.startswith(b"\x7fELF")
    assert "goldsmith/database/migrations/versions/0001_images_and_builds.py" in names
    assert "goldsmith/py.typed" in names
    assert wheel.name == f"goldsmith-0.1.0-py3-none-linux_{machine()}.whl"


def test_a_compiled_agent_is_not_compiled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert needs(monkeypatch) == ""


def test_the_compiler_that_the_build_asks_for_is_the_locked_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = needs(monkeypatch, cache=tmp_path)

    assert asked in (ROOT / "requirements" / "compiler.txt").read_text().split()
