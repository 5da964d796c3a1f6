"""Reboot restarts the guest and goes on with the next step (AWSTOE, reference §15)."""

from typing import Annotated

from msgspec import Meta

from ..guest import Command
from .registry import Call, Done, Inputs, action


class Delay(Inputs, frozen=True):
    delay_seconds: Annotated[int, Meta(ge=0, description="a number of seconds")] = 0


@action("Reboot", inputs=Delay)
def reboot(delay: Delay, call: Call) -> Done:
    """Wait, then restart the guest. The step's time-out does not apply (reference §15)."""
    if delay.delay_seconds:
        call.guest.run(Command(["sleep", str(delay.delay_seconds)]))
    call.guest.reboot()
    return Done()
