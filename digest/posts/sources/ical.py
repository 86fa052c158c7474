"""Kind "ical": a calendar file, as Google, Outlook and the calendars of most sites publish one (RFC 5545).

Each event that is not over is one post under its UID, with its next date and the further ones.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urljoin

from digest.posts.clean import title_text
from digest.posts.links import safe_link
from digest.posts.model import Fetched, FetchState, Memory, SourceSpec
from digest.posts.sources import icalwords as words
from digest.posts.sources.base import SourceError, clean_posts, language_tag
from digest.posts.sources.http import Client, Response
from digest.posts.sources.icalevent import Dated, as_post, dated, one_of_each
from digest.posts.sources.icalfile import Block, CalendarFile, is_long_over, raw_value, read_file
from digest.posts.sources.icalrules import Unreadable
from digest.posts.sources.icalzones import Zones, length
from digest.posts.sources.recurrence import Timed, timed
from digest.posts.sources.words import shown

ACCEPT = "text/calendar, application/ics;q=0.9, text/plain;q=0.5, */*;q=0.1"
MOST_BYTES = 20_000_000
MOST_POSTS = 500
MOST_EVENTS = 5_000
SECONDS = 15.0
LONGEST_HINT = 6 * 3600
_WHOLE_ON = 28
_MOST_NAMED = 5


class Ical:
    """Reads the calendar whole and keeps the events that come next."""

    kind = "ical"

    async def fetch(self, spec: SourceSpec, client: Client, memory: Memory, *, now: datetime) -> Fetched:
        """One look at the calendar; raises `SourceError` when there is none at its address."""
        # Time brings dates near that were too far ahead, while the file stays the same: on one day of the month it
        # is read whole.
        asked = Memory(fetch_url=memory.fetch_url) if now.day == _WHOLE_ON else memory
        response = await client.get(
            re.sub(r"^webcals?:", "https:", asked.fetch_url or spec.url.strip(), flags=re.IGNORECASE),
            accept=ACCEPT,
            etag=asked.etag,
            last_modified=asked.last_modified,
            allow_private=spec.allow_private,
            max_bytes=MOST_BYTES,
        )
        etag, last_modified = response.headers.get("etag"), response.headers.get("last-modified")
        if response.not_modified:
            return Fetched(
                state=FetchState.UNCHANGED,
                etag=etag or memory.etag,
                last_modified=last_modified or memory.last_modified,
                permanent_url=response.permanent_url,
            )
        fetched, is_all = await asyncio.to_thread(_read, response, spec, now)
        return replace(
            fetched,
            # What was left out for being too far ahead must be read when it is nearer, though nothing changed.
            etag=etag if is_all else None,
            last_modified=last_modified if is_all else None,
            permanent_url=response.permanent_url,
        )


@dataclass(slots=True)
class _Work:
    """What has been read of one calendar so far, and until when (on the clock of this process) it may take."""

    now: datetime
    zones: Zones
    until: float
    events: list[Dated] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    private: int = 0
    is_all: bool = True


def _read(response: Response, spec: SourceSpec, now: datetime) -> tuple[Fetched, bool]:
    """The calendar's posts, and whether they are all there are; raises `SourceError` if it is no calendar."""
    until = time.monotonic() + SECONDS
    file = read_file(response)
    if file is None or not (file.whole or file.events):
        raise SourceError(f"{shown(response.url)} is not a calendar (iCalendar, RFC 5545).")
    zones = Zones(default=file.text("X-WR-TIMEZONE"), definitions=file.zones)
    work = _Work(now=now, zones=zones, until=until)
    for uid, cores, changed in _nearest_first(file, now):
        if time.monotonic() > work.until or len(work.events) >= MOST_EVENTS:
            work.is_all = False
            break
        _add(work, uid, cores, changed)
    home, limit = response.url, min(spec.limit, MOST_POSTS)
    events = one_of_each(work.events, home=home)
    page = safe_link(file.text("URL"), base=home) if "URL" in file.properties else None
    page = page or urljoin(home, "/")
    raws = [as_post(event, zones, home=home, calendar_page=page) for event in events[:limit]]
    posts, warnings = clean_posts(raws, home=home, limit=max(limit, 1), now=now)
    notes = [*_notes(work, file, kept=min(len(events), limit), found=len(events))]
    return Fetched(
        posts=posts,
        title=title_text((file.text("X-WR-CALNAME") or file.text("NAME")).replace("<", "&lt;"))[:300],
        language=language_tag(file.text("LANGUAGE")),
        wait_seconds=_wish(file),
        warnings=(*notes, *work.doubts, *warnings)[:20],
    ), work.is_all and len(events) <= limit


