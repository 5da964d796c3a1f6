"""`goldsmith image boot`: a machine from an image, by its own firmware and boot loader, to look around.

It runs on a throw-away overlay: the image itself is never written.
"""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from .. import programs
from ..catalog import images
from ..database.engine import reading
from ..disks import overlay
from ..errors import Conflict, Denied, Invalid
from ..guests.machine import Hardware
from ..guests.runs import run_folder
from ..guests.vm import System, Vm
from ..log import Log
from . import arming, machines, systems
from .home import Home


@contextmanager
def boot_image(
    home: Home,
    reference: str,
    log: Log,
    *,
    ssh_port: int | None = None,
    ssh_key: Path | None = None,
) -> Iterator[Vm]:
    """Boot an image and yield its machine, which is gone when the block ends.

    `ssh_port` on the host's loopback leads to the guest's port 22; `ssh_key` is a public key for root
    and the image's own user, given by a NoCloud seed, so the image needs cloud-init for it.
    Raises NotFound, Conflict (no file, the port is in use), Denied, Invalid (nothing in it could be
    started or reached), GuestFailed.
    """
    with reading(home.engine) as tx:
        image = images.get_image(tx, reference)
    if image.file is None:
        raise Conflict(f"image {image.name} has no file: it is {image.state}", code="image-file-missing")
    if ssh_port is not None:
        check_port(ssh_port)
    with run_folder(home.settings) as folder:
        hardware = machines.hardware(home.settings, log)
        if ssh_port is not None:
            hardware = _forward(hardware, ssh_port, log)
        if ssh_key is not None:
            hardware = replace(hardware, seed=make_seed(folder / "seed.img", image.id, ssh_key))
        disk = overlay.over(home.disk(image), folder / "disk.qcow2", image.file.virtual_size)
        if home.beside(image.id, "kernel").exists():
            known = systems.of_image(home, image, folder, log)
            system = System(known.facts.root, known.boot)
        else:
            if not image.boot_modes:
                log.info(f"nobody knows which firmware {image.name} is made for: it is booted by BIOS")
            root = arming.arm(home.settings, log, folder / "arm", disk)
            if root.partition is None:
                raise Invalid(
                    f"image {image.name} has no partition table, so its firmware finds no boot loader",
                    hint="import the disk with --kernel (and --initrd), which boot it then",
                    code="no-boot-loader",
                )
            system = System(root, None, "uefi" if image.boot_modes == ("uefi",) else "bios")
        with Vm(log, folder / "boot", disk, system, hardware) as vm:
            yield vm


def check_port(port: int) -> None:
    """Raise Conflict or Denied where nothing can listen on a port of the loopback."""
    with socket.socket() as listener:
        # As QEMU does it: what only lingers after its end is not in use.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Conflict(
                    f"port {port} of 127.0.0.1 is in use",
                    hint="choose another --ssh-port",
                    code="port-in-use",
                ) from None
            if error.errno in (errno.EACCES, errno.EPERM):
                raise Denied(
                    f"port {port} of 127.0.0.1 may not be used by this user",
                    hint="choose an --ssh-port from 1024 on",
                    code="port-denied",
                ) from None
            raise


def _forward(hardware: Hardware, port: int, log: Log) -> Hardware:
    """A port leads only into the plain network."""
    if hardware.network != "plain":
        log.warning("the guest's network is not shielded from this host's own services: a port leads into it")
    return replace(hardware, network="plain", forwards=((port, 22),))


def make_seed(path: Path, instance: str, ssh_key: Path) -> Path:
    """A NoCloud seed (a small FAT disk labelled CIDATA) that lets a public key in.

    Raises Invalid: the file does not hold a public key.
    """
    text = ssh_key.read_text(errors="replace").strip()
    if "\n" in text or not text.startswith(("ssh-", "ecdsa-", "sk-")):
        raise Invalid(
            f"{ssh_key} is not a public SSH key",
            hint="give the file that ends in .pub, not the private key",
        )
    user = {
        "disable_root": False,
        "users": ["default", {"name": "root", "ssh_authorized_keys": [text]}],
        "ssh_authorized_keys": [text],
    }
    with path.open("wb") as file:
        file.truncate(1 << 20)
    programs.run(["mkfs.vfat", "-n", "CIDATA", path])
    for name, content in (
        ("user-data", "#cloud-config\n" + json.dumps(user)),
        ("meta-data", json.dumps({"instance-id": instance})),
    ):
        programs.run(["mcopy", "-i", path, "-", f"::{name}"], input=content.encode())
    return path
