"""`digest editions preview`: the mail as readers get it, everybody's or the copy of those who chose only some of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from digest.cli.common import (
    ConfigOption,
    EditionArgument,
    JsonOption,
    NowOption,
    command,
    emit,
    moment,
)
from digest.editions.frequency import FREQUENCIES, Frequency

TopicsOption = Annotated[
    str,
    typer.Option("--topics", metavar="TOPIC,…", help="The copy of readers who chose only these topics."),
]
EventsOption = Annotated[
    bool, typer.Option("--events-only", help="The copy of readers who want events only.")
]
FrequencyOption = Annotated[
    str,
    typer.Option(
        "--frequency",
        metavar="|".join(FREQUENCIES),
        help="The copy of readers who get it so often, with what earlier editions held for them.",
    ),
]


def preview(
    edition: EditionArgument,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write the files.")],
    check: Annotated[
        bool, typer.Option("--check", help="Try each link; exit code 1 when something stops the approval.")
    ] = False,
    topics: TopicsOption = "",
    events_only: EventsOption = False,
    frequency: FrequencyOption = "",
    config: ConfigOption = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Write the mail as readers will get it: subject.txt, body.html, body.txt, message.eml, preflight.json."""
    with command(config) as parts:
        from digest.cli.shapes import findings_in_words, write_preview
        from digest.workflows import preview as workflow

        at = moment(now)
        wanted = None
        if topics or events_only or frequency:
            wanted = workflow.Wanted(
                topics=tuple(dict.fromkeys(topic.strip() for topic in topics.split(",") if topic.strip())),
                events_only=events_only,
                frequency=_frequency(frequency),
            )
        if check:
            seen = asyncio.run(workflow.checked_preview(parts, edition, now=at, wanted=wanted))
        else:
            seen = workflow.preview(parts, edition, now=at, wanted=wanted)
        files = write_preview(seen, out)
        value = {**files, "findings": seen.findings} if check else files
        text = "\n".join(f"{name}: {path}" for name, path in files.items())
        emit(value, json=json, text=f"{text}\n\n{findings_in_words(seen.findings, edition=edition)}")
        if check and seen.is_blocked:
            raise typer.Exit(1)


def _frequency(word: str) -> Frequency | None:
    if not word:
        return None
    for known in FREQUENCIES:
        if word == known:
            return known
    raise typer.BadParameter(f'"{word}"; expected one of {", ".join(FREQUENCIES)}.', param_hint="--frequency")
