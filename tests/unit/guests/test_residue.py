"""What a restart took or brought is told by three fingerprints: after the boot, at the end, after another."""

from __future__ import annotations

import zlib

import msgspec
import pytest

from goldsmith.guests import residue
from goldsmith.guests.residue import Difference, Fingerprint, Record, Unit, compare, same_in

DISABLED = Unit(enabled="disabled", path="/usr/lib/systemd/system/x.service", kind="simple")


def fingerprint(linked: tuple[str, ...] = (), **parts: dict[str, str]) -> Fingerprint:
    return Fingerprint(parts, frozenset(linked))


def units(*names: str, linked: tuple[str, ...] = ()) -> Fingerprint:
    return fingerprint(linked, unit=dict.fromkeys(names, "active"))


def record(boot: Fingerprint, now: Fingerprint, resume: Record | None = None, **fresh: Unit) -> Record:
    return residue.record(boot, now, {f"{name}.service": unit for name, unit in fresh.items()}, resume)


def test_what_a_step_made_and_a_restart_took_is_lost() -> None:
    boot, end = fingerprint(mount={}), fingerprint(mount={"/mnt": "tmpfs none / rw"})

    found = compare(record(boot, end), boot)

    assert found == (Difference("lost", "mount", "/mnt", "tmpfs none / rw", None),)
    assert str(found[0]) == "mount /mnt is gone"


def test_what_a_step_ended_and_a_restart_brought_back_is_revived() -> None:
    boot, end = units("cron.service"), units()

    found = compare(record(boot, end), boot)

    assert found == (Difference("revived", "unit", "cron.service", None, "active"),)
    assert str(found[0]) == "unit cron.service is back"


def test_what_no_step_touched_and_a_restart_brought_is_extra() -> None:
    found = compare(record(fingerprint(), fingerprint()), fingerprint(mount={"/opt": "tmpfs"}))

    assert found == (Difference("extra", "mount", "/opt", None, "tmpfs"),)
    assert str(found[0]) == "mount /opt is new"


def test_a_value_that_a_step_set_and_a_restart_set_back_is_lost_with_both_values() -> None:
    boot, end = (fingerprint(setting={"/proc/sys/vm/swappiness": value}) for value in ("60", "10"))

    found = compare(record(boot, end), boot)

    assert [str(each) for each in found] == ["setting /proc/sys/vm/swappiness is '60' and was '10'"]


def test_what_comes_back_as_it_was_is_no_difference() -> None:
    boot, end = units(), units("nginx.service", linked=("nginx.service",))
    assert compare(record(boot, end), end) == ()


def test_a_long_name_is_shown_by_its_beginning() -> None:
    text = str(Difference("lost", "process", "sleep " + "1" * 200, "/bin/sleep", None))
    assert text == f"process sleep {'1' * 111}… is gone"


def test_a_module_that_is_loaded_without_need_hurts_nobody_but_a_lost_one_does() -> None:
    none, loaded = fingerprint(module={}), fingerprint(module={"br_netfilter": ""})
    assert compare(record(none, none), loaded) == ()
    assert [str(each) for each in compare(record(none, loaded), none)] == ["module br_netfilter is gone"]


def test_settings_that_come_and_go_with_an_interface_are_not_told_beside_it() -> None:
    boot = fingerprint(interface={}, setting={})
    end = fingerprint(interface={"br0": "up"}, setting={"/proc/sys/net/ipv4/conf/br0/forwarding": "0"})

    assert [str(each) for each in compare(record(boot, end), boot)] == ["interface br0 is gone"]


def test_what_a_boot_writes_into_its_own_files_may_differ_and_their_owner_may_not() -> None:
    boot = fingerprint(file={"/run/lease": "100644 0:0 9 aaaa"})
    other = fingerprint(file={"/run/lease": "100644 0:0 9 bbbb"})
    owned = fingerprint(file={"/run/lease": "100644 33:33 9 aaaa"})

    assert compare(record(boot, boot), other) == ()
    assert [each.kind for each in compare(record(boot, boot), owned)] == ["extra"]
    assert [each.kind for each in compare(record(other, boot), other)] == ["lost"]


def test_a_unit_that_was_enabled_and_not_started_is_held() -> None:
    made = record(units(), units(linked=("three.service",)))
    assert (made.hold, made.want) == (("three.service",), ())


