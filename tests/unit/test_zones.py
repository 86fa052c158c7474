"""What calendars and sites call a zone, and the one name we know it by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from babel.core import get_global
from hypothesis import given
from hypothesis import strategies as st

from digest.posts.zones import fixed, offset, zone_name


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("America/New_York", "America/New_York"),
        ("america/new_york", "America/New_York"),
        ("EUROPE/KYIV", "Europe/Kyiv"),
        ("America/New York", "America/New_York"),
        ("US/Eastern", "US/Eastern"),
        ("Etc/GMT+4", "Etc/GMT+4"),
        ("UTC", "UTC"),
        ("Z", "UTC"),
        ("Etc/UTC", "UTC"),
        ("Zulu", "UTC"),
        ("GMT", "GMT"),
        ("  Europe/Paris\r\n", "Europe/Paris"),
        ('"Europe/Paris"', "Europe/Paris"),
        ("'Europe/Paris'", "Europe/Paris"),
        ("UTC-4", "Etc/GMT+4"),
        ("UTC\u22124", "Etc/GMT+4"),
        ("utc+0", "UTC"),
        ("UTC+00:00", "UTC"),
        ("GMT+2", "Etc/GMT-2"),
        ("GMT+0200", "Etc/GMT-2"),
        ("+02:00", "Etc/GMT-2"),
        ("UTC+14", "Etc/GMT-14"),
        ("UTC-12", "Etc/GMT+12"),
        ("Eastern Standard Time", "America/New_York"),
        ("eastern standard time", "America/New_York"),
        ("Eastern Standard Time 1", "America/New_York"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("UTC-11", "Etc/GMT+11"),
        ("/mozilla.org/20050126_1/America/New_York", "America/New_York"),
        ("/mozilla.org/20070129_1/America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("/freeassociation.sourceforge.net/Europe/London", "Europe/London"),
        ("/freeassociation.sourceforge.net/Tzfile/Europe/London", "Europe/London"),
        ("mozilla.org/20050126_1/Europe/Rome", "Europe/Rome"),
        ("/Europe/Rome", "Europe/Rome"),
        ("/example.org/W. Europe Standard Time", "Europe/Berlin"),
        ("tzone://Microsoft/Utc", "UTC"),
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Amsterdam"),
        ("(UTC) Dublin, Edinburgh, Lisbon, London", "Europe/Dublin"),
        ("(UTC+04:00) Abu Dhabi, Muscat", "Asia/Muscat"),
        ("(UTC-07:00) Chihuahua, La Paz, Mazatlan", "America/Mazatlan"),
        ("(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi", "Asia/Kolkata"),
        ("(UTC-05:00) Eastern Time (US & Canada)", "America/New_York"),
        ("(GMT-05.00) Eastern Time (US & Canada)", "America/New_York"),
        ("Eastern Time (US & Canada)", "America/New_York"),
        ("(UTC) Coordinated Universal Time", "UTC"),
    ],
)
def test_a_zone_is_known_by_every_name_it_goes_by(raw, name):
    assert zone_name(raw) == name


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "",
        " ",
        "/",
        "//",
        "Customized Time Zone",
        "tzone://Microsoft/Custom",
        "Europe",
        "Europe/",
        "Europe/Atlantis",
        "+05:30",
        "UTC+5.5",
        "UTC+5.75",
        "UTC+15",
        "UTC-13",
        "UTC+99",
        "UTC+٣",
        "localtime",
        "Factory",
        "/etc/localtime",
        "../../etc/passwd",
        "/x.org/../Europe/London",
        "..\\Europe\\London",
        "Europe/London\0",
        "Europe/London\nX",
        "x" * 100_000,
        "/" * 100_000,
        "EDT",
        "(UTC-05:00) Berlin",
        "(UTC+01:00) ",
        7,
    ],
)
def test_what_is_no_zone_or_in_doubt_is_none(raw):
    assert zone_name(raw) is None


@pytest.mark.parametrize(
    ("raw", "minutes"),
    [
        ("UTC+5.5", 330),
        ("UTC+5.75", 345),
        ("+05:30", 330),
        ("+0545", 345),
        ("GMT-05.00", -300),
        ("GMT+05.30", 330),
        ("-3:30", -210),
        ("UTC", None),
        ("+05:99", None),
        ("UTC+5.", None),
        ("+15", None),
    ],
)
def test_an_offset_is_read_in_each_spelling(raw, minutes):
    assert offset(raw) == (None if minutes is None else timedelta(minutes=minutes))


@given(st.integers(-12, 14))
def test_a_fixed_zone_is_as_far_from_utc_as_it_says(hours):
    name = fixed(timedelta(hours=hours)) or ""
    moment = datetime(2024, 7, 1, tzinfo=UTC).astimezone(ZoneInfo(name))
    assert moment.utcoffset() == timedelta(hours=hours)
    assert zone_name(f"UTC{hours:+d}") == name


@pytest.mark.parametrize("minutes", [30, -30, 345, 15 * 60, -13 * 60])
def test_there_is_no_fixed_zone_for_other_offsets(minutes):
    assert fixed(timedelta(minutes=minutes)) is None


@given(st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})), st.randoms())
def test_every_iana_name_in_any_case_means_the_same_time(name, random):
    shaken = "".join(random.choice((c.upper(), c.lower())) for c in name)
    moment = datetime(2024, 7, 1, tzinfo=UTC)
    assert (
        moment.astimezone(ZoneInfo(zone_name(shaken) or "")).utcoffset()
        == moment.astimezone(ZoneInfo(name)).utcoffset()
    )


def test_every_windows_name_is_known():
    assert [name for name in get_global("windows_zone_mapping") if zone_name(name) is None] == []


@given(st.text(max_size=250) | st.text(alphabet="UTCGM+-0123456789:./()", max_size=30))
def test_any_text_is_a_known_zone_or_none(text):
    name = zone_name(text)
    assert name is None or ZoneInfo(name).key == name
