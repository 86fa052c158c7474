"""`digest collect`: look at the sources now."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from digest.cli.common import ConfigOption, JsonOption, NowOption, command, emit, moment


def collect(
    publication: Annotated[
        str | None, typer.Argument(metavar="[PUBLICATION]", help="Only its sources.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Look now, whatever the sources' intervals say.")
    ] = False,
    config: ConfigOption = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Look at every source whose time has come and keep what is new; exit code 1 when one failed."""
    with command(config) as parts:
        from digest.workflows import collect as workflow

        if publication:
            parts.publication(publication)
        found = asyncio.run(workflow.collect(parts, publication=publication, force=force, now=moment(now)))
        lines = [
            f"{one.url}: {one.error}"
            if one.state == "failed"
            else f"{one.url}: {_news(one.new, one.changed)}"
            for one in found
        ]
        emit(found, json=json, text="\n".join(lines) or "No source is due; --force looks all the same.")
        if any(one.state == "failed" for one in found):
            raise typer.Exit(1)


def _news(new: int, changed: int) -> str:
    told = [f"{number} {word}" for number, word in ((new, "new"), (changed, "changed")) if number]
    return ", ".join(told) or "nothing new"
