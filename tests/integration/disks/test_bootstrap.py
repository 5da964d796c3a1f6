import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from goldsmith.disks.kernels import our_kernel
from goldsmith.errors import HostLack
from goldsmith.log import Log
from goldsmith.settings import Settings

FETCH = """
import sys
from pathlib import Path
from goldsmith.disks.kernels import our_kernel
from goldsmith.log import Log
from goldsmith.settings import Settings
our_kernel(Settings(Path(sys.argv[1]), Path(sys.argv[1])), Log())
"""


def test_a_mirror_out_of_reach_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    here = Settings(tmp_path, tmp_path)

    with pytest.raises(HostLack) as caught:
        our_kernel(here, Log())

    assert caught.value.message.startswith("mmdebstrap failed (exit ")
    assert "127.0.0.1" in caught.value.message
    assert caught.value.hint == (
        "look at the network: Debian's mirror has to be in reach, and to have what its index names"
    )
    assert [path.suffix for path in here.kernels.iterdir()] == [".lock"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_bootstrap_that_is_stopped_leaves_no_program_and_no_mount(
    tmp_path: Path, how: signal.Signals
) -> None:
    maker = subprocess.Popen([sys.executable, "-c", FETCH, tmp_path], stderr=subprocess.PIPE)
    while not list(tmp_path.glob("kernels/.*.new/scratch/mmdebstrap.*/var/lib/dpkg")):
        assert maker.poll() is None
        time.sleep(0.05)

    maker.send_signal(how)
    maker.communicate()

    assert maker.returncode in (-how, 1, 128 + how)
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    if how is signal.SIGINT:
        assert [path.suffix for path in (tmp_path / "kernels").iterdir()] == [".lock"]


def test_our_kernel_comes_with_modules_in_the_order_of_loading(home: Settings) -> None:
    kernel = our_kernel(home, Log())

    names = [path.name for path in kernel.modules]
    assert os.access(kernel.vmlinuz, os.R_OK)
    assert all(path.is_file() for path in kernel.modules)
    assert names.index("virtio_ring.ko") < names.index("virtio_pci.ko")
    assert names.index("libcrc32c.ko") < names.index("btrfs.ko")
    assert {"virtio_blk.ko", "virtio_console.ko", "xfs.ko", "vfat.ko", "pvpanic-pci.ko"} <= set(names)
