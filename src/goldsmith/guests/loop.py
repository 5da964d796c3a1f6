"""The one thread that runs asyncio: qemu.qmp lives in it, and it is the parent of every QEMU.

Parent, because a parent-death signal follows the thread that forked: this one lives as long as the
process does.
"""

import asyncio
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


def wait(work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
    """Run a coroutine in the thread and wait for its result. Raises TimeoutError after `timeout` seconds."""
    future = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        return future.result(timeout)
    except BaseException:
        future.cancel()
        raise


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="qemu", daemon=True).start()
    return loop
