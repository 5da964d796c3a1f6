"""ExecuteBash runs the commands as one bash script (AWSTOE, reference §15 and §16)."""

from typing import Annotated

from msgspec import Meta

from ...errors import StepFailed
from ..guest import Result
from .reboots import run_through_reboots
from .registry import Call, Done, Inputs, action

# One round trip: the folder may be gone (a reboot, a step that empties /tmp), and a step may just
# have installed bash.
_PREPARE = 'mkdir -p -- "$1" && if command -v bash >/dev/null; then echo bash; else echo sh; fi'


class Script(Inputs, frozen=True):
    """`commands` are lines of one script, not programs of their own."""

    commands: Annotated[tuple[str, ...], Meta(min_length=1)]


@action("ExecuteBash", inputs=Script, outputs=("stdout",))
def execute_bash(script: Script, call: Call) -> Done:
    """Run the script from a file that is removed afterwards; in sh, saying so, where there is no bash.

    There is no `-e`: only the script's own exit code decides (edge 4). Exit code 194 reboots and runs
    it again. Outputs stdout, without the newline at its end.
    Raises StepFailed: another exit code than 0, too many reboots, no time left.
    """
    text = "\n".join(script.commands) + "\n"
    result = run_through_reboots(call, lambda: _run(text, call))
    if result.status != 0:
        raise StepFailed(f"ended with exit code {result.status}", exit_code=result.status)
    return Done({"stdout": result.stdout.decode(errors="replace").removesuffix("\n")}, exit_code=0)


def _run(text: str, call: Call) -> Result:
    shell = call.do(["sh", "-c", _PREPARE, "sh", call.folder]).decode().strip()
    if shell != "bash":
        call.log.info("the guest has no bash: the script runs in sh")
    path = f"{call.folder}/script.sh"
    call.guest.put(path, text.encode(), 0o700)
    with call.tidying(["rm", "-f", "--", path]):
        return call.run([shell, path])
