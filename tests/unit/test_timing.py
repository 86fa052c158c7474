"""When an event is over, on which date of a series it stands, and what a reader can still do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.posts.model import Event, EventStatus, Occurrence
from digest.posts.timing import (
    Standing,
    as_of,
    ends,
    grounded,
    is_over,
    last_day,
    may_register,
    standing,
    zone_of,
)

NOW = datetime(2026, 11, 19, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe")


def utc(year, month, day, hour=0, minute=0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def local(zone: str, year, month, day, hour=0, minute=0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def event(start: datetime | None = NOW + 10 * DAY, **facts) -> Event:
    return Event(uid="1", title="Moth night", starts_at=start, **facts)


def at(talk: Event, now: datetime = NOW, timezone: str = "UTC") -> Standing:
    return standing(talk, now=now, timezone=timezone)


@pytest.mark.parametrize(
    ("own", "shown"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        (None, "Europe/Paris"),
        ("", "Europe/Paris"),
        ("Mars/Olympus", "Europe/Paris"),
        ("../../etc/passwd", "Europe/Paris"),
        ("Europe", "Europe/Paris"),
        ("a\x00b", "Europe/Paris"),
    ],
)
def test_an_event_is_shown_in_its_own_zone_where_that_is_known(own, shown):
    assert str(zone_of(event(timezone=own), "Europe/Paris")) == shown


def test_a_floating_event_happens_by_the_clock_on_the_publications_wall():
    floating = event(
        utc(2026, 7, 1, 19),
        ends_at=utc(2026, 7, 1, 21),
        opens_at=utc(2026, 6, 1, 8),
        closes_at=utc(2026, 6, 30, 8),
        dates=(Occurrence(starts_at=utc(2026, 12, 1, 19), ends_at=utc(2026, 12, 1, 21)),),
        floating=True,
    )
    real = grounded(floating, "America/New_York")
    assert (real.starts_at, real.ends_at) == (utc(2026, 7, 1, 23), utc(2026, 7, 2, 1))
    assert real.dates == (Occurrence(starts_at=utc(2026, 12, 2, 0), ends_at=utc(2026, 12, 2, 2)),)
    assert (real.opens_at, real.closes_at) == (utc(2026, 6, 1, 12), utc(2026, 6, 30, 12))
    assert (real.floating, real.timezone) == (False, "America/New_York")


def test_an_event_that_does_not_float_stays_as_it_is():
    fixed = event(timezone="Asia/Tokyo")
    assert grounded(fixed, "America/New_York") is fixed


@pytest.mark.parametrize(
    ("wall", "moment"),
    [
        ((2026, 3, 29, 2, 30), (2026, 3, 29, 1, 30)),  # skipped in Berlin: counted with the offset before
        ((2026, 10, 25, 2, 30), (2026, 10, 25, 0, 30)),  # shown twice: the first
    ],
)
def test_a_clock_time_that_does_not_exist_or_exists_twice_has_one_moment(wall, moment):
    assert grounded(event(utc(*wall), floating=True), "Europe/Berlin").starts_at == utc(*moment)


@pytest.mark.parametrize(
    ("facts", "end"),
    [
        ({"start": utc(2026, 5, 1, 18)}, utc(2026, 5, 1, 18)),
        ({"start": utc(2026, 5, 1, 18), "ends_at": utc(2026, 5, 1, 20)}, utc(2026, 5, 1, 20)),
        ({"start": utc(2026, 5, 1, 18), "ends_at": utc(2026, 5, 1, 10)}, utc(2026, 5, 1, 18)),
        ({"start": None}, None),
        # A whole day ends with its local day, however its end is written.
        ({"start": local("Europe/Berlin", 2026, 5, 1), "all_day": True}, local("Europe/Berlin", 2026, 5, 2)),
        (
            {
                "start": local("Europe/Berlin", 2026, 5, 1),
                "ends_at": local("Europe/Berlin", 2026, 5, 3),
                "all_day": True,
            },
            local("Europe/Berlin", 2026, 5, 3),
        ),
        (
            {
                "start": local("Europe/Berlin", 2026, 5, 1),
                "ends_at": local("Europe/Berlin", 2026, 5, 2, 23, 59),
                "all_day": True,
            },
            local("Europe/Berlin", 2026, 5, 3),
        ),
        # Days of 23 and of 25 hours.
        (
            {"start": local("Europe/Berlin", 2026, 3, 29), "all_day": True},
            local("Europe/Berlin", 2026, 3, 29) + 23 * HOUR,
        ),
        (
            {"start": local("Europe/Berlin", 2026, 10, 25), "all_day": True},
            local("Europe/Berlin", 2026, 10, 25) + 25 * HOUR,
        ),
        # Whole days of the publication's calendar.
        (
            {
                "start": utc(2026, 5, 1),
                "ends_at": utc(2026, 5, 2),
                "all_day": True,
                "floating": True,
                "timezone": None,
            },
            local("Europe/Berlin", 2026, 5, 2),
        ),
    ],
)
def test_the_moment_from_which_an_event_is_over(facts, end):
    facts = {"timezone": "Europe/Berlin", **facts}
    talk = event(facts.pop("start"), **facts)
    assert ends(talk, "Europe/Berlin") == end
    if end is not None:
        assert not is_over(talk, now=end - timedelta(seconds=1), timezone="Europe/Berlin")
        assert is_over(talk, now=end, timezone="Europe/Berlin")


def test_a_day_that_begins_at_one_because_the_clock_skips_midnight_still_ends_the_day_before():
    start, end = local("Africa/Cairo", 2026, 4, 23), local("Africa/Cairo", 2026, 4, 24, 1)
    holiday = event(start, ends_at=end, all_day=True, timezone="Africa/Cairo")
    assert last_day(holiday, "UTC") == date(2026, 4, 23)
    assert ends(holiday, "UTC") == end


def test_an_event_without_a_date_is_never_over():
    assert not is_over(event(None), now=utc(2999, 1, 1), timezone="UTC")
    assert last_day(event(None), "UTC") is None


SERIES = event(
    NOW - 7 * DAY,
    ends_at=NOW - 7 * DAY + HOUR,
    dates=tuple(Occurrence(starts_at=NOW + n * 7 * DAY, ends_at=NOW + n * 7 * DAY + HOUR) for n in (2, 0, 1)),
)


def test_a_series_stands_on_its_next_date_and_keeps_those_after_it():
    moved = as_of(SERIES, now=NOW + HOUR, timezone="UTC")
    assert (moved.starts_at, moved.ends_at) == (NOW + 7 * DAY, NOW + 7 * DAY + HOUR)
    assert [one.starts_at for one in moved.dates] == [NOW + 14 * DAY]


def test_a_date_under_way_is_the_next_one():
    moved = as_of(SERIES, now=NOW + timedelta(minutes=30), timezone="UTC")
    assert moved.starts_at == NOW
    assert at(SERIES, NOW + timedelta(minutes=30)) is Standing.TODAY


def test_a_series_is_over_with_its_last_date():
    last = NOW + 14 * DAY + HOUR
    assert ends(SERIES, "UTC") == last
    assert not is_over(SERIES, now=last - HOUR / 2, timezone="UTC")
    assert is_over(SERIES, now=last, timezone="UTC")
    assert as_of(SERIES, now=last, timezone="UTC").starts_at == NOW + 14 * DAY
    assert at(SERIES, last) is Standing.PAST


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, Standing.OPEN),
        ({"start": NOW + 2 * DAY}, Standing.LAST_DAYS),
        ({"start": NOW + 3 * DAY}, Standing.LAST_DAYS),
        ({"start": NOW + 3 * DAY + HOUR}, Standing.OPEN),
        ({"closes_at": NOW + DAY}, Standing.LAST_DAYS),
        ({"closes_at": NOW}, Standing.CLOSED),
        ({"closes_at": NOW - DAY, "opens_at": NOW + DAY}, Standing.CLOSED),
        ({"opens_at": NOW + DAY}, Standing.OPENS_SOON),
        ({"opens_at": NOW}, Standing.OPEN),
        ({"start": NOW + 3 * HOUR}, Standing.TODAY),
        ({"start": NOW - DAY, "ends_at": NOW + DAY}, Standing.TODAY),
        ({"full": True}, Standing.FULL),
        ({"full": True, "closes_at": NOW - DAY}, Standing.FULL),
        ({"full": True, "start": NOW - DAY}, Standing.PAST),
        ({"start": NOW - DAY}, Standing.PAST),
        ({"start": None}, Standing.UNDATED),
        ({"status": EventStatus.CANCELLED, "start": NOW - DAY}, Standing.CANCELLED),
        ({"status": EventStatus.CANCELLED, "full": True}, Standing.CANCELLED),
        ({"status": EventStatus.POSTPONED, "start": None}, Standing.POSTPONED),
        ({"closes_at": NOW - DAY, "start": NOW + HOUR}, Standing.CLOSED),
    ],
)
def test_what_a_reader_can_do_now(facts, expected):
    start = facts.pop("start", NOW + 10 * DAY)
    assert at(event(start, **facts)) is expected


def test_today_is_the_day_of_the_event_where_it_is():
    tokyo = event(local("Asia/Tokyo", 2026, 11, 20, 8), timezone="Asia/Tokyo")
    assert at(tokyo, local("Asia/Tokyo", 2026, 11, 20, 0, 5)) is Standing.TODAY
    assert at(tokyo, local("Asia/Tokyo", 2026, 11, 19, 23, 55)) is Standing.LAST_DAYS


def test_only_an_open_event_invites_to_register():
    assert {one for one in Standing if may_register(one)} == {
        Standing.OPEN,
        Standing.LAST_DAYS,
        Standing.TODAY,
    }


def test_the_first_and_the_last_day_there_are_trip_nothing():
    for start in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        for facts in ({"all_day": True}, {"floating": True}, {"all_day": True, "floating": True}):
            for zone in ZONES:
                talk = event(start, **facts)
                assert at(talk, timezone=zone) is not Standing.UNDATED
                assert ends(talk, zone) is not None


moments = st.datetimes(
    min_value=datetime(2020, 1, 1), max_value=datetime(2032, 1, 1), timezones=st.just(UTC)
).map(lambda moment: moment.replace(microsecond=0))
lengths = st.none() | st.integers(-48, 24 * 9).map(lambda hours: timedelta(hours=hours))


@st.composite
def events(draw: st.DrawFn) -> Event:
    def occurrence() -> Occurrence:
        start, length = draw(moments), draw(lengths)
        return Occurrence(starts_at=start, ends_at=start + length if length is not None else None)

    first = occurrence()
    return event(
        first.starts_at,
        ends_at=first.ends_at,
        dates=tuple(occurrence() for _ in range(draw(st.integers(0, 4)))),
        all_day=draw(st.booleans()),
        floating=draw(st.booleans()),
        timezone=draw(st.none() | st.sampled_from(ZONES)),
        closes_at=draw(st.none() | moments),
        full=draw(st.booleans()),
    )


@given(events(), moments, st.sampled_from(ZONES))
def test_past_means_that_every_date_is_over_and_nothing_past_invites(talk, now, zone):
    over = is_over(talk, now=now, timezone=zone)
    stands = at(talk, now, zone)
    assert over == (stands is Standing.PAST)
    assert not (over and may_register(stands))


@given(events(), moments, st.sampled_from(ZONES))
def test_moving_a_series_on_loses_no_date_that_is_to_come(talk, now, zone):
    moved = as_of(talk, now=now, timezone=zone)
    assert moved == as_of(moved, now=now, timezone=zone)
    assert ends(moved, zone) == ends(talk, zone) or is_over(talk, now=now, timezone=zone)
    starts = _starts(moved)
    assert starts == sorted(set(starts))
    ahead = {s for s in _starts(grounded(talk, zone)) if s > now}
    assert ahead <= set(starts)


@given(events(), st.sampled_from(ZONES))
def test_an_end_is_never_before_the_start_and_a_whole_day_ends_at_a_local_midnight(talk, zone):
    real = grounded(talk, zone)
    end = ends(talk, zone)
    assert end >= real.starts_at
    if talk.all_day:
        last = end.astimezone(zone_of(real, zone))
        assert last.date() > (end - timedelta(seconds=1)).astimezone(zone_of(real, zone)).date()


def _starts(talk: Event) -> list[datetime]:
    return [s for s in (talk.starts_at, *(one.starts_at for one in talk.dates)) if s is not None]
