"""Writing the image, `qemu-img convert` alone, beside zstd over the same data; and what a boot from
each kind of file costs: `python -m bench.image_write`.

The source is the finished image of the job, unpacked: the same allocated data as the cleaned disk that
goldsmith writes it from. zstd gets that data as one stream without the holes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

from goldsmith.disks import qemu_img
from goldsmith.disks.chain import Chain

from . import home
from .booting import boot_seconds, replay, traced_reads
from .measuring import Span, arguments, machine, measure, quiet, ratio, say, table

MIB = 1 << 20
BOOTS = 3

#: Options of `qemu-img convert -c -O qcow2`, all with zstd, named by cluster size. -W writes clusters
#: in the order in which they are done: bytes then differ between runs.
VARIANTS: dict[str, tuple[str, ...]] = {
    "64K": ("-m", "16"),
    "256K": ("-m", "16", "-o", "cluster_size=256K"),
    "2M": ("-m", "16", "-o", "cluster_size=2M"),
    "64K, -W": ("-m", "16", "-W"),
    "128K, -W": ("-m", "16", "-W", "-o", "cluster_size=128K"),
    "256K, -W": ("-m", "16", "-W", "-o", "cluster_size=256K"),
    "2M, -W": ("-m", "16", "-W", "-o", "cluster_size=2M"),
}
#: What boots are measured from; the first is what the others are compared with.
BOOTED = ("64K, -W", "128K, -W", "256K, -W", "2M, -W")


@dataclass
class Taken:
    """By round: its spans and those of zstd just before each; and the size of the result in bytes."""

    own: list[Span] = field(default_factory=list)
    zstd: list[Span] = field(default_factory=list)
    size: int = 0


def main() -> None:
    chosen = arguments("writing the image beside zstd, and booting what was written", rounds=5)
    folder: Path = chosen.work / "image-write"
    folder.mkdir(exist_ok=True)
    disk, data = _unpack(home.built(chosen.work), folder)
    say(f"{machine()}; {data.stat().st_size / MIB:.0f} MiB of data")
    say(table(_write_in_turns(disk, data, folder, chosen.rounds)))
    say("")
    say(table(_boot_in_turns({name: _image(folder, name) for name in BOOTED}, folder)))


def _unpack(image: Path, folder: Path) -> tuple[Path, Path]:
    """The image as a plain qcow2, and its allocated data as one stream."""
    disk, raw, data = folder / "disk.qcow2", folder / "disk.raw", folder / "data"
    qemu_img.run("convert", "-O", "qcow2", Chain((image,)).filename(), disk)
    qemu_img.run("convert", "-O", "raw", Chain((disk,)).filename(), raw)
    with raw.open("rb") as source, data.open("wb") as target:
        end = os.fstat(source.fileno()).st_size
        at = 0
        while at < end:
            try:
                start = os.lseek(source.fileno(), at, os.SEEK_DATA)
            except OSError:  # nothing but a hole to the end
                break
            at = os.lseek(source.fileno(), start, os.SEEK_HOLE)
            while start < at:
                start += os.sendfile(target.fileno(), source.fileno(), start, at - start)
    raw.unlink()
    return disk, data


def _write_in_turns(disk: Path, data: Path, folder: Path, rounds: int) -> Sequence[Sequence[str]]:
    packed = folder / "data.zst"
    zstd = partial(_zstd, data, packed)
    convert: list[str | Path] = ["convert", "-c", "-O", "qcow2", "-o", "compression_type=zstd"]
    taken = {name: Taken() for name in VARIANTS}
    for path in (data, disk):
        path.read_bytes()  # into the page cache, as the disk of a build is when it is written
    for number in range(rounds):
        load = quiet()
        for name, each in taken.items():
            image = _image(folder, name)
            image.unlink(missing_ok=True)
            words = [*convert, *VARIANTS[name], Chain((disk,)).filename(), image]
            each.zstd.append(measure(zstd))
            each.own.append(measure(partial(qemu_img.run, *words)))
            each.size = image.stat().st_size
        shown = ", ".join(
            f"{name} {each.own[-1].wall / each.zstd[-1].wall:.2f}" for name, each in taken.items()
        )
        say(f"writing, round {number + 1}, load before it {load:.2f}: {shown} of zstd")
    limits = Taken([span for each in taken.values() for span in each.zstd], size=packed.stat().st_size)
    rows = [["written by", "s", "CPU s", "MiB", "against zstd just before", "by CPU"]]
    rows.append(["zstd -3 -T2", *_figures(limits), "1", "1"])
    for name, each in taken.items():
        wall = ratio([span.wall for span in each.own], [span.wall for span in each.zstd])
        cpu = ratio([span.cpu for span in each.own], [span.cpu for span in each.zstd])
        rows.append([name, *_figures(each), f"{wall:.2f}", f"{cpu:.2f}"])
    return rows


def _boot_in_turns(images: dict[str, Path], folder: Path) -> Sequence[Sequence[str]]:
    first, *_ = images
    trace = traced_reads(images[first], folder)
    boots: dict[str, list[float]] = {name: [] for name in images}
    reads: dict[str, list[Span]] = {name: [] for name in images}
    for number in range(BOOTS):
        load = quiet()
        for name, image in images.items():
            boots[name].append(boot_seconds(image, folder))
            reads[name].append(measure(partial(replay, image, trace)))
        say(f"boots, round {number + 1}, load before it {load:.2f}")
    total = sum(length for _, length in trace) / MIB
    rows = [
        ["booted from", "s to login", "against the first", f"its {len(trace)} reads ({total:.0f} MiB), CPU s"]
    ]
    for name in images:
        against = f"{ratio(boots[name], boots[first]):.2f}"
        rows.append(
            [name, f"{median(boots[name]):.1f}", against, f"{median(span.cpu for span in reads[name]):.2f}"]
        )
    return rows


def _image(folder: Path, name: str) -> Path:
    return folder / f"{name.replace(', ', '-').replace(' ', '')}.qcow2"


def _figures(taken: Taken) -> tuple[str, str, str]:
    wall, cpu = median(span.wall for span in taken.own), median(span.cpu for span in taken.own)
    return f"{wall:.2f}", f"{cpu:.2f}", f"{taken.size / MIB:.0f}"


def _zstd(data: Path, packed: Path) -> None:
    subprocess.run(["zstd", "-q", "-3", "-T2", "-f", data, "-o", packed], check=True)


if __name__ == "__main__":
    main()
