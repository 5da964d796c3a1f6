"""What reading an image costs a machine that boots from it."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from goldsmith import programs
from goldsmith.disks import overlay
from goldsmith.disks.chain import Chain

from .measuring import accelerator_name

#: Bytes: offset and length.
Read = tuple[int, int]
TIMEOUT = 600.0


def boot_seconds(image: Path, folder: Path) -> float:
    """From the start of QEMU to the login prompt on the serial port; the image stays as it is."""
    return _boot(image, folder, [])


def traced_reads(image: Path, folder: Path) -> list[Read]:
    """What one boot reads from its disk, in order, as QEMU's block layer is asked for it."""
    log = folder / "reads"
    log.unlink(missing_ok=True)
    _boot(image, folder, ["-trace", "blk_co_preadv", "-D", str(log)])
    found = re.findall(r"^blk_co_preadv .* offset (\d+) bytes (\d+)", log.read_text(), re.MULTILINE)
    return [(int(offset), int(length)) for offset, length in found]


def replay(image: Path, reads: Sequence[Read]) -> None:
    """The same reads one after another without a guest: what the image's clusters alone cost."""
    commands = "".join(f"read -q {offset} {length}\n" for offset, length in reads)
    command: list[str | Path] = ["qemu-io", "-r", "-f", "qcow2", image]
    done = subprocess.run(command, input=commands, capture_output=True, text=True, check=True)
    if "failed" in done.stdout + done.stderr:
        raise SystemExit(f"qemu-io could not read {image}: {done.stdout}{done.stderr}")


def _boot(image: Path, folder: Path, more: Sequence[str]) -> float:
    top, serial = folder / "boot.qcow2", folder / "serial"
    for path in (top, serial):
        path.unlink(missing_ok=True)
    size = json.loads(programs.run(["qemu-img", "info", "--output=json", image]))["virtual-size"]
    disk = overlay.over(Chain((image,)), top, size)
    nodes = [
        word for node in disk.blockdevs("disk", throw_away=True) for word in ("-blockdev", json.dumps(node))
    ]
    command = [
        *("qemu-system-x86_64", "-nodefaults", "-display", "none", "-machine", "q35"),
        *("-accel", accelerator_name(), "-cpu", "max", "-m", "1024", "-smp", "2"),
        *(*nodes, "-device", "virtio-blk-pci,drive=disk", "-device", "virtio-rng-pci"),
        *("-nic", "user,model=virtio-net-pci", "-serial", f"file:{serial}", *more),
    ]
    start = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as qemu:
        try:
            while not (serial.exists() and b"login:" in serial.read_bytes()):
                if qemu.poll() is not None or time.monotonic() - start > TIMEOUT:
                    raise SystemExit(f"{image} did not boot; its serial port is in {serial}")
                time.sleep(0.05)
            return time.monotonic() - start
        finally:
            qemu.kill()
