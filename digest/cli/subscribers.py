"""`digest subscribers`: take readers in, show, export, end, suppress and erase them."""

from __future__ import annotations

import enum
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli.common import ConfigOption, JsonOption, NowOption, command, emit, moment, progress

if TYPE_CHECKING:
    from digest.workflows.enrol import Known
    from subscribers import Imported

app = typer.Typer(
    help="Add, import, export, show, end, suppress and erase subscribers.", no_args_is_help=True
)

AddressArgument = Annotated[str, typer.Argument(metavar="ADDRESS", help="Their mail address.")]
PublicationOption = Annotated[
    str, typer.Option("--publication", metavar="PUB", help="Its name in digest.toml.")
]
ConsentOption = Annotated[
    str, typer.Option("--consent", metavar="TEXT", help="What they agreed to, and where; kept as evidence.")
]
_PROBLEMS_SHOWN = 20


class FileFormat(enum.StrEnum):
    """Whose export a file is."""

    CSV = "csv"
    MAILCHIMP = "mailchimp"
    LISTMONK = "listmonk"
    MAILPOET = "mailpoet"
    MAILMAN = "mailman"


class EndReason(enum.StrEnum):
    """Why staff end a subscription."""

    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    MANUAL = "manual"


class SuppressReason(enum.StrEnum):
    """Why staff suppress an address."""

    COMPLAINED = "complained"
    HARD_BOUNCE = "hard-bounce"
    SOFT_LIMIT = "soft-limit"
    MANUAL = "manual"


