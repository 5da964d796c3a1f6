"""What is left out when a machine is compared with another boot of it, each with its reason.

Every entry here is something that differs from boot to boot though no step touched it, or that no step
can tell. Whatever is not here counts.
"""

from __future__ import annotations

import re

#: Folders that the agent does not even look into: large, and all of it left out.
NOT_WALKED = (
    "/run/goldsmith",  # ours
    "/run/udev",  # udev's data on devices: made anew by each boot
    "/run/log",  # a journal in memory
    "/run/user",  # of people who are logged in; they are gone after each restart
    "/run/credentials",  # given to units as they start
    "/run/host",  # told by a container's manager
    "/run/mount",  # libmount's notes on mounts, which are compared themselves
    "/run/systemd/units",  # links to log and invocation of units, which are compared themselves
    "/run/systemd/journal",  # sockets and stream files of the journal
    "/run/systemd/propagate",  # empty folders for running services
    "/run/systemd/incoming",
    "/run/systemd/inaccessible",
    "/run/systemd/transient",  # files of units that systemd-run made, which are compared themselves
    "/run/systemd/sessions",  # of logind: as /run/user
    "/run/systemd/users",
    "/run/systemd/seats",
    "/run/systemd/inhibit",
    "/run/systemd/machines",
    "/run/systemd/generator",  # made from /etc by each boot and each reload
    "/run/systemd/generator.early",
    "/run/systemd/generator.late",
    "/run/systemd/netif",  # networkd's leases and links; addresses are compared themselves
    "/run/systemd/resolve",  # resolved's servers, from the lease
    "/run/systemd/timesync",
    "/run/systemd/ask-password",
    "/run/systemd/dynamic-uid",  # numbers in use for units with DynamicUser=
    "/run/cloud-init",  # it is off while an image is built
    "/dev/char",  # links to devices, by number and by property
    "/dev/block",
    "/dev/disk",
    "/dev/pts",  # terminals
    "/proc/sys/fs/binfmt_misc",  # looking at it would mount it; its formats are compared themselves
    "/proc/sys/kernel/random",  # entropy and ids: others at each look
    "/proc/sys/net/ipv4/neigh",  # time-outs of ARP
    "/proc/sys/net/ipv6/neigh",
    "/proc/sys/net/ipv4/conf/lo",  # many, and nobody sets them
    "/proc/sys/net/ipv6/conf/lo",
)

_UNITS = re.compile(
    r"goldsmith-agent\.service"
    r"|init\.scope"
    r"|session-.*\.scope|user@.*|user-runtime-dir@.*"  # of people who are logged in
    r"|.*\.slice"  # they come and go with the units in them
    r"|.*\.device"  # the kernel's
    r"|.*\.mount|.*\.swap"  # systemd learns of them late; the kernel's own lists are compared
    r"|systemd-firstboot\.service|systemd-machine-id-commit\.service|first-boot-complete\.target"  # once
)

_FILES = re.compile(
    r"/run/(utmp|adduser|agetty\.reload|initctl|machine-id|motd\.dynamic.*)"
    r"|/run/reboot-required(\.pkgs)?"  # a restart is what it asks for
    r"|/run/(crond|cron)\.reboot"  # ours: keeps jobs from running at each boot
    # Folders; what lies in them counts.
    r"|/run/systemd/(system|system\.control)(/[^/]*\.(d|wants|requires))?"
    r"|/run/systemd/.*-goldsmith(-.*)?\.conf|/run/systemd/system/(.*/)?goldsmith-.*"  # ours
    r"|/run/blkid/blkid\.tab.*"
    r"|/dev/(ptmx|console|fd|stdin|stdout|stderr|core|log|initctl)"
)
#: Locks: nobody holds one over a restart.
_LOCKS = re.compile(r".*\.(lock|lck)")
#: Files whose content is the number of a process, or whatever the holder writes.
_CONTENT = re.compile(
    r".*\.pid|.*/pid|/run/lock/.*|/dev/shm/.*|/run/openrc/daemons/.*|/run/(dhcpcd|NetworkManager)/.*"
)

_SETTINGS = re.compile(
    r"/proc/sys/kernel/(ns_last_pid|pty/nr|tainted|cad_pid|sched_domain/.*|core_modes)"
    r"|/proc/sys/fs/(dentry-state|file-nr|inode-.*|aio-nr|quota/.*)"
    r"|/proc/sys/.*/(stable_secret|flush)"
    r"|/proc/sys/net/netfilter/nf_conntrack_count"
    r"|/proc/sys/vm/(compact_memory|drop_caches|stat_refresh)"  # written to do something
    r"|/proc/sys/vm/(admin|user)_reserve_kbytes"  # from the memory that was free at the boot
    r"|/proc/sys/net/ipv4/tcp_fastopen_key"  # made by chance
)

_MOUNTS = re.compile(r"/(proc|sys)(/.*)?|/run/(credentials|host|user|goldsmith|systemd)(/.*)?")

#: Daemons that a tool starts when it needs them, and would start again.
_PROCESSES = re.compile(r"(gpg-agent|dirmngr|scdaemon|keyboxd)( .*)?")

_NUMBER = re.compile(r"[0-9]{4,}")


def kept(part: str, name: str, value: str) -> tuple[str, str] | None:
    """The name and the value that are compared, None for what is left out."""
    match part:
        case "unit":
            return None if _UNITS.fullmatch(name) else (name, value)
        case "file":
            return _file(name, value)
        case "setting":
            return None if _SETTINGS.fullmatch(name) else (name, value)
        case "mount":
            # Which loop device a file gets is chance; mounts of ours come from our folder.
            ours = _MOUNTS.fullmatch(name) or " /goldsmith/" in value
            return None if ours else (name, re.sub(r" /dev/loop\d+ ", " /dev/loop ", value))
        case "process":
            return _process(name, value)
        case "address" | "route":
            # Made by the kernel from the card's own address.
            return None if "fe80:" in name or " ff00::" in name else (name, value)
    return name, value


def counts(part: str, kind: str, then: str | None, now: str | None) -> bool:
    """Whether a difference of a kind (lost, revived, extra) counts, by what was and is there."""
    if part == "module":
        return kind == "lost"  # the kernel loads one when somebody needs it: one more hurts nobody
    if part == "setting":
        return None not in (then, now)  # they come and go with a module or an interface, which is compared
    if part == "file" and kind == "extra" and then is not None and now is not None:
        # What a boot writes into its own files (times, leases, numbers) is other at each boot.
        return then.split(" ")[:2] != now.split(" ")[:2]
    return True


def _file(path: str, value: str) -> tuple[str, str] | None:
    words = value.split(" ")
    if _FILES.fullmatch(path) or (_LOCKS.fullmatch(path) and words[0].startswith("100")):
        return None
    if _CONTENT.fullmatch(path) or words[0].startswith("140"):  # a socket
        value = " ".join(words[:2])
    return (_NUMBER.sub("#", path) if path.startswith("/dev/shm/") else path), value  # noqa: S108


def _process(words: str, program: str) -> tuple[str, str] | None:
    program = program.removesuffix(" (deleted)")
    ours = program.startswith("/run/goldsmith/")
    if ours or _PROCESSES.fullmatch(program.rpartition("/")[2]):
        return None
    return words or program, program
