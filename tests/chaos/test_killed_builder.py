"""kill -9 of a builder: its guest dies with it, and the next command clears up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from goldsmith.builds.home import Home
from goldsmith.catalog import builds
from goldsmith.catalog.images import Image
from goldsmith.database.engine import reading
from tests.recipes import bash, document, recipe

pytestmark = pytest.mark.slow


def test_nothing_of_a_killed_build_is_left(shared_home: Home, debian: Image, tmp_path: Path) -> None:
    """Case C72. That its processes are gone is what every test is watched for."""
    waits = document(tmp_path, "waits", {"build": [bash("Wait", "echo waiting", "sleep 600")]})
    path = recipe(tmp_path, debian.id, [waits], name="killed")
    environment = {**os.environ, "GOLDSMITH_HOME": str(shared_home.settings.home)}
    goldsmith = [sys.executable, "-m", "goldsmith"]
    with subprocess.Popen(
        [*goldsmith, "build", str(path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as build:
        assert build.stdout is not None
        assert any("| waiting" in line for line in build.stdout)
        build.send_signal(signal.SIGKILL)
        build.communicate()

    listed = subprocess.run(
        [*goldsmith, "image", "list", "--json"], capture_output=True, text=True, env=environment, check=True
    )

    assert json.loads(listed.stdout)
    assert list(shared_home.settings.run.iterdir()) == []
    with reading(shared_home.engine) as tx:
        record = next(each for each in builds.list_builds(tx) if each.recipe_name == "killed")
    assert (record.status, record.error and record.error.code) == ("failed", "builder-died")