@app.command()
def add(
    address: AddressArgument,
    publication: PublicationOption,
    consent: ConsentOption,
    name: Annotated[str, typer.Option("--name", help="How they are called.")] = "",
    language: Annotated[
        str, typer.Option("--language", help='Their language, such as "en" or "pt-BR".')
    ] = "",
    config: ConfigOption = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Subscribe one person at once, with the consent recorded."""
    with command(config) as parts:
        from digest.workflows import enrol

        added = enrol.add(
            parts,
            publication=publication,
            address=address,
            consent=consent,
            name=name,
            language=language,
            now=moment(now),
        )
        said = "is subscribed" if added.new else "was subscribed already"
        value = {"subscriber": added.subscriber_id, "state": added.state, "new": added.new}
        emit(value, json=json, text=f"{address} {said} to {publication}.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The list, with one person in each row.")],
    publication: PublicationOption,
    consent: ConsentOption,
    format: Annotated[FileFormat, typer.Option("--format", help="Whose export it is.")] = FileFormat.CSV,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Report what would happen and change nothing.")
    ] = False,
    config: ConfigOption = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Subscribe everybody in a file; nobody is mailed, and each row that is refused is reported with its line."""
    with command(config) as parts:
        import subscribers
        from digest.workflows import enrol

        with progress(None, f"Importing {file.name}") as done:
            imported = enrol.import_file(
                parts,
                file,
                publication=publication,
                consent=consent,
                format=subscribers.Format(format),
                dry_run=dry_run,
                progress=done,
                now=moment(now),
            )
        emit(imported, json=json, text=lambda: _imported_in_words(imported))


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to write; standard output unless set.")
    ] = None,
    publication: Annotated[
        str | None, typer.Option("--publication", metavar="PUB", help="Only this one's subscribers.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write all subscribers with their history as CSV; the columns are those that import reads."""
    with command(config) as parts:
        from digest.workflows import enrol

        if file is None:
            for piece in enrol.exported(parts, publication=publication):
                typer.echo(piece, nl=False)
            return
        enrol.export_file(parts, file, publication=publication)
        typer.echo(f"The subscribers are in {file}.", err=True)


@app.command()
def show(address: AddressArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show everything kept about one person."""
    with command(config) as parts:
        from digest.workflows import enrol

        known = enrol.show(parts, address)
        value = _known_as_json(address, known)
        emit(value, json=json, text=lambda: _known_in_words(value))


@app.command()
def end(
    address: AddressArgument,
    reason: Annotated[EndReason, typer.Option("--reason", help="Why; kept with the subscription.")],
    publication: Annotated[
        str | None, typer.Option("--publication", metavar="PUB", help="Only this one; all unless set.")
    ] = None,
    config: ConfigOption = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """End somebody's subscriptions, from the next message on."""
    with command(config) as parts:
        import subscribers
        from digest.workflows import enrol

        ended = enrol.end(
            parts,
            address=address,
            publication=publication,
            reason=subscribers.EndedReason(reason),
            now=moment(now),
        )
        what = ", ".join(ended.publications)
        emit(
            {
                "subscriber": ended.subscriber_id,
                "state": "ended",
                "reason": reason,
                "ended": ended.publications,
            },
            json=json,
            text=f"{address} no longer gets {what}." if what else f"{address} had no subscription to end.",
        )


@app.command()
def suppress(
    address: AddressArgument,
    reason: Annotated[SuppressReason, typer.Option("--reason", help="Why; the reasons are kept apart.")],
    config: ConfigOption = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Never mail an address again, subscribed or not."""
    with command(config) as parts:
        import subscribers
        from digest.workflows import enrol

        suppression = enrol.suppress(
            parts, address=address, reason=subscribers.SuppressionReason(reason), now=moment(now)
        )
        value = {"state": "suppressed", "reason": suppression.reason, "at": suppression.at}
        emit(value, json=json, text=f"{address} will not be mailed again.")


@app.command()
def erase(
    address: AddressArgument,
    config: ConfigOption = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Forget somebody; only a keyed hash stays, so that no import brings them back."""
    with command(config) as parts:
        from digest.workflows import enrol

        number = enrol.erase(parts, address=address, now=moment(now))
        emit(
            {"subscriber": number, "state": "erased"},
            json=json,
            text="They are forgotten, and their address will not be mailed again.",
        )


def _imported_in_words(imported: Imported) -> str:
    would = "would be " if imported.dry_run else ""
    changed = f"{imported.added} {would}added, {imported.updated} {would}updated"
    lines = [
        f"{imported.read} rows read: {changed}, {imported.unchanged} unchanged, {imported.refused} refused."
    ]
    lines += [f"  line {one.line}: {one.value}: {one.reason}" for one in imported.errors[:_PROBLEMS_SHOWN]]
    if len(imported.errors) > _PROBLEMS_SHOWN:
        lines.append(f"  … and {len(imported.errors) - _PROBLEMS_SHOWN} more; --json lists them all.")
    lines += imported.notes
    if imported.dry_run:
        lines.append("This was a dry run; nothing was changed.")
    return "\n".join(lines)


def _known_as_json(address: str, known: Known) -> dict[str, Any]:
    shown = known.shown
    person = shown.subscriber
    return {
        "address": person.address if person else address,
        "subscriber": person.id if person else None,
        "name": person.name if person else "",
        "language": person.language if person else "",
        "subscriptions": [
            {
                "publication": one.publication,
                "state": one.state,
                "reason": one.ended_reason,
                "requested_at": one.requested_at,
                "confirmed_at": one.confirmed_at,
                "ended_at": one.ended_at,
                "topics": one.topics,
                "frequency": one.frequency,
                "consent": one.consent,
            }
            for one in shown.subscriptions
        ],
        "suppressed": shown.suppressed,
        "suppressions": shown.suppressions,
        "deliveries": known.received,
    }


def _known_in_words(value: dict[str, Any]) -> str:
    if value["subscriber"] is None and not value["suppressed"]:
        return f"Nothing is kept about {value['address']}."
    lines = [f"{value['name']} <{value['address']}>" if value["name"] else value["address"]]
    for one in value["subscriptions"]:
        ended = f" on {_day(one['ended_at'])} ({one['reason']})" if one["ended_at"] else ""
        since = f", confirmed {_day(one['confirmed_at'])}" if one["confirmed_at"] else ""
        lines.append(f"  {one['publication']}: {one['state']}{ended}{since}")
        consent = one["consent"]
        lines.append(f'    consent {_day(consent.at)}, {consent.source}: "{consent.text}"')
    lines += [f"  never mailed: {one.reason}, since {_day(one.at)}" for one in value["suppressions"]]
    for one in value["deliveries"]:
        why = f" ({one.reason})" if one.reason else ""
        lines.append(f"  {one.publication} no. {one.number}: {one.state}{why}")
    return "\n".join(lines)


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"
