"""Calendar files as the world writes them, served over loopback and read to the minute.

The files are put together here by hand, so that nothing is read back by the library that wrote it.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.posts.model import (
    CtaKind,
    Event,
    EventStatus,
    Fetched,
    FetchState,
    Memory,
    Origin,
    Post,
    SourceSpec,
)
from digest.posts.sources import ical
from digest.posts.sources.base import MOST_DATES, SourceError
from digest.posts.sources.http import Client, Response
from digest.posts.sources.icalfile import Block, read_file
from digest.posts.sources.icalzones import Zones
from digest.posts.sources.recurrence import dates, timed
from digest.posts.sources.registry import fetch
from tests.served import Answer, Site, serving

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
LONDON, NEW_YORK, BERLIN = "Europe/London", "America/New_York", "Europe/Berlin"
OWN_ZONE = """BEGIN:VTIMEZONE
TZID:Customized Time Zone
BEGIN:STANDARD
DTSTART:16010101T020000
TZOFFSETFROM:-0400
TZOFFSETTO:-0500
RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:-0500
TZOFFSETTO:-0400
RRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
"""


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as served:
        yield served


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client() as opened:
        yield opened


@pytest.fixture
def look(site: Site, client: Client):
    async def look(
        *events: str,
        head: str = "",
        body: str | bytes = "",
        limit: int = 500,
        now: datetime = NOW,
        **headers: str,
    ) -> Fetched:
        """What is read of a calendar of these events, each given as its lines without BEGIN and END."""
        whole = body or _calendar(*events, head=head)
        site.routes["/cal/events.ics"] = Answer(whole, headers={"Content-Type": "text/calendar", **headers})
        spec = SourceSpec(kind="ical", url=site.url + "/cal/events.ics", allow_private=True, limit=limit)
        return await fetch(spec, client, Memory(), now=now)

    return look


@pytest.fixture
def one(look):
    async def one(*lines: str, head: str = "", now: datetime = NOW) -> Post:
        fetched = await look("\n".join(("UID:1", "SUMMARY:Reeds", *lines)), head=head, now=now)
        assert len(fetched.posts) == 1, fetched.warnings
        return fetched.posts[0]

    return one


def _calendar(*events: str, head: str = "") -> str:
    blocks = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//hand//EN\n{head}{blocks}END:VCALENDAR\n".replace(
        "\n", "\r\n"
    )


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _starts(event: Event | None) -> list[datetime]:
    assert event is not None and event.starts_at is not None
    return [event.starts_at, *(one.starts_at for one in event.dates)]


# --- 200 events over the changes of the clocks ---

_CHANGES = {  # the nights on which clocks change, and names under which calendars know the zones
    NEW_YORK: (date(2024, 11, 3), date(2025, 3, 9), "Eastern Standard Time"),
    "America/Los_Angeles": (
        date(2024, 11, 3),
        date(2025, 3, 9),
        "/mozilla.org/20050126_1/America/Los_Angeles",
    ),
    LONDON: (date(2024, 10, 27), date(2025, 3, 30), "GMT Standard Time"),
    BERLIN: (date(2024, 10, 27), date(2025, 3, 30), "/freeassociation.sourceforge.net/Tzfile/Europe/Berlin"),
    "Australia/Sydney": (date(2024, 10, 6), date(2025, 4, 6), "australia/sydney"),
    "Australia/Lord_Howe": (date(2024, 10, 6), date(2025, 4, 6), "Lord Howe Standard Time"),
    "Asia/Kolkata": (
        date(2024, 10, 27),
        date(2025, 3, 30),
        "(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi",
    ),
    "Africa/Cairo": (date(2024, 10, 31), date(2025, 4, 25), "Africa/Cairo"),
}
_CLOCKS = [time(0, 0), time(0, 30), time(1, 59), time(3, 30), time(9, 0), time(23, 45)]


@dataclass(frozen=True)
class Expected:
    starts_at: datetime
    ends_at: datetime
    timezone: str
    place: str
    status: EventStatus


def _two_hundred() -> tuple[list[str], dict[str, Expected]]:
    events, expected = [], {}
    for zone, (autumn, spring, alias) in _CHANGES.items():
        days = [change + timedelta(days=shift) for change in (autumn, spring) for shift in (-1, 0, 1)]
        for number, (day, clock) in enumerate((day, clock) for day in days for clock in _CLOCKS):
            if len(expected) == 200:
                break
            start = datetime.combine(day, clock)
            end = start + timedelta(hours=5, minutes=number)
            uid = f"{zone}-{number}@example.org"
            name = f'"{alias}"' if number % 2 and ":" in alias else alias if number % 2 else zone
            status = EventStatus.CANCELLED if number % 7 == 0 else EventStatus.SCHEDULED
            word = "CANCELLED" if status is EventStatus.CANCELLED else ["CONFIRMED", "TENTATIVE"][number % 2]
            events.append(
                f"UID:{uid}\nSUMMARY:{zone} {number}\nSTATUS:{word}\nLOCATION:Hall {number}\\, {zone}\n"
                f"DTSTART;TZID={name}:{start:%Y%m%dT%H%M%S}\nDTEND;TZID={name}:{end:%Y%m%dT%H%M%S}"
            )
            own = ZoneInfo(zone)
            expected[uid] = Expected(
                start.replace(tzinfo=own).astimezone(UTC),
                end.replace(tzinfo=own).astimezone(UTC),
                zone,
                f"Hall {number}, {zone}",
                status,
            )
    return events, expected


async def test_two_hundred_events_over_the_changes_of_the_clocks_are_exact(look):
    events, expected = _two_hundred()
    assert len(expected) == 200
    fetched = await look(*events)
    got = {
        post.external_id: Expected(e.starts_at, e.ends_at, e.timezone, e.place, e.status)
        for post in fetched.posts
        if (e := post.event) and e.starts_at and e.ends_at and e.timezone
    }
    assert got == expected
    assert fetched.warnings == ()
    starts = [post.event.starts_at for post in fetched.posts if post.event]
    assert starts == sorted(starts)


@pytest.mark.parametrize(
    ("lines", "starts_at", "ends_at", "timezone"),
    [
        ("DTSTART:20240701T180000Z\nDTEND:20240701T200000Z", "2024-07-01T18:00", "2024-07-01T20:00", None),
        (f"DTSTART;TZID={LONDON}:20240701T180000\nDURATION:PT90M", "2024-07-01T17:00", "2024-07-01T18:30", LONDON),
        # Clocks go back at two in the morning: five hours of the clock, and a day of the calendar.
        (f"DTSTART;TZID={NEW_YORK}:20241102T230000\nDURATION:PT5H", "2024-11-03T03:00", "2024-11-03T08:00", NEW_YORK),
        (f"DTSTART;TZID={NEW_YORK}:20241102T230000\nDURATION:P1D", "2024-11-03T03:00", "2024-11-04T04:00", NEW_YORK),
        # A time that is skipped has the offset before the change, one that comes twice is the first.
        (f"DTSTART;TZID={NEW_YORK}:20250309T023000", "2025-03-09T07:30", None, NEW_YORK),
        (f"DTSTART;TZID={NEW_YORK}:20241103T013000", "2024-11-03T05:30", None, NEW_YORK),
        # It ends in another zone than it starts in.
        (
            f"DTSTART;TZID={NEW_YORK}:20240701T180000\nDTEND;TZID={LONDON}:20240702T060000",
            "2024-07-01T22:00",
            "2024-07-02T05:00",
            NEW_YORK,
        ),
        ("DTSTART;TZID=UTC:20240701T180000", "2024-07-01T18:00", None, "UTC"),
        ("DTSTART;TZID=UTC-4:20240701T180000", "2024-07-01T22:00", None, "Etc/GMT+4"),
        ("DTSTART;TZID=UTC+5.5:20240701T180000", "2024-07-01T12:30", None, None),
        ("DTSTART;TZID=W. Europe Standard Time:20240701T180000", "2024-07-01T16:00", None, BERLIN),
        ("DTSTART;TZID=(UTC+01:00) Amsterdam, Berlin:20240701T180000", "2024-07-01T16:00", None, "Europe/Amsterdam"),
        ("DTSTART;TZID=Europe/Berlin:20240701T1800", "2024-07-01T16:00", None, BERLIN),
        (f"DTSTART;VALUE=DATE-TIME;TZID={BERLIN}:20240701T180000", "2024-07-01T16:00", None, BERLIN),
        (f"DTSTART;TZID={BERLIN}:20240701T180000\nDTEND;TZID={BERLIN}:20240701T180000", "2024-07-01T16:00", None, BERLIN),
    ],
)  # fmt: skip
async def test_a_time_is_the_moment_its_zone_makes_it(one, lines, starts_at, ends_at, timezone):
    event = (await one(*lines.split("\n"))).event
    assert event.starts_at == _utc(starts_at) and event.ends_at == (_utc(ends_at) if ends_at else None)
    assert event.timezone == timezone and not event.all_day and not event.floating


async def test_a_zone_that_only_the_calendar_knows_gives_the_moment_and_no_name(one):
    summer = (await one("DTSTART;TZID=Customized Time Zone:20240701T180000", head=OWN_ZONE)).event
    winter = (await one("DTSTART;TZID=Customized Time Zone:20241201T180000", head=OWN_ZONE)).event
    assert (summer.starts_at, summer.timezone) == (_utc("2024-07-01T22:00"), None)
    assert (winter.starts_at, winter.timezone) == (_utc("2024-12-01T23:00"), None)


async def test_two_calendars_may_mean_different_zones_by_one_name(one):
    """A zone of one calendar is never remembered for another."""
    other = OWN_ZONE.replace("-0500", "+0900").replace("-0400", "+0900")
    here = (await one("DTSTART;TZID=Customized Time Zone:20240701T180000", head=OWN_ZONE)).event
    there = (await one("DTSTART;TZID=Customized Time Zone:20240701T180000", head=other)).event
    assert (here.starts_at, there.starts_at) == (_utc("2024-07-01T22:00"), _utc("2024-07-01T09:00"))


async def test_the_zone_of_a_known_name_wins_over_a_wrong_definition_of_it(one):
    wrong = OWN_ZONE.replace("Customized Time Zone", BERLIN)
    event = (await one(f"DTSTART;TZID={BERLIN}:20240701T180000", head=wrong)).event
    assert (event.starts_at, event.timezone) == (_utc("2024-07-01T16:00"), BERLIN)


async def test_a_definition_may_name_the_place_it_is_for(one):
    named = OWN_ZONE.replace("TZID:Customized Time Zone\n", "TZID:1\nX-LIC-LOCATION:Asia/Tokyo\n")
    event = (await one("DTSTART;TZID=1:20240701T180000", head=named)).event
    assert (event.starts_at, event.timezone) == (_utc("2024-07-01T09:00"), "Asia/Tokyo")


async def test_a_series_in_a_zone_of_its_own_keeps_its_clock(one):
    event = (
        await one(
            "DTSTART;TZID=Customized Time Zone:20241027T090000", "RRULE:FREQ=WEEKLY;COUNT=2", head=OWN_ZONE
        )
    ).event
    assert _starts(event) == [_utc("2024-10-27T13:00"), _utc("2024-11-03T14:00")]


async def test_a_time_without_a_zone_floats(one):
    event = (await one("DTSTART:20240701T180000", "DTEND:20240701T200000")).event
    assert event.floating and event.timezone is None
    assert (event.starts_at, event.ends_at) == (_utc("2024-07-01T18:00"), _utc("2024-07-01T20:00"))


async def test_a_floating_event_is_not_over_before_it_is_over_everywhere(look):
    event = "UID:1\nSUMMARY:Reeds\nDTSTART:20240601T080000\nDTEND:20240601T090000"
    assert len((await look(event, now=_utc("2024-06-01T20:59"))).posts) == 1
    assert (await look(event, now=_utc("2024-06-01T21:00"))).posts == ()


async def test_the_zone_of_the_calendar_is_that_of_its_floating_times(one):
    head = f"X-WR-TIMEZONE:{BERLIN}\n"
    for lines in ("DTSTART:20240701T180000", "DTSTART:20240701T160000Z"):
        event = (await one(lines, head=head)).event
        assert (event.starts_at, event.timezone, event.floating) == (_utc("2024-07-01T16:00"), BERLIN, False)
    day = (await one("DTSTART;VALUE=DATE:20240701", head=head)).event
    assert (day.starts_at, day.ends_at) == (_utc("2024-06-30T22:00"), _utc("2024-07-01T22:00"))
    assert day.all_day and day.timezone == BERLIN and not day.floating


async def test_a_zone_that_nobody_knows_is_named_to_staff(look):
    fetched = await look("UID:1\nSUMMARY:Reeds\nDTSTART;TZID=Narnia:20240701T180000")
    assert fetched.posts[0].event.floating
    assert "“Narnia”" in fetched.warnings[0]


# --- whole days, ends ---


@pytest.mark.parametrize(
    ("lines", "ends_on"),
    [
        ("DTSTART;VALUE=DATE:20240701\nDTEND;VALUE=DATE:20240703", "2024-07-03"),
        ("DTSTART;VALUE=DATE:20240701", "2024-07-02"),
        ("DTSTART:20240701", "2024-07-02"),
        ("DTSTART;VALUE=DATE:20240701\nDTEND;VALUE=DATE:20240701", "2024-07-02"),
        ("DTSTART;VALUE=DATE:20240701\nDURATION:P3D", "2024-07-04"),
        ("DTSTART;VALUE=DATE:2024-07-01\nDTEND;VALUE=DATE:2024-07-03", "2024-07-03"),
        (
            "DTSTART:20240701T000000\nDTEND:20240703T000000\nX-MICROSOFT-CDO-ALLDAYEVENT:TRUE",
            "2024-07-03",
        ),
    ],
)
async def test_whole_days_end_exclusively_at_a_midnight(one, lines, ends_on):
    event = (await one(*lines.split("\n"))).event
    assert event.all_day and event.floating and event.timezone is None
    assert (event.starts_at, event.ends_at) == (_utc("2024-07-01"), _utc(ends_on))


async def test_a_whole_day_over_a_change_of_the_clocks_has_not_24_hours(one):
    event = (await one("DTSTART;VALUE=DATE:20241027", head=f"X-WR-TIMEZONE:{BERLIN}\n")).event
    assert (event.starts_at, event.ends_at) == (_utc("2024-10-26T22:00"), _utc("2024-10-27T23:00"))


@pytest.mark.parametrize(
    ("lines", "ends_at", "warning"),
    [
        ("DTSTART:20240701T180000Z\nDTEND:20240701T170000Z", None, "ends before it starts"),
        ("DTSTART;VALUE=DATE:20240701\nDTEND;VALUE=DATE:20240630", "2024-07-02", "ends before it starts"),
        ("DTSTART:20240701T180000Z\nDURATION:P99999999W", None, "ends outside the calendar"),
        ("DTSTART:20240701T180000Z\nDURATION:-PT1H", None, ""),
        ("DTSTART:20240701T180000Z\nDURATION:soon", None, ""),
    ],
)
async def test_an_end_that_cannot_be_is_left_out(look, lines, ends_at, warning):
    fetched = await look(f"UID:1\nSUMMARY:Reeds\n{lines}")
    assert fetched.posts[0].event.ends_at == (_utc(ends_at) if ends_at else None)
    assert warning in "".join(fetched.warnings) and bool(warning) == bool(fetched.warnings)


async def test_an_event_is_read_while_it_lasts_and_not_after(look):
    event = "UID:1\nSUMMARY:Reeds\nDTSTART:20240601T100000Z\nDTEND:20240601T140000Z"
    assert len((await look(event, now=_utc("2024-06-01T13:59"))).posts) == 1
    fetched = await look(event, now=_utc("2024-06-01T14:00"))
    assert (fetched.posts, fetched.warnings, fetched.state) == ((), (), FetchState.OK)


# --- series ---


async def test_nine_in_london_stays_nine_in_london(one):
    event = (
        await one(
            f"DTSTART;TZID={LONDON}:20240101T090000",
            f"DTEND;TZID={LONDON}:20240101T100000",
            "RRULE:FREQ=WEEKLY;BYDAY=MO",
            now=_utc("2024-10-20T00:00"),
        )
    ).event
    assert _starts(event)[:3] == [
        _utc("2024-10-21T08:00"),
        _utc("2024-10-28T09:00"),
        _utc("2024-11-04T09:00"),
    ]
    assert {one.ends_at - one.starts_at for one in event.dates} == {timedelta(hours=1)}


async def test_a_series_is_one_post_with_its_next_date_first(look):
    fetched = await look("UID:1\nSUMMARY:Reeds\nDTSTART:20240101T090000Z\nRRULE:FREQ=DAILY")
    (post,) = fetched.posts
    assert post.external_id == "1" and post.event.uid == "1"
    assert post.event.starts_at == _utc("2024-06-02T09:00")
    assert len(post.event.dates) == MOST_DATES
    assert _starts(post.event) == [
        _utc("2024-06-02T09:00") + timedelta(days=n) for n in range(MOST_DATES + 1)
    ]


async def test_a_series_is_read_two_years_ahead(one):
    event = (await one("DTSTART:20240101T090000Z", "RRULE:FREQ=MONTHLY")).event
    assert _starts(event)[-1] == _utc("2026-06-01T09:00") and len(_starts(event)) == 24


@pytest.mark.parametrize(
    ("until", "last"),
    [
        ("20241105T140000Z", "2024-11-05T14:00"),
        ("20241105T135959Z", "2024-10-29T13:00"),
        # Local time, against the letter of RFC 5545, as many write it: nine in the morning is 14:00 in UTC.
        ("20241105T090000", "2024-11-05T14:00"),
        ("20241105T085959", "2024-10-29T13:00"),
        ("20241105", "2024-11-05T14:00"),
        ("20241104", "2024-10-29T13:00"),
    ],
)
async def test_the_last_date_counts_however_its_bound_is_written(one, until, last):
    event = (await one(f"DTSTART;TZID={NEW_YORK}:20241001T090000", f"RRULE:FREQ=WEEKLY;UNTIL={until}")).event
    assert _starts(event)[-1] == _utc(last)


@pytest.mark.parametrize("until", ["20240703", "20240703T000000", "20240703T000000Z", "20240702T220000Z"])
async def test_the_last_whole_day_counts_however_its_bound_is_written(one, until):
    head = f"X-WR-TIMEZONE:{BERLIN}\n"
    event = (await one("DTSTART;VALUE=DATE:20240701", f"RRULE:FREQ=DAILY;UNTIL={until}", head=head)).event
    assert _starts(event)[-1] == _utc("2024-07-02T22:00")


async def test_where_a_rule_has_two_bounds_the_first_to_be_reached_ends_it(one):
    for bounds, dates_left in (("COUNT=2;UNTIL=20250101T000000Z", 2), ("UNTIL=20240702T235959Z;COUNT=5", 2)):
        event = (await one("DTSTART:20240701T090000Z", f"RRULE:FREQ=DAILY;{bounds}")).event
        assert len(_starts(event)) == dates_left


async def test_exceptions_and_additions_are_taken(one):
    event = (
        await one(
            f"DTSTART;TZID={LONDON}:20240701T090000",
            "DURATION:PT1H",
            "RRULE:FREQ=DAILY;COUNT=5",
            f"EXDATE;TZID={LONDON}:20240702T090000",
            "EXDATE:20240703T080000Z",
            "EXDATE;VALUE=DATE:20240704",
            f"RDATE;TZID={LONDON}:20240720T090000,20240721T100000",
            "RDATE;VALUE=PERIOD:20240722T080000Z/PT3H",
        )
    ).event
    assert _starts(event) == [
        _utc(text)
        for text in (
            "2024-07-01T08:00",
            "2024-07-05T08:00",
            "2024-07-20T08:00",
            "2024-07-21T09:00",
            "2024-07-22T08:00",
        )
    ]
    assert event.dates[-1].ends_at == _utc("2024-07-22T11:00")
    assert event.dates[0].ends_at == _utc("2024-07-05T09:00")


async def test_whole_days_repeat_with_exceptions(one):
    event = (
        await one("DTSTART;VALUE=DATE:20240701", "RRULE:FREQ=DAILY;COUNT=4", "EXDATE;VALUE=DATE:20240702")
    ).event
    assert event.all_day and event.floating
    assert _starts(event) == [_utc("2024-07-01"), _utc("2024-07-03"), _utc("2024-07-04")]
    assert event.dates[0].ends_at == _utc("2024-07-04")


async def test_one_date_may_be_moved_and_another_cancelled(look):
    series = f"UID:1\nSUMMARY:Reeds\nLOCATION:Hall\nDTSTART;TZID={LONDON}:20240603T090000\nRRULE:FREQ=WEEKLY;COUNT=4"
    moved = (
        f"UID:1\nSUMMARY:Reeds at night\nLOCATION:Pond\nRECURRENCE-ID;TZID={LONDON}:20240603T090000\n"
        f"DTSTART;TZID={LONDON}:20240604T210000\nDTEND;TZID={LONDON}:20240604T220000"
    )
    off = f"UID:1\nSUMMARY:Reeds\nRECURRENCE-ID:20240610T080000Z\nDTSTART;TZID={LONDON}:20240610T090000\nSTATUS:CANCELLED"
    (post,) = (await look(moved, series, off)).posts
    assert _starts(post.event) == [
        _utc("2024-06-04T20:00"),
        _utc("2024-06-17T08:00"),
        _utc("2024-06-24T08:00"),
    ]
    assert (post.title, post.event.place) == ("Reeds at night", "Pond")
    assert post.event.status is EventStatus.SCHEDULED and post.event.ends_at == _utc("2024-06-04T21:00")


async def test_a_change_of_this_and_all_later_dates_is_taken(look):
    series = "UID:1\nSUMMARY:Reeds\nDTSTART:20240603T090000Z\nRRULE:FREQ=WEEKLY;COUNT=4"
    later = (
        "UID:1\nSUMMARY:Reeds\nRECURRENCE-ID;RANGE=THISANDFUTURE:20240617T090000Z\nDTSTART:20240617T110000Z"
    )
    (post,) = (await look(series, later)).posts
    assert _starts(post.event) == [
        _utc(text)
        for text in ("2024-06-03T09:00", "2024-06-10T09:00", "2024-06-17T11:00", "2024-06-24T11:00")
    ]


async def test_a_series_of_which_every_date_is_cancelled_is_cancelled(look):
    series = "UID:1\nSUMMARY:Reeds\nDTSTART:20240603T090000Z\nRRULE:FREQ=WEEKLY;COUNT=2"
    off = [
        f"UID:1\nSUMMARY:Reeds\nRECURRENCE-ID:{day}T090000Z\nDTSTART:{day}T090000Z\nSTATUS:CANCELLED"
        for day in ("20240603", "20240610")
    ]
    (post,) = (await look(series, *off)).posts
    assert post.event.status is EventStatus.CANCELLED and post.event.starts_at == _utc("2024-06-03T09:00")


async def test_changed_dates_without_their_series_are_still_dates(look):
    lone = "UID:1\nSUMMARY:Reeds\nRECURRENCE-ID:20240610T090000Z\nDTSTART:20240611T090000Z"
    (post,) = (await look(lone)).posts
    assert post.event.starts_at == _utc("2024-06-11T09:00")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("FREQ=SECONDLY", "more often than daily"),
        ("FREQ=MINUTELY;INTERVAL=5", "more often than daily"),
        ("FREQ=HOURLY", "more often than daily"),
        ("FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=0,10,20,30,40,50", "more often than daily"),
        ("FREQ=DAILY;INTERVAL=0", "cannot be read"),
        ("FREQ=DAILY;INTERVAL=-1", "cannot be read"),
        ("FREQ=DAILY;BYMONTH=13", "cannot be read"),
        ("FREQ=DAILY;BYEASTER=0", "cannot be read"),
        ("FREQ=DAILY;X-A=0", "cannot be read"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "cannot be read"),
        ("FREQ=DAILY;COUNT=0", "cannot be read"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never comes true"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=-31", "never comes true"),
        ("FREQ=DAILY;BYSETPOS=2", "never comes true"),
        ("FREQ=FORTNIGHTLY", "cannot be read"),
        ("INTERVAL=2", "without a frequency"),
        ("every Tuesday", "without a frequency"),
        ("FREQ=WEEKLY;UNTIL=whenever", "cannot be read"),
    ],
)
async def test_a_rule_that_nobody_could_attend_leaves_the_event_its_own_date(look, rule, said):
    fetched = await look(f"UID:1\nSUMMARY:Reeds\nDTSTART:20240701T090000Z\nRRULE:{rule}")
    assert [_starts(post.event) for post in fetched.posts] == [[_utc("2024-07-01T09:00")]]
    assert said in fetched.warnings[0] and fetched.warnings[0].startswith("“Reeds” ")


async def test_an_empty_rule_is_no_rule(look):
    fetched = await look("UID:1\nSUMMARY:Reeds\nDTSTART:20240701T090000Z\nRRULE:")
    assert _starts(fetched.posts[0].event) == [_utc("2024-07-01T09:00")] and fetched.warnings == ()


async def test_more_events_of_one_title_at_one_place_are_a_series(look):
    """As calendars write it that repeat by copying: each night has an id of its own."""
    nights = [
        f"UID:k{n}\nSUMMARY:Karaoke\nLOCATION:Bar\nDTSTART:202406{n:02}T200000Z" for n in (7, 14, 21, 28)
    ]
    elsewhere = "UID:other\nSUMMARY:Karaoke\nLOCATION:Pond\nDTSTART:20240608T200000Z"
    off = "UID:off\nSUMMARY:Karaoke\nLOCATION:Bar\nDTSTART:20240615T200000Z\nSTATUS:CANCELLED"
    first, second = (await look(*nights, elsewhere, off)).posts
    assert _starts(first.event) == [_utc(f"2024-06-{n:02}T20:00") for n in (7, 14, 21, 28)]
    assert {first.external_id, *first.aliases} == {"k7", "k14", "k21", "k28", "off"}
    assert second.external_id == "other" and second.aliases == ()


def _dates_of(lines: str, *, now: datetime) -> list[datetime]:
    """The dates of one event, as they are counted from its lines."""
    body = _calendar(f"UID:1\nSUMMARY:x\n{lines}").encode()
    file = read_file(Response(url="https://example.org/", status=200, headers={}, body=body))
    assert file is not None
    zones = Zones(default="", definitions=())
    found, warnings = dates(timed(file.events[0], zones), [], zones, now=now)
    assert warnings == []
    return [when.starts_at for when in found]


_ZONES = st.sampled_from(
    [LONDON, NEW_YORK, BERLIN, "Australia/Lord_Howe", "Asia/Tehran", "America/Sao_Paulo"]
)
_MOMENTS = st.datetimes(datetime(2015, 1, 1), datetime(2024, 5, 1)).map(
    lambda one: one.replace(microsecond=0)
)


@given(zone=_ZONES, start=_MOMENTS, step=st.integers(1, 40), weekly=st.booleans())
def test_a_series_keeps_its_wall_clock_in_every_zone(zone, start, step, weekly):
    found = _dates_of(
        f"DTSTART;TZID={zone}:{start:%Y%m%dT%H%M%S}\nRRULE:FREQ={'WEEKLY' if weekly else 'DAILY'};INTERVAL={step}",
        now=NOW,
    )
    days = step * 7 if weekly else step
    wanted = [start + timedelta(days=days * n) for n in range(4200 // days)]
    wanted = [one.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for one in wanted]
    ahead = [moment for moment in wanted if NOW < moment < NOW + timedelta(days=110)]
    assert [moment for moment in found if NOW < moment < NOW + timedelta(days=110)] == ahead


@given(zone=_ZONES, start=_MOMENTS, ahead=st.integers(1, 90), past=st.integers(1, 300))
def test_a_counted_series_ends_with_its_last_date(zone, start, ahead, past):
    first = start.replace(year=2024, month=6, day=2) - timedelta(weeks=past)
    count = past + ahead
    found = _dates_of(f"DTSTART;TZID={zone}:{first:%Y%m%dT%H%M%S}\nRRULE:FREQ=WEEKLY;COUNT={count}", now=NOW)
    last = (first + timedelta(weeks=count - 1)).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    assert found[-1] == last and len(found) in {ahead, ahead + 1}


@given(clock=st.times(), day=st.integers(2, 31), step=st.integers(1, 3))
def test_a_day_that_a_month_does_not_have_is_no_date(clock, day, step):
    start = datetime.combine(date(2024, 1, 1), clock.replace(microsecond=0))
    found = _dates_of(
        f"DTSTART;TZID={BERLIN}:{start:%Y%m%dT%H%M%S}\nRRULE:FREQ=MONTHLY;INTERVAL={step};BYMONTHDAY={day}",
        now=NOW,
    )
    wanted = []
    for months in range(6, 27, 1):
        year, month = 2024 + months // 12, months % 12 + 1
        if months % step == 0 and day <= monthrange(year, month)[1]:
            local = start.replace(year=year, month=month, day=day, tzinfo=ZoneInfo(BERLIN))
            wanted.append(local.astimezone(UTC))
    assert [moment for moment in found if _utc("2024-07-01T12:00") < moment < _utc("2026-04-01T00:00")] == [
        moment for moment in wanted if _utc("2024-07-01T12:00") < moment < _utc("2026-04-01T00:00")
    ]


# --- identity and revisions ---


async def test_the_highest_revision_of_an_event_counts(look):
    old = "UID:1\nSEQUENCE:1\nSUMMARY:Old\nDTSTART:20240701T090000Z"
    new = "UID:1\nSEQUENCE:3\nSUMMARY:New\nDTSTART:20240702T090000Z"
    for events in ((old, new), (new, old)):
        (post,) = (await look(*events)).posts
        assert (post.title, post.event.starts_at) == ("New", _utc("2024-07-02T09:00"))


async def test_a_revision_that_moved_an_event_into_the_past_takes_it_away(look):
    old = "UID:1\nSEQUENCE:1\nSUMMARY:Old\nDTSTART:20240701T090000Z"
    new = "UID:1\nSEQUENCE:2\nSUMMARY:Old\nDTSTART:20200702T090000Z"
    assert (await look(old, new)).posts == ()


async def test_of_one_revision_the_last_written_counts(look):
    old = "UID:1\nDTSTAMP:20240101T000000Z\nSUMMARY:Reeds\nDTSTART:20240701T090000Z"
    new = "UID:1\nDTSTAMP:20240201T000000Z\nSUMMARY:Reeds\nDTSTART:20240702T090000Z"
    (post,) = (await look(new, old)).posts
    assert post.event.starts_at == _utc("2024-07-02T09:00")


async def test_an_id_that_stands_on_everything_is_nobodys(look):
    posts = (
        await look(
            "UID:0\nSUMMARY:Ships\nDTSTART:20240701T090000Z", "UID:0\nSUMMARY:Reeds\nDTSTART:20240702T090000Z"
        )
    ).posts
    assert [post.title for post in posts] == ["Ships", "Reeds"]
    assert len({post.external_id for post in posts}) == 2


async def test_an_event_without_an_id_keeps_the_one_it_is_given(look):
    event = "SUMMARY:Reeds\nDTSTART:20240701T090000Z"
    first, second = (await look(event)).posts[0], (await look(f"{event}\nDESCRIPTION:More")).posts[0]
    other = (await look(event.replace("0701", "0702"))).posts[0]
    assert first.external_id == second.external_id != other.external_id
    assert first.external_id


# --- what it says ---


async def test_an_event_carries_everything_its_block_says(look, site):
    fetched = await look(
        "UID:7@example.org\nSUMMARY;LANGUAGE=en-GB:Ships\\, reeds\\; and <mud>\n"
        "DTSTART;TZID=Europe/London:20240701T180000\nLOCATION:Town Hall\\nMain Street 1\\, Ely\n"
        "DESCRIPTION:We plant\\nreeds.\\n\\nBring boots.\nURL:https://example.org/reeds?utm_source=cal\n"
        "CATEGORIES:Workshops,Water\\, mud\nCATEGORIES:Outdoors\n"
        'ORGANIZER;CN="Ada L":mailto:ada@example.org\n'
        "ATTACH;FMTTYPE=application/pdf:https://example.org/a.pdf\n"
        "ATTACH;FMTTYPE=image/jpeg:https://example.org/reeds.jpg\n"
        "CREATED:20240501T080000Z\nLAST-MODIFIED:20240520T080000Z\nCLASS:PUBLIC\nTRANSP:TRANSPARENT\n"
        "BEGIN:VALARM\nDESCRIPTION:Wake up\nTRIGGER:-PT15M\nEND:VALARM",
        head="X-WR-CALNAME:Wetlands\nREFRESH-INTERVAL;VALUE=DURATION:PT2H\n",
    )
    (post,) = fetched.posts
    assert (fetched.title, fetched.wait_seconds) == ("Wetlands", 7200)
    assert post.title == post.event.title == "Ships, reeds; and <mud>"
    assert post.body == "We plant reeds. Bring boots."
    assert post.url == "https://example.org/reeds"
    assert (post.author, post.language) == ("Ada L", "en-GB")
    assert post.categories == ("Workshops", "Water, mud", "Outdoors")
    assert post.image is not None and post.image.url == "https://example.org/reeds.jpg"
    assert (post.published_at, post.updated_at) == (_utc("2024-05-01T08:00"), _utc("2024-05-20T08:00"))
    assert post.event.place == "Town Hall, Main Street 1, Ely"
    assert not post.event.online and post.event.cta is None and post.event.register_url is None


async def test_every_fact_comes_with_the_line_it_was_found_in(one):
    post = await one(
        f"DTSTART;TZID={LONDON}:20240701T180000",
        "DURATION:PT1H",
        "RRULE:FREQ=DAILY;COUNT=2",
        "LOCATION:Hall",
        "STATUS:CONFIRMED",
    )
    assert {one.fact: one.quote for one in post.event.evidence} == {
        "kind": "BEGIN:VEVENT",
        "starts_at": f"DTSTART;TZID={LONDON}:20240701T180000 RRULE:FREQ=DAILY;COUNT=2",
        "ends_at": "DURATION:PT1H",
        "timezone": f"DTSTART;TZID={LONDON}:20240701T180000",
        "place": "LOCATION:Hall",
        "status": "STATUS:CONFIRMED",
    }
    assert {one.origin for one in post.event.evidence} == {Origin.ICAL}


@pytest.mark.parametrize(
    ("lines", "place", "url", "kind"),
    [
        ("LOCATION:https://zoom.us/j/123?pwd=x", "", "https://zoom.us/j/123?pwd=x", CtaKind.JOIN),
        ("LOCATION:Hall 3 or https://zoom.us/j/123", "Hall 3 or", "https://zoom.us/j/123", CtaKind.JOIN),
        ("LOCATION:https://example.org/stream", "", "https://example.org/stream", CtaKind.DETAILS),
        ("LOCATION:Zoom", "", None, None),
        ("LOCATION:Online", "", None, None),
        (
            'CONFERENCE;VALUE=URI;FEATURE=VIDEO;LABEL="Join: us":https://meet.google.com/abc-defg-hij',
            "",
            "https://meet.google.com/abc-defg-hij",
            CtaKind.JOIN,
        ),
        ("LOCATION:Hall\nCONFERENCE;VALUE=URI:https://video.example.org/1", "Hall", "https://video.example.org/1", CtaKind.JOIN),
        ("X-GOOGLE-CONFERENCE:https://meet.google.com/abc-defg-hij", "", "https://meet.google.com/abc-defg-hij", CtaKind.JOIN),
        ("URL:https://zoom.us/j/123", "", "https://zoom.us/j/123", CtaKind.JOIN),
    ],
)  # fmt: skip
async def test_an_event_on_the_net_says_so_and_where_to_join(one, site, lines, place, url, kind):
    post = await one("DTSTART:20240701T090000Z", *lines.split("\n"))
    assert post.event.online and post.event.place == place
    assert (post.event.cta.url, post.event.cta.kind) == (url, kind) if url else post.event.cta is None
    assert post.event.register_url is None and post.url == site.url + "/"


@pytest.mark.parametrize(
    "lines",
    [
        "CONFERENCE;VALUE=URI;FEATURE=MODERATOR,VIDEO:https://video.example.org/host",
        "CONFERENCE;VALUE=URI;FEATURE=PHONE:tel:+44123456",
        "X-GOOGLE-CONFERENCE:javascript:alert(1)",
        "LOCATION:Town Hall",
        "URL:javascript:alert(1)",
    ],
)
async def test_nothing_else_puts_an_event_on_the_net(one, lines):
    event = (await one("DTSTART:20240701T090000Z", lines)).event
    assert not event.online and event.cta is None


async def test_an_address_for_registration_is_where_one_registers(one):
    post = await one("DTSTART:20240701T090000Z", "URL:https://www.eventbrite.com/e/reeds-123")
    assert post.event.register_url == post.url == "https://www.eventbrite.com/e/reeds-123"
    assert post.event.cta.kind is CtaKind.REGISTER and not post.event.online


async def test_an_event_without_a_page_leads_to_one_of_its_site(look, site):
    here = f"{site.url}/reeds"
    for text in (
        f"Come\\, see https://elsewhere.example/x and {here}.",
        f'<p>Come <a href="{here}">along</a></p>',
        'Come <br><a href="https://elsewhere.example/">x</a> <a href="/reeds">along</a>',
    ):
        (post,) = (await look(f"UID:1\nSUMMARY:Reeds\nDTSTART:20240701T090000Z\nDESCRIPTION:{text}")).posts
        assert post.url == here
    (post,) = (
        await look("UID:1\nSUMMARY:Reeds\nDTSTART:20240701T090000Z\nDESCRIPTION:https://elsewhere.example/x")
    ).posts
    assert post.url == site.url + "/" and post.warnings == ()


async def test_a_calendar_with_a_page_of_its_own_leads_there(one):
    post = await one("DTSTART:20240701T090000Z", head="URL:https://example.org/agenda\n")
    assert post.url == "https://example.org/agenda"


async def test_the_text_may_be_the_html_that_outlook_writes(one):
    post = await one(
        "DTSTART:20240701T090000Z",
        "DESCRIPTION:plain",
        "X-ALT-DESC;FMTTYPE=text/html:<html><body><p>Rich &amp\\; <b>fine</b></p><script>x()</script></body></html>",
    )
    assert post.body == "Rich & fine"


async def test_an_organiser_is_named_and_never_by_a_mail_address(one):
    for name, printed in (
        ("ORGANIZER:mailto:ada@example.org", ""),
        ("ORGANIZER;CN=ada@example.org:mailto:ada@example.org", ""),
        ('ORGANIZER;CN="Ada L";SENT-BY="mailto:x@example.org":mailto:ada@example.org', "Ada L"),
    ):
        assert (await one("DTSTART:20240701T090000Z", name)).author == printed


@pytest.mark.parametrize(
    "line",
    [
        "ATTACH;ENCODING=BASE64;VALUE=BINARY;FMTTYPE=image/png:AAAA",
        "ATTACH:https://example.org/program.pdf",
        "ATTACH;FMTTYPE=image/svg+xml:https://example.org/x.svg",
        "IMAGE;VALUE=URI:data:image/png;base64,AAAA",
    ],
)
async def test_what_is_no_picture_is_not_shown_as_one(one, line):
    assert (await one("DTSTART:20240701T090000Z", line)).image is None


async def test_a_picture_of_an_event_is_shown(one):
    for line in ("IMAGE;VALUE=URI;DISPLAY=BADGE:https://example.org/a", "ATTACH:https://example.org/a.PNG"):
        assert (await one("DTSTART:20240701T090000Z", line)).image.url.startswith("https://example.org/a")


@pytest.mark.parametrize(
    ("lines", "head", "status"),
    [
        ("STATUS:CANCELLED", "", EventStatus.CANCELLED),
        ("STATUS:canceled", "", EventStatus.CANCELLED),
        ("STATUS:TENTATIVE", "", EventStatus.SCHEDULED),
        ("STATUS:CONFIRMED", "METHOD:CANCEL\n", EventStatus.CANCELLED),
        ("STATUS:CONFIRMED", "METHOD:PUBLISH\n", EventStatus.SCHEDULED),
        ("RRULE:FREQ=DAILY;COUNT=3\nSTATUS:CANCELLED", "", EventStatus.CANCELLED),
    ],
)
async def test_a_cancelled_event_says_so_and_a_tentative_one_takes_place(one, lines, head, status):
    assert (await one("DTSTART:20240701T090000Z", *lines.split("\n"), head=head)).event.status is status


async def test_private_events_are_left_out_and_counted(look):
    fetched = await look(
        "UID:1\nSUMMARY:Open\nDTSTART:20240701T090000Z\nRRULE:FREQ=DAILY;COUNT=3",
        "UID:1\nSUMMARY:Secret\nRECURRENCE-ID:20240702T090000Z\nDTSTART:20240702T090000Z\nCLASS:PRIVATE",
        "UID:2\nSUMMARY:Dentist\nDTSTART:20240701T090000Z\nCLASS:PRIVATE",
        "UID:3\nSUMMARY:Board\nDTSTART:20240701T090000Z\nCLASS:confidential",
    )
    (post,) = fetched.posts
    assert _starts(post.event) == [_utc("2024-07-01T09:00"), _utc("2024-07-03T09:00")]
    assert fetched.warnings == ("Events marked as private were left out: 2.",)
    assert "Secret" not in repr(fetched) and "Dentist" not in repr(fetched)


# --- broken files ---


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("UID:2\nSUMMARY:Lost", "“Lost” has no start, and was left out."),
        ("UID:2\nSUMMARY:Lost\nDTSTART:soon", "“Lost” has no start that can be read, and was left out."),
        ("UID:2\nSUMMARY:Lost\nDTSTART:20240931T090000Z", "“Lost” has no start that can be read"),
        ("UID:2\nDTSTART:20240701T090000Z", "neither a title nor a text"),
        ("UID:2\nSUMMARY:Lost\nDTSTART;TZID=America/New_York:99991231T235959", "outside the calendar"),
        ("UID:2\nSUMMARY:Lost\nDTSTART;TZID=Asia/Tokyo:00010101T000000\nRRULE:FREQ=DAILY", "outside the calendar"),
    ],
)  # fmt: skip
async def test_a_broken_event_is_named_and_the_others_are_read(look, lines, said):
    good = [f"UID:good{n}\nSUMMARY:Good {n}\nDTSTART:2024070{n}T090000Z" for n in (1, 2)]
    fetched = await look(good[0], lines, good[1])
    assert [post.title for post in fetched.posts] == ["Good 1", "Good 2"]
    assert said in fetched.warnings[0]


async def test_many_broken_events_are_a_few_warnings(look):
    fetched = await look(*(f"UID:{n}\nSUMMARY:Lost {n}" for n in range(300)))
    assert len(fetched.warnings) < 10 and "named here: 295." in "".join(fetched.warnings)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\r\n", "\n"),
        lambda text: text.replace("\r\n", "\r"),
        lambda text: "\ufeff" + text,
        lambda text: "\r\n\r\n" + text,
        lambda text: text.lower().replace("müde schiffe", "Müde Schiffe"),
        lambda text: text.replace("Schiffe", "Schi\r\n ffe"),
        lambda text: text.replace("Schiffe", "Schi\n\tffe"),
        lambda text: text.replace("UID:1", "UID:1\r\n\r\nX-ODD;A:\r\n;:=\r\nnothing at all\r\nBEGIN: ten"),
        lambda text: text.removesuffix("END:VCALENDAR\r\n"),
        lambda text: text + text.replace("UID:1", "UID:1"),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("latin-1"),
        lambda text: text.encode().replace(b"M\xc3\xbc", b"M\xc3\r\n \xbc"),
        lambda text: text.encode().replace(
            b"END:VEVENT\r\nEND:VCALENDAR", b"END:VEVENT\r\nBEGIN:VEVENT\r\nUID:9"
        ),
    ],
)
async def test_what_writers_get_wrong_costs_no_event(look, change):
    text = _calendar("UID:1\nSUMMARY:Müde Schiffe\nDTSTART:20240701T090000Z")
    (post,) = (await look(body=change(text))).posts
    assert (post.title, post.event.starts_at) == ("Müde Schiffe", _utc("2024-07-01T09:00"))


async def test_a_file_that_broke_off_is_named(look):
    text = _calendar("UID:1\nSUMMARY:Reeds\nDTSTART:20240701T090000Z", "UID:2\nSUMMARY:Half")
    fetched = await look(body=text.partition("SUMMARY:Half")[0])
    assert len(fetched.posts) == 1 and "broke off" in fetched.warnings[0]


@pytest.mark.parametrize(
    "content_type", ["text/html", "application/octet-stream", "text/plain; charset=nonsense"]
)
async def test_a_wrong_content_type_is_no_fault(look, content_type):
    fetched = await look("UID:1\nSUMMARY:Reeds\nDTSTART:20240701T090000Z", **{"Content-Type": content_type})
    assert len(fetched.posts) == 1


@pytest.mark.parametrize(
    "body",
    [
        "<!doctype html><title>Sign in</title><pre>BEGIN:VCALENDAR\r\nEND:VCALENDAR</pre>",
        "BEGIN:VCARD\r\nEND:VCARD\r\n",
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1",
        "no calendar",
    ],
)
async def test_what_is_no_calendar_is_a_failure_and_not_no_events(look, body):
    with pytest.raises(SourceError, match="is not a calendar"):
        await look(body=body)


async def test_an_empty_calendar_is_no_failure(look):
    fetched = await look()
    assert (fetched.posts, fetched.warnings, fetched.state) == ((), (), FetchState.OK)


@given(
    st.lists(st.text(max_size=80) | st.sampled_from(_calendar("UID:1\nSUMMARY:x").splitlines()), max_size=40)
)
def test_no_file_is_too_odd_to_be_read_or_refused(lines):
    body = "\r\n".join(["BEGIN:VCALENDAR", *lines]).encode("utf-8", "surrogatepass")
    file = read_file(Response(url="https://example.org/", status=200, headers={}, body=body))
    assert file is None or all(isinstance(block, Block) for block in file.events)


_NAMES = [
    "DTSTART",
    "DTEND",
    "DURATION",
    "RRULE",
    "RDATE",
    "EXDATE",
    "RECURRENCE-ID",
    "LOCATION",
    "URL",
    "ATTACH",
]
_VALUES = [
    "20240701T090000",
    "20240701T090000Z",
    "20240701",
    "PT1H",
    "FREQ=DAILY",
    "FREQ=WEEKLY;BYDAY=MO",
    "x",
    "",
]
_ODD = st.builds(
    lambda name, parameter, value: f"{name}{parameter}:{value}",
    st.sampled_from(_NAMES),
    st.sampled_from(
        ["", ";TZID=Europe/London", ";TZID=Nowhere", ";VALUE=DATE", ';X="', ";RANGE=THISANDFUTURE"]
    ),
    st.sampled_from(_VALUES) | st.text(alphabet="0123456789TZP-,;=/HDW:", max_size=30),
)


@given(st.lists(st.lists(_ODD, max_size=6), min_size=1, max_size=3))
def test_no_event_is_too_odd_to_be_read_or_left_out(blocks):
    events = ["UID:1\nSUMMARY:x\n" + "\n".join(lines) for lines in blocks]
    response = Response(url="https://example.org/", status=200, headers={}, body=_calendar(*events).encode())
    fetched, _all = ical._read(response, SourceSpec(kind="ical", url="https://example.org/"), NOW)
    for post in fetched.posts:
        assert post.event.starts_at.tzinfo is UTC
        assert post.event.ends_at is None or post.event.ends_at > post.event.starts_at


# --- bounds ---


async def test_the_nearest_events_are_kept(look):
    events = [f"UID:{n}\nSUMMARY:Event {n}\nDTSTART:2024{n:02}01T090000Z" for n in (12, 9, 7, 8, 11)]
    yearly = "UID:y\nSUMMARY:Yearly\nDTSTART:20100615T090000Z\nRRULE:FREQ=YEARLY"
    fetched = await look(*events, yearly, limit=3, ETag='"1"')
    assert [post.title for post in fetched.posts] == ["Yearly", "Event 7", "Event 8"]
    assert fetched.warnings == ("There are 6 events to come; the nearest 3 were read.",)
    # The others come near without the file being changed, so it is asked for whole the next time.
    assert fetched.etag is None


async def test_an_event_in_the_far_future_is_not_announced_yet(look):
    slip = "UID:1\nSUMMARY:Reeds\nDTSTART:20670701T090000Z"
    assert (await look(slip)).posts == ()
    assert len((await look(slip, now=_utc("2066-01-01T00:00"))).posts) == 1


async def test_a_calendar_of_any_size_is_given_so_much_time_and_no_more(look, monkeypatch):
    monkeypatch.setattr(ical, "SECONDS", -1.0)
    fetched = await look("UID:1\nSUMMARY:Reeds\nDTSTART:20240701T090000Z", ETag='"1"')
    assert fetched.posts == () and "too large" in fetched.warnings[0] and fetched.etag is None


async def test_a_long_history_costs_nothing(look):
    past = [f"UID:p{n}\nSUMMARY:Past {n}\nDTSTART:2019{n % 12 + 1:02}01T090000Z" for n in range(3000)]
    (post,) = (await look(*past, "UID:1\nSUMMARY:Reeds\nDTSTART:20240701T090000Z")).posts
    assert post.title == "Reeds"


async def test_a_file_over_its_limit_is_refused(look, monkeypatch):
    monkeypatch.setattr(ical, "MOST_BYTES", 1000)
    with pytest.raises(SourceError, match="refused"):
        await look(*(f"UID:{n}\nSUMMARY:Event {n}\nDTSTART:20240701T090000Z" for n in range(50)))


async def test_rules_of_a_zone_that_clocks_do_not_follow_are_not_counted(look):
    for rule in ("FREQ=SECONDLY", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYHOUR=1,2,3"):
        head = OWN_ZONE.replace("FREQ=YEARLY;BYDAY=1SU;BYMONTH=11", rule)
        fetched = await look("UID:1\nSUMMARY:x\nDTSTART;TZID=Customized Time Zone:20240701T090000", head=head)
        assert fetched.posts[0].event.floating and "Customized Time Zone" in fetched.warnings[0]


# --- asking politely ---


async def test_a_calendar_that_did_not_change_is_not_sent_again(look, site, client):
    first = await look("UID:1\nSUMMARY:Reeds\nDTSTART:20240701T090000Z", ETag='W/"a"')
    site.routes["/cal/events.ics"] = Answer(status=304)
    spec = SourceSpec(kind="ical", url=site.url + "/cal/events.ics", allow_private=True)
    memory = Memory(etag=first.etag, last_modified="Sat, 01 Jun 2024 00:00:00 GMT")
    again = await fetch(spec, client, memory, now=NOW)
    assert (again.state, again.etag, again.posts) == (FetchState.UNCHANGED, 'W/"a"', ())
    assert site.asked[-1].headers["if-none-match"] == 'W/"a"'
    assert site.asked[-1].headers["if-modified-since"] == "Sat, 01 Jun 2024 00:00:00 GMT"


async def test_once_a_month_the_calendar_is_read_whole_for_what_came_near(look, site, client):
    await look("UID:1\nSUMMARY:Reeds\nDTSTART:20240701T090000Z")
    spec = SourceSpec(kind="ical", url=site.url + "/cal/events.ics", allow_private=True)
    fetched = await fetch(spec, client, Memory(etag='"a"'), now=_utc("2024-06-28T12:00"))
    assert fetched.state is FetchState.OK and "if-none-match" not in site.asked[-1].headers


async def test_webcal_is_https(client):
    spec = SourceSpec(kind="ical", url="webcal://127.0.0.1:9/cal.ics", allow_private=True)
    with pytest.raises(SourceError, match=r"https://127\.0\.0\.1:9/cal\.ics"):
        await fetch(spec, client, Memory(), now=NOW)
    with pytest.raises(SourceError, match="not an http or https address"):
        await fetch(replace(spec, url="file:///cal.ics"), client, Memory(), now=NOW)
