"""`digest editions`: see what comes next, cut it, look at it, approve it, send it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from digest.cli.common import (
    CommandFailed,
    ConfigOption,
    EditionArgument,
    JsonOption,
    NowOption,
    command,
    emit,
    moment,
    progress,
    table,
)
from digest.cli.preview import preview

if TYPE_CHECKING:
    from digest.editions.model import Edition
    from digest.workflows.parts import Parts

app = typer.Typer(help="Cut, look at, approve and send editions.", no_args_is_help=True)
PublicationArgument = Annotated[str, typer.Argument(metavar="PUBLICATION", help="Its name in digest.toml.")]


@app.command("next")
def next_(
    publication: PublicationArgument,
    config: ConfigOption = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Show what the next edition would hold, what is left out, and why."""
    with command(config) as parts:
        from digest.cli.shapes import next_json
        from digest.workflows import look

        coming = look.next_edition(parts, publication, now=moment(now))
        zone = parts.publication(publication).timezone
        lines = [f"Draft {_when(coming.cut_off, zone)}, mail {_when(coming.send_at, zone)}."]
        lines += [f"  {item.section.value:7}{item.title}" for item in coming.items] or [
            "  Nothing new so far."
        ]
        lines += [f"  left out: {e.title} ({e.reason})" for e in coming.excluded]
        lines += [coming.hold] if coming.hold else []
        emit(next_json(coming), json=json, text="\n".join(lines))