def test_an_enabled_unit_that_a_step_stopped_is_held_and_one_that_no_boot_starts_is_not() -> None:
    boot = units("ssh.service", "helper.service", linked=("ssh.service",))
    assert record(boot, units(linked=("ssh.service",))).hold == ("ssh.service",)


def test_a_unit_that_runs_is_not_held() -> None:
    boot, end = units(), units("one.service", linked=("one.service",))
    assert record(boot, end).hold == ()


def test_a_unit_that_was_started_and_not_enabled_is_wanted() -> None:
    assert record(units(), units("x.service"), x=DISABLED).want == ("x.service",)


@pytest.mark.parametrize(
    "unit",
    [
        Unit(enabled="enabled", path="/usr/lib/systemd/system/x.service"),
        Unit(enabled="static", path="/usr/lib/systemd/system/x.service"),
        Unit(enabled="disabled", path="/run/systemd/system/x.service"),
        Unit(enabled="disabled", path="/etc/systemd/system/x.service", kind="oneshot"),
        Unit(),
    ],
    ids=["enabled", "static", "in memory", "done once", "unknown"],
)
def test_other_units_are_not_wanted(unit: Unit) -> None:
    assert record(units(), units("x.service"), x=unit).want == ()


def test_what_was_held_and_wanted_goes_on_being_so_until_a_step_ends_it() -> None:
    linked = ("held.service",)
    first = record(units(), units("x.service", linked=linked), x=DISABLED)
    boot = units("x.service", linked=linked)

    second = record(boot, boot, first)
    started = record(boot, units("x.service", "held.service", linked=linked), first)
    stopped = record(boot, units(linked=linked), first)
    disabled = record(boot, units("x.service"), first)

    assert (second.hold, second.want) == (("held.service",), ("x.service",))
    assert (started.hold, started.want) == ((), ("x.service",))
    assert (stopped.hold, stopped.want) == (("held.service",), ())
    assert (disabled.hold, disabled.want) == ((), ("x.service",))


def test_only_units_that_are_new_need_to_be_asked_about() -> None:
    assert residue.newly_active(units("a.service"), units("a.service", "b.service")) == ["b.service"]


def test_a_unit_starts_on_demand_by_dbus_or_by_what_triggers_it() -> None:
    by_socket = Unit(kind="simple", triggered_by=frozenset({"x.socket"}))
    assert by_socket.starts_on_demand({"x.socket"})
    assert not by_socket.starts_on_demand({"y.socket"})
    assert Unit(kind="dbus", by_dbus=True).starts_on_demand(set())
    assert not Unit(kind="dbus").starts_on_demand(set())
    assert not Unit(kind="simple", by_dbus=True).starts_on_demand(set())


def test_an_earlier_layer_with_the_same_residue_need_not_be_booted() -> None:
    boot = fingerprint(mount={})
    with_mount = fingerprint(mount={"/mnt": "tmpfs"})
    other_mount = fingerprint(mount={"/mnt": "ext4"})
    (lost,) = compare(record(boot, with_mount), boot)

    assert same_in(lost, record(boot, with_mount))
    assert not same_in(lost, record(boot, boot))
    assert not same_in(lost, record(boot, other_mount))


def test_an_earlier_layer_may_lack_what_is_extra_in_a_later_one() -> None:
    boot = fingerprint()
    (extra,) = compare(record(boot, boot), fingerprint(mount={"/opt": "tmpfs"}))
    assert not same_in(extra, record(boot, boot))


def test_a_record_is_stored_small_and_comes_back() -> None:
    boot = units("a.service", linked=("held.service",))
    files = {f"/run/file-{number}": "100644 0:0 12 0123456789abcdef" for number in range(1000)}
    made = record(boot, fingerprint(("held.service", "new.service"), unit={}, file=files))

    stored = residue.encode(made)

    assert residue.decode(stored) == made
    assert len(stored) < 10_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nothing of the kind",
        zlib.compress(b"[]"),
        zlib.compress(b"{}"),
        residue.encode(record(units(), units()))[:-3],
        zlib.compress(msgspec.json.encode({"now": {"parts": {}}, "before": []})),
    ],
)
def test_a_damaged_record_is_none(content: bytes) -> None:
    assert residue.decode(content) is None


def test_a_record_that_unpacks_to_more_than_any_has_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = residue.encode(record(units(), units("a.service")))
    monkeypatch.setattr(residue, "LARGEST", 20)
    assert residue.decode(stored) is None
