"""What a boot that goes on from a layer finds in /run."""

from __future__ import annotations

from goldsmith.guests import recorded_units
from goldsmith.guests.residue import Fingerprint, Record


def record(hold: tuple[str, ...] = (), want: tuple[str, ...] = ()) -> Record:
    return Record(Fingerprint({}), {}, hold, want)


def test_held_units_wait_for_a_file_to_go_and_wanted_ones_are_wanted_by_the_boots_target() -> None:
    laid = recorded_units.files(record(("a@b.service", "c.timer"), ("x.service", r"y\x2dz.service")))

    assert {path: file.content.decode() for path, file in laid.items()} == {
        "run/systemd/system/a@b.service.d/40-goldsmith-hold.conf": (
            "[Unit]\nConditionPathExists=!/run/goldsmith/hold\n"
        ),
        "run/systemd/system/c.timer.d/40-goldsmith-hold.conf": (
            "[Unit]\nConditionPathExists=!/run/goldsmith/hold\n"
        ),
        "run/goldsmith/hold": "",
        "run/systemd/system/multi-user.target.d/40-goldsmith-want.conf": (
            "[Unit]\nWants=x.service\nWants=y\\x2dz.service\n"
        ),
    }


def test_where_nothing_was_recorded_nothing_is_laid() -> None:
    assert recorded_units.files(record()) == {}


def test_names_that_are_none_of_units_become_no_paths() -> None:
    """The guest gave them, and it may be hostile."""
    names = ("../../../etc/x.service", "a b.service", "x.service\n[Service]", "x", ".service", "%h.service")
    laid = recorded_units.files(record(names, names))
    assert laid == {}
