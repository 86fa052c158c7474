"""A reader's month, quarter, week or fortnight begins at midnight where the publication is."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.editions.frequency import FREQUENCIES, period_start

ZONES = st.sampled_from(["UTC", "Europe/London", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"])
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
SLOW = [f for f in FREQUENCIES if f != "every"]


@pytest.mark.parametrize(
    ("frequency", "start"),
    [
        ("weekly", "2026-08-10T00:00:00+01:00"),
        ("fortnightly", "2026-08-03T00:00:00+01:00"),
        ("monthly", "2026-08-01T00:00:00+01:00"),
        ("quarterly", "2026-07-01T00:00:00+01:00"),
    ],
)
def test_a_period_begins_on_its_first_local_day(frequency, start):
    at = datetime(2026, 8, 13, 8, 0, tzinfo=UTC)
    assert period_start(frequency, at, "Europe/London") == datetime.fromisoformat(start)


def test_a_reader_of_every_edition_has_no_period():
    assert period_start("every", datetime(2026, 8, 13, tzinfo=UTC), "UTC") is None


def test_the_month_of_the_publication_counts_and_not_ours():
    at = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
    assert period_start("monthly", at, "Europe/Paris") == datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
    assert period_start("monthly", at, "UTC") == datetime(2026, 11, 1, tzinfo=UTC)


@given(frequency=st.sampled_from(SLOW), at=MOMENTS, zone=ZONES)
def test_a_period_holds_its_moment_and_all_its_moments_have_the_same(frequency, at, zone):
    start = period_start(frequency, at, zone)
    assert start is not None
    assert at - timedelta(days=93) < start <= at
    assert period_start(frequency, start, zone) == start
    before = period_start(frequency, start - timedelta(seconds=1), zone)
    assert before is not None
    assert before < start
    local = start.astimezone(ZoneInfo(zone))
    assert (local.hour, local.minute) == (0, 0)


@given(at=MOMENTS)
def test_a_fortnight_is_two_weeks_also_at_the_turn_of_a_year(at):
    start = period_start("fortnightly", at, "UTC")
    assert start is not None
    assert period_start("fortnightly", start - timedelta(seconds=1), "UTC") == start - timedelta(days=14)
