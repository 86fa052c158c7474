"""Links into calendars on the web, taken apart again: the same moment, words and place, and never too long."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.messages.calendar import google_link, outlook_link
from digest.posts.model import CallToAction, CtaKind, Event, EventStatus

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PAGE = "https://www.example.org/walk?a=1&b=2"
LINKS = [google_link, outlook_link]


def event(**facts) -> Event:
    return Event(**{"uid": "1", "title": "Creek walk", "starts_at": NOON, "key": "c0ffee", **facts})


def asked(link: str) -> dict[str, str]:
    """The parameters, as the service decodes them; a plus sign would stay one at Outlook's."""
    assert "+" not in link
    query = parse_qs(urlsplit(link).query, strict_parsing=True)
    assert all(len(values) == 1 for values in query.values())
    return {name: values[0] for name, values in query.items()}


def google(
    told: Event, *, title: str = "Creek walk", url: str = PAGE, timezone: str = "Europe/London"
) -> dict[str, str]:
    link = google_link(told, title=title, url=url, timezone=timezone)
    assert link.startswith("https://calendar.google.com/calendar/render?")
    query = asked(link)
    assert query["action"] == "TEMPLATE"
    return query


def outlook(
    told: Event, *, title: str = "Creek walk", url: str = PAGE, timezone: str = "Europe/London"
) -> dict[str, str]:
    link = outlook_link(told, title=title, url=url, timezone=timezone)
    assert link.startswith("https://outlook.live.com/calendar/0/deeplink/compose?")
    query = asked(link)
    assert (query["path"], query["rru"]) == ("/calendar/action/compose", "addevent")
    return query


def spans(told: Event, timezone: str = "Europe/London") -> tuple[datetime, datetime]:
    """Start and end of a timed event; both links have to agree."""
    start, end = (
        datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        for at in google(told, timezone=timezone)["dates"].split("/")
    )
    again = outlook(told, timezone=timezone)
    assert again["allday"] == "false"
    assert (datetime.fromisoformat(again["startdt"]), datetime.fromisoformat(again["enddt"])) == (start, end)
    return start, end


def days(told: Event, timezone: str = "Europe/London") -> tuple[date, date]:
    start, end = (
        datetime.strptime(day, "%Y%m%d").date() for day in google(told, timezone=timezone)["dates"].split("/")
    )
    again = outlook(told, timezone=timezone)
    assert again["allday"] == "true"
    assert (date.fromisoformat(again["startdt"]), date.fromisoformat(again["enddt"])) == (start, end)
    return start, end


@pytest.mark.parametrize("zone", ["Europe/London", "America/New_York", "Asia/Kathmandu", None])
@pytest.mark.parametrize(
    "start", [NOON, datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)]
)
def test_both_links_lead_to_the_same_moment(zone, start):
    assert spans(event(starts_at=start, ends_at=start + 2 * HOUR, timezone=zone)) == (start, start + 2 * HOUR)


def test_only_here_an_unknown_end_is_an_hour_after_the_start():
    assert spans(event()) == (NOON, NOON + HOUR)


def test_a_floating_time_is_on_the_clock_of_the_publication():
    floating = event(starts_at=datetime(2026, 7, 1, 19, tzinfo=UTC), floating=True)
    start, _ = spans(floating, timezone="America/New_York")
    assert start == datetime(2026, 7, 1, 23, tzinfo=UTC)
    assert google(floating, timezone="America/New_York")["ctz"] == "America/New_York"


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", "Europe/London"])
def test_an_all_day_event_has_days_and_an_exclusive_end(zone):
    start, end = (datetime(2026, 11, day, tzinfo=ZoneInfo(zone)).astimezone(UTC) for day in (24, 26))
    assert days(event(starts_at=start, ends_at=end, all_day=True, timezone=zone)) == (
        date(2026, 11, 24),
        date(2026, 11, 26),
    )
    assert days(event(starts_at=start, all_day=True, timezone=zone)) == (
        date(2026, 11, 24),
        date(2026, 11, 25),
    )
    floating = event(starts_at=datetime(2026, 11, 24, tzinfo=UTC), all_day=True, floating=True)
    assert days(floating, timezone=zone) == (date(2026, 11, 24), date(2026, 11, 25))


def test_words_and_links_arrive_as_they_are():
    told = event(
        place="Town Hall, 1 High St & Co + more #2", register_url="https://tickets.example.org/?e=1&f=ü"
    )
    title = "Soil & water: 100% fun + more? #1"
    first, second = google(told, title=title), outlook(told, title=title)
    assert first["text"] == second["subject"] == title
    assert first["location"] == second["location"] == "Town Hall, 1 High St & Co + more #2"
    assert first["details"] == second["body"] == f"{PAGE}\nhttps://tickets.example.org/?e=1&f=%C3%BC"


def test_an_online_event_is_where_one_joins():
    cta = CallToAction(url="https://meet.example.org/1", kind=CtaKind.JOIN)
    assert google(event(online=True, cta=cta))["location"] == "https://meet.example.org/1"
    assert outlook(event(online=True))["location"] == PAGE


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("facts", [{"full": True}, {"status": EventStatus.CANCELLED}])
def test_nobody_is_sent_to_register_where_nobody_can(link, facts):
    told = event(register_url="https://tickets.example.org/1", **facts)
    assert "tickets" not in link(told, title="Walk", url=PAGE, timezone="UTC")


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("start", [None, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
def test_without_a_date_there_is_no_link(link, start):
    assert link(event(starts_at=start), title="Walk", url=PAGE, timezone="Europe/London") == ""


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "", "https://www.example.org/\r\nx", "data:text/html,x"]
)
def test_only_web_addresses_are_passed_on(link, url):
    found = asked(link(event(online=True), title="Walk", url=url, timezone="UTC"))
    assert all(
        part.startswith("https://")
        for name in ("details", "body", "location")
        for part in found.get(name, "").split()
    )


def test_an_address_is_left_out_rather_than_cut():
    long = "https://www.example.org/" + "a" * 1_400
    assert "details" not in google(event(), url=long)
    assert google(event(register_url=long))["details"] == PAGE


NASTY = st.text(st.characters(codec=None), max_size=300) | st.sampled_from(
    ["x" * 1_000_000, "👩‍👩‍👧‍👦" * 100, "語" * 400, "a\r\nb", "\ud800\x00\u202e", "a&b=c#d?e%26"]
)


@pytest.mark.parametrize("link", LINKS)
@given(title=NASTY, place=NASTY, url=NASTY, register=NASTY, online=st.booleans(), all_day=st.booleans())
def test_whatever_the_words_hold_the_link_is_one_and_short(
    link, title, place, url, register, online, all_day
):
    told = event(place=place, register_url=register, online=online, all_day=all_day)
    found = link(told, title=title, url="https://www.example.org/" + url, timezone="Europe/London")
    assert len(found) < 1_500
    assert found.isascii()
    assert found.isprintable()
    assert not set(found) & set(" \"'<>#")
    query = asked(found)
    assert set(query) <= {
        *("action", "text", "dates", "ctz", "details", "location"),
        *("path", "rru", "subject", "startdt", "enddt", "allday", "body"),
    }
    assert query.get("dates", query.get("startdt", "")).startswith(("20261124", "2026-11-24"))
