"""`digest deliveries`: who got an edition, and why somebody did or did not."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from digest.cli.common import ConfigOption, JsonOption, NowOption, command, emit, moment
from digest.deliveries.model import Attempt, DeliveryState

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
        if found.counts["uncertain"]:
            lines.append(f"  who is uncertain, and why: digest deliveries list {edition} --state uncertain")
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
        lines += [_try(one) for one in found.attempts]
        value = {"state": found.state, "reason": found.reason, "attempts": found.attempts}
        emit(value, json=json, text="\n".join(lines))


@app.command("list")
def list_(
    edition: EditionArgument,
    state: Annotated[
        DeliveryState | None, typer.Option("--state", help="Only those that stand there.")
    ] = None,
    addresses: Annotated[bool, typer.Option("--addresses", help="Show addresses whole, not masked.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="So many at most.")] = 1_000,
    after: Annotated[
        int, typer.Option("--after", min=0, metavar="POSITION", help="Only those behind this one.")
    ] = 0,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List an edition's deliveries with the evidence of every try, in the order of its frozen audience."""
    with command(config) as parts:
        from digest.workflows import look

        found = look.listed(parts, edition, state=state, after=after, limit=limit, whole_addresses=addresses)
        lines: list[str] = []
        for one in found:
            said = f"  {one.reason}" if one.reason else ""
            lines.append(f"{one.position:>7}  {one.address or 'erased'}  {one.state}{said}")
            lines += ["       " + _try(tried) for tried in one.attempts]
        if len(found) == limit:
            lines.append(f"There may be more: --after {found[-1].position}")
        emit(found, json=json, text="\n".join(lines) or "None.")


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
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Retry although it is late, or an event in it cannot be attended now."),
    ] = False,
    now: NowOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Settle uncertain deliveries, which the machine never sends again by itself.

    A retry of an edition that had been sent puts it back to sending, until the worker has done it.
    """
    at = moment(now)
    with command(config) as parts:
        from digest.workflows import control, look

        number = control.resolve(parts, edition, as_=as_, address=address, anyway=anyway, now=at)
        state = look.edition(parts, edition).state
        text = f"{number} resolved as {as_}; edition {edition} is {state}."
        emit({"resolved": number, "state": state}, json=json, text=text)


def _try(one: Attempt) -> str:
    """One try on a line of its own; the server's text has the enhanced code in it."""
    return f"  {one.at:%Y-%m-%d %H:%M:%S} UTC  {one.phase}  {f'{one.code} ' if one.code else ''}{one.text}".rstrip()
