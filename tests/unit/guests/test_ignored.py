"""What the comparison leaves out: few things, and nothing that a step may have meant."""

from __future__ import annotations

import pytest

from goldsmith.guests.ignored import NOT_WALKED, kept

FILE, FOLDER, SOCKET, LINK = "100644 0:0 5 abcd", "40755 0:0", "140666 0:0", "120777 0:0 -> /dev/null"


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("unit", "goldsmith-agent.service", "active"),
        ("unit", "session-3.scope", "active"),
        ("unit", "user@0.service", "active"),
        ("unit", "system-getty.slice", "active"),
        ("unit", "boot-efi.mount", "active"),
        ("file", "/run/utmp", FILE),
        ("file", "/run/crond.reboot", FILE),
        ("file", "/run/systemd/system", FOLDER),
        ("file", "/run/systemd/system/ssh.service.d", FOLDER),
        ("file", "/run/systemd/system/ssh.service.d/40-goldsmith-hold.conf", FILE),
        ("file", "/run/systemd/system/tmp.mount.d/50-goldsmith.conf", FILE),
        ("file", "/run/systemd/system/goldsmith-agent.service", FILE),
        ("file", "/run/systemd/journald.conf.d/50-goldsmith.conf", FILE),
        ("file", "/run/x/some.lock", FILE),
        ("setting", "/proc/sys/kernel/ns_last_pid", "4711"),
        ("setting", "/proc/sys/net/ipv6/conf/eth0/stable_secret", "::1"),
        ("mount", "/proc", "proc proc / rw"),
        ("mount", "/etc/resolv.conf", "tmpfs run /goldsmith/resolv.conf rw"),
        ("process", "@goldsmith --agent", "/run/goldsmith/agent"),
        ("process", "gpg-agent --homedir /root/.gnupg --daemon", "/usr/bin/gpg-agent"),
        ("address", "fe80::5054:ff:fe12:3456/64", "eth0"),
        ("route", "inet6 fe80::/64 table 254", "via - dev eth0"),
    ],
)
def test_it_is_left_out(part: str, name: str, value: str) -> None:
    assert kept(part, name, value) is None


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("unit", "nginx.service", "active"),
        ("unit", "backup.timer", "active"),
        ("unit", "multi-user.target", "active"),
        ("unit", "systemd", "silent"),
        ("file", "/run/left", FILE),
        ("file", "/run/some.lock.d", FOLDER),
        ("file", "/run/systemd/system/ssh.service", LINK),
        ("file", "/run/systemd/system/ssh.service.d/limits.conf", FILE),
        ("file", "/run/systemd/system.control/ssh.service.d/50-CPUWeight.conf", FILE),
        ("file", "/run/openrc/started/nginx", "120777 0:0 -> /etc/init.d/nginx"),
        ("setting", "/proc/sys/kernel/hostname", "golden"),
        ("setting", "/proc/sys/net/ipv4/ip_forward", "1"),
        ("mount", "/mnt", "tmpfs none / rw"),
        ("process", "sleep 600", "/usr/bin/sleep"),
        ("module", "br_netfilter", ""),
        ("address", "10.9.9.9/32", "lo"),
        ("route", "inet 10.88.0.0/16 table 254", "via 10.0.2.2 dev eth0"),
        ("environment", "A", "b"),
        ("swap", "/swapfile", "2044"),
    ],
)
def test_it_counts_as_it_is(part: str, name: str, value: str) -> None:
    assert kept(part, name, value) == (name, value)


def test_of_locks_sockets_and_numbers_of_processes_only_kind_and_owner_count() -> None:
    assert kept("file", "/run/sshd.pid", FILE) == ("/run/sshd.pid", "100644 0:0")
    assert kept("file", "/run/lock/subsys/x", FILE) == ("/run/lock/subsys/x", "100644 0:0")
    assert kept("file", "/run/dbus/system_bus_socket", SOCKET) == ("/run/dbus/system_bus_socket", SOCKET)


def test_shared_memory_whose_name_holds_a_number_is_the_same_under_another_one() -> None:
    assert kept("file", "/dev/shm/PostgreSQL.1234567", FILE) == ("/dev/shm/PostgreSQL.#", "100644 0:0")


def test_which_loop_device_a_mount_has_is_chance() -> None:
    assert kept("mount", "/mnt", "ext4 /dev/loop7 / rw") == ("/mnt", "ext4 /dev/loop / rw")


def test_a_program_that_was_replaced_while_it_ran_is_still_itself() -> None:
    assert kept("process", "sleep 9", "/usr/bin/sleep (deleted)") == ("sleep 9", "/usr/bin/sleep")
    assert kept("process", "", "/usr/bin/quiet") == ("/usr/bin/quiet", "/usr/bin/quiet")


def test_folders_that_are_not_walked_are_whole_paths() -> None:
    """The agent leaves out what lies in them too, so a short one would hide much."""
    assert all(path.count("/") >= 2 and not path.endswith("/") for path in NOT_WALKED)
