"""`digest deliveries`: who got an edition, and why somebody did or did not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from digest.cli.common import ConfigOption, JsonOption, command, emit

app = typer.Typer(help="See how a mailing went.", no_args_is_help=True)
EditionArgument = Annotated[int, typer.Argument(metavar="EDITION", help="The edition's id.")]


@app.command()
def status(edition: EditionArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Count an edition's deliveries by state; the counts add up to its frozen audience."""
    with command(config) as parts:
        from digest.cli.shapes import counts_in_words
        from digest.workflows import look

        found = look.delivery_status(parts, edition)
        lines = [
            f"Edition {edition} is {found.state}; audience {found.audience:,}: {counts_in_words(found.counts)}."
        ]
        lines += [f"  not mailed: {number:,} {reason}" for reason, number in found.excluded.items()]
        value = {
            "edition": edition,
            "state": found.state,
            "audience": found.audience,
            "counts": found.counts,
            "excluded": found.excluded,
        }
        emit(value, json=json, text="\n".join(lines))


@app.command()
def why(
    edition: Annotated[int, typer.Option("--edition", metavar="EDITION", help="The edition's id.")],
    address: Annotated[str, typer.Option("--address", metavar="ADDRESS", help="Whose copy.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say what became of one person's copy, try by try."""
    with command(config) as parts:
        from digest.workflows import look

        found = look.why(parts, edition_id=edition, address=address)
        lines = [f"{found.state}{f': {found.reason}' if found.reason else ''}"]
        lines += [
            f"  {a.at:%Y-%m-%d %H:%M:%S} UTC  {a.phase}  {a.code or ''} {a.enhanced} {a.text}".rstrip()
            for a in found.attempts
        ]
        value = {"state": found.state, "reason": found.reason, "attempts": found.attempts}
        emit(value, json=json, text="\n".join(lines))


@app.command()
def resolve(
    edition: EditionArgument,
    as_: Annotated[
        Literal["accepted", "retry"],
        typer.Option(
            "--as", help="accepted: count them as delivered; retry: send once more, same Message-ID."
        ),
    ],
    address: Annotated[
        str | None, typer.Option("--address", metavar="ADDRESS", help="Only this one.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Settle uncertain deliveries, which the machine never sends again by itself."""
    with command(config) as parts:
        from digest.workflows import control

        number = control.resolve(parts, edition, as_=as_, address=address, now=datetime.now(UTC))
        emit({"resolved": number}, json=json, text=f"{number} resolved as {as_}.")
