"""Calendar files, read back by two readers that know nothing of each other: the same moments, places and states."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
import vobject
from dateutil.rrule import rrulestr
from hypothesis import example, given
from hypothesis import strategies as st

from digest.messages import calendar
from digest.messages.calendar.files import MOST_ENTRIES
from digest.messages.calendar.vtimezone import vtimezone
from digest.posts.model import CallToAction, CtaKind, Event, EventStatus, KnownEvent, Occurrence

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
CHANGED = datetime(2026, 11, 1, 8, 30, 15, tzinfo=UTC)
DOMAIN = "news.example.org"
HOUR = timedelta(hours=1)


def known(*, title: str = "Creek walk", text: str = "", url: str = "https://www.example.org/walk", **facts):
    event = Event(**{"uid": "1", "title": title, "starts_at": NOON, "key": "c0ffee", **facts})
    return KnownEvent(post_id=1, title=title, url=url, text=text, event=event, changed_at=CHANGED)


def written(*events: KnownEvent, name: str = "") -> bytes:
    return calendar.calendar_file(events, name=name, domain=DOMAIN)


def lines(data: bytes) -> list[str]:
    """The content lines, unfolded."""
    return data.decode().replace("\r\n ", "").split("\r\n")


def first_reader(data: bytes):
    return icalendar.Calendar.from_ical(data)


def second_reader(data: bytes):
    """vobject, made to forget the zones of other files so that it must take those of this one."""
    getattr(vobject.icalendar, "__tzidMap").clear()
    vobject.icalendar.registerTzid("UTC", vobject.icalendar.utc)
    return vobject.readOne(data.decode())


def spans(data: bytes) -> list[tuple[datetime, datetime | None]]:
    """Start and end of each event; both readers have to agree."""
    told = [(e["DTSTART"].dt, e["DTEND"].dt if "DTEND" in e else None) for e in first_reader(data).events]
    again = [
        (e.dtstart.value, e.dtend.value if "dtend" in e.contents else None)
        for e in second_reader(data).vevent_list
    ]
    assert told == again
    return told


# --- when -----------------------------------------------------------------------------------------------------

CLOCKS = [
    ("Europe/London", datetime(2026, 3, 29, 0, 30, tzinfo=UTC)),
    ("Europe/London", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
    ("Europe/London", datetime(2026, 10, 24, 21, 30, tzinfo=UTC)),
    ("Europe/London", datetime(2026, 10, 25, 2, 0, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 6, 30, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, 30, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 12, 31, 23, 30, tzinfo=UTC)),
    ("America/New_York", datetime(2027, 1, 1, 4, 59, tzinfo=UTC)),
    ("Africa/Casablanca", datetime(2027, 2, 19, 12, 0, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("Asia/Gaza", datetime(2026, 7, 1, 12, 0, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
    ("Europe/Dublin", datetime(2026, 7, 1, 12, 0, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 7, 1, 12, 0, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2026, 7, 1, 12, 0, tzinfo=UTC)),
    ("Pacific/Kiritimati", datetime(2026, 12, 31, 11, 0, tzinfo=UTC)),
    ("Etc/GMT+4", datetime(2026, 7, 1, 12, 0, tzinfo=UTC)),
    ("Asia/Calcutta", datetime(2026, 7, 1, 12, 0, tzinfo=UTC)),
    ("Africa/Abidjan", datetime(2026, 7, 1, 12, 0, tzinfo=UTC)),
]


@pytest.mark.parametrize(("zone", "start"), CLOCKS)
def test_both_readers_find_the_moment_and_the_zone(zone, start):
    data = written(known(starts_at=start, ends_at=start + 2 * HOUR, timezone=zone))
    assert spans(data) == [(start, start + 2 * HOUR)]
    local = start.astimezone(ZoneInfo(zone)).strftime("%Y%m%dT%H%M%S")
    assert f"DTSTART;TZID={zone}:{local}" in lines(data)
    assert f"TZID:{zone}" in lines(data)


@pytest.mark.parametrize("hour", [0, 1])
def test_an_hour_that_the_clock_shows_twice_is_told_in_utc(hour):
    start = datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
    data = written(known(starts_at=start, ends_at=start + 3 * HOUR, timezone="Europe/London"))
    assert spans(data) == [(start, start + 3 * HOUR)]
    assert f"DTSTART:20261025T0{hour}3000Z" in lines(data)
    assert "VTIMEZONE" not in data.decode()


@pytest.mark.parametrize("zone", [None, "UTC", "Etc/UTC", "Mars/Olympus", "../etc/passwd"])
def test_without_a_zone_that_is_known_the_time_is_in_utc(zone):
    data = written(known(starts_at=NOON, ends_at=NOON + HOUR, timezone=zone))
    assert spans(data) == [(NOON, NOON + HOUR)]
    assert "DTSTART:20261124T120000Z" in lines(data)
    assert "VTIMEZONE" not in data.decode()


def test_a_floating_time_has_no_zone():
    data = written(known(starts_at=NOON, ends_at=NOON + HOUR, floating=True, timezone="Europe/London"))
    assert spans(data) == [(datetime(2026, 11, 24, 12), datetime(2026, 11, 24, 13))]
    assert "DTSTART:20261124T120000" in lines(data)


@pytest.mark.parametrize("end", [None, NOON, NOON - HOUR, datetime(9999, 12, 31, 23, tzinfo=UTC)])
def test_an_end_that_is_not_known_or_no_end_is_not_written(end):
    assert spans(written(known(ends_at=end))) == [(NOON, None)]


@pytest.mark.parametrize(
    "zone", ["Europe/London", "America/New_York", "Asia/Beirut", "Pacific/Auckland", None]
)
@pytest.mark.parametrize(
    ("first", "after"),
    [
        (date(2026, 3, 29), date(2026, 3, 30)),  # Beirut has no midnight that day
        (date(2026, 3, 28), date(2026, 3, 29)),
        (date(2026, 10, 24), date(2026, 10, 27)),
        (date(2026, 12, 31), date(2027, 1, 2)),
    ],
)
def test_an_all_day_event_has_days_and_an_exclusive_end(zone, first, after):
    start, end = (
        datetime.combine(day, time(), ZoneInfo(zone or "UTC")).astimezone(UTC) for day in (first, after)
    )
    event = known(starts_at=start, ends_at=end, all_day=True, timezone=zone)
    assert spans(written(event)) == [(first, after)]


def test_an_all_day_event_that_ends_just_before_midnight_ends_that_day():
    end = datetime(2026, 11, 25, 4, 59, 59, tzinfo=UTC)
    event = known(
        starts_at=datetime(2026, 11, 24, 5, tzinfo=UTC),
        ends_at=end,
        all_day=True,
        timezone="America/New_York",
    )
    assert spans(written(event)) == [(date(2026, 11, 24), date(2026, 11, 25))]


@pytest.mark.parametrize(
    "start",
    [
        datetime(2026, 11, 23, 23, tzinfo=UTC),
        datetime(2026, 11, 24, 5, tzinfo=UTC),
        datetime(2026, 11, 24, tzinfo=UTC),
    ],
)
def test_the_day_of_an_unknown_zone_is_that_of_the_nearest_midnight(start):
    assert spans(written(known(starts_at=start, all_day=True))) == [(date(2026, 11, 24), None)]


def test_two_hundred_events_over_a_year_and_many_zones_come_back_exactly():
    zones = [
        "Europe/London",
        "America/New_York",
        "Australia/Sydney",
        "Asia/Kathmandu",
        "Africa/Casablanca",
        None,
    ]
    expected, events = [], []
    for number in range(200):
        start = datetime(2026, 1, 1, tzinfo=UTC) + number * timedelta(days=3, hours=7, minutes=10)
        zone = zones[number % len(zones)]
        status = list(EventStatus)[number % 3]
        expected.append((start, start + HOUR, f"Room {number}, House; {number}", zone, status))
        event = known(
            starts_at=start,
            ends_at=start + HOUR,
            timezone=zone,
            place=expected[-1][2],
            status=status,
            key=f"k{number}",
        )
        events.append(event)
    data = written(*reversed(events), name="The Weekly Brief")
    assert spans(data) == [row[:2] for row in expected]
    words = {
        "CONFIRMED": EventStatus.SCHEDULED,
        "CANCELLED": EventStatus.CANCELLED,
        "TENTATIVE": EventStatus.POSTPONED,
    }
    found = first_reader(data).events
    assert [str(e["LOCATION"]) for e in found] == [row[2] for row in expected]
    assert [e.location.value for e in second_reader(data).vevent_list] == [row[2] for row in expected]
    assert [e["DTSTART"].params.get("TZID") for e in found] == [row[3] for row in expected]
    assert [words[str(e["STATUS"])] for e in found] == [row[4] for row in expected]
    assert [str(e["UID"]) for e in found] == [f"k{number}@{DOMAIN}" for number in range(200)]


def onsets(zone: Any, until: int) -> list[tuple[datetime, timedelta]]:
    """When which offset begins by the words of RFC 5545 section 3.6.5: an onset is told by the clock as it was till then."""
    found = []
    for rule in (*zone.standard, *zone.daylight):
        every = [rule.DTSTART]
        if "RRULE" in rule:
            recurrence = rrulestr(rule["RRULE"].to_ical().decode(), dtstart=rule.DTSTART)
            every = recurrence.between(rule.DTSTART, datetime(until, 12, 31), inc=True)
        found += [((at - rule.TZOFFSETFROM).replace(tzinfo=UTC), rule.TZOFFSETTO) for at in every]
    return sorted(found)


@pytest.mark.parametrize(
    "name",
    [
        *sorted({zone for zone, _ in CLOCKS}),
        "America/Sao_Paulo",
        "Asia/Gaza",
        "Africa/Cairo",
        "Asia/Jerusalem",
    ],
)
@pytest.mark.parametrize("year", [1975, 2011, 2026, 2098])
def test_a_zone_in_a_file_has_the_offset_of_every_moment(name, year):
    zone, told = ZoneInfo(name), onsets(vtimezone(name, year, year), until=year)
    start, end = (datetime(y, 1, 1, tzinfo=zone).astimezone(UTC) for y in (year, year + 1))
    moments = [start + n * 36 * HOUR for n in range(243)]
    moments += [
        at + timedelta(seconds=s) for at, _ in told for s in (-3600, -1, 0, 1, 1800, 3599, 3600, 7200)
    ]
    wrong = [
        at
        for at in moments
        if start <= at < end
        and [offset for onset, offset in told if onset <= at][-1] != at.astimezone(zone).utcoffset()
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        (
            "Europe/London",
            {"BYDAY=-1SU;BYMONTH=3", "BYDAY=-1SU;BYMONTH=10"},
        ),  # in 2026 also the fourth of October
        ("America/New_York", {"BYDAY=2SU;BYMONTH=3", "BYDAY=1SU;BYMONTH=11"}),
        ("Australia/Sydney", {"BYDAY=1SU;BYMONTH=4", "BYDAY=1SU;BYMONTH=10"}),
        ("Asia/Kolkata", set()),
        ("Africa/Casablanca", set()),
    ],
)
def test_a_zone_is_told_by_yearly_rules_where_it_has_them(name, rules):
    text = vtimezone(name, 2026, 2026).to_ical().decode()
    assert set(re.findall(r"RRULE:FREQ=YEARLY;(.+?)\r", text)) == rules
    assert "RDATE" not in text


def test_a_zone_is_written_once_and_stays_small():
    events = [
        known(key=f"k{n}", timezone="Europe/London", starts_at=NOON + n * timedelta(days=1))
        for n in range(100)
    ]
    events.append(known(key="far", timezone="Europe/London", starts_at=datetime(2099, 7, 1, tzinfo=UTC)))
    data = written(*events)
    zones = first_reader(data).timezones
    assert [zone.tz_name for zone in zones] == ["Europe/London"]
    assert len(zones[0].to_ical()) < 600


# --- which line of a reader's calendar ------------------------------------------------------------------------


def uids(*events: KnownEvent) -> list[str]:
    return [str(event["UID"]) for event in first_reader(written(*events)).events]


def test_an_event_that_moves_keeps_its_line_and_counts_up():
    before, after = known(revision=3), known(starts_at=NOON + 24 * HOUR, revision=4)
    assert uids(before) == uids(after) == [f"c0ffee@{DOMAIN}"]
    old, new = (first_reader(written(event)).events[0] for event in (before, after))
    assert (old["SEQUENCE"], new["SEQUENCE"]) == (3, 4)


def test_a_change_is_dated():
    event = first_reader(written(known())).events[0]
    assert event["DTSTAMP"].dt == event["LAST-MODIFIED"].dt == CHANGED


def series(*days: int, **facts) -> KnownEvent:
    first, *others = [Occurrence(starts_at=NOON + day * 24 * HOUR) for day in days]
    return known(starts_at=first.starts_at, dates=tuple(others), **facts)


def test_each_date_of_a_series_has_its_own_line():
    assert uids(series(0, 7, 14)) == [
        f"c0ffee-20261124T120000Z@{DOMAIN}",
        f"c0ffee-20261201T120000Z@{DOMAIN}",
        f"c0ffee-20261208T120000Z@{DOMAIN}",
    ]


def test_a_date_keeps_its_line_when_the_series_moves_on():
    assert uids(series(7, 14)) == uids(series(0, 7, 14))[1:]


def test_a_date_told_twice_is_one_line():
    assert uids(series(0, 0, 7)) == uids(series(0, 7))


def test_a_date_taken_by_its_name_keeps_its_line_when_it_is_the_last_of_its_series():
    name = calendar.file_name(series(7, 14).event)
    asked = calendar.named(name.removesuffix(".ics"))
    assert asked is not None
    for event in (series(0, 7, 14), series(7)):
        entry = calendar.entry_on(event, asked)
        assert entry is not None
        assert entry.uid == "c0ffee-20261201T120000Z"


def test_a_date_that_is_gone_is_cancelled_on_its_own_line():
    asked = calendar.named("c0ffee-20261201T120000Z")
    assert asked is not None
    assert calendar.entry_on(series(0, 14), asked) is None
    gone = calendar.cancelled_entry(series(0, 14, revision=5, timezone="Europe/London"), asked)
    event = first_reader(calendar.entries_file([gone], name="", domain=DOMAIN)).events[0]
    assert (str(event["UID"]), str(event["STATUS"])) == (f"c0ffee-20261201T120000Z@{DOMAIN}", "CANCELLED")
    assert (event["DTSTART"].dt, event["SEQUENCE"]) == (NOON + 7 * 24 * HOUR, 5)


def test_the_dates_of_a_floating_series_are_named_without_a_zone():
    floating = series(0, 7, floating=True)
    assert calendar.file_name(floating.event) == "c0ffee-20261124T120000.ics"
    asked = calendar.named("c0ffee-20261124T120000")
    zoned = calendar.named("c0ffee-20261124T120000Z")
    assert asked is not None
    assert zoned is not None
    assert calendar.entry_on(floating, zoned) is None
    assert [calendar.entry_on(floating, asked)] == [calendar.entries(floating)[0]]
    assert calendar.cancelled_entry(floating, zoned).uid == "c0ffee-20261124T120000Z"


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({}, "c0ffee.ics"),
        ({"dates": (Occurrence(starts_at=NOON + 24 * HOUR),)}, "c0ffee-20261124T120000Z.ics"),
        ({"starts_at": None}, ""),
        ({"key": ""}, ""),
        ({"key": "a/../b"}, ""),
        ({"key": "x\r\ny"}, ""),
        ({"starts_at": datetime(1066, 10, 14, tzinfo=UTC)}, ""),
    ],
)
def test_a_file_is_named_where_there_is_one(facts, name):
    event = known(**facts)
    assert calendar.file_name(event.event) == name
    assert bool(calendar.entries(event)) is bool(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a b",
        "é",
        "c0ffee-20261301T120000Z",
        "c0ffee-99991124T120000Z",
        "../x",
        "x" * 99,
        "c0ffee.ics",
        "c0ffee\n",
    ],
)
def test_a_name_that_we_never_gave_means_nothing(name):
    asked = calendar.named(name)
    assert asked is None or (asked.start is None and asked.key == name)


def test_a_key_may_hold_hyphens():
    asked = calendar.named("spring-walk-20261124T120000Z")
    assert asked == calendar.Named(key="spring-walk", start=NOON)
    assert calendar.named("spring-walk") == calendar.Named(key="spring-walk")


# --- what -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (EventStatus.SCHEDULED, "CONFIRMED"),
        (EventStatus.CANCELLED, "CANCELLED"),
        (EventStatus.POSTPONED, "TENTATIVE"),
    ],
)
def test_the_state_of_an_event_is_told_to_both_readers(status, word):
    data = written(known(status=status))
    assert str(first_reader(data).events[0]["STATUS"]) == second_reader(data).vevent.status.value == word


def test_place_page_and_words_come_back_as_they_were():
    event = known(
        title="Soil, water; \\New\\ roots",
        text="One.\n\nTwo\\n three.",
        place="Town Hall, 1 High Street; Room \\2",
        register_url="https://tickets.example.org/?a=1,2;b",
    )
    data = written(event)
    for found in (first_reader(data).events[0], second_reader(data).vevent):
        told = {
            name: str(found[name])
            if isinstance(found, icalendar.Event)
            else found.contents[name.lower()][0].value
            for name in ("SUMMARY", "LOCATION", "URL", "DESCRIPTION")
        }
        assert told == {
            "SUMMARY": "Soil, water; \\New\\ roots",
            "LOCATION": "Town Hall, 1 High Street; Room \\2",
            "URL": "https://www.example.org/walk",
            "DESCRIPTION": "One.\n\nTwo\\n three.\n\nhttps://www.example.org/walk\nhttps://tickets.example.org/?a=1,2;b",
        }


JOIN = CallToAction(url="https://meet.example.org/1", kind=CtaKind.JOIN)


@pytest.mark.parametrize(
    ("facts", "where"),
    [
        ({"place": "Hall"}, "Hall"),
        ({"place": "Hall", "online": True, "cta": JOIN}, "Hall"),
        ({"online": True, "cta": JOIN}, "https://meet.example.org/1"),
        ({"online": True, "register_url": "https://tickets.example.org"}, "https://www.example.org/walk"),
        ({"online": True, "cta": JOIN, "full": True}, "https://www.example.org/walk"),
        ({}, None),
    ],
)
def test_the_place_is_where_to_go_or_where_to_click(facts, where):
    event = first_reader(written(known(**facts))).events[0]
    assert (str(event["LOCATION"]) if "LOCATION" in event else None) == where


@pytest.mark.parametrize(
    "facts", [{"status": EventStatus.CANCELLED}, {"status": EventStatus.POSTPONED}, {"full": True}]
)
def test_nobody_is_sent_to_register_where_nobody_can(facts):
    data = written(known(register_url="https://tickets.example.org/1", **facts))
    assert b"tickets" not in data


def test_nobody_is_invited_and_no_alarm_is_set():
    data = written(known(), name="The Weekly Brief").decode()
    assert "METHOD:PUBLISH" in data
    assert not re.search("ORGANIZER|ATTENDEE|VALARM|METHOD:REQUEST", data)


def test_a_calendar_to_subscribe_to_has_a_name_and_a_pace_and_a_file_to_take_has_not():
    named = lines(written(known(), name="News, events & more"))
    assert {r"NAME:News\, events & more", r"X-WR-CALNAME:News\, events & more"} <= set(named)
    assert {"REFRESH-INTERVAL;VALUE=DURATION:PT12H", "X-PUBLISHED-TTL:PT12H"} <= set(named)
    assert not {"NAME", "X-WR-CALNAME", "REFRESH-INTERVAL"} & set(first_reader(written(known())))


def test_the_same_events_make_the_same_bytes_in_any_order():
    events = [known(key=f"k{n}", starts_at=NOON + (n % 3) * HOUR, timezone="Europe/London") for n in range(9)]
    assert written(*events) == written(*reversed(events))


def test_a_file_has_the_nearest_events_and_an_end():
    events = [known(key=f"k{n}", starts_at=NOON + n * HOUR) for n in range(MOST_ENTRIES + 9)]
    found = uids(*reversed(events))
    assert len(found) == MOST_ENTRIES
    assert found[-1] == f"k{MOST_ENTRIES - 1}@{DOMAIN}"


# --- hostile --------------------------------------------------------------------------------------------------

MAY_STAND = {
    *("UID", "SEQUENCE", "DTSTAMP", "LAST-MODIFIED", "DTSTART", "DTEND", "STATUS", "SUMMARY", "LOCATION"),
    *("DESCRIPTION", "URL"),
}
NASTY = st.text(st.characters(codec=None), max_size=200) | st.sampled_from(
    [
        "x\r\nBEGIN:VALARM\r\nTRIGGER:-PT1M\r\nACTION:DISPLAY\r\nEND:VALARM",
        "x\nEND:VEVENT\nBEGIN:VEVENT\nUID:evil",
        "x\\r\\nATTENDEE:mailto:a@example.org",
        "x\u2028BEGIN:VALARM\u2029\x85ATTENDEE:mailto:a@example.org\x0b\x0cEND:VEVENT",
        "\ud800\x00\u202e\u2066evil",
        "\\N\\n\\,\\;\\\\",
        "ü" * 300,
        "👩‍👩‍👧‍👦" * 60,
        "x" * 1_000_000,
    ]
)


@given(title=NASTY, text=NASTY, place=NASTY, url=NASTY, link=NASTY, name=NASTY, zone=NASTY)
@example(title="", text="", place="", url="", link="", name="", zone="")
def test_whatever_the_words_hold_there_is_one_event_and_nothing_else(
    title, text, place, url, link, name, zone
):
    event = known(title=title, text=text, place=place, timezone=zone, revision=7)
    event = replace(
        event, url="https://www.example.org/" + url, event=replace(event.event, register_url=link)
    )
    data = written(event, name=name)
    assert_wire(data)
    assert len(data) < 30_000
    read = first_reader(data)
    assert {component.name for component in read.subcomponents} <= {"VEVENT", "VTIMEZONE"}
    (found,) = read.events
    assert set(found) <= MAY_STAND
    assert found.subcomponents == []
    assert found.errors == []
    assert (found["UID"], found["SEQUENCE"], found["DTSTART"].dt) == (f"c0ffee@{DOMAIN}", 7, NOON)
    again = second_reader(data)
    assert set(again.contents) <= {
        *("vevent", "vtimezone", "prodid", "version", "method", "name", "x-wr-calname", "refresh-interval"),
        "x-published-ttl",
    }
    assert {key.upper() for key in again.vevent.contents} <= MAY_STAND
    for word in ("SUMMARY", "LOCATION", "DESCRIPTION"):
        if word in found:
            assert str(found[word]) == again.vevent.contents[word.lower()][0].value


@given(
    start=st.datetimes(),
    end=st.datetimes() | st.none(),
    all_day=st.booleans(),
    floating=st.booleans(),
    zone=NASTY,
)
def test_no_date_breaks_a_file(start, end, all_day, floating, zone):
    event = known(
        starts_at=start.replace(tzinfo=UTC),
        ends_at=end and end.replace(tzinfo=UTC),
        all_day=all_day,
        floating=floating,
        timezone=zone if len(zone) % 2 else "Pacific/Apia",
        dates=(Occurrence(starts_at=NOON, ends_at=end and end.replace(tzinfo=UTC)),),
    )
    data = written(event)
    assert_wire(data)
    assert 1 <= len(first_reader(data).events) <= 2
    for begins, ends in spans(data):
        assert ends is None or ends > begins


@pytest.mark.parametrize("revision", [-1, 0, 2**31 - 1, 2**80])
def test_a_sequence_is_a_number_that_calendars_can_hold(revision):
    assert 0 <= first_reader(written(known(revision=revision))).events[0]["SEQUENCE"] < 2**31


def assert_wire(data: bytes) -> None:
    """CRLF only, at most 75 octets in a line, every line whole UTF-8 without a control character."""
    assert data.endswith(b"\r\n")
    for line in data.removesuffix(b"\r\n").split(b"\r\n"):
        assert len(line) <= 75
        assert not re.search(
            r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", line.decode("utf-8")
        )


@pytest.mark.parametrize("text", ["ü" * 299, "語" * 299, "👩‍👩‍👧‍👦 " * 37, "," * 299, "\\" * 299, "a" * 299])
def test_a_long_line_is_folded_between_characters(text):
    data = written(known(title=text, place=text, text=text))
    assert_wire(data)
    assert str(first_reader(data).events[0]["SUMMARY"]) == text.strip()
    assert second_reader(data).vevent.summary.value == text.strip()
