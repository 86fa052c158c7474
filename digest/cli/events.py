"""`digest events`: which posts are events, what is known of them and why, and what staff say of them."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli.common import CommandFailed, ConfigOption, JsonOption, NowOption, command, emit, moment, table

if TYPE_CHECKING:
    from digest.posts.model import Event
    from digest.workflows.confirm import Happening

app = typer.Typer(help="See which posts are events, and say what is known of one.", no_args_is_help=True)
PostArgument = Annotated[
    int, typer.Argument(metavar="POST", help="The post's id, as `events list` shows it.")
]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who says so.")]


@app.command("list")
def list_(
    publication: Annotated[str, typer.Argument(metavar="PUBLICATION", help="Its name in digest.toml.")],
    config: ConfigOption = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """List the events that are new or to come, and the posts that may be events."""
    with command(config) as parts:
        from digest.workflows import confirm

        found = confirm.happenings(parts, publication, now=moment(now))
        rows = [
            (
                str(h.post_id),
                h.judged.verdict.value,
                h.state,
                _when(h.judged.event) if h.judged.event else "no date known",
                h.judged.title,
            )
            for h in found
        ]
        text = table(rows, head=("post", "what", "where", "when", "title")) if rows else "No event is known."
        emit([_json(h) for h in found], json=json, text=text)


@app.command()
def show(
    post: PostArgument, config: ConfigOption = None, now: NowOption = None, json: JsonOption = False
) -> None:
    """Show what we take one post for, why, where each fact was found, and the dates its text seems to tell."""
    with command(config) as parts:
        from digest.workflows import confirm

        _tell(confirm.happening(parts, post, now=moment(now)), json=json)


@app.command("set")
def set_(
    post: PostArgument,
    starts: Annotated[
        str | None,
        typer.Option(
            "--starts",
            metavar="WHEN",
            help='"2026-12-03 18:00", or "2026-12-03" for a whole day; needed unless its date is known.',
        ),
    ] = None,
    ends: Annotated[str | None, typer.Option("--ends", metavar="WHEN", help="The same for its end.")] = None,
    zone: Annotated[
        str | None,
        typer.Option("--zone", metavar="ZONE", help="Its time zone; the publication's unless set."),
    ] = None,
    place: Annotated[str | None, typer.Option("--place", help="Where it is.")] = None,
    online: Annotated[
        bool | None, typer.Option("--online/--not-online", help="Whether one can attend online.")
    ] = None,
    register: Annotated[
        str | None, typer.Option("--register", metavar="URL", help="Where to register; empty for nowhere.")
    ] = None,
    status: Annotated[
        str | None, typer.Option("--status", metavar="STATUS", help="scheduled, cancelled or postponed.")
    ] = None,
    full: Annotated[bool | None, typer.Option("--full/--not-full", help="Whether no place is left.")] = None,
    by: ByOption = "command line",
    config: ConfigOption = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Say that a post is an event, and what is known of it; drafts that hold it change at once."""
    with command(config) as parts:
        from digest.posts.model import EventStatus
        from digest.workflows import confirm

        if status is not None and status not in set(EventStatus):
            raise CommandFailed(f'--status is "{status}"; expected scheduled, cancelled or postponed.')
        seen = confirm.is_event(
            parts,
            post,
            starts=_read(starts, "--starts") if starts is not None else None,
            ends=_read(ends, "--ends") if ends is not None else None,
            timezone=_zone(zone),
            place=place,
            online=online,
            register_url=register,
            status=EventStatus(status) if status else None,
            full=full,
            by=by,
            now=moment(now),
        )
        _tell(seen, json=json)


@app.command()
def reject(
    post: PostArgument,
    by: ByOption = "command line",
    config: ConfigOption = None,
    now: NowOption = None,
    json: JsonOption = False,
) -> None:
    """Say that a post is no event; it is printed as a post."""
    with command(config) as parts:
        from digest.workflows import confirm

        _tell(confirm.is_no_event(parts, post, by=by, now=moment(now)), json=json)


@app.command()
def forget(
    post: PostArgument, config: ConfigOption = None, now: NowOption = None, json: JsonOption = False
) -> None:
    """Take back what was said of a post."""
    with command(config) as parts:
        from digest.workflows import confirm

        _tell(confirm.forget(parts, post, now=moment(now)), json=json)


def _tell(seen: Happening, *, json: bool) -> None:
    judged, event = seen.judged, seen.judged.event
    lines = [
        f"Post {seen.post_id}: {judged.verdict.value}. {judged.reason}",
        f"  {judged.title}",
        f"  {seen.url}",
    ]
    if event:
        lines += [f"  when: {_when(event)}"] if event.starts_at else []
        lines += [f"  further dates: {len(event.dates)}"] if event.dates else []
        place = ", ".join(part for part in ("online" if event.online else "", event.place) if part)
        lines += [f"  where: {place}"] if place else []
        lines += [f"  register: {event.register_url}"] if event.register_url else []
        lines += [f"  status: {event.status}{', full' if event.full else ''}"]
        lines += [f"  {e.fact}: {e.origin}, “{e.quote}”" for e in event.evidence]
    lines += [f"  its text says “{s.phrase}”: {s.sentence}" for s in judged.suggestions]
    emit(_json(seen), json=json, text="\n".join(lines))


def _json(seen: Happening) -> dict[str, Any]:
    from digest.cli.shapes import event_json

    judged = seen.judged
    return {
        "post": seen.post_id,
        "title": judged.title,
        "url": seen.url,
        "kind": judged.verdict.value,
        "state": seen.state,
        "reason": judged.reason,
        "event": event_json(judged.event) if judged.event else None,
        "suggestions": [{"phrase": s.phrase, "sentence": s.sentence} for s in judged.suggestions],
    }


def _when(event: Event) -> str:
    from digest.posts.timing import zone_of

    if event.starts_at is None:
        return "no date known"
    start = event.starts_at.astimezone(zone_of(event, "UTC"))
    told = f"{start:%Y-%m-%d}" if event.all_day else f"{start:%Y-%m-%d %H:%M}"
    return told if event.all_day else f"{told} {event.timezone or start.tzname() or 'UTC'}"


def _read(text: str, option: str) -> datetime | date:
    for reader in (date.fromisoformat, datetime.fromisoformat):  # the first refuses what has a time
        with suppress(ValueError):
            return reader(text.strip())
    raise CommandFailed(
        f'{option} is "{text}"; expected a day and a time such as "2026-12-03 18:00", or a day alone.'
    )


def _zone(name: str | None) -> str | None:
    from digest.posts.zones import zone_name

    known = zone_name(name)
    if name is not None and known is None:
        raise CommandFailed(f'--zone is "{name}"; expected a name such as "Europe/London".')
    return known
