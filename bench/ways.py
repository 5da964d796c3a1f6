"""The ways of doing the job: goldsmith, Packer, virt-customize and the floor, each timed by its stages.

All but the floor start from the same base and end with a compressed image. Machines have two CPUs and
1 GiB of memory, the same accelerator, and no proxy.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import yaml

from goldsmith.disks import qemu_img

from . import home
from .measuring import accelerator_name, cpu_of_children, goldsmith

COMPONENT = home.RECIPE.with_name("nginx.yml")


@dataclass(frozen=True)
class Taken:
    """Seconds from the start to the compressed image, and of each stage on the way.

    `cpu` are the processor's seconds of all its processes, guests included, until then. `tested` is what
    a test of the finished image took beside that; `size` is in bytes.
    """

    seconds: float
    cpu: float
    stages: Mapping[str, float]
    size: int = 0
    tested: float = 0.0


def steps() -> dict[str, str]:
    """The job's commands by name, those of goldsmith's component."""
    (phase,) = yaml.safe_load(COMPONENT.read_text())["phases"]
    return {step["name"]: "\n".join(step["inputs"]["commands"]) for step in phase["steps"]}


def by_goldsmith(work: Path, base: Path) -> Taken:
    """`goldsmith build` that reuses nothing: until the image is written. Its clean-up is inside, its test is
    not.

    It takes the base by its name.
    """
    start = time.monotonic()
    stages: dict[str, float] = {}
    written = cpu = tested = 0.0
    image = Path()
    command = goldsmith("build", home.RECIPE, "--no-cache", "--json")
    with _running(command, home.environment(work)) as (process, lines):
        for event in home.objects(lines):
            if "image" in event:
                image = Path(event["image"]["path"])
                size, image_id = image.stat().st_size, event["image"]["id"]
            elif event.get("event") == "ended" and event["name"] == "test the image":
                tested = event["seconds"]
            elif event.get("event") == "ended" and not written:
                name = event["fields"].get("step", event["name"])
                stages[name] = stages.get(name, 0.0) + event["seconds"]
                if event["name"] == "write the image":
                    written, cpu = time.monotonic() - start, _cpu_of(process)
    taken = Taken(written, cpu, stages, size, tested)
    home.delete(work, image_id)
    return taken


def by_packer(work: Path, base: Path) -> Taken:
    """Packer's QEMU builder with its shell provisioner over SSH, let in by a NoCloud seed.

    Debian's version cannot put an overlay on the base (QEMU wants the backing format named), so it
    copies it. skip_compaction, because the compressed image is written afterwards.
    """
    folder = work / "packer"
    key = _seed(folder)
    out = folder / "out"
    subprocess.run(["rm", "-rf", out], check=True)
    marked = [line for name, step in steps().items() for line in (f"echo 'step {name}'", step)]
    accelerator = accelerator_name()
    builder = {
        **{"type": "qemu", "iso_url": str(base), "iso_checksum": "none", "disk_image": True},
        **{"skip_resize_disk": True, "skip_compaction": True, "format": "qcow2", "vm_name": "disk.qcow2"},
        **{"output_directory": str(out), "headless": True, "boot_wait": "0s"},
        **{"accelerator": accelerator, "machine_type": "q35", "memory": 1024, "cpus": 2},
        **{"net_device": "virtio-net", "ssh_username": "root", "ssh_private_key_file": str(key)},
        **{"ssh_timeout": "20m", "shutdown_command": "poweroff"},
        "qemuargs": [
            ["-cpu", "host" if accelerator == "kvm" else "max"],
            ["-smp", "2"],
            ["-device", "virtio-rng-pci"],
            ["-drive", f"file={out}/disk.qcow2,if=virtio,format=qcow2,cache=unsafe,discard=unmap"],
            ["-drive", f"file={folder}/seed,if=virtio,format=raw,readonly=on"],
        ],
    }
    template = folder / "template.json"
    provisioner = {"type": "shell", "inline": marked}
    template.write_text(json.dumps({"builders": [builder], "provisioners": [provisioner]}))
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "PACKER_CACHE_DIR": str(folder / "cache")}
    names = {"Starting VM": "boot to SSH", "Provisioning with": "upload", "Gracefully halting": "power off"}
    marks = list(names.items()) + [(f"step {name}", name) for name in steps()]
    start, cpu = time.monotonic(), cpu_of_children()
    with _running(["packer", "build", "-color=false", template], environment) as (_, lines):
        stages = _stages("copy the base", lines, lambda line: next((s for t, s in marks if t in line), None))
    return _compressed(start, cpu, stages, out / "disk.qcow2", folder / "image.qcow2")


def by_virt_customize(work: Path, base: Path) -> Taken:
    """virt-customize on an overlay: the steps in libguestfs' own system, the image's init never runs."""
    folder = work / "virt-customize"
    folder.mkdir(exist_ok=True)
    disk = folder / "disk.qcow2"
    start, cpu = time.monotonic(), cpu_of_children()
    disk.unlink(missing_ok=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", disk], check=True)
    command = ["virt-customize", "--smp", "2", "--memsize", "1024", "--add", str(disk)]
    command += [word for step in steps().values() for word in ("--run-command", step)]
    by_text = {step: name for name, step in steps().items()}

    def stage(line: str) -> str | None:
        running = re.match(r"\[ *[\d.]+\] Running: (.*)", line)
        if running:
            return by_text.get(running[1], "configure")  # it shows escapes as escapes
        return "finish" if "Finishing off" in line else None

    with _running(command, guestfs_environment(work)) as (_, lines):
        stages = _stages("start the appliance", lines, stage)
    return _compressed(start, cpu, stages, disk, folder / "image.qcow2")


def by_chroot(work: Path, base: Path) -> Taken:
    """The floor: the commands in a plain chroot of the base's files on this host. Makes no image."""
    root = work / "root"
    _unpack(work, base, root)
    stages = {}
    start, cpu = time.monotonic(), cpu_of_children()
    for name, step in steps().items():
        begun = time.monotonic()
        enter = 'mount --rbind /dev "$1/dev"; mount -t proc proc "$1/proc"; exec chroot "$1" sh -c "$2"'
        spaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        done = subprocess.run(
            [*spaces, "sh", "-c", enter, "sh", root, step], capture_output=True, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"step {name} failed in the chroot:\n{done.stderr.decode()}")
        stages[name] = time.monotonic() - begun
    return Taken(time.monotonic() - start, cpu_of_children() - cpu, stages)


