"""When editions are cut and sent, on every clock that misbehaves."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger
from hypothesis import given
from hypothesis import strategies as st

from digest.editions.cadence import Cadence, CadenceError, upcoming

PARIS = ZoneInfo("Europe/Paris")
ZONES = ("Europe/Paris", "Europe/London", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC")
HALF_PAST_TWO = Cadence.parse("daily 02:30")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


# --- the clock changes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "cadence", "day", "at"),
    [
        ("Europe/Paris", "daily 02:30", "2026-03-29", "2026-03-29T01:00"),
        ("Europe/Paris", "daily 02:30", "2027-03-28", "2027-03-28T01:00"),
        ("Europe/London", "daily 01:30", "2026-03-29", "2026-03-29T01:00"),
        ("Europe/London", "daily 01:00", "2027-03-28", "2027-03-28T01:00"),
        ("America/New_York", "daily 02:30", "2026-03-08", "2026-03-08T07:00"),
        ("America/New_York", "daily 02:59", "2027-03-14", "2027-03-14T07:00"),
        ("Australia/Lord_Howe", "daily 02:15", "2026-10-04", "2026-10-03T15:30"),
        ("Australia/Lord_Howe", "daily 02:15", "2027-10-03", "2027-10-02T15:30"),
    ],
)
def test_an_hour_that_spring_skips_becomes_the_first_moment_after_the_gap(zone, cadence, day, at):
    slot = Cadence.parse(cadence).next_after(local(day, zone) - timedelta(hours=3), ZoneInfo(zone))
    assert slot.date == date.fromisoformat(day)
    assert slot.at == utc(at)


@pytest.mark.parametrize(
    ("zone", "cadence", "day", "first"),
    [
        ("Europe/Paris", "daily 02:30", "2026-10-25", "2026-10-25T00:30"),
        ("Europe/Paris", "daily 02:30", "2027-10-31", "2027-10-31T00:30"),
        ("Europe/London", "daily 01:30", "2026-10-25", "2026-10-25T00:30"),
        ("Europe/London", "daily 01:30", "2027-10-31", "2027-10-31T00:30"),
        ("America/New_York", "daily 01:30", "2026-11-01", "2026-11-01T05:30"),
        ("America/New_York", "daily 01:30", "2027-11-07", "2027-11-07T05:30"),
        ("Australia/Lord_Howe", "daily 01:45", "2026-04-05", "2026-04-04T14:45"),
        ("Australia/Lord_Howe", "daily 01:45", "2027-04-04", "2027-04-03T14:45"),
    ],
)
def test_an_hour_that_autumn_repeats_counts_once_and_the_first_time(zone, cadence, day, first):
    parsed, where = Cadence.parse(cadence), ZoneInfo(zone)
    slot = parsed.next_after(local(day, zone) - timedelta(hours=3), where)
    assert (slot.date, slot.at) == (date.fromisoformat(day), utc(first))
    assert parsed.next_after(slot.at, where).date == slot.date + timedelta(days=1)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("year", [2026, 2027])
def test_nine_in_the_morning_stays_nine_in_the_morning_all_year(zone, year):
    cadence, where = Cadence.parse("thu 09:00"), ZoneInfo(zone)
    moment, seen = datetime(year, 1, 1, tzinfo=UTC), 0
    while (slot := cadence.next_after(moment, where)).at.year == year:
        assert f"{slot.at.astimezone(where):%a %H:%M}" == "Thu 09:00"
        moment, seen = slot.at, seen + 1
    assert seen in {52, 53}


def test_a_zone_with_a_quarter_hour_in_its_offset_is_kept_to_the_minute():
    slot = Cadence.parse("wed 15:00").next_after(utc("2026-11-22T00:00"), ZoneInfo("Asia/Kathmandu"))
    assert slot.at == utc("2026-11-25T09:15")


def test_a_day_that_a_country_skipped_still_ends_in_a_moment():
    apia = ZoneInfo("Pacific/Apia")
    slot = Cadence.parse("daily 09:00").next_after(local("2011-12-29T09:00", "Pacific/Apia"), apia)
    assert slot.date == date(2011, 12, 30)
    assert slot.at == local("2011-12-31T00:00", "Pacific/Apia").astimezone(UTC)


def test_the_year_ends_without_a_missed_or_doubled_week():
    moment, dates = utc("2026-12-20T00:00"), []
    for _ in range(3):
        slot = Cadence.parse("thu 09:00").next_after(moment, PARIS)
        dates.append(slot.date.isoformat())
        moment = slot.at
    assert dates == ["2026-12-24", "2026-12-31", "2027-01-07"]


def test_the_moment_itself_is_not_after_itself():
    slot = HALF_PAST_TWO.next_after(utc("2026-06-01T00:30"), PARIS)
    assert slot.at == utc("2026-06-02T00:30")
    assert HALF_PAST_TWO.last_until(slot.at, PARIS) == slot
    assert HALF_PAST_TWO.last_until(slot.at - timedelta(seconds=1), PARIS).date == date(2026, 6, 1)


def test_a_naive_moment_is_refused():
    with pytest.raises(ValueError, match="naive"):
        HALF_PAST_TWO.next_after(datetime(2026, 1, 1), PARIS)


# --- words and cron -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "weekdays"),
    [
        ("wed 15:00", {2}),
        ("Wednesday 15:00", {2}),
        ("MON,thu 09:30", {0, 3}),
        ("mon-fri 8:00", {0, 1, 2, 3, 4}),
        ("fri-mon 08:00", {4, 5, 6, 0}),
        ("daily 08:00", set(range(7))),
        ("0 15 * * 0", {6}),
        ("0 15 * * 7", {6}),
        ("0 15 * * 1", {0}),
        ("0 15 * * 1-5", {0, 1, 2, 3, 4}),
        ("0 15 * * 5-7", {4, 5, 6}),
        ("0 15 * * 0-7", set(range(7))),
        ("0 15 * * mon,WED,Friday", {0, 2, 4}),
        ("0 15 * * */2", {6, 1, 3, 5}),
        ("0 15 * * 1-5/2", {0, 2, 4}),
        ("0 15 * * sun-tue", {6, 0, 1}),
    ],
)
def test_weekdays_are_read_as_people_and_crontab_write_them(text, weekdays):
    assert Cadence.parse(text).weekdays == weekdays


def test_a_cron_expression_restricts_days_and_months():
    cadence = Cadence.parse("30 9 1-15/7,28 jan,6-8 *")
    assert (cadence.hour, cadence.minute) == (9, 30)
    assert cadence.days == {1, 8, 15, 28}
    assert cadence.months == {1, 6, 7, 8}


def test_day_of_month_and_weekday_together_mean_either_as_in_crontab():
    cadence = Cadence.parse("0 9 13 * fri")
    moment, days = utc("2026-02-01T00:00"), []
    for _ in range(5):
        slot = cadence.next_after(moment, ZoneInfo("UTC"))
        days.append(slot.date.day)
        moment = slot.at
    assert days == [6, 13, 20, 27, 6]
    assert Cadence.parse("0 9 13 3 sat").next_after(utc("2026-03-01T00:00"), PARIS).date == date(2026, 3, 7)


def test_days_of_the_month_may_be_said_in_words():
    cadence = Cadence.parse("1st,15th 09:00")
    assert cadence.days == {1, 15}
    assert cadence.next_after(utc("2026-11-22T00:00"), PARIS).date == date(2026, 12, 1)


def test_a_leap_day_comes_however_long_it_takes():
    cadence = Cadence.parse("0 9 29 2 *")
    assert cadence.next_after(utc("2096-03-01T00:00"), PARIS).date == date(2104, 2, 29)
    assert cadence.last_until(utc("2103-03-01T00:00"), PARIS).date == date(2096, 2, 29)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "wed",
        "wed 25:00",
        "wed 12:60",
        "wed 12",
        "wed 12:00:00",
        "xyz 12:00",
        "mon- 12:00",
        "mon,,tue 12:00",
        "32nd 12:00",
        "0th 12:00",
        "every wed 12:00",
        "*/5 9 * * *",
        "0 9,10 * * *",
        "60 9 * * *",
        "0 24 * * *",
        "0 9 0 * *",
        "0 9 32 * *",
        "0 9 * 13 *",
        "0 9 * * 8",
        "0 9 15-1 * *",
        "0 9 */0 * *",
        "0 9 3/2 * *",
        "0 9 30 feb *",
        "0 9 31 4,6,9,11 *",
        "0 9 * *",
        "0 9 * * * *",
        "@weekly",
        "٣ 9 * * *",
        "wed ١٢:٠٠",
    ],
)
def test_anything_else_is_refused_with_what_was_expected(text):
    with pytest.raises(CadenceError, match="expected"):
        Cadence.parse(text)


@pytest.mark.parametrize(
    "text",
    ["wed 15:00", "mon-fri 08:05", "0 7 * * 1", "0 7 * * 0", "0 9 1,15 * *", "0 9 13 * fri", "daily 00:00"],
)
def test_the_scheduler_fires_at_every_moment_of_the_cadence(text):
    cadence = Cadence.parse(text)
    trigger = CronTrigger(**cadence.cron_fields(), timezone=PARIS)
    moment = utc("2026-02-10T00:00")
    for _ in range(20):
        slot = cadence.next_after(moment, PARIS)
        assert trigger.get_next_fire_time(None, slot.at - timedelta(seconds=30)) == slot.at
        moment = slot.at


# --- cut-off and send -----------------------------------------------------------------------------------------


def test_every_send_has_the_last_cut_off_before_it():
    cut_off, send = Cadence.parse("wed 15:00"), Cadence.parse("thu 09:00")
    first, second = upcoming(cut_off, send, PARIS, after=utc("2026-03-20T00:00"), count=2)
    assert (first.slot, first.cut_at, first.send_at) == (
        date(2026, 3, 26),
        utc("2026-03-25T14:00"),
        utc("2026-03-26T08:00"),
    )
    assert (second.cut_at, second.send_at) == (utc("2026-04-01T13:00"), utc("2026-04-02T07:00"))


def test_after_the_cut_off_the_coming_send_is_still_the_one_just_cut():
    cut_off, send = Cadence.parse("wed 15:00"), Cadence.parse("thu 09:00")
    assert upcoming(cut_off, send, PARIS, after=utc("2026-03-25T20:00"))[0].slot == date(2026, 3, 26)
    assert upcoming(cut_off, send, PARIS, after=utc("2026-03-26T08:00"))[0].slot == date(2026, 4, 2)


def test_a_cut_off_at_the_time_of_the_send_belongs_to_it():
    at_nine = Cadence.parse("thu 09:00")
    (window,) = upcoming(at_nine, at_nine, PARIS, after=utc("2026-03-25T20:00"))
    assert window.cut_at == window.send_at


# --- properties -----------------------------------------------------------------------------------------------

cadences = st.builds(
    "{} {:02d}:{:02d}".format,
    st.sampled_from(["daily", "mon", "wed", "sat-sun", "mon,thu", "1st", "31st"]),
    st.integers(0, 23),
    st.integers(0, 59),
).map(Cadence.parse)
zones = st.sampled_from([*ZONES, "Pacific/Apia", "Africa/Casablanca", "America/St_Johns"]).map(ZoneInfo)
moments = st.datetimes(datetime(2010, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))


@given(cadence=cadences, zone=zones, moment=moments)
def test_the_next_moment_is_later_and_nothing_of_the_cadence_lies_between(cadence, zone, moment):
    slot = cadence.next_after(moment, zone)
    assert slot.at > moment
    assert cadence.last_until(slot.at, zone).at == slot.at
    assert cadence.last_until(slot.at - timedelta(microseconds=1), zone).at <= moment


@given(cadence=cadences, zone=zones, moment=moments)
def test_the_dates_rise_one_by_one(cadence, zone, moment):
    dates = []
    for _ in range(6):
        slot = cadence.next_after(moment, zone)
        dates.append(slot.date)
        moment = slot.at
    assert dates == sorted(set(dates))


@given(cadence=cadences, zone=zones, moment=moments)
def test_where_the_hour_exists_it_is_the_hour_that_was_asked_for(cadence, zone, moment):
    slot = cadence.next_after(moment, zone)
    shown = slot.at.astimezone(zone)
    asked = shown.replace(hour=cadence.hour, minute=cadence.minute, fold=0)
    exists = asked.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == asked.replace(tzinfo=None)
    if exists and shown.date() == slot.date:
        assert (shown.hour, shown.minute) == (cadence.hour, cadence.minute)
    else:
        assert shown.replace(tzinfo=None) > datetime.combine(slot.date, asked.time())
