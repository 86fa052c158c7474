"""From the dates of a calendar's event to one raw post: its next date first, the further ones with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from digest.posts.clean import title_text
from digest.posts.model import CtaKind, Event, EventStatus, Evidence, Occurrence, Origin
from digest.posts.sources import icalwords as words
from digest.posts.sources.base import MOST_DATES, RawPost
from digest.posts.sources.icalfile import Block, raw_value
from digest.posts.sources.icalzones import Zones
from digest.posts.sources.recurrence import AHEAD, Timed, When, dates

# A floating time is over nowhere before it is over in the last zone of the world.
_LAST_ZONE = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """An event that is not over: its dates to come in order, all of one status, and the ids it goes by."""

    uid: str
    dates: tuple[When, ...]
    status: EventStatus
    aliases: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def block(self) -> Block:
        """The block that has the words of the next date."""
        return self.dates[0].timed.block


def dated(
    uid: str, core: Timed | None, changed: Sequence[Timed], zones: Zones, *, now: datetime
) -> Dated | None:
    """The event with those of its dates that are not over and not private; None if no such date is left.

    Single dates that are cancelled are left out, unless no other is left.
    """
    found, warnings = dates(core, changed, zones, now=now)
    # A date in the far future is a slip of the pen, or will come near in its time.
    near = [one for one in found if not _is_over(one, now) and one.starts_at <= now + AHEAD]
    ahead = [one for one in near if not words.is_private(one.timed.block)]
    off = core is not None and words.status(core.block) is EventStatus.CANCELLED
    held = [] if off else [one for one in ahead if words.status(one.timed.block) is EventStatus.SCHEDULED]
    kept = held or ahead
    if not kept:
        return None
    status = EventStatus.SCHEDULED if held else EventStatus.CANCELLED
    return Dated(
        uid=uid,
        dates=tuple(kept),
        status=status,
        warnings=tuple(dict.fromkeys([*(kept[0].timed.warnings), *warnings])),
    )


def one_of_each(events: Sequence[Dated], *, home: str) -> list[Dated]:
    """`events` with those under one title at one place as one series, for many calendars repeat by copying.

    In order of their next dates. A series made so has the id of its last part, which will stay longest.
    """
    groups: dict[tuple[str, str, bool], list[Dated]] = {}
    for event in events:
        title = title_text(words.title(event.block)).casefold()
        place = words.place_of(event.block, home=home)[0].casefold()
        name = title or f"\x1f{event.uid}"
        groups.setdefault((name, place, event.dates[0].timed.all_day), []).append(event)
    merged = [_merged(group) if len(group) > 1 else group[0] for group in groups.values()]
    return sorted(merged, key=lambda event: (event.dates[0].starts_at, event.uid))


def as_post(event: Dated, zones: Zones, *, home: str, calendar_page: str) -> RawPost:
    """`event` as a raw post, its words those of its next date."""
    block = event.block
    return RawPost(
        external_id=event.uid,
        aliases=event.aliases,
        url=words.page(block, home=home, calendar_page=calendar_page),
        base=home,
        title=words.title(block),
        body=words.body(block),
        published=_moment(block, "CREATED", zones),
        updated=_moment(block, "LAST-MODIFIED", zones),
        authors=words.organizer(block),
        categories=words.categories(block),
        language=words.language(block),
        image=words.image(block, home=home),
        event=_event(event, zones, home=home),
    )


def _is_over(when: When, now: datetime) -> bool:
    late = _LAST_ZONE if _floats(when.timed) else timedelta()
    return (when.ends_at or when.starts_at) + late <= now


def _floats(one: Timed) -> bool:
    return one.start.zone.clock is None


def _merged(group: Sequence[Dated]) -> Dated:
    """One series of several events; cancelled dates leave it, unless all are."""
    held = [event for event in group if event.status is EventStatus.SCHEDULED] or list(group)
    ordered = sorted(held, key=lambda event: event.dates[0].starts_at)
    every = sorted((when for event in ordered for when in event.dates), key=lambda when: when.starts_at)
    first, last = ordered[0], max(ordered, key=lambda event: event.dates[-1].starts_at)
    # One date on two calendars of a house is one date.
    once = {(when.starts_at, when.ends_at): when for when in reversed(every)}
    ids = [uid for event in group for uid in (event.uid, *event.aliases) if uid != last.uid]
    return replace(
        first,
        uid=last.uid,
        dates=tuple(sorted(once.values(), key=lambda when: when.starts_at)),
        aliases=tuple(dict.fromkeys(ids))[: 2 * MOST_DATES],
    )


def _event(event: Dated, zones: Zones, *, home: str) -> Event:
    first, block = event.dates[0], event.block
    floating, zone = _floats(first.timed), first.timed.start.zone
    place, _link = words.place_of(block, home=home)
    cta = words.call_to_action(block, home=home)
    # A date in another form (a whole day in a series of evenings) would be shown wrongly beside the rest.
    form = (floating, first.timed.all_day)
    further = [when for when in event.dates[1:] if (_floats(when.timed), when.timed.all_day) == form]
    return Event(
        uid=event.uid,
        title=words.title(block),
        starts_at=first.starts_at,
        ends_at=first.ends_at,
        all_day=first.timed.all_day,
        timezone=zone.name,
        floating=floating,
        place=place,
        online=words.is_online(block, home=home),
        register_url=cta.url if cta and cta.kind in {CtaKind.REGISTER, CtaKind.TICKETS} else None,
        cta=cta,
        status=event.status,
        dates=tuple(Occurrence(starts_at=w.starts_at, ends_at=w.ends_at) for w in further[:MOST_DATES]),
        evidence=tuple(_evidence(event, zones, home=home, place=place)),
    )


def _evidence(event: Dated, zones: Zones, *, home: str, place: str) -> list[Evidence]:
    """The lines of the file behind each fact."""
    block, one = event.block, event.dates[0].timed
    start = " ".join(line for line in (block.line("DTSTART"), block.line("RRULE")) if line)
    end = block.line("DTEND") or block.line("DURATION")
    cta = words.call_to_action(block, home=home)
    lines = {
        "kind": "BEGIN:VEVENT",
        "starts_at": start,
        "ends_at": end if event.dates[0].ends_at else "",
        "timezone": _zone_words(block, zones) if one.start.zone.name else "",
        "place": block.line("LOCATION") if place else "",
        "online": _online_words(block) if words.is_online(block, home=home) else "",
        "register_url": cta.url if cta and cta.kind in {CtaKind.REGISTER, CtaKind.TICKETS} else "",
        "cta": cta.url if cta else "",
        "status": block.line("STATUS") or ("METHOD:CANCEL" if block.cancelled else ""),
    }
    return [
        Evidence(fact=fact, origin=Origin.ICAL, quote=line.replace("<", "&lt;"))
        for fact, line in lines.items()
        if line
    ]


def _zone_words(block: Block, zones: Zones) -> str:
    """What names the zone: the start itself, or the calendar for all its times."""
    start = block.line("DTSTART")
    return start if "TZID" in start.upper() else f"X-WR-TIMEZONE:{zones.default.name}"


def _online_words(block: Block) -> str:
    meeting = next((block.line(name) for name in words.MEETING_LINES if name in block.lines), "")
    return meeting or block.line("LOCATION") or block.line("URL")


def _moment(block: Block, name: str, zones: Zones) -> datetime | None:
    moment = zones.moment(block.line(name)) if raw_value(block.line(name)) else None
    try:
        return moment.utc() if moment else None
    except OverflowError:
        return None
