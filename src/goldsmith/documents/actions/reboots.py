"""Exit code 194: the script asks for a reboot, and to be run again after it (AWSTOE, reference §16)."""

from collections.abc import Callable

from ...errors import StepFailed
from ..guest import Result
from .registry import Call

REBOOT_EXIT_CODE = 194

#: AWSTOE leaves the bound to its host's retry limit; a script that never ends would reboot for ever.
MAX_REBOOTS = 10


def run_through_reboots(call: Call, run: Callable[[], Result]) -> Result:
    """Run until the exit code is another than 194, from the beginning each time.

    Raises StepFailed (code too-many-reboots): it is still 194 after ten reboots.
    """
    for reboot in range(1, MAX_REBOOTS + 1):
        result = run()
        if result.status != REBOOT_EXIT_CODE:
            return result
        call.log.info(f"exit code 194: reboot {reboot} of at most {MAX_REBOOTS}, then the step runs again")
        call.guest.reboot()
    result = run()
    if result.status == REBOOT_EXIT_CODE:
        raise StepFailed(
            f"too many reboots: exit code 194 again after {MAX_REBOOTS} of them",
            exit_code=REBOOT_EXIT_CODE,
            hint="test at the script's start whether the reboot is done already",
            code="too-many-reboots",
        )
    return result
