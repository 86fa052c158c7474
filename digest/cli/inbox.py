"""`digest inbox`: mail that comes back, one message at a time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from digest.cli.common import CommandFailed, ConfigOption, JsonOption, NowOption, command, emit, moment

app = typer.Typer(help="Take in mail that comes back.", no_args_is_help=True)
_LARGEST = 256 * 1024  # bytes of a message that are read; its header says all that counts


@app.callback()
def inbox() -> None:
    """Take in mail that comes back."""


@app.command()
def take(
    file: Annotated[Path, typer.Argument(metavar="FILE|-", help="The message; - reads standard input.")],
    config: ConfigOption = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Do what one inbound message asks: an unsubscribe by mail; anything else is told apart and left alone."""
    with command(config) as parts:
        from digest.workflows import report

        taken = report.take(parts, _message(file), now=moment(now))
        who = f" {taken.recipient}:" if taken.recipient else ""
        emit(taken, json=json, text=f"{taken.kind}:{who} {taken.action}.")


def _message(file: Path) -> bytes:
    if str(file) == "-":
        return _drained()
    try:
        with file.open("rb") as stream:
            return stream.read(_LARGEST)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}.") from error


def _drained() -> bytes:
    """The beginning of standard input; the rest is read and dropped, so that a mail server can finish writing."""
    kept = sys.stdin.buffer.read(_LARGEST)
    while sys.stdin.buffer.read(_LARGEST):
        pass
    return kept
