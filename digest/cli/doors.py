"""`digest subscribers doors`: one switch for every way to sign up."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from digest.cli.common import ConfigOption, JsonOption, NowOption, command, emit, moment


class Doors(enum.StrEnum):
    """How the doors are to stand."""

    OPEN = "open"
    CLOSED = "closed"


def doors(
    state: Annotated[
        Doors | None, typer.Argument(metavar="[open|closed]", help="How they are to stand; unset to ask.")
    ] = None,
    config: ConfigOption = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Close or open every way to sign up at once, without a restart; without a word: say how they stand."""
    with command(config) as parts:
        from digest.workflows import join

        if state is not None:
            join.set_doors(parts, open=state is Doors.OPEN, now=moment(now))
        since = join.doors_closed_at(parts)
        allowed = parts.settings.site.sign_up
        value = {"state": "open" if allowed and since is None else "closed", "since": since}
        text = "Sign-up is open." if value["state"] == "open" else "Sign-up is closed everywhere."
        if not allowed:
            text = "Sign-up is closed everywhere: site.sign_up is false in the configuration."
        emit(value, json=json, text=text)
