"""The agent's program, and what starts it in an image's own system."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from ..disks.kernels import Kernel
from ..errors import HostLack
from .initramfs import File

#: Where everything of ours lies in a running guest: a folder on a tmpfs, so nothing is left.
FOLDER = "/run/goldsmith"

# What works in the background of a fresh system and holds locks that steps need (case C33), or
# writes what a golden image should not have. A condition and not a mask: a step may still enable them.
_AT_REST = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "man-db.timer", "motd-news.timer", "e2scrub_all.timer"),
    *("fstrim.timer", "dpkg-db-backup.timer", "systemd-tmpfiles-clean.timer", "logrotate.timer"),
    *("plocate-updatedb.timer", "update-notifier-download.timer", "update-notifier-motd.timer"),
    *("fwupd-refresh.timer", "ua-timer.timer", "dnf-makecache.timer", "dnf-automatic.timer", "anacron.timer"),
    *("apt-daily.service", "apt-daily-upgrade.service", "apt-news.service", "anacron.service"),
    # The kernel's command line says so too, but steps are shown another: see command_line.py.
    *("cloud-init-local.service", "cloud-init.service", "cloud-init-main.service"),
    *("cloud-init-network.service", "cloud-config.service", "cloud-final.service"),
    "cloud-init-hotplugd.socket",
    *("esm-cache.service", "e2scrub_reap.service", "unattended-upgrades.service", "man-db.service"),
    "motd-news.service",
)

# /tmp and /var/tmp stay what they were over a restart within a build, also where a tmpfs or a clean-up
# at boot is configured: the steps of one run share them.
_TMP_STAYS = {
    "tmp.mount": f"[Unit]\nConditionPathExists=!{FOLDER}\n",
    "systemd-tmpfiles-setup.service": (
        "[Service]\nExecStart=\nExecStart=systemd-tmpfiles --create --remove --boot"
        " --exclude-prefix=/dev --exclude-prefix=/tmp --exclude-prefix=/var/tmp\n"
    ),
}

# How cron, cronie and busybox know that the jobs of this boot (`@reboot`) have run: a build restarts its
# guest as it needs to, so none of these restarts counts.
_CRON_HAS_RUN = ("run/crond.reboot", "run/cron.reboot")

_UNIT = """\
[Unit]
Description=goldsmith agent
DefaultDependencies=no
After=systemd-remount-fs.service systemd-udevd.service
Conflicts=shutdown.target
Before=shutdown.target

[Service]
ExecStart={agent} --agent
KillMode=process
OOMScoreAdjust=-1000
TasksMax=infinity
"""

_OPENRC = """\
#!/sbin/openrc-run
description="goldsmith agent"
command="{agent}"
command_args="--agent"
command_background=true
pidfile="/run/goldsmith-agent.pid"
"""


@cache
def program() -> bytes:
    """The agent for this host's architecture, which is also the guests'.

    Raises HostLack: the package was installed without it.
    """
    path = Path(__file__).parent / "agent" / f"agent-{platform.machine()}"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise HostLack(
            f"goldsmith was installed without its agent for {platform.machine()}",
            hint="install goldsmith anew with pip, on a machine of this architecture",
            code="agent-missing",
        ) from None


def inspection_initramfs(kernel: Kernel) -> dict[str, File]:
    """Files of an initramfs in which nothing of an image runs.

    Modules of rare file systems are there, and loaded only when a disk has one: btrfs alone measures
    the processor for a second.
    """
    later = ("btrfs", "xfs", "raid6", "xor", "libcrc32c", "zstd", "lzo", "blake2b", "xxhash")
    files = {"init": File(program(), 0o755)}
    for module in kernel.modules:
        files[f"goldsmith/modules/{module.name}"] = File(module.read_bytes())
    first = [module.name for module in kernel.modules if not module.name.startswith(later)]
    files["goldsmith/modules/order"] = File("".join(f"{name}\n" for name in first).encode())
    rest = [module.name for module in kernel.modules if module.name not in first]
    files["goldsmith/modules/later"] = File("".join(f"{name}\n" for name in rest).encode())
    return files


def boot_initramfs(laid: Mapping[str, File]) -> dict[str, File]:
    """What is unpacked over an image's own initrd: the agent, and what it lays over the image's /run.

    `laid` is laid there too, by path without a leading slash (`run/…`).
    """
    system = "goldsmith/run/systemd/system"
    unit = "goldsmith-agent.service"
    files = {
        "goldsmith/agent": File(program(), 0o755),
        f"{system}/{unit}": File(_UNIT.format(agent=f"{FOLDER}/agent").encode()),
        f"{system}/sysinit.target.wants/{unit}": File(link=f"/run/systemd/system/{unit}"),
    }
    overrides = dict.fromkeys(_AT_REST, f"[Unit]\nConditionPathExists=!{FOLDER}\n") | _TMP_STAYS
    for name, text in overrides.items():
        files[f"{system}/{name}.d/50-goldsmith.conf"] = File(text.encode())
    files |= {f"goldsmith/{path}": File() for path in _CRON_HAS_RUN}
    return files | {f"goldsmith/{path}": file for path, file in laid.items()}


def installed(init: str) -> tuple[dict[str, File], dict[str, str]]:
    """Files by path, and links (path to target), that start the agent when an image boots by itself.

    For a throw-away overlay only. `init` is systemd or openrc.
    """
    agent = "/etc/goldsmith-agent"
    files = {agent: File(program(), 0o755)}
    if init == "openrc":
        script = "/etc/init.d/goldsmith-agent"
        files[script] = File(_OPENRC.format(agent=agent).encode(), 0o755)
        return files, {"/etc/runlevels/default/goldsmith-agent": script}
    unit = "/etc/systemd/system/goldsmith-agent.service"
    files[unit] = File(_UNIT.format(agent=agent).encode())
    return files, {"/etc/systemd/system/sysinit.target.wants/goldsmith-agent.service": unit}
