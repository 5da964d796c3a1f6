"""The way out of a failed step, guessed from how it ended."""

import re
from collections.abc import Sequence

from ..errors import StepFailed

# bash: `x.sh: line 3: nginxx: command not found`; dash and busybox: `x.sh: 3: nginxx: not found`.
_NOT_FOUND = re.compile(r": ([^\s:]+): (?:command )?not found$")


def hint(error: StepFailed, last_lines: Sequence[str]) -> str:
    """The error's own hint, or a better one than none."""
    if error.hint:
        return error.hint
    if error.code == "step-timeout":
        return _waited(last_lines)
    if any("No space left on device" in line for line in last_lines):
        return "the guest's disk is full: make disk.size larger in the recipe"
    match error.exit_code:
        case 127:
            return _not_found(last_lines)
        case 126:
            return "the program is there and cannot be executed: look at its permissions and its first line"
        case 137:
            return "a process was killed (SIGKILL), often for want of memory: give more in machine.memory"
    return ""


def _waited(last_lines: Sequence[str]) -> str:
    last = next((line.strip() for line in reversed(last_lines) if line.strip()), "")
    said = f'the last it printed was "{last[:200]}"' if last else "it printed nothing"
    return (
        f"{said}; steps have no terminal and stdin is closed, so nobody answers a question: "
        "use the program's non-interactive option, or raise timeoutSeconds"
    )


def _not_found(last_lines: Sequence[str]) -> str:
    for line in reversed(last_lines):
        if found := _NOT_FOUND.search(line):
            return f"the guest has no program {found[1]}: install it in an earlier step"
    return "the guest has no such program: install it in an earlier step"
