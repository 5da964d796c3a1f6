import json
import subprocess
from pathlib import Path

from goldsmith.disks import overlay, qemu_img
from goldsmith.disks.chain import Chain, Node

MIB = 1 << 20


def qemu_io(nodes: list[Node], *commands: str) -> None:
    """Open the nodes in a QEMU without a machine and run qemu-io commands on the last."""
    say: list[Node] = [{"execute": "qmp_capabilities"}]
    for command in commands:
        line = f'qemu-io {nodes[-1]["node-name"]} "{command}"'
        say.append({"execute": "human-monitor-command", "arguments": {"command-line": line}})
    say.append({"execute": "quit"})
    blockdevs = [part for node in nodes for part in ("-blockdev", json.dumps(node))]
    bare = ["qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display", "none"]
    done = subprocess.run(
        [*bare, "-qmp", "stdio", *blockdevs],
        input="".join(json.dumps(line) + "\n" for line in say).encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"fail" not in done.stdout, done.stdout.decode()


def test_what_is_written_through_a_chain_reads_back_through_it(tmp_path: Path) -> None:
    base, step, top = (tmp_path / name for name in ("base", "step", "top"))
    for path in (base, step, top):
        overlay.create(path, 8 * MIB)
    qemu_io(Chain((base,)).blockdevs("a"), "write -P 1 0 1M", "write -P 1 1M 1M")
    qemu_io(Chain((base, step)).blockdevs("b", throw_away=True), "write -P 2 1M 1M")
    before = base.read_bytes(), step.read_bytes()

    chain = Chain((base, step)).over(top)
    qemu_io(chain.blockdevs("root"), "write -P 3 2M 1M", "discard 0 512k")

    flat = tmp_path / "flat"
    qemu_img.run("convert", "-O", "raw", chain.filename(), flat)
    content = flat.read_bytes()
    assert content[: MIB // 2] == bytes(MIB // 2)
    assert content[MIB // 2 : MIB] == b"\1" * (MIB // 2)
    assert content[MIB : 2 * MIB] == b"\2" * MIB
    assert content[2 * MIB : 3 * MIB] == b"\3" * MIB
    assert (base.read_bytes(), step.read_bytes()) == before


def test_a_backing_file_that_a_header_names_is_never_opened(tmp_path: Path) -> None:
    hidden, liar = tmp_path / "hidden", tmp_path / "liar.qcow2"
    hidden.write_bytes(b"\7" * MIB)
    qemu_img.run("create", "-q", "-f", "qcow2", "-b", hidden, "-F", "raw", liar)

    flat = tmp_path / "flat"
    qemu_img.run("convert", "-O", "raw", Chain((liar,)).filename(), flat)
    qemu_io(Chain((liar,)).blockdevs("root"), "read -P 0 0 1M")

    assert flat.read_bytes() == bytes(MIB)


def test_names_with_commas_colons_and_quotes_are_only_names(tmp_path: Path) -> None:
    folder = tmp_path / 'a,b:"c"=é'
    folder.mkdir()
    path = folder / "nbd:x,y"
    overlay.create(path, MIB)

    qemu_io(Chain((path,)).blockdevs("root"), "write -P 5 0 512")

    flat = tmp_path / "flat"
    qemu_img.run("convert", "-O", "raw", Chain((path,)).filename(), flat)
    assert flat.read_bytes()[:512] == b"\5" * 512
