"""Lines on stdout and stderr. Styles are for terminals alone, and not where NO_COLOR is set."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any

import typer


def print_line(text: str = "", **style: Any) -> None:
    """A line on stdout. Where nobody reads any more (`| head`), the program ends without a word."""
    try:
        typer.echo(styled(text, **style))
    except BrokenPipeError:
        # Python flushes stdout once more at its end, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


def print_error(text: str, **style: Any) -> None:
    """A line on stderr, if that can still be written to."""
    with contextlib.suppress(OSError):
        typer.echo(styled(text, **style), err=True)


def print_json(value: Any) -> None:
    """A value on a line of its own. ASCII alone, so that no text in it can drive a terminal."""
    print_line(json.dumps(value))


def styled(text: str, **style: Any) -> str:
    """For parts of a line; what prints it takes the style away again where it is no terminal."""
    return typer.style(text, **style) if style and not os.environ.get("NO_COLOR") else text
