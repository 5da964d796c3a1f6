"""One real build as a person starts it, and what is in the image that comes out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from goldsmith.builds.home import Home
from goldsmith.catalog import builds, images
from goldsmith.catalog.images import Image
from goldsmith.database.engine import reading
from goldsmith.disks import files, table
from goldsmith.errors import TestFailed
from goldsmith.guests.inspection import Inspection
from tests.machines import boot_test, inspected, overlay_on
from tests.recipes import REPOSITORY, bash, document, recipe


@dataclass(frozen=True)
class Built:
    """What `goldsmith build --json` said and did."""

    status: int
    events: list[dict[str, Any]]

    @property
    def result(self) -> dict[str, Any]:
        return self.events[-1]

    def output(self) -> list[str]:
        return [event["text"] for event in self.events if event.get("event") == "output"]


def environment(home: Home) -> dict[str, str]:
    return {**os.environ, "GOLDSMITH_HOME": str(home.settings.home)}


def goldsmith(home: Home, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "goldsmith", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment(home), check=False)


@pytest.fixture(scope="module")
def built(shared_home: Home, debian: Image, tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("recipe")
    work = document(
        folder,
        "work",
        {
            "build": [
                bash("Repository", REPOSITORY),
                {"name": "Update", "action": "UpdateOS", "inputs": {"include": ["tiny"]}},
                bash("Say", "echo out; echo err >&2"),
                {
                    "name": "Chain",
                    "action": "CreateFile",
                    "inputs": [{"path": "/etc/said", "content": "{{ build.Say.outputs.stdout }}\n"}],
                },
                bash("LastCommandDecides", "false", "echo done"),
                bash("Restart", "test -e /var/restarted || { touch /var/restarted; exit 194; }"),
                bash(
                    "Sources",
                    "rm /etc/apt/sources.list; mv /root/sources/sources.list* /etc/apt/ 2>/dev/null",
                    "mv /root/sources/* /etc/apt/sources.list.d/; rmdir /root/sources",
                ),
                bash("Litter", "echo secret > /tmp/litter; echo x > /root/.bash_history; logger litter"),
            ],
            "validate": [bash("Installed", "set -e; dpkg -s tiny; cat /etc/said")],
            "test": [bash("Booted", "set -e", "cat /usr/share/tiny/file", "systemctl is-system-running")],
        },
    )
    path = recipe(folder, debian.id, [work], disk={"size": "5GiB"}, output={"formats": ["qcow2", "raw"]})
    done = goldsmith(shared_home, "build", path, "--json")
    return Built(done.returncode, [json.loads(line) for line in done.stdout.splitlines()])


@pytest.fixture(scope="module")
def image(shared_home: Home, built: Built) -> Image:
    with reading(shared_home.engine) as tx:
        return images.get_image(tx, "made")


@pytest.fixture(scope="module")
def inside(shared_home: Home, image: Image) -> Iterator[Inspection]:
    """The finished image's files, looked at from outside."""
    with inspected(shared_home, image) as inspection:
        yield inspection


def test_it_ends_well_and_says_where_the_image_is(shared_home: Home, built: Built, image: Image) -> None:
    assert built.status == 0, built.result
    assert image.state == "available"
    assert image.file is not None
    path = shared_home.file(image)
    assert files.digest(path) == image.file.digest
    assert path.stat().st_size > 100 << 20
    assert [step.step for step in image.description.tests] == ["Booted"]


def test_what_steps_print_is_told_as_it_comes(built: Built) -> None:
    assert {"out", "err", "done", "tiny 1.0", "running"} <= set(built.output())


def test_outputs_chain_without_stderr(inside: Inspection) -> None:
    assert inside.get("/etc/said") == b"out\n"


def test_a_step_that_asked_for_a_restart_ran_again_after_it(built: Built, inside: Inspection) -> None:
    assert inside.get("/var/restarted") == b""
    assert [event["name"] for event in built.events if event.get("event") == "ended"].count("reboot") == 1


def test_the_machine_id_is_empty_and_there_are_no_host_keys(inside: Inspection) -> None:
    """Case C39."""
    assert inside.get("/etc/machine-id") == b""
    assert inside.names("/etc/ssh/ssh_host_*", "/var/lib/systemd/random-seed") == []


def test_logs_histories_caches_and_temporary_files_are_gone(inside: Inspection) -> None:
    patterns = ("/tmp/*", "/var/tmp/*", "/root/.bash_history", "/var/log/journal/*", "/var/lib/apt/lists/*_*")
    assert inside.names(*patterns) == []
    assert inside.get("/var/log/dpkg.log") == b""


def test_the_resolver_and_the_package_sources_are_those_of_the_base(
    shared_home: Home, debian: Image, inside: Inspection
) -> None:
    with inspected(shared_home, debian) as base:
        for path in ("/etc/resolv.conf", "/etc/fstab", "/etc/apt/sources.list"):
            assert inside.get(path) == base.get(path), path
        wants = "/etc/systemd/system/*.wants/*"
        assert inside.names(wants) == base.names(wants)


def test_the_larger_disk_is_used_to_its_end(shared_home: Home, image: Image) -> None:
    """Case C67."""
    raw = shared_home.file(image).with_suffix(".raw")
    assert raw.stat().st_size == 5 << 30
    checked = subprocess.run(["sgdisk", "-v", raw], capture_output=True, text=True, check=True)
    assert "No problems found" in checked.stdout
    with raw.open("rb") as file:
        found = table.parse(file.read(table.HEAD), (5 << 30) // table.SECTOR)
    root = found.partitions[-1]
    assert (5 << 30) - root.end * table.SECTOR < 2 << 20


def test_list_and_show_know_it(shared_home: Home, image: Image) -> None:
    listed = json.loads(goldsmith(shared_home, "image", "list", "--json").stdout.splitlines()[-1])
    shown = goldsmith(shared_home, "image", "show", image.id)

    assert image.id in json.dumps(listed)
    assert "work" in shown.stdout
    assert "Restart" in shown.stdout


def test_a_copy_with_a_broken_boot_loader_fails_the_test(
    shared_home: Home, image: Image, tmp_path: Path
) -> None:
    disk = overlay_on(shared_home, image, tmp_path)
    with inspected(shared_home, disk) as inspection:
        inspection.empty("/boot/grub/grub.cfg")
    with pytest.raises(TestFailed) as failed:
        boot_test(shared_home, image, disk)
    assert failed.value.message.startswith("the guest did not boot: its boot loader found no entry to boot")


def test_after_ctrl_c_the_build_is_cancelled_and_nothing_is_left(
    shared_home: Home, debian: Image, tmp_path: Path
) -> None:
    """Case C72."""
    waits = document(tmp_path, "waits", {"build": [bash("Wait", "echo waiting", "sleep 600")]})
    path = recipe(tmp_path, debian.id, [waits], name="cancelled")
    before = set(shared_home.settings.run.iterdir())  # that of the guest which looks into the image
    command = [sys.executable, "-m", "goldsmith", "build", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(shared_home)) as build:
        assert build.stdout is not None
        assert any("| waiting" in line for line in build.stdout)
        build.send_signal(signal.SIGINT)
        build.communicate()
    assert build.returncode == 130
    assert set(shared_home.settings.run.iterdir()) == before
    with reading(shared_home.engine) as tx:
        record = next(each for each in builds.list_builds(tx) if each.recipe_name == "cancelled")
    assert record.status == "cancelled"
