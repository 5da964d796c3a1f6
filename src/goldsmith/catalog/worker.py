"""Names a process so that no other one can be taken for it, not even after a restart of the host."""

import os
from pathlib import Path


def this_worker() -> str:
    """The process that runs this: `BOOT PID START`."""
    name = _worker(os.getpid())
    assert name is not None
    return name


def is_alive(worker: str) -> bool:
    """Whether the process that `this_worker` named still runs, on this host."""
    pid = int(worker.split()[1])
    return _worker(pid) == worker


def _worker(pid: int) -> str | None:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # proc_pid_stat(5): the second field is the program's name in parentheses, which may hold
    # anything; after it come the state, and as field 22 the start in clock ticks since the boot.
    fields = status.rpartition(")")[2].split()
    state, start = fields[0], fields[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return None if state in "ZX" else f"{boot} {pid} {start}"