def _nearest_first(file: CalendarFile, now: datetime) -> Iterator[tuple[str, list[Block], list[Block]]]:
    """Each event's id, its own blocks and those of its changed dates: series first, then by the day they start."""
    groups: dict[str, tuple[list[Block], list[Block]]] = {}
    for block in file.events:
        cores, changed = groups.setdefault(words.uid(block), ([], []))
        (changed if "RECURRENCE-ID" in block.lines else cores).append(block)
    found = []
    for uid, (cores, changed) in groups.items():
        for name, core in _own(uid, cores) or [(uid, None)]:
            if core is None or changed or not is_long_over(core, now):
                start = raw_value(core.line("DTSTART")) if core and not core.repeats and not changed else ""
                found.append((start, name, [core] if core else [], changed))
                changed = []  # noqa: PLW2901
    found.sort(key=lambda one: one[:2])
    return ((name, cores, changed) for _start, name, cores, changed in found)


def _own(uid: str, cores: Sequence[Block]) -> list[tuple[str, Block | None]]:
    """The block that counts of those under one id: the latest revision, and of one revision the last written.

    Where blocks of one revision cannot be revisions of each other, some writer gives one id to everything; each is
    then an event of its own.
    """
    latest = max((core.sequence for core in cores), default=0)
    starts: dict[str, Block] = {}
    for core in sorted(
        (c for c in cores if c.sequence == latest), key=lambda c: raw_value(c.line("DTSTAMP"))
    ):
        starts[core.line("DTSTART")] = core
    same = list(starts.values())
    titles = {core.text("SUMMARY") for core in same}
    stamps = {raw_value(core.line("DTSTAMP")) for core in same}
    if len(same) > 1 and (len(titles) > 1 or len(stamps) == 1):
        return [(f"{uid} {raw_value(core.line('DTSTART'))}", core) for core in same]
    return [(uid, same[-1])] if same else []


def _add(work: _Work, uid: str, cores: Sequence[Block], changed: Sequence[Block]) -> None:
    """Read one event into `work`, or say why not."""
    block = next(iter([*cores, *changed]))
    if all(words.is_private(one) for one in (cores or changed)):
        work.private += 1
        return
    try:
        core = timed(cores[0], work.zones) if cores else None
        moved = list(_readable(changed, work.zones))
        event = dated(uid, core, moved, work.zones, now=work.now) if core or moved else None
    except Unreadable as unreadable:
        work.doubts.append(f"“{_title(block)}” {unreadable}, and was left out.")
        return
    except (OverflowError, ValueError):
        work.doubts.append(f"“{_title(block)}” has dates outside the calendar, and was left out.")
        return
    if event is not None and not (words.title(event.block) or words.body(event.block)):
        work.doubts.append(
            f"The event {title_text(uid)[:60]} has neither a title nor a text, and was left out."
        )
    elif event is not None:
        work.events.append(event)
        work.doubts += [f"“{_title(block)}” {warning}." for warning in event.warnings]


def _readable(changed: Sequence[Block], zones: Zones) -> Iterator[Timed]:
    """The changed dates, the latest revision of each, the last dates first; one without a start changes nothing."""
    latest: dict[str, Block] = {}
    for block in sorted(changed, key=lambda one: (one.sequence, raw_value(one.line("DTSTAMP")))):
        latest[raw_value(block.line("RECURRENCE-ID"))] = block
    for _date, block in sorted(latest.items(), reverse=True):
        try:
            yield timed(block, zones)
        except Unreadable:
            continue


def _notes(work: _Work, file: CalendarFile, *, kept: int, found: int) -> Iterator[str]:
    """What staff should know of the calendar as a whole."""
    if not file.whole:
        yield "The calendar broke off before its end; what came before was read."
    if not work.is_all:
        yield "The calendar is too large to be read whole; the nearest events and the series were read as far as possible."
    if kept < found:
        yield f"There are {found} events to come; the nearest {kept} were read."
    if work.private:
        yield f"Events marked as private were left out: {work.private}."
    for name in list(dict.fromkeys(work.zones.unknown))[:_MOST_NAMED]:
        taken = work.zones.default.name or "the publication's zone"
        yield f"Nobody knows the time zone “{title_text(name)[:60]}”; its times were taken as those of {taken}."
    if len(work.doubts) > _MOST_NAMED:
        rest = len(work.doubts) - _MOST_NAMED
        del work.doubts[_MOST_NAMED:]
        yield f"Further faults like those named here: {rest}."


def _title(block: Block) -> str:
    return title_text(words.title(block) or words.uid(block))[:60]


def _wish(file: CalendarFile) -> int | None:
    """How long the calendar itself asks to be left alone (RFC 7986 §5.7); a digest cannot wait over six hours."""
    line = file.properties.get("REFRESH-INTERVAL") or file.properties.get("X-PUBLISHED-TTL") or ""
    asked = length(raw_value(line))
    return min(max(int(asked.total_seconds()), 60), LONGEST_HINT) if asked else None
