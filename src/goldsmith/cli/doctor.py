"""`goldsmith doctor`."""

from __future__ import annotations

import shutil
import sys
from textwrap import wrap
from typing import TYPE_CHECKING

import typer

from .options import Json

if TYPE_CHECKING:
    from .host import Finding
    from .session import Session

_MARGIN = 26
_COLOURS = {"ok": "green", "slow": "yellow", "limited": "yellow", "missing": "red"}


def doctor(json: Json = False) -> None:
    """Say what this host can do, and how to mend the rest.

    Exits with 1 if something is missing that every build needs.
    """
    from .session import session

    with session(json) as out:
        import msgspec

        from .. import settings
        from .host import look

        findings = []
        for finding in look(settings.load()):
            findings.append(finding)
            _tell(out, finding)
        packages = sorted({package for finding in findings for package in finding.packages})
        missing = [finding.name for finding in findings if finding.state == "missing"]
        if packages:
            out.say()
            out.say(f"sudo apt-get install {' '.join(packages)}")
        out.result(
            {
                "ok": not missing,
                "findings": [msgspec.to_builtins(each) for each in findings],
                "packages": packages,
            }
        )
        if missing:
            raise typer.Exit(1)


def _tell(out: Session, finding: Finding) -> None:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    told = [each for text in (finding.says, finding.mend) for each in wrap(text, max(20, width - _MARGIN))]
    out.item(f"{finding.state:<7}", f"{finding.name:<15}  {told[0]}", fg=_COLOURS[finding.state])
    for line in told[1:]:
        out.say(f"{'':<{_MARGIN}}{line}")
