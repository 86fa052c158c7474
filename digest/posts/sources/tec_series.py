"""The dates of one series as one post: under its next date, with the further ones, known again by any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from digest.posts.clean import title_text
from digest.posts.model import EventStatus, Occurrence
from digest.posts.sources.base import MOST_DATES, RawPost
from digest.posts.sources.tec_event import Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One event or all dates of a series as one raw post, with the start it is sorted by and what is doubtful."""

    raw: RawPost
    starts_at: datetime
    doubts: tuple[str, ...] = ()


def collapsed(events: Sequence[Told], *, known_ids: frozenset[str], now: datetime) -> list[Series]:
    """One `Series` for each event that stands alone and each series among `events`, the nearest first.

    A series is what shares a page but for the date in its address, and what shares title and place. It keeps the
    one of `known_ids` that it had as long as that is one of its own.
    """
    pages: dict[str, list[Told]] = {}
    for event in sorted(_with_own_pages(events), key=_order):
        pages.setdefault(f"page {event.page}" if event.page else f"id {event.ids[0]}", []).append(event)
    named: dict[tuple[str, str], list[list[Told]]] = {}
    for group in pages.values():
        # By the next date, so that one date renamed does not join two series for good.
        named.setdefault(_name(_next(group, now)), []).append(group)
    found = [_series([one for group in groups for one in group], known_ids, now) for groups in named.values()]
    return sorted(found, key=lambda series: (series.starts_at, series.raw.external_id))


def _with_own_pages(events: Sequence[Told]) -> list[Told]:
    """The events, without the pages that are no series' own: where every event has another title, it is a list."""
    pages: dict[str, list[Told]] = {}
    for event in events:
        pages.setdefault(event.page, []).append(event)
    lists = {
        page for page, group in pages.items() if len({_title(one) for one in group}) * 2 > max(len(group), 2)
    }
    return [replace(one, page="", dated=False) if one.page in lists else one for one in events]


def _series(group: list[Told], known_ids: frozenset[str], now: datetime) -> Series:
    dates = sorted(group, key=_order)
    first = _next(dates, now)
    further, off = [], 0
    for one in dates:
        if one.starts_at <= first.starts_at:
            continue
        if one.event.status is not first.event.status:
            off += 1
        elif (one.event.all_day, one.event.floating) == (first.event.all_day, first.event.floating):
            further.append(Occurrence(starts_at=one.starts_at, ends_at=one.event.ends_at))
    external_id, aliases = _identity(dates, known_ids)
    doubts = [first.doubt] if first.doubt else []
    if off:
        doubts.append(
            f"is a series of which {off} further dates are cancelled or put off; they were left out"
        )
    published = [one.raw.published for one in dates if isinstance(one.raw.published, str)]
    return Series(
        raw=replace(
            first.raw,
            external_id=external_id,
            aliases=aliases,
            published=min(published, default=None),
            event=replace(first.event, uid=external_id, dates=tuple(_once(further)[:MOST_DATES])),
        ),
        starts_at=first.starts_at,
        doubts=tuple(doubts),
    )


def _next(dates: Sequence[Told], now: datetime) -> Told:
    """The next date that is to take place; else the next that was to; else the last one."""
    ahead = [one for one in dates if one.over_at > now]
    held = [one for one in ahead if one.event.status is EventStatus.SCHEDULED]
    return (held or ahead or dates[-1:])[0]


def _identity(dates: Sequence[Told], known_ids: frozenset[str]) -> tuple[str, tuple[str, ...]]:
    """The id of the group, and all other ids it may be met under.

    A page without its date is an id that outlives every date. Without one it is the id of the last date, known if
    possible, which is the one that will stay in the list longest.
    """
    pages = list(dict.fromkeys(f"series {one.page}" for one in dates if one.page))
    of_series = [f"series {one.page}" for one in dates if one.dated]
    latest = [one.ids[0] for one in reversed(dates)]
    usual = [*of_series[:1], *latest]
    external_id = next((name for name in usual if name in known_ids), usual[0])
    names = dict.fromkeys([*pages, *(name for one in dates for name in one.ids)])
    return external_id, tuple(name for name in names if name != external_id)


def _name(event: Told) -> tuple[str, str]:
    # Events that are called nothing have nothing in common.
    title = _title(event)
    return (title, event.event.place.casefold()) if title else ("", event.ids[0])


def _title(event: Told) -> str:
    return " ".join(title_text(event.event.title).casefold().split())


def _order(event: Told) -> tuple[datetime, str]:
    return event.starts_at, event.ids[0]


def _once(dates: Sequence[Occurrence]) -> list[Occurrence]:
    return list({one.starts_at: one for one in reversed(dates)}.values())[::-1]
