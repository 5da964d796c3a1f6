import time
from dataclasses import replace

from goldsmith.documents.actions import Call
from goldsmith.documents.actions.reboot import Delay, reboot
from tests.unit.steps.local_guest import LocalGuest


def test_the_guest_restarts(call: Call, guest: LocalGuest) -> None:
    reboot(Delay(), call)

    assert guest.reboots == 1
    assert guest.commands == []


def test_the_delay_comes_first_and_no_time_out_applies(call: Call, guest: LocalGuest) -> None:
    call = replace(call, timeout=0)
    start = time.monotonic()

    reboot(Delay(delay_seconds=1), call)

    assert guest.reboots == 1
    assert time.monotonic() - start >= 1
