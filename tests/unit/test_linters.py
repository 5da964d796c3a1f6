"""The house rules, each checked by its own tool, whose words are the failure."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
SCRIPTS = ["quickstart", "test", ".ci/run", "requirements/install.sh", "requirements/lock"]


@pytest.mark.parametrize(
    "command",
    [
        [PROGRAMS / "ruff", "format", "--check", "--diff", "."],
        [PROGRAMS / "ruff", "check", "."],
        [PROGRAMS / "mypy"],
        [PROGRAMS / "lint-imports"],
        ["shellcheck", "--external-sources", *SCRIPTS],
    ],
    ids=["ruff format", "ruff check", "mypy", "lint-imports", "shellcheck"],
)
def test_the_linter_is_content(command: list[str | Path]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    if done.returncode != 0:
        pytest.fail(done.stdout + done.stderr, pytrace=False)


def test_no_module_is_longer_than_400_lines() -> None:
    modules = [*ROOT.glob("src/**/*.py"), *ROOT.glob("tests/**/*.py"), *ROOT.glob("bench/**/*.py")]

    lines = {str(each.relative_to(ROOT)): len(each.read_text().splitlines()) for each in modules}

    assert {path: count for path, count in lines.items() if count > 400} == {}
