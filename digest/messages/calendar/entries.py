"""The lines that events make in a reader's calendar, and the names under which a line is found again."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from digest.messages.calendar.facts import is_believed
from digest.posts.model import Event, EventStatus, KnownEvent, Occurrence

_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAME = re.compile(r"(?P<key>[A-Za-z0-9_-]{1,64}?)(?:-(?P<at>[0-9]{8}T[0-9]{6})(?P<utc>Z?))?")
_STAMP = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a reader's calendar: an event, or one date of its series.

    The event in `known` has this date and no further ones. `uid` is the left side of the UID: the event's key, and
    for a date of a series its start too, so that each date keeps its line, and a single event its own when it moves.
    """

    known: KnownEvent
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What the name of a file asks for: an event by its key, or that date of its series which begins at `start`.

    `start` is in UTC, or as if in UTC where it is `floating`.
    """

    key: str
    start: datetime | None = None
    floating: bool = False


def file_name(event: Event) -> str:
    """The name of the file that holds `event`, or of a series the date it stands on; "" without key or date.

    `<key>.ics`, or `<key>-20261124T090000Z.ics` with the start of that date in UTC; without the Z while it floats.
    """
    if not _KEY.fullmatch(event.key) or event.starts_at is None or not is_believed(event.starts_at):
        return ""
    return f"{_dated(event) if event.dates else event.key}.ics"


def named(stem: str) -> Named | None:
    """What the name of a file without its ".ics" asks for; None where it is the name of none of ours."""
    match = _NAME.fullmatch(stem)
    if not match:
        return None
    if not match["at"]:
        return Named(key=match["key"])
    try:
        start = datetime.strptime(match["at"], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Named(key=match["key"], start=start, floating=not match["utc"]) if is_believed(start) else None


def entries(known: KnownEvent) -> tuple[Entry, ...]:
    """An entry for each date of an event, in order; none without a key, or without a date from 1971 to 2099."""
    event = known.event
    if not _KEY.fullmatch(event.key):
        return ()
    dates = _dates(event)
    if not event.dates:
        return tuple(Entry(known=_only(known, one), uid=event.key) for one in dates)
    return tuple(_entry(_only(known, one)) for one in dates)


def entry_on(known: KnownEvent, asked: Named) -> Entry | None:
    """The entry of the date that begins at `asked.start`; None where the event has no such date.

    The UID is that of a date of a series whether or not the event still has others: what a reader took under this
    name stays one line.
    """
    if asked.floating is not known.event.floating:
        return None
    return next(
        (_entry(_only(known, one)) for one in _dates(known.event) if one.starts_at == asked.start), None
    )


def cancelled_entry(known: KnownEvent, asked: Named) -> Entry:
    """The entry of a date that the event does not have any more: cancelled, under the UID it had."""
    assert asked.start is not None
    gone = _only(known, Occurrence(starts_at=asked.start))
    event = replace(gone.event, floating=asked.floating, status=EventStatus.CANCELLED)
    return _entry(replace(gone, event=event))


def _entry(known: KnownEvent) -> Entry:
    return Entry(known=known, uid=_dated(known.event))


def _only(known: KnownEvent, one: Occurrence) -> KnownEvent:
    return replace(known, event=replace(known.event, starts_at=one.starts_at, ends_at=one.ends_at, dates=()))


def _dated(event: Event) -> str:
    assert event.starts_at is not None
    stamp = event.starts_at.astimezone(UTC).strftime(_STAMP)
    return f"{event.key}-{stamp}" if event.floating else f"{event.key}-{stamp}Z"


def _dates(event: Event) -> list[Occurrence]:
    """Every date of `event` that is believed, in order, each start once."""
    first = [Occurrence(starts_at=event.starts_at, ends_at=event.ends_at)] if event.starts_at else []
    by_start = {one.starts_at: one for one in (*event.dates, *first) if is_believed(one.starts_at)}
    return [by_start[start] for start in sorted(by_start)]
