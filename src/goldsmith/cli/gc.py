"""`goldsmith gc`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .text import count, size

if TYPE_CHECKING:
    from ..builds.gc import Found
    from ..disks.garbage import Garbage
    from .session import Session

HEADING = ("KIND", "SIZE", "NAME", "WHY")


def gc(
    unused: Annotated[
        str,
        typer.Option(
            metavar="AGE", help="Free what nobody used for so long: 12h, 7d; 0s for all but what runs."
        ),
    ] = "30d",
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Read all layers and images, to find what a failing disk altered."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Free it without asking.")] = False,
    json: options.Json = False,
) -> None:
    """Free layers, kernels and bases that nothing needs any more.

    Says first what it would free, and asks; where there is no terminal to ask on, it frees only with --yes.
    Builds may run meanwhile: what they use stays. Exits with 1 if --verify finds an altered image.
    """
    from .session import opened_home, session

    age = options.age(unused, "--unused")
    assert age is not None
    with session(json) as out:
        from ..builds import gc as collector

        with opened_home() as home:
            found = collector.look(home, age, out.log, verify=verify)
            _show(out, found)
            wanted = bool(found.garbage) and (yes or _asked(out))
            freed = collector.free(home, found, age, out.log) if wanted else []
        out.result(_as_json(found, freed))
        if wanted:
            out.say(f"freed {_sum(freed)}")
        elif found.garbage:
            out.say("nothing was freed: `goldsmith gc --yes` does it without a question")
        if found.images:
            raise typer.Exit(1)


def _show(out: Session, found: Found) -> None:
    for each in found.images:
        name = f"{each.image.name}/{each.image.version} ({each.image.id})"
        out.say(f"altered: {each.path} is not what it was when image {name} was made", fg="red")
    if not found.garbage:
        out.say("there is nothing to free")
        return
    rows = [(each.kind, size(each.size), each.name, each.reason) for each in found.garbage]
    out.table([HEADING, *rows])
    out.say()
    out.say(f"could be freed: {_sum(found.garbage)}")


def _asked(out: Session) -> bool:
    """Where there is somebody to ask."""
    if out.json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        return input("free all of it? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _sum(things: Sequence[Garbage]) -> str:
    """`2 keys, 2 layers (1.2 GiB), 1 base (38 MiB): 1.3 GiB in all`"""
    kinds: dict[str, list[int]] = {}
    for each in things:
        kinds.setdefault(each.kind, []).append(each.size)
    parts = [
        count(len(sizes), kind) + (f" ({size(sum(sizes))})" if sum(sizes) else "")
        for kind, sizes in kinds.items()
    ]
    return f"{', '.join(parts) or 'nothing'}: {size(sum(map(sum, kinds.values())))} in all"


def _as_json(found: Found, freed: Sequence[Garbage]) -> dict[str, Any]:
    """`size` and `freed` are in bytes, what is freed as a whole and for each thing whether it went."""
    gone = {each.paths[0] for each in freed}
    return {
        "garbage": [
            {
                "kind": each.kind,
                "name": each.name,
                "size": each.size,
                "reason": each.reason,
                "freed": each.paths[0] in gone,
            }
            for each in found.garbage
        ],
        "size": sum(each.size for each in found.garbage),
        "freed": sum(each.size for each in freed),
        "altered": [{"image": each.image.id, "path": str(each.path)} for each in found.images],
    }