@app.command()
def cut(
    publication: PublicationArgument,
    config: ConfigOption = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Make the draft now, or record that there is nothing to send."""
    with command(config) as parts:
        from digest.workflows import close

        parts.publication(publication)
        edition = close.cut(parts, publication, now=moment(now))
        value = {
            "edition": edition.id,
            "state": edition.state,
            "reason": edition.reason,
            "items": len(edition.items),
        }
        count = f"{len(edition.items)} item{'' if len(edition.items) == 1 else 's'}"
        text = (
            f"Edition {edition.id} is a draft with {count}: {edition.subject}\n"
            f"Next: digest editions preview {edition.id} --out preview, then digest editions approve {edition.id}"
        )
        emit(value, json=json, text=f"Skipped: {edition.reason}" if edition.state == "skipped" else text)


@app.command("list")
def list_(
    publication: Annotated[str | None, typer.Argument(metavar="[PUBLICATION]")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the editions, newest first."""
    with command(config) as parts:
        from digest.cli.shapes import edition_json
        from digest.workflows import look

        if publication:
            parts.publication(publication)
        found = look.editions(parts, publication)
        rows = [
            (
                str(e.id),
                e.publication,
                str(e.number or "-"),
                e.state.value,
                f"{e.send_at:%Y-%m-%d %H:%M} UTC",
                e.subject or e.reason,
            )
            for e in found
        ]
        head = ("id", "publication", "no.", "state", "send at", "subject")
        emit(
            [edition_json(e) for e in found],
            json=json,
            text=table(rows, head=head) if rows else "No edition yet.",
        )


@app.command()
def show(edition: EditionArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show one edition: its items, its state, and how its mailing went."""
    with command(config) as parts:
        from digest.cli.shapes import edition_in_words, edition_json, item_json
        from digest.workflows import look

        found = look.edition(parts, edition)
        status = look.delivery_status(parts, edition)
        value = edition_json(found) | {"items": [item_json(i) for i in found.items], "counts": status.counts}
        when = _when(found.send_at, _zone(parts, found))
        emit(value, json=json, text=edition_in_words(found, status, when=when))


app.command()(preview)


@app.command()
def approve(
    edition: EditionArgument,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who approves.")] = "command line",
    override: Annotated[
        list[str] | None,
        typer.Option("--override", metavar="CODE", help="A preflight finding to accept, by its code."),
    ] = None,
    config: ConfigOption = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Approve exactly what the preview shows; exit code 1 with the findings when preflight blocks."""
    with command(config) as parts:
        from digest.cli.shapes import findings_in_words
        from digest.workflows import approve as workflow
        from digest.workflows.preview import preview as look_again

        at = moment(now)
        try:
            done = workflow.approve(parts, edition, by=by, overrides=tuple(override or ()), now=at)
        except workflow.NotApproved as refused:
            value = {"edition": edition, "findings": refused.findings}
            emit(value, json=json, text=findings_in_words(refused.found, edition=edition))
            raise
        value = {"edition": done.id, "state": done.state, "fingerprint": done.fingerprint}
        when = _when(done.send_at, _zone(parts, done))
        text = (
            f"Approved: edition {done.id} goes out {when}, or now with: digest editions send {done.id} --wait"
        )
        left = look_again(parts, edition, now=at).findings
        text += f"\n\n{findings_in_words(left, edition=edition, approved=True)}"
        emit(value, json=json, text=text)


@app.command()
def send(
    edition: EditionArgument,
    wait: Annotated[bool, typer.Option("--wait", help="Also deliver, until nobody is pending.")] = False,
    config: ConfigOption = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Launch an approved edition now, whatever its send time."""
    with command(config) as parts:
        from digest.cli.shapes import counts_in_words
        from digest.workflows import deliver, launch, look, recheck

        at = moment(now)
        asyncio.run(recheck.recheck(parts, edition, now=at))
        launch.require_armed(parts, now=at)
        launched = launch.launch(parts, edition, now=at)
        if launched.state in {"draft", "skipped", "failed"}:
            raise CommandFailed(f"Edition {edition} was not sent; it is {launched.state}: {launched.reason}")
        if wait:
            total = look.delivery_status(parts, edition).audience
            with progress(total, "Sending") as done, _not_before(now) as clock:
                asyncio.run(
                    deliver.deliver(
                        parts, edition_id=edition, now=clock, until_done=True, stop=None, progress=done
                    )
                )
        status = look.delivery_status(parts, edition)
        value = {"edition": edition, "state": status.state, "counts": status.counts}
        emit(value, json=json, text=f"Edition {edition} is {status.state}: {counts_in_words(status.counts)}.")
        if status.state == "paused":
            raise CommandFailed(f"Edition {edition} is paused: {look.edition(parts, edition).reason}")


@app.command()
def proof(
    edition: EditionArgument,
    addresses: Annotated[list[str], typer.Argument(metavar="ADDRESS…", help="Who gets it.")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Mail a marked proof to staff; it consumes no post and its unsubscribe link harms nobody."""
    with command(config) as parts:
        from digest.workflows import proof as workflow

        results = asyncio.run(
            workflow.proof(parts, edition, addresses=tuple(addresses), now=datetime.now(UTC))
        )
        value = [{"address": r.address, "outcome": r.outcome} for r in results]
        emit(value, json=json, text="\n".join(f"{r.address}: {r.outcome}" for r in results))
        if any(r.outcome != "accepted" for r in results):
            raise typer.Exit(1)


@app.command()
def pause(edition: EditionArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Stop a running send; what is on the wire is finished, everybody else waits."""
    _control("pause", edition, config, json=json)


@app.command()
def resume(
    edition: EditionArgument,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also where the mail invites to an event that has begun.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Go on with a paused send, with those not yet mailed."""
    _control("resume", edition, config, json=json, anyway=anyway)


@app.command()
def cancel(edition: EditionArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """End a draft, approved or paused edition; its posts are offered to the next one."""
    _control("cancel", edition, config, json=json)


def _control(verb: str, edition: int, config: Path | None, *, json: bool, **more: bool) -> None:
    with command(config) as parts:
        from digest.workflows import control

        done = getattr(control, verb)(parts, edition, now=datetime.now(UTC), **more)
        emit({"edition": done.id, "state": done.state}, json=json, text=f"Edition {done.id} is {done.state}.")


@contextmanager
def _not_before(now: str | None) -> Iterator[Any]:
    """A clock that starts at `--now` and runs on, so that retries and rates keep their distances."""
    start, began = moment(now), datetime.now(UTC)
    yield lambda: start + (datetime.now(UTC) - began)


def _zone(parts: Parts, edition: Edition) -> str:
    publication = parts.settings.publications.get(edition.publication)
    return publication.timezone if publication else "UTC"


def _when(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%A %d %B %Y %H:%M} {zone}"
