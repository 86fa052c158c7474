"""What a mail says of an event: each state it can be in, in both parts, and never an invitation that is of no use."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser

from digest.editions.model import Item, ItemKind, Section
from digest.messages import samples
from digest.messages.model import SlotName
from digest.messages.placing import EVENT_LINES, EVENT_PANELS, plan
from digest.messages.render import MOST_BYTES, filled, render
from digest.posts.model import CallToAction, CtaKind, Event, EventStatus, Occurrence
from digest.templating import Templates
from tests import factories

NONCE = "f00dfeedcafe1234"
TEMPLATES = Templates()
USUAL = samples.usual("weekly")
NOW = USUAL.send_at  # Thursday, 5 March 2026, 09:00 in London
REGISTER = "https://www.example.org/register"
PAGE = "https://www.example.org/events/1"
CALENDARS = {".ics", "Google", "Outlook"}
TICKETS = CallToAction(url="https://tickets.example.org/1", kind=CtaKind.TICKETS)
JOIN = CallToAction(url="https://meet.example.org/1", kind=CtaKind.JOIN)


def event(number=1, *, repeat=False, title="Roundtable", kind=ItemKind.EVENT, **facts):
    known = {
        "uid": str(number),
        "title": title,
        "starts_at": NOW + timedelta(days=20),
        "ends_at": NOW + timedelta(days=20, hours=2),
        "timezone": "Europe/London",
        "register_url": REGISTER,
        "key": f"key{number}",
    }
    return Item(
        post_id=number,
        title=title,
        url=f"https://www.example.org/events/{number}",
        kind=kind,
        section=Section.EVENTS,
        position=number,
        repeat=repeat,
        event=Event(**{**known, **facts}),
    )


def rendered_of(*items, **changes):
    return render(replace(USUAL, items=items, intro="", **changes), TEMPLATES, nonce=NONCE)


def page_of(rendered):
    return LexborHTMLParser(re.sub(r"<!--.*?-->", "", rendered.html, flags=re.DOTALL))


def band(rendered):
    """The words of the events of a mail, as a reader sees them."""
    return " ".join(page_of(rendered).css_first(".band").text(separator=" ").split())


def buttons(rendered):
    return [(a.text().strip(), a.attributes["href"]) for a in page_of(rendered).css(".button a")]


def calendars(rendered):
    return {a.text().strip(): a.attributes["href"] for a in page_of(rendered).css(".calendar a")}


SOON = NOW + timedelta(days=2)
STATES: dict[str, tuple[dict[str, Any], str, Any]] = {
    "open": ({}, "", ("Register", REGISTER)),
    "open, tickets": ({"cta": TICKETS}, "", ("Get tickets", TICKETS.url)),
    "open, online": ({"cta": JOIN, "online": True}, "", ("Join online", JOIN.url)),
    "open, page only": ({"register_url": None}, "", ("See the event", PAGE)),
    "open, details": (
        {"cta": CallToAction(url="https://a.example.org/1", kind=CtaKind.DETAILS)},
        "",
        ("See the event", "https://a.example.org/1"),
    ),
    "open, own words": (
        {"cta": CallToAction(label="Save my seat", url=REGISTER)},
        "",
        ("Save my seat", REGISTER),
    ),
    "opens soon": (
        {"opens_at": NOW + timedelta(days=6)},
        "Registration opens on 11 March",
        ("See the event", PAGE),
    ),
    "opens soon, tickets": (
        {"opens_at": NOW + timedelta(days=6), "cta": TICKETS},
        "Tickets from 11 March",
        ("See the event", PAGE),
    ),
    "last days": ({"starts_at": SOON, "ends_at": None}, "Last days to register", ("Register", REGISTER)),
    "last days, tickets": (
        {"starts_at": SOON, "ends_at": None, "cta": TICKETS},
        "Last days for tickets",
        ("Get tickets", TICKETS.url),
    ),
    "last days, page only": (
        {"starts_at": SOON, "ends_at": None, "register_url": None},
        "",
        ("See the event", PAGE),
    ),
    "closes soon": ({"closes_at": SOON}, "Register by 7 March", ("Register", REGISTER)),
    "closes soon, tickets": (
        {"closes_at": SOON, "cta": TICKETS},
        "Tickets until 7 March",
        ("Get tickets", TICKETS.url),
    ),
    "today": (
        {"starts_at": NOW + timedelta(hours=3), "ends_at": None},
        "Today",
        ("Register", REGISTER),
    ),
    "under way": (
        {"starts_at": NOW - timedelta(days=3), "ends_at": NOW + timedelta(days=9)},
        "On now, until 14 March",
        ("Register", REGISTER),
    ),
    "full": ({"full": True}, "Fully booked", None),
    "full, tickets": ({"full": True, "cta": TICKETS}, "Sold out", None),
    "closed": ({"closes_at": NOW}, "Registration is closed", None),
    "closed, tickets": ({"closes_at": NOW, "cta": TICKETS}, "Ticket sales have ended", None),
    "cancelled": ({"status": EventStatus.CANCELLED}, "Cancelled", None),
    "postponed": ({"status": EventStatus.POSTPONED}, "Postponed", None),
    "without a date": ({"starts_at": None, "ends_at": None}, "", ("See the event", PAGE)),
}
NOTES = {note for _, note, _ in STATES.values() if note}


@pytest.mark.parametrize("state", STATES)
def test_a_card_says_the_state_and_offers_what_can_be_done(state):
    facts, note, button = STATES[state]
    rendered = rendered_of(event(**facts))
    assert buttons(rendered) == ([button] if button else [])
    for said in (band(rendered), rendered.text):
        assert {one for one in NOTES if one in said} == ({note} if note else set())
        assert "Roundtable" in said
    if button:
        assert f"{button[0]}: {button[1]}" in rendered.text
    else:
        assert "Register" not in band(rendered).replace("Registration", "")
        assert REGISTER not in rendered.html + rendered.text
    assert page_of(rendered).css_first(".item-title a").attributes["href"] == PAGE


@pytest.mark.parametrize("state", STATES)
def test_a_line_says_the_same_as_a_card(state):
    facts, note, _ = STATES[state]
    rendered = rendered_of(event(repeat=True, **facts))
    assert not page_of(rendered).css(".button, .calendar")
    assert note in band(rendered)
    assert note in rendered.text
    assert REGISTER not in rendered.html + rendered.text


@pytest.mark.parametrize("state", STATES)
def test_only_an_event_that_takes_place_on_a_known_date_can_be_put_into_a_calendar(state):
    rendered = rendered_of(event(**STATES[state][0]))
    off = state in {"cancelled", "postponed", "without a date"}
    assert set(calendars(rendered)) == (set() if off else CALENDARS)
    assert (".ics" in rendered.text) is not off


def test_a_past_event_is_left_out_whole():
    rendered = rendered_of(
        event(1, starts_at=NOW - timedelta(hours=3), ends_at=NOW),
        event(2, title="Later"),
    )
    assert "Roundtable" not in rendered.html + rendered.text
    assert rendered.dropped == ("Roundtable: the event is over when the mail is sent",)


def test_an_event_that_ends_ten_minutes_after_the_mail_is_still_told():
    rendered = rendered_of(event(starts_at=NOW - timedelta(hours=1), ends_at=NOW + timedelta(minutes=10)))
    assert rendered.dropped == ()
    assert "Today" in band(rendered)


def test_a_maybe_tells_neither_date_nor_state_and_offers_no_calendar():
    rendered = rendered_of(event(kind=ItemKind.MAYBE, status=EventStatus.CANCELLED))
    assert buttons(rendered) == [("Details and registration", PAGE)]
    assert not calendars(rendered)
    assert not page_of(rendered).css(".tile, .note")
    assert "March" not in band(rendered)


def test_a_post_that_staff_put_among_the_dates_is_a_title_and_a_link():
    post = replace(event(), kind=ItemKind.POST, event=None)
    rendered = rendered_of(post, event(2))
    assert "Roundtable" in band(rendered)
    assert len(buttons(rendered)) == 1


def test_the_card_has_weekday_date_times_zone_place_and_tile():
    rendered = rendered_of(
        event(
            starts_at=datetime(2026, 11, 24, 15, 0, tzinfo=UTC),
            ends_at=datetime(2026, 11, 24, 16, 30, tzinfo=UTC),
            timezone="America/New_York",
            place="Room 4",
        )
    )
    said = band(rendered)
    assert "Tuesday, 24 November 2026 10:00–11:30, New York time (EST) Room 4" in said
    tile = page_of(rendered).css_first(".tile")
    assert tile.text(separator=" ").split() == ["Nov", "24", "Tue"]
    assert tile.attributes["aria-hidden"] == "true"  # the same date follows in words


@pytest.mark.parametrize(
    ("start", "zone", "here"),
    [
        (datetime(2026, 3, 24, 14, 0, tzinfo=UTC), "America/New_York", "14:00–15:30, London time (GMT)"),
        (
            datetime(2026, 3, 24, 23, 0, tzinfo=UTC),
            "Asia/Tokyo",
            "Tue 24 Mar, 23:00–00:30, London time (GMT)",
        ),
        (datetime(2026, 3, 24, 14, 0, tzinfo=UTC), "Europe/London", None),
        (datetime(2026, 3, 24, 14, 0, tzinfo=UTC), "Europe/Lisbon", None),
    ],
)
def test_an_online_event_of_another_zone_tells_the_time_here_too(start, zone, here):
    known = {"starts_at": start, "ends_at": start + timedelta(minutes=90), "timezone": zone}
    online = rendered_of(event(online=True, **known))
    elsewhere = rendered_of(event(place="Tokyo", **known))
    if here:
        assert here in online.text
        assert here in band(online)
        assert here not in elsewhere.text  # who goes there lives by the clock there
    else:
        assert online.text.count("time (") == 1


@pytest.mark.parametrize(
    ("language", "zone", "said"),
    [
        ("uk", "Europe/Kyiv", "час: Київ (EET)"),
        ("en", "Europe/Kyiv", "Kyiv time (EET)"),
        ("fr", "Asia/Kolkata", "heure de Calcutta (IST)"),
        ("en", "America/Argentina/Buenos_Aires", "Buenos Aires time (UTC−3)"),
        ("de", "Europe/Vienna", "Zeit in Wien (CET)"),
    ],
)
def test_a_zone_is_named_after_its_city_in_the_readers_language(language, zone, said):
    assert said in rendered_of(event(timezone=zone), language=language).text


@pytest.mark.parametrize(
    ("start", "days", "short", "until"),
    [
        ((2026, 3, 24), 1, "Tue 24 Mar", ""),
        ((2026, 3, 24), 3, "24–26 Mar", "– 26"),
        ((2026, 3, 30), 4, "30 Mar – 2 Apr", "– 2 Apr"),
    ],
)
def test_several_days_are_told_as_such(start, days, short, until):
    year, month, day = start
    starts = datetime(year, month, day, tzinfo=UTC)
    facts = {
        "starts_at": starts,
        "ends_at": starts + timedelta(days=days),
        "all_day": True,
        "timezone": "UTC",
    }
    line = page_of(rendered_of(event(repeat=True, **facts))).css_first(".date")
    assert " ".join(line.text().split()) == short
    tile = page_of(rendered_of(event(**facts))).css_first(".weekday")
    assert tile.text().strip() == (until or "Tue")


def test_a_series_shows_its_next_date_and_how_many_follow():
    weeks = [NOW + timedelta(weeks=n, hours=5) for n in range(-2, 11)]
    dates = tuple(Occurrence(starts_at=at, ends_at=at + timedelta(hours=1)) for at in weeks[1:])
    rendered = rendered_of(event(starts_at=weeks[0], ends_at=weeks[0] + timedelta(hours=1), dates=dates))
    for said in (band(rendered), rendered.text):
        assert "Thursday, 5 March 2026" in said
        assert "+ 10 more dates" in said
    assert calendars(rendered)[".ics"].endswith("/key1-20260305T140000Z.ics")


def test_the_last_date_of_a_series_keeps_the_name_of_its_own_file():
    first, last = NOW - timedelta(days=7), NOW + timedelta(days=1)
    rendered = rendered_of(event(starts_at=first, ends_at=None, dates=(Occurrence(starts_at=last),)))
    assert calendars(rendered)[".ics"].endswith("/key1-20260306T090000Z.ics")
    assert "more date" not in rendered.text


def test_a_floating_date_of_a_series_is_told_here_and_named_as_its_file_is():
    first, then = NOW + timedelta(days=20), NOW + timedelta(days=27)
    rendered = rendered_of(
        event(
            starts_at=first, ends_at=None, timezone=None, floating=True, dates=(Occurrence(starts_at=then),)
        ),
        timezone="America/New_York",
    )
    assert "from 9:00" in rendered.text
    assert calendars(rendered)[".ics"].endswith("/key1-20260325T090000.ics")


@pytest.mark.parametrize(("calendar_url", "key"), [("", "key1"), (USUAL.calendar_url, "")])
def test_without_files_of_ours_google_and_outlook_remain(calendar_url, key):
    rendered = rendered_of(event(key=key), calendar_url=calendar_url)
    assert set(calendars(rendered)) == {"Google", "Outlook"}
    assert ".ics" not in rendered.html + rendered.text


def test_the_ways_into_a_calendar_are_named_for_those_who_listen():
    names = [a.attributes["aria-label"] for a in page_of(rendered_of(event())).css(".calendar a")]
    assert names == [
        "Add Roundtable to your calendar with an .ics file",
        "Add Roundtable to Google Calendar",
        "Add Roundtable to Outlook",
    ]


def test_new_events_are_cards_and_the_rest_lines_all_in_order_of_date():
    new = [
        event(n, title=f"New {n:02}", starts_at=NOW + timedelta(days=40 - n), ends_at=None) for n in range(7)
    ]
    old = [
        event(n, title=f"Old {n:02}", starts_at=NOW + timedelta(days=60 - n), ends_at=None, repeat=True)
        for n in range(10, 26, 3)
    ]
    rendered = rendered_of(*old, *new)
    page = page_of(rendered)
    cards = [a.text() for a in page.css("h3.item-title a")]
    lines = [a.text() for a in page.css(".line .plain")]
    assert cards == ["New 06", "New 05", "New 04", "New 03"]
    assert len(cards) == EVENT_PANELS
    assert lines == ["Old 25", "New 02", "Old 22", "New 01", "New 00", "Old 19", "Old 16", "Old 13", "Old 10"]
    order = [rendered.text.index(f"\n{title}\n") for title in (*cards, *lines)]
    assert order == sorted(order)


def test_a_date_that_is_not_known_comes_last():
    rendered = rendered_of(event(1, title="Undated", starts_at=None, ends_at=None), event(2, title="Dated"))
    assert [a.text() for a in page_of(rendered).css("h3.item-title a")] == ["Dated", "Undated"]


@pytest.mark.parametrize("count", [EVENT_LINES, EVENT_LINES + 1, 200])
def test_more_dates_than_the_list_has_room_for_are_counted(count):
    old = [
        event(n, starts_at=NOW + timedelta(days=n), ends_at=None, repeat=True) for n in range(1, count + 1)
    ]
    rendered = rendered_of(*old)
    assert len(page_of(rendered).css(".line")) == min(count, EVENT_LINES)
    left = count - EVENT_LINES
    said = f"{left} more date{'s' if left > 1 else ''} on the site"
    for part in (band(rendered), rendered.text):
        assert (said in part) is bool(left)


def test_what_was_announced_before_is_not_news():
    old = event(1, title="Announced", repeat=True, starts_at=NOW + timedelta(days=1), ends_at=None)
    new = [event(n, title=f"News {n}") for n in (2, 3)]
    rendered = rendered_of(old, *new)
    assert rendered.subject == "News 2 and 1 more"
    assert "Announced" not in rendered.preheader
    assert rendered_of(old).subject == "The Weekly Brief 42"


def test_new_dates_beyond_the_list_count_in_the_subject():
    many = [event(n, title=f"News {n}") for n in range(1, 21)]
    assert rendered_of(*many).subject == "News 1 and 19 more"


def test_an_event_is_titled_as_staff_titled_it():
    assert "As staff wrote" in band(rendered_of(replace(event(), title="As staff wrote")))


def test_a_call_before_the_title_is_not_printed():
    rendered = rendered_of(replace(event(), title="REGISTER NOW: Roundtable on water"))
    assert "REGISTER NOW" not in rendered.html + rendered.text + rendered.subject
    assert "Roundtable on water" in band(rendered)


def test_names_of_links_stay_different_with_many_events():
    page = page_of(rendered_of(*[event(n, title=f"Talk {n}") for n in range(1, 12)]))
    names = {}
    for link in page.css("a[href]"):
        name = link.attributes.get("aria-label") or link.text().strip()
        names.setdefault(name, set()).add(link.attributes["href"])
    assert {name: urls for name, urls in names.items() if len(urls) > 1} == {}


def test_hostile_words_of_an_event_reach_no_address_and_no_markup():
    hostile = '"><script>alert(1)</script>{{ slots.unsubscribe_url }}\r\nBEGIN:VEVENT\u202e'
    rendered = rendered_of(
        event(
            title=f"Talk {hostile}",
            place=hostile,
            timezone=hostile,
            key='x"><script>',
            cta=CallToAction(label=hostile, url="javascript:alert(1)"),
            register_url='https://www.example.org/"><script>alert(1)</script>',
        ),
        event(2, cta=CallToAction(label=hostile, url=REGISTER)),
    )
    page = page_of(rendered)
    assert not page.css("script")
    hosts = {link.attributes["href"].split("/")[2] for link in page.css("a[href^=http]")}
    assert hosts <= {"www.example.org", "news.example.org", "calendar.google.com", "outlook.live.com"}
    assert not [a for a in page.css("a[href]") if a.attributes["href"].startswith("javascript")]
    assert rendered.html.count(f"slot-{NONCE}-unsubscribe") == 1


def test_the_largest_events_there_can_be_still_fit():
    def long(number):
        cta = CallToAction(label="W" * 300, url=f"https://www.example.org/{'é' * 900}/{number}")
        return event(
            number, title="Wörter " * 300, place="Ort " * 400, cta=cta, online=True, timezone="Asia/Tokyo"
        )

    posts = [
        replace(event(n), kind=ItemKind.POST, event=None, section=Section.CARDS, excerpt="x " * 900)
        for n in range(100, 160)
    ]
    rendered = rendered_of(*[long(n) for n in range(1, 41)], *posts)
    html, _ = filled(rendered, dict.fromkeys(SlotName, "https://news.example.org/" + "u" * 200))
    assert len(html.encode()) <= MOST_BYTES
    assert rendered.subject


def test_of_many_dates_news_and_what_is_off_are_printed_before_what_readers_know_already():
    def entry(number: int, *, repeat: bool = False, status: EventStatus = EventStatus.SCHEDULED) -> Item:
        start = NOW + timedelta(days=10 + number)
        happening = factories.event(starts_at=start, ends_at=None, title=f"Date {number}", status=status)
        return factories.item(
            title=f"Date {number}",
            kind=ItemKind.EVENT,
            section=Section.EVENTS,
            position=number,
            event=happening,
            repeat=repeat,
        )

    known = [entry(n, repeat=True) for n in range(20)]
    off = entry(30, repeat=True, status=EventStatus.CANCELLED)
    new = [entry(n) for n in range(31, 37)]
    chosen = plan(factories.content(items=(*known, off, *new), send_at=NOW))
    printed = [item.title for item in (*chosen.events, *chosen.event_lines)]
    assert {"Date 30", *(item.title for item in new)} <= set(printed)
    assert [item.title for item in chosen.event_lines][:2] == ["Date 0", "Date 1"]
    assert len(chosen.event_lines) + len(chosen.events) + len(chosen.beyond) == 27
