"""What a golden image does not carry away from the machine it was made on.

The list is for people too: docs/images.md shows it. Runs after power-off in an inspection guest: in
the running system, shutdown would write ids and logs back.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from ..documents.recipe import CleanUp
from ..guests import boot_entry
from ..guests.initramfs import File
from ..guests.inspection import Inspection
from ..log import Log


@dataclass(frozen=True)
class Part:
    """Patterns of paths: `removed` with all below them, `emptied` files stay and have no content."""

    removed: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()


PARTS: dict[CleanUp, Part] = {
    "logs": Part(
        removed=(
            *("/var/log/journal/*", "/var/log/*.gz", "/var/log/*.[0-9]", "/var/log/*/*.gz"),
            *("/var/log/*/*.[0-9]", "/var/log/installer", "/var/log/anaconda", "/var/crash/*"),
        ),
        emptied=("/var/log",),
    ),
    "histories": Part(
        removed=(
            *("/root/.*_history", "/root/.lesshst", "/root/.viminfo", "/root/.wget-hsts"),
            *("/home/*/.*_history", "/home/*/.lesshst", "/home/*/.viminfo", "/home/*/.wget-hsts"),
        )
    ),
    "caches": Part(
        removed=(
            *("/var/cache/apt/archives/*.deb", "/var/cache/apt/archives/partial/*", "/var/cache/apt/*.bin"),
            *("/var/lib/apt/lists/*_*", "/var/lib/apt/lists/partial/*", "/var/cache/debconf/*-old"),
            *("/var/cache/dnf/*", "/var/cache/yum/*", "/var/cache/zypp/*", "/var/cache/apk/*"),
            *("/var/cache/man/*", "/root/.cache", "/home/*/.cache", "/var/lib/dpkg/*-old"),
        )
    ),
    # Emptied and not deleted: systemd then makes a new id at boot, also on a read-only root.
    "machine-id": Part(removed=("/var/lib/dbus/machine-id",), emptied=("/etc/machine-id",)),
    "ssh-host-keys": Part(removed=("/etc/ssh/ssh_host_*",)),
    "random-seed": Part(
        removed=(
            "/var/lib/systemd/random-seed",
            "/var/lib/seedrng/*",
            "/var/lib/random-seed",
            "/boot/loader/random-seed",
            "/boot/efi/loader/random-seed",
            "/efi/loader/random-seed",
        )
    ),
    "cloud-init": Part(removed=("/var/lib/cloud/*", "/run/cloud-init", "/etc/netplan/50-cloud-init.yaml")),
    "leases": Part(
        removed=(
            *(
                "/var/lib/dhcp/*.leases",
                "/var/lib/dhclient/*",
                "/var/lib/dhcpcd/*",
                "/var/lib/NetworkManager/*lease*",
            ),
            *("/var/lib/NetworkManager/secret_key", "/var/lib/NetworkManager/seen-bssids"),
            "/etc/udev/rules.d/70-persistent-net.rules",
        )
    ),
    "temporary": Part(removed=("/tmp/*", "/tmp/.[!.]*", "/var/tmp/*", "/var/tmp/.[!.]*")),  # noqa: S108
}

#: Our own name server behind the guest's network, which some DHCP clients write into the image.
_RESOLVER = b"nameserver 10.0.2.3"

#: kernel-install(8): what it names boot entries by, if not by the machine id.
_NAMED_BY = "/etc/kernel/entry-token"


def clean(inspection: Inspection, keep: frozenset[CleanUp], resolv_conf: bytes | None, log: Log) -> None:
    """Clean the mounted image, but for the parts to keep, and give free blocks back.

    `resolv_conf` is what the base had in /etc/resolv.conf; it comes back where only the build's own
    network changed it.
    """
    with log.task("clean up") as task:
        if "machine-id" not in keep:
            _free_boot_entries(inspection)
        for name, part in PARTS.items():
            if name in keep:
                continue
            if part.removed:
                inspection.remove(*part.removed)
            if part.emptied:
                inspection.empty(*part.emptied)
        now = inspection.get("/etc/resolv.conf")
        if resolv_conf is not None and now != resolv_conf and now is not None and _RESOLVER in now:
            inspection.put("/etc/resolv.conf", File(resolv_conf))
        inspection.wipe()
        if keep:
            task.note(f"kept: {', '.join(sorted(keep))}")


def _free_boot_entries(inspection: Inspection) -> None:
    """Let boot entries go on without the machine id that kernel-install made them with (case C41).

    In them it would be every copy's id again at its first boot, and would sort the kernels that a copy
    installs behind these. Where it names them it stays as the system's entry token, so that what a copy
    installs goes beside them and what it removes is found.
    """
    entries = inspection.names(*boot_entry.ENTRIES)
    for path in entries:
        text = (inspection.get(path) or b"").decode(errors="surrogateescape")
        if (rest := boot_entry.without_machine_id(text)) != text:
            inspection.rewrite(path, rest.encode(errors="surrogateescape"))
    token = (inspection.get("/etc/machine-id") or b"").decode(errors="replace").strip()
    named = token and any(PurePosixPath(path).name.startswith(f"{token}-") for path in entries)
    if named and inspection.get(_NAMED_BY) is None:
        inspection.put(_NAMED_BY, File(f"{token}\n".encode()))
