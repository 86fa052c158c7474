"""What the card of an event says at a moment: its state, dates in words, the one thing to press, and calendars."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from digest.editions.model import Item, ItemKind
from digest.messages.calendar import file_name, google_link, outlook_link
from digest.messages.context import ButtonView, EventView
from digest.messages.placing import SHORT, absolute
from digest.messages.wording import (
    Pen,
    date_range,
    day_and_month,
    day_of_week,
    event_hours,
    event_when,
    last_date,
    tile_parts,
)
from digest.posts.model import CallToAction, CtaKind, Event, Occurrence
from digest.posts.timing import Standing, as_of, grounded, last_day, may_register, standing, zone_of
from digest.templating import Words, regional

LABEL = 40
MAYBE = "maybe"
_LABELS = {
    CtaKind.REGISTER: "register",
    CtaKind.TICKETS: "tickets",
    CtaKind.JOIN: "join",
    CtaKind.DETAILS: "event_details",
}
_ASKS_FOR_A_PLACE = frozenset({CtaKind.REGISTER, CtaKind.TICKETS})
_OFF = frozenset({Standing.CANCELLED, Standing.POSTPONED, Standing.PAST, Standing.UNDATED})
_NOTHING_TO_PRESS = frozenset({Standing.CANCELLED, Standing.POSTPONED, Standing.FULL, Standing.CLOSED})
_PAGE_ONLY = frozenset({Standing.OPENS_SOON, Standing.UNDATED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cards:
    """What all event cards of an edition share: the moment it is sent, its zone, language and words.

    `calendar_url` begins the address of calendar files; empty where none are served.
    """

    now: datetime
    timezone: str
    language: str
    words: Words
    pen: Pen
    calendar_url: str = ""

    def view(self, item: Item, *, title: str) -> EventView:
        """What may be said of `item`, an event or perhaps one, printed under `title`; nothing of a post."""
        if item.kind is ItemKind.POST:
            return _undated("", button=None, repeat=item.repeat)
        if item.kind is not ItemKind.EVENT or item.event is None:
            label = self.words("details_and_registration")
            return _undated(MAYBE, button=self._pressed(label, item.url, title), repeat=item.repeat)
        event = as_of(item.event, now=self.now, timezone=self.timezone)
        state = standing(item.event, now=self.now, timezone=self.timezone)
        note, button = self._note(event, state), self._button(item, event, state, title)
        if event.starts_at is None:
            name = "" if state is Standing.UNDATED else state.value
            return _undated(name, note=note, place=self._place(event), button=button, repeat=item.repeat)
        zone = zone_of(event, self.timezone)
        region = regional(self.language, self.timezone)
        month, day = tile_parts(event.starts_at, str(zone), region=region)
        until = last_date(event, timezone=self.timezone, region=region)
        return EventView(
            state=state.value,
            note=note,
            tone=_tone(state),
            when=event_when(event, language=self.language, timezone=self.timezone, words=self.words),
            hours=event_hours(event, language=self.language, timezone=self.timezone, words=self.words),
            short=date_range(event, timezone=self.timezone, region=region),
            weekday="" if until else day_of_week(event.starts_at, str(zone), region=region),
            until=until,
            month=month,
            day=day,
            place=self._place(event),
            more_dates=self.words("more_dates", count=len(event.dates)) if event.dates else "",
            button=button,
            calendar=self._calendars(item, event, state, title),
            repeat=item.repeat,
        )

    def _place(self, event: Event) -> str:
        online, place = self.words("online"), self.pen.text(event.place, SHORT)
        if not event.online:
            return place
        return f"{online} · {place}" if place and place.casefold() != online.casefold() else online

    def _button(self, item: Item, event: Event, state: Standing, title: str) -> ButtonView | None:
        """The one thing to press: what the event asks for while it can be done, else its page or nothing."""
        action = _action(event)
        if action and may_register(state):
            label = self.pen.text(action.label, LABEL) or self.words(_LABELS[action.kind])
            return self._pressed(label, action.url, title)
        if may_register(state) or state in _PAGE_ONLY:
            return self._pressed(self.words("event_details"), item.url, title)
        return None

    def _pressed(self, label: str, url: str, title: str) -> ButtonView:
        return ButtonView(label=label, url=self.pen.link(url), name=f"{label}: {title}")

    def _calendars(self, item: Item, event: Event, state: Standing, title: str) -> tuple[ButtonView, ...]:
        """Ways to add the date that is told: our file where files are served, Google and Outlook."""
        if state in _OFF:
            return ()
        if state in _NOTHING_TO_PRESS:
            event = replace(event, cta=None, register_url=None)  # nor does a calendar's note ask for it
        known, words = {"title": title, "url": item.url, "timezone": self.timezone}, self.words
        file = file_name(_on_the_date(item.event or event, event, self.timezone)) if self.calendar_url else ""
        ways = (
            (".ics", f"{self.calendar_url}{file}" if file else "", words("add_file", title=title)),
            ("Google", google_link(event, **known), words("add_google", title=title)),
            ("Outlook", outlook_link(event, **known), words("add_outlook", title=title)),
        )
        return tuple(
            ButtonView(label=label, url=self.pen.link(url), name=name)
            for label, url, name in ways
            if absolute(url)
        )

    def _note(self, event: Event, state: Standing) -> str:
        """The state in words, where a reader should know it before going on."""
        action = _action(event)
        sells = action is not None and action.kind is CtaKind.TICKETS
        asks = action is not None and action.kind in _ASKS_FOR_A_PLACE
        if state in {Standing.CANCELLED, Standing.POSTPONED}:
            return self.words(state.value)
        if state is Standing.FULL:
            return self.words("sold_out" if sells else "full")
        if state is Standing.CLOSED:
            return self.words("tickets_closed" if sells else "closed")
        if state is Standing.OPENS_SOON and event.opens_at:
            return self.words("tickets_open" if sells else "opens", date=self._day(event.opens_at, event))
        if state is Standing.LAST_DAYS and asks and event.closes_at:
            return self.words(
                "tickets_by" if sells else "register_by", date=self._day(event.closes_at, event)
            )
        if state is Standing.LAST_DAYS and asks:
            return self.words("tickets_last" if sells else "last_days")
        return self._today(event) if state is Standing.TODAY else ""

    def _today(self, event: Event) -> str:
        """That it is today or, for one of several days that has begun, until when it goes on."""
        zone, last = zone_of(event, self.timezone), last_day(event, self.timezone)
        today = self.now.astimezone(zone).date()
        if event.starts_at and last and event.starts_at.astimezone(zone).date() < today < last:
            end = datetime(last.year, last.month, last.day, 12, tzinfo=zone)
            return self.words("under_way", date=self._day(end, event))
        return self.words("today")

    def _day(self, at: datetime, event: Event) -> str:
        zone = zone_of(event, self.timezone)
        region = regional(self.language, self.timezone)
        return day_and_month(at, str(zone), region=region)


def _undated(
    state: str,
    *,
    button: ButtonView | None,
    repeat: bool,
    note: str = "",
    tone: str = "good",
    place: str = "",
) -> EventView:
    return EventView(
        state=state,
        note=note,
        tone=tone,
        when=(),
        hours="",
        short="",
        weekday="",
        until="",
        month="",
        day="",
        place=place,
        more_dates="",
        button=button,
        calendar=(),
        repeat=repeat,
    )


def _on_the_date(series: Event, date: Event, timezone: str) -> Event:
    """`series` as its source gave it, standing on the date that `date` tells."""
    first = [Occurrence(starts_at=series.starts_at, ends_at=series.ends_at)] if series.starts_at else []
    for one in (*first, *series.dates):
        moved = replace(series, starts_at=one.starts_at, ends_at=one.ends_at)
        if grounded(moved, timezone).starts_at == date.starts_at:
            return moved
    return series


def _tone(state: Standing) -> str:
    if state in {Standing.OPENS_SOON, Standing.LAST_DAYS}:
        return "warn"
    return "bad" if state in _NOTHING_TO_PRESS else "good"


def _action(event: Event) -> CallToAction | None:
    """What the event asks its readers to do, where its address can be printed."""
    if event.cta and absolute(event.cta.url):
        return event.cta
    if event.register_url and absolute(event.register_url):
        return CallToAction(url=event.register_url)
    return None
