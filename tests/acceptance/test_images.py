"""Images in the life that awaits them: by UEFI, in other formats, on foreign bases."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from goldsmith.builds import bases, build, trial
from goldsmith.builds.home import Home
from goldsmith.catalog.images import Image
from goldsmith.errors import TestFailed
from goldsmith.log import Log
from goldsmith.steps.run import run_plan
from tests.machines import boot_test, holds, running
from tests.recipes import bash, document, loaded

VARIABLE = "/sys/firmware/efi/efivars/Kept-6c0fc0a8-9ac5-4f4b-8d2c-6c0fc0a89ac5"


@pytest.mark.slow
def test_a_uefi_image_with_a_new_kernel_boots_it_and_every_format_holds_the_same(
    shared_home: Home, debian: Image, tmp_path: Path
) -> None:
    """Cases C41, C45, C63, C69 and C74, in one build because each costs minutes where guests are emulated."""
    work = document(
        tmp_path,
        "work",
        {
            "build": [
                bash(
                    "Variable",
                    "set -e",
                    f"mountpoint -q {Path(VARIABLE).parent}",
                    f"test -e {VARIABLE} || {{ printf '\\007\\000\\000\\000kept' > {VARIABLE}; exit 194; }}",
                ),
                bash("Deleted", "set -e", "yes DELETED-MARKER | head -c 100M > /big; sync; rm /big"),
                bash(
                    "Kernel",
                    "set -e",
                    "version=$(uname -r)",
                    "cp -r /lib/modules/$version /lib/modules/9.9.9",
                    "cp /boot/vmlinuz-$version /boot/vmlinuz-9.9.9",
                    "cp /boot/initrd.img-$version /boot/initrd.img-9.9.9",
                    "update-grub",
                ),
                {
                    "name": "StopsSlowly",
                    "action": "CreateFile",
                    "inputs": [
                        {
                            "path": "/etc/systemd/system/slow.service",
                            "content": "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n"
                            "ExecStop=/bin/sleep 40\n[Install]\nWantedBy=multi-user.target\n",
                        }
                    ],
                },
                bash("Enable", "systemctl enable --now slow.service"),
            ],
            "test": [
                bash("Firmware", "test -d /sys/firmware/efi"),
                bash("Variables", f"! test -e {VARIABLE}"),
                bash("Kernel", "grep -F BOOT_IMAGE=/boot/vmlinuz-9.9.9 /proc/cmdline"),
            ],
        },
    )
    formats = ["qcow2", "raw", "vmdk", "vhd", "vhdx"]
    recipe = loaded(tmp_path, debian.id, [work], boot="uefi", output={"formats": formats})

    outcome = build.build(shared_home, recipe, Log())

    paths = outcome.paths
    assert sorted(paths) == sorted(formats)
    for kind, qemu_name in {"qcow2": "qcow2", "vmdk": "vmdk", "vhd": "vpc", "vhdx": "vhdx"}.items():
        assert same(paths["raw"], paths[kind], qemu_name), kind  # type: ignore[index]
    assert paths["vhd"].stat().st_size == (4 << 30) + 512
    assert not holds(paths["raw"], b"DELETED-MARKER\nDELETED-MARKER")
    for path in paths.values():
        path.unlink()


def test_a_foreign_image_with_musl_and_openrc_runs_a_document(
    shared_home: Home, alpine: Image, tmp_path: Path
) -> None:
    work = document(
        tmp_path,
        "work",
        {
            "build": [
                bash("Where", "cat /etc/alpine-release; test -x /sbin/openrc && echo openrc"),
                {
                    "name": "Folder",
                    "action": "CreateFolder",
                    "inputs": [{"path": "/srv/a/b", "permissions": "0750", "owner": "daemon"}],
                },
                {
                    "name": "File",
                    "action": "CreateFile",
                    "inputs": [{"path": "/srv/a/b/c", "content": "{{ build.Where.outputs.stdout }}"}],
                },
                bash("Look", "stat -c '%a %U' /srv/a/b; tail -n 1 /srv/a/b/c"),
            ]
        },
    )

    report = trial.run_component(shared_home, trial.plan_component(work, (), {}), alpine.id, Log())

    assert report.error() is None
    assert report.steps[-1].outputs["stdout"] == "750 daemon\nopenrc"


@pytest.mark.slow
def test_an_image_without_a_boot_loader_is_tested_by_its_kernel_or_refused(
    shared_home: Home, alpine: Image, tmp_path: Path
) -> None:
    work = document(
        tmp_path,
        "work",
        {"build": [bash("Make", "echo made > /made")], "test": [bash("There", "cat /made")]},
    )

    outcome = build.build(shared_home, loaded(tmp_path, alpine.id, [work], test="direct"), Log())

    assert [step.outcome for step in outcome.image.description.tests] == ["succeeded"]
    with pytest.raises(TestFailed) as failed:
        boot_test(shared_home, outcome.image, shared_home.disk(outcome.image))
    assert failed.value.message.startswith("the guest did not boot: its firmware found nothing to boot")
    assert failed.value.hint == "a disk without a boot loader can be tested by its kernel: `test: direct`"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["debian-13", "debian-12-minimal"])
def test_every_base_boots(shared_home: Home, name: str) -> None:
    image = bases.bootstrap(shared_home, name, Log())

    assert boot_test(shared_home, image, shared_home.disk(image)).status == "success"


@pytest.mark.slow
def test_a_step_that_always_asks_for_a_restart_ends_at_the_bound(
    shared_home: Home, debian: Image, tmp_path: Path
) -> None:
    """Case C10 a."""
    work = document(tmp_path, "work", {"build": [bash("Again", "exit 194")]})
    with running(shared_home, debian, init="none", network="none") as (vm, _):
        report = run_plan(trial.plan_component(work, (), {}), vm, Log())
    error = report.error()
    assert error is not None
    assert "too many reboots" in error.message


@pytest.mark.slow
def test_a_step_that_restarts_the_machine_by_itself_has_failed(
    shared_home: Home, debian: Image, tmp_path: Path
) -> None:
    """Case C10 b."""
    work = document(tmp_path, "work", {"build": [bash("Restarts", "reboot", "sleep 600")]})

    report = trial.run_component(shared_home, trial.plan_component(work, (), {}), debian.id, Log())

    error = report.error()
    assert error is not None
    assert error.code == "unexpected-reboot"
    assert error.message.startswith("component work, phase build, step Restarts: the guest restarted")


def same(raw: Path, other: Path, qemu_name: str) -> bool:
    command = ["qemu-img", "compare", "-f", "raw", "-F", qemu_name, raw, other]
    return subprocess.run([*map(str, command)], capture_output=True, check=False).returncode == 0