def guestfs_environment(work: Path) -> dict[str, str]:
    """libguestfs without libvirt, with the accelerator of the others, its appliance kept in `work`."""
    cache = work / "appliance"
    cache.mkdir(exist_ok=True)
    forced = {} if accelerator_name() == "kvm" else {"LIBGUESTFS_BACKEND_SETTINGS": "force_tcg"}
    return {**os.environ, "LIBGUESTFS_BACKEND": "direct", "LIBGUESTFS_CACHEDIR": str(cache), **forced}


def _compressed(start: float, cpu: float, stages: dict[str, float], disk: Path, image: Path) -> Taken:
    """The same last stage for every peer, with goldsmith's compression."""
    begun = time.monotonic()
    qemu_img.run("convert", "-c", "-m", "16", "-O", "qcow2", "-o", "compression_type=zstd", disk, image)
    end = time.monotonic()
    return Taken(
        end - start, cpu_of_children() - cpu, {**stages, "write the image": end - begun}, image.stat().st_size
    )


def _stages(first: str, lines: Iterator[str], stage: Callable[[str], str | None]) -> dict[str, float]:
    """How long each stage lasted, by the lines at which they begin, to the end of the lines."""
    stages: dict[str, float] = {}
    now, begun = first, time.monotonic()
    for line in lines:
        if (following := stage(line)) is not None:
            stages[now] = time.monotonic() - begun
            now, begun = following, time.monotonic()
    stages[now] = time.monotonic() - begun
    return stages


def _cpu_of(process: subprocess.Popen[str]) -> float:
    """Seconds that a running process and its ended children have used (fields 14 to 17 of proc(5)'s stat)."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _running(
    command: Sequence[str | Path], environment: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[str], Iterator[str]]]:
    """A program and the lines that it prints, as it prints them. Ends the bench where it fails."""
    said: list[str] = []

    def lines(stdout: IO[str]) -> Iterator[str]:
        for line in stdout:
            said.append(line)
            yield line.rstrip("\n")

    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, lines(process.stdout)
    if process.returncode != 0:
        raise SystemExit(f"{command[0]} failed (exit {process.returncode}):\n{''.join(said[-20:])}")


def _seed(folder: Path) -> Path:
    """A NoCloud disk that lets a fresh key in as root; returns the private key."""
    folder.mkdir(exist_ok=True)
    key, seed = folder / "key", folder / "seed"
    if not seed.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        public = key.with_suffix(".pub").read_text().strip()
        user = f"#cloud-config\ndisable_root: false\nssh_authorized_keys: [{public}]\n"
        (folder / "user-data").write_text(user)
        (folder / "meta-data").write_text("instance-id: bench\n")
        subprocess.run(
            ["mkfs.vfat", "-n", "CIDATA", "-C", seed, "400"], stdout=subprocess.DEVNULL, check=True
        )
        subprocess.run(["mcopy", "-i", seed, folder / "user-data", folder / "meta-data", "::"], check=True)
    return key


def _unpack(work: Path, base: Path, root: Path) -> None:
    """The base's files as a fresh folder; none of its services is started by a package."""
    tar = work / f"{base.stem}.tar"
    if not tar.exists():
        command: list[str | Path] = ["guestfish", "--ro", "-a", base, "-i", "tar-out", "/", tar]
        subprocess.run(command, env=guestfs_environment(work), check=True)
    subprocess.run(["rm", "-rf", root], check=True)
    root.mkdir()
    subprocess.run(["tar", "-xf", tar, "-C", root, "--numeric-owner"], check=True)
    resolver = root / "run/systemd/resolve/stub-resolv.conf"
    resolver.parent.mkdir(parents=True, exist_ok=True)
    resolver.write_bytes(Path("/etc/resolv.conf").read_bytes())
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
