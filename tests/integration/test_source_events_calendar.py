"""The Events Calendar's REST interface as sites serve it: dates over clock changes, places, series, and every oddity."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from digest.posts import store
from digest.posts.model import CtaKind, Event, EventStatus, Fetched, Memory, Occurrence, SourceSpec
from digest.posts.sources.base import MOST_DATES, SourceError
from digest.posts.sources.discover import discover
from digest.posts.sources.http import Client
from digest.posts.sources.registry import fetch
from tests.served import Answer, Asked, Site, item, rss, serving

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
API = "/wp-json/tribe/events/v1/events"
HALL = {"id": 7, "venue": "Town &amp; Guild Hall", "address": "1 High Street", "city": "Ely", "country": "UK"}
FORM = "%Y-%m-%d %H:%M:%S"


def tec(number: int, **changes: Any) -> dict[str, Any]:
    """One event as the plugin writes it: next Saturday at ten in London, published in January."""
    url = f"https://example.org/event/e{number}/"
    return {
        "id": number,
        "global_id": f"example.org?id={number}",
        "global_id_lineage": [f"example.org?id={number}"],
        "status": "publish",
        "date": "2026-01-05 10:00:00",
        "date_utc": "2026-01-05 10:00:00",
        "modified_utc": "2026-01-06 10:00:00",
        "url": url,
        "title": f"Reeds &#8211; day {number}",
        "description": "<p>Bring boots.</p>",
        "excerpt": "",
        "image": False,
        "all_day": False,
        "start_date": "2026-03-07 10:00:00",
        "end_date": "2026-03-07 12:00:00",
        "utc_start_date": "2026-03-07 10:00:00",
        "utc_end_date": "2026-03-07 12:00:00",
        "timezone": "Europe/London",
        "cost": "",
        "website": url,
        "hide_from_listings": False,
        "featured": False,
        "categories": [],
        "tags": [],
        "venue": [],
        "organizer": [],
        **changes,
    }


def on(day: str, **changes: Any) -> dict[str, Any]:
    """The fields that put an event of two hours at ten in London on `day`."""
    start = datetime.fromisoformat(f"{day} 10:00:00").replace(tzinfo=ZoneInfo("Europe/London"))
    return {**moments(start, start + timedelta(hours=2)), **changes}


def moments(start: datetime, end: datetime) -> dict[str, str]:
    """The plugin's four times for an event between two moments, on the wall where `start` is."""
    return {
        "start_date": start.strftime(FORM),
        "end_date": end.astimezone(start.tzinfo).strftime(FORM),
        "utc_start_date": start.astimezone(UTC).strftime(FORM),
        "utc_end_date": end.astimezone(UTC).strftime(FORM),
    }


@dataclass
class Calendar:
    """What answers as the plugin does: a window, pages, totals in body and headers, and 404 past the end."""

    events: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Answer:
        query = {name: values[0] for name, values in parse_qs(urlsplit(asked.path).query).items()}
        page, size = int(query["page"]), min(int(query["per_page"]), 50)
        shown = sorted(
            (e for e in self.events if query["start_date"] <= e["end_date"] and e["start_date"][:10] <= query["end_date"]),
            key=lambda event: event["start_date"],
        )  # fmt: skip
        found = shown[(page - 1) * size : page * size]
        if not found and page > 1:
            return Answer('{"code": "event-archive-page-not-found"}', status=404)
        pages = -(-len(shown) // size)
        body = {"events": found, "total": len(shown), "total_pages": pages}
        if page < pages:
            body["next_rest_url"] = f"https://example.org{API}?page={page + 1}"
        return Answer(json.dumps(body), headers={"X-TEC-TotalPages": str(pages)})


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as served:
        yield served


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client() as opened:
        yield opened


async def look(
    client: Client, url: str, memory: Memory | None = None, *, limit: int = 500, now: datetime = NOW
) -> Fetched:
    spec = SourceSpec(kind="events-calendar", url=url, allow_private=True, limit=limit)
    return await fetch(spec, client, memory or Memory(), now=now)


async def only(client: Client, site: Site, event: dict[str, Any]) -> Event:
    """What is read of a calendar with one event."""
    site.routes[API] = Answer(json.dumps({"events": [event]}))
    (post,) = (await look(client, site.url)).posts
    assert post.event is not None
    return post.event


def quotes(event: Event) -> dict[str, str]:
    return {one.fact: one.quote for one in event.evidence}


# --- one event whole ---


async def test_an_event_carries_everything_the_calendar_says(client, site):
    picture = {
        "url": "https://example.org/full.jpg",
        "width": 3000,
        "sizes": {
            "thumbnail": {"width": 150, "height": 150, "url": "https://example.org/t.jpg"},
            "medium_large": {"width": 768, "height": 400, "url": "https://example.org/m.jpg"},
        },
    }
    told = tec(
        1,
        title="Reeds &amp; boats &#8211; <em>open</em> day",
        excerpt="<p>Come and plant.</p>",
        venue=HALL,
        image=picture,
        website="https://www.eventbrite.co.uk/e/12?aff=a&amp;amp;reg=1",
        cost="£5 &#8211; £10",
        categories=[{"name": "Q&amp;A"}],
        tags=[{"name": "Rivers"}],
        organizer=[{"organizer": "River Friends"}],
    )
    site.routes[API] = Calendar([told])
    fetched = await look(client, site.url + "/")
    (post,) = fetched.posts
    assert fetched.warnings == ()
    assert (post.title, post.summary, post.body) == (
        "Reeds & boats – open day",
        "Come and plant.",
        "Bring boots.",
    )
    assert (post.url, post.external_id) == ("https://example.org/event/e1/", "example.org?id=1")
    assert (post.published_at, post.updated_at) == (datetime(2026, 1, 5, 10, tzinfo=UTC), datetime(2026, 1, 6, 10, tzinfo=UTC))  # fmt: skip
    assert (post.categories, post.author) == (("Q&A", "Rivers"), "River Friends")
    assert post.image is not None and (post.image.url, post.image.width) == ("https://example.org/m.jpg", 768)
    event = post.event
    assert event is not None and event.cta is not None
    assert (event.title, event.uid) == (post.title, "example.org?id=1")
    assert (event.starts_at, event.ends_at) == (datetime(2026, 3, 7, 10, tzinfo=UTC), datetime(2026, 3, 7, 12, tzinfo=UTC))  # fmt: skip
    assert (event.timezone, event.floating, event.all_day) == ("Europe/London", False, False)
    assert (event.place, event.online) == ("Town & Guild Hall, 1 High Street, Ely", False)
    assert event.register_url == "https://www.eventbrite.co.uk/e/12?aff=a&reg=1" == event.cta.url
    assert (event.cta.kind, event.status, event.dates) == (CtaKind.TICKETS, EventStatus.SCHEDULED, ())
    assert quotes(event) == {
        "kind": "tribe/events/v1/events",
        "starts_at": "2026-03-07 10:00:00 UTC; 2026-03-07 10:00:00 Europe/London",
        "ends_at": "2026-03-07 12:00:00 UTC; 2026-03-07 12:00:00 Europe/London",
        "timezone": "Europe/London",
        "place": "Town & Guild Hall, 1 High Street, Ely",
        "register_url": "https://www.eventbrite.co.uk/e/12?aff=a&reg=1 (£5 – £10)",
        "cta": "https://www.eventbrite.co.uk/e/12?aff=a&reg=1 (£5 – £10)",
    }


# --- times ---

ZONES = {
    "America/New_York": "America/New_York",
    "Europe/London": "Europe/London",
    "Europe/Kyiv": "Europe/Kyiv",
    "Australia/Lord_Howe": "Australia/Lord_Howe",
    "America/St_Johns": "America/St_Johns",
    "Africa/Casablanca": "Africa/Casablanca",
    "Asia/Kathmandu": "Asia/Kathmandu",
    "Pacific/Chatham": "Pacific/Chatham",
    "UTC": "UTC",
    "UTC+0": "UTC",
    "UTC-4": "Etc/GMT+4",
    "UTC+10": "Etc/GMT-10",
    "UTC+5.5": None,
    "": None,
}
# Around the days on which clocks change, on both halves of the earth, and in the years asked for.
DAYS = [
    date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5), date(2026, 9, 27), date(2026, 10, 4), date(2026, 10, 25),
    date(2026, 11, 1), date(2027, 2, 7), date(2027, 3, 14), date(2027, 3, 28), date(2027, 4, 4), date(2027, 9, 26), date(2027, 10, 3), date(2027, 11, 7), date(2028, 2, 28),
]  # fmt: skip


def clock(zone: str) -> ZoneInfo | timezone:
    fixed = {"UTC-4": -4, "UTC+10": 10, "UTC+0": 0, "UTC+5.5": 5.5, "": -3}
    return timezone(timedelta(hours=fixed[zone])) if zone in fixed else ZoneInfo(zone)


def many() -> list[tuple[dict[str, Any], datetime, datetime, str | None]]:
    """Events of every zone on every such day, the hour that comes twice among them, with what is to be read."""
    found = []
    for zone, name in ZONES.items():
        for day in DAYS:
            number = len(found) + 1
            start = datetime(day.year, day.month, day.day, number % 4, 30 * (number % 2), tzinfo=UTC)
            end = start + timedelta(minutes=45 * (1 + number % 40))
            event = tec(number, timezone=zone, title=f"Event {number}", venue={"venue": f"Hall {number % 7}", "city": "Ely"},
                        **moments(start.astimezone(clock(zone)), end))  # fmt: skip
            found.append((event, start, end, name))
    return found


async def test_every_start_end_zone_place_and_status_is_exact_over_clock_changes(client, site):
    told = many()
    words = ["", "canceled", "postponed"]
    for number, (event, *_times) in enumerate(told):
        event["event_status"] = words[number % 3]
    site.routes[API] = Calendar([event for event, *_times in told])
    fetched = await look(client, site.url)
    assert len(fetched.posts) == len(told) == 210 and fetched.warnings == ()
    found = {post.external_id: post for post in fetched.posts}
    statuses = [EventStatus.SCHEDULED, EventStatus.CANCELLED, EventStatus.POSTPONED]
    for number, (event, start, end, zone) in enumerate(told):
        read = found[event["global_id"]].event
        assert read is not None
        assert (read.starts_at, read.ends_at, read.timezone) == (start, end, zone), event
        assert (read.floating, read.all_day, read.online) == (False, False, False)
        assert read.place == f"Hall {(number + 1) % 7}, Ely"
        assert read.status is statuses[number % 3]


async def test_without_times_in_utc_the_wall_and_the_zone_are_as_exact(client, site):
    told = [
        (event, start, end, zone)
        for event, start, end, zone in many()
        if event["timezone"]
        and not any(moment.astimezone(clock(event["timezone"])).fold for moment in (start, end))
    ]
    for event, *_times in told:
        del event["utc_start_date"], event["utc_end_date"]
    site.routes[API] = Calendar([event for event, *_times in told])
    found = {post.external_id: post.event for post in (await look(client, site.url)).posts}
    assert len(found) == len(told) > 140
    for event, start, end, zone in told:
        read = found[event["global_id"]]
        assert read is not None
        assert (read.starts_at, read.ends_at, read.timezone, read.floating) == (start, end, zone, False), (
            event
        )


async def test_a_time_without_any_zone_floats(client, site):
    told = tec(1, timezone="", utc_start_date="", utc_end_date=None)
    event = await only(client, site, told)
    assert (event.starts_at, event.floating, event.timezone) == (
        datetime(2026, 3, 7, 10, tzinfo=UTC),
        True,
        None,
    )
    assert event.ends_at == datetime(2026, 3, 7, 12, tzinfo=UTC)
    assert "timezone" not in quotes(event)


async def test_an_end_that_is_told_on_the_wall_alone_is_as_long_after_the_start(client, site):
    told = tec(1, timezone="", utc_start_date="2026-03-07 15:00:00", utc_end_date="")
    event = await only(client, site, told)
    assert (event.ends_at, event.floating) == (datetime(2026, 3, 7, 17, tzinfo=UTC), False)


async def test_of_two_times_that_disagree_the_one_in_utc_is_taken_and_staff_are_told(client, site):
    told = tec(
        1,
        timezone="America/New_York",
        utc_start_date="2026-03-07 14:00:00",
        utc_end_date="2026-03-07 17:00:00",
    )
    site.routes[API] = Calendar([told])
    fetched = await look(client, site.url)
    event = fetched.posts[0].event
    assert event is not None and event.starts_at == datetime(2026, 3, 7, 14, tzinfo=UTC)
    assert quotes(event)["starts_at"] == "2026-03-07 14:00:00 UTC; 2026-03-07 10:00:00 America/New_York"
    assert "two times that disagree" in fetched.warnings[0]


@pytest.mark.parametrize(
    ("zone", "starts", "ends", "name"),
    [
        ("America/New_York", datetime(2026, 3, 8, 5, tzinfo=UTC), datetime(2026, 3, 9, 4, tzinfo=UTC), "America/New_York"),
        ("UTC-4", datetime(2026, 3, 8, 4, tzinfo=UTC), datetime(2026, 3, 9, 4, tzinfo=UTC), "Etc/GMT+4"),
        ("UTC+5.5", datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC), None),
        ("", datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC), None),
    ],
)  # fmt: skip
async def test_a_whole_day_is_from_one_local_midnight_to_the_next(client, site, zone, starts, ends, name):
    """The day on which New York's clocks go forward has 23 hours."""
    told = tec(
        1, timezone=zone, all_day=True, start_date="2026-03-08 00:00:00", end_date="2026-03-08 23:59:59"
    )
    event = await only(client, site, told)
    assert (event.all_day, event.starts_at, event.ends_at) == (True, starts, ends)
    assert (event.timezone, event.floating) == (name, name is None)


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2026-03-07 00:00:00", "2026-03-09 23:59:59", 3),
        ("2026-03-07 06:00:00", "2026-03-08 05:59:59", 1),  # a site whose day begins at six
        ("2026-03-07 00:00:00", "2026-03-08 00:00:00", 1),
        ("2026-03-07 00:00:00", "2026-03-07 00:00:00", 1),
        ("2026-03-07 00:00:00", "2026-03-07 23:59:00", 1),
        ("2026-03-07 00:00:00", "2026-03-01 23:59:59", 1),
        ("2026-03-07 00:00:00", "", 1),
        ("2026-03-07 00:00:00", "2067-01-01 23:59:59", 1),
    ],
)
async def test_whole_days_end_after_the_last_of_them(client, site, start, end, days):
    event = await only(client, site, tec(1, all_day="yes", timezone="UTC", start_date=start, end_date=end))
    assert (event.starts_at, event.ends_at) == (
        datetime(2026, 3, 7, tzinfo=UTC), datetime(2026, 3, 7, tzinfo=UTC) + timedelta(days=days)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("2067-03-07 12:00:00", "ends in 2067"),
        ("2026-03-07 09:00:00", "ends before it begins"),
        ("2026-03-07 10:00:00", ""),
        ("0000-00-00 00:00:00", ""),
    ],
)
async def test_an_end_that_cannot_be_is_no_end_pitfall_4(client, site, end, said):
    site.routes[API] = Calendar([tec(1, end_date="2026-03-07 12:00:00", utc_end_date=end, timezone="")])
    fetched = await look(client, site.url)
    event = fetched.posts[0].event
    assert event is not None
    assert event.ends_at is None or (end.startswith("0000") and event.ends_at.hour == 12)
    assert [said in warning for warning in fetched.warnings] == ([True] if said else [])


async def test_an_event_far_ahead_is_left_out_and_told_though_the_site_lists_it(client, site):
    far = tec(2, start_date="2067-01-01 10:00:00", utc_start_date="2067-01-01 10:00:00")
    site.routes[API] = Answer(json.dumps({"events": [tec(1), far]}))
    fetched = await look(client, site.url)
    assert len(fetched.posts) == 1 and "is dated 2067" in fetched.warnings[0]


async def test_the_window_is_asked_for_and_kept_where_the_site_heeds_it_not(client, site):
    past = tec(2, **on("2026-02-20"))
    site.routes[API] = Answer(json.dumps({"events": [past, tec(1)]}))
    fetched = await look(client, site.url)
    assert [post.external_id for post in fetched.posts] == ["example.org?id=1"]
    assert "start_date=2026-02-28" in site.paths[0] and "end_date=2028-03-01" in site.paths[0]


@pytest.mark.parametrize(
    "start", ["", "soon", "0000-00-00 00:00:00", "9999-12-31 23:59:59", "0001-01-01", None, 5]
)
async def test_an_event_without_a_date_is_left_out_and_told(client, site, start):
    site.routes[API] = Answer(
        json.dumps({"events": [tec(1, start_date=start, utc_start_date=start), tec(2)]})
    )
    fetched = await look(client, site.url)
    assert len(fetched.posts) == 1 and "has no date that can be read" in fetched.warnings[0]


# --- place, links, status ---


@pytest.mark.parametrize(
    ("venue", "place", "online"),
    [
        ([], "", False),
        ({}, "", False),
        (False, "", False),
        (None, "", False),
        (HALL, "Town & Guild Hall, 1 High Street, Ely", False),
        ([HALL], "Town & Guild Hall, 1 High Street, Ely", False),
        ([{"venue": "North Gate"}, {"venue": "South Gate"}], "North Gate; South Gate", False),
        ({"venue": "Hall, 1 High Street, Ely", "address": "1 High Street", "city": "Ely"}, "Hall, 1 High Street, Ely", False),
        ({"address": "1 High Street", "province": "Cambs"}, "1 High Street, Cambs", False),
        ({"venue": "Online"}, "", True),
        ({"venue": "via Zoom"}, "", True),
        ([{"venue": "Online"}, HALL], "Town & Guild Hall, 1 High Street, Ely", False),
        ({"venue": "<b>Hall</b>\u202e", "city": ["x"]}, "Hall", False),
    ],
)  # fmt: skip
async def test_a_place_is_what_the_venue_says(client, site, venue, place, online):
    event = await only(client, site, tec(1, venue=venue))
    assert (event.place, event.online) == (place, online)
    assert ("place" in quotes(event)) == bool(place) and ("online" in quotes(event)) == online


PERMALINK = "https://example.org/event/e1/"


@pytest.mark.parametrize(
    ("fields", "url", "kind"),
    [
        ({}, None, None),
        ({"website": ""}, None, None),
        ({"website": "http://example.org/event/e1"}, None, None),
        ({"website": "https://festival.example/"}, None, None),
        ({"website": "https://www.youtube.com/watch?v=1"}, None, None),
        ({"website": "javascript:alert(1)"}, None, None),
        ({"website": "mailto:a@example.org"}, None, None),
        ({"website": "https://example.net/f?a=1&#038;copy=2"}, "https://example.net/f?a=1&copy=2", CtaKind.REGISTER),
        ({"website": "www.example.net/form"}, "https://www.example.net/form", CtaKind.REGISTER),
        ({"website": "https://www.eventbrite.com/e/1"}, "https://www.eventbrite.com/e/1", CtaKind.REGISTER),
        ({"website": "https://www.eventbrite.com/e/1", "cost": "Free"}, "https://www.eventbrite.com/e/1", CtaKind.REGISTER),
        ({"website": "https://www.eventbrite.com/e/1", "cost": "$0"}, "https://www.eventbrite.com/e/1", CtaKind.REGISTER),
        ({"website": "https://www.eventbrite.com/e/1", "cost": "$12"}, "https://www.eventbrite.com/e/1", CtaKind.TICKETS),
        ({"website": "https://example.net/form", "cost": "$12"}, "https://example.net/form", CtaKind.REGISTER),
        ({"website": "https://us02web.zoom.us/j/123"}, "https://us02web.zoom.us/j/123", CtaKind.JOIN),
        ({"website": "https://us02web.zoom.us/meeting/register/x"}, "https://us02web.zoom.us/meeting/register/x", CtaKind.REGISTER),
        ({"ticketed": True, "cost": "$12"}, PERMALINK, CtaKind.TICKETS),
        ({"ticketed": True}, PERMALINK, CtaKind.REGISTER),
    ],
)  # fmt: skip
async def test_the_link_to_register_is_the_website_unless_that_is_the_event_itself(
    client, site, fields, url, kind
):
    event = await only(client, site, tec(1, **fields))
    assert event.register_url == url
    assert (event.cta.kind if event.cta else None) == kind
    assert ("register_url" in quotes(event)) == ("cta" in quotes(event)) == (url is not None)


ZOOM = "https://us02web.zoom.us/j/123"


@pytest.mark.parametrize(
    ("fields", "online", "url"),
    [
        ({"is_virtual": True, "virtual_url": ZOOM}, True, ZOOM),
        ({"is_virtual": True, "virtual_url": ZOOM, "virtual_show_embed_to": ["all"]}, True, ZOOM),
        ({"is_virtual": True, "virtual_url": ZOOM, "virtual_show_embed_to": ["logged-in"]}, True, None),
        ({"is_virtual": True, "virtual_url": ZOOM, "virtual_show_embed_to": "rsvp"}, True, None),
        ({"is_virtual": True, "virtual_url": ZOOM, "virtual_show_embed_at": "at-start"}, True, None),
        ({"is_virtual": True, "virtual_url": ZOOM, "website": "https://example.net/form"}, True, "https://example.net/form"),
        ({"is_virtual": False, "virtual_url": ZOOM}, False, None),
        ({"is_virtual": True}, True, None),
        ({"event_status": "moved-online"}, True, None),
    ],
)  # fmt: skip
async def test_a_link_to_join_is_given_only_where_the_site_shows_it_to_all(client, site, fields, online, url):
    event = await only(client, site, tec(1, **fields))
    assert (event.online, event.register_url) == (online, url)


async def test_a_hybrid_event_has_a_place_and_is_online(client, site):
    event = await only(client, site, tec(1, venue=HALL, is_virtual=True, virtual_event_type="hybrid"))
    assert event.place and event.online
    assert quotes(event)["online"] == "is_virtual: true; virtual_event_type: hybrid"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"event_status": "canceled"}, EventStatus.CANCELLED),
        ({"event_status": {"status": "cancelled", "reason": "Rain"}}, EventStatus.CANCELLED),
        ({"event_status": "https://schema.org/EventCancelled"}, EventStatus.CANCELLED),
        ({"status": "canceled"}, EventStatus.CANCELLED),
        ({"canceled_status": "Rain"}, EventStatus.CANCELLED),
        ({"event_status": "postponed"}, EventStatus.POSTPONED),
        ({"postponed_status": True}, EventStatus.POSTPONED),
        ({"postponed_status": "", "canceled_status": False}, EventStatus.SCHEDULED),
        ({"event_status": "scheduled"}, EventStatus.SCHEDULED),
        ({"event_status": ["canceled"]}, EventStatus.SCHEDULED),
    ],
)
async def test_what_became_of_an_event_is_read(client, site, fields, status):
    event = await only(client, site, tec(1, **fields))
    assert event.status is status
    assert ("status" in quotes(event)) == (status is not EventStatus.SCHEDULED)


@pytest.mark.parametrize(
    "hidden",
    [{"hide_from_listings": True}, {"hide_from_listings": "yes"}, {"status": "draft"}, {"status": "private"}, {"status": "future"}],
)  # fmt: skip
async def test_what_the_site_does_not_list_for_all_is_left_out(client, site, hidden):
    site.routes[API] = Calendar([tec(1), tec(2, **hidden)])
    fetched = await look(client, site.url)
    assert [post.external_id for post in fetched.posts] == ["example.org?id=1"] and fetched.warnings == ()


@pytest.mark.parametrize("locked", [{"password_protected": True}, {"password": "x"}, {"description": {"rendered": "", "protected": True}}])  # fmt: skip
async def test_an_event_behind_a_password_is_left_out_and_told(client, site, locked):
    site.routes[API] = Calendar([tec(1), tec(2, **locked)])
    fetched = await look(client, site.url)
    assert len(fetched.posts) == 1 and "“Reeds – day 2” is protected by a password" in fetched.warnings[0]


@pytest.mark.parametrize(
    "odd", [None, 3, "x", [], {}, {"id": 1}, {"id": {}, "title": 4, "start_date": "2026-03-07 10:00:00"}]
)
async def test_an_event_of_any_shape_harms_no_other(client, site, odd):
    twisted = {
        "venue": 1,
        "organizer": "x",
        "tags": 1,
        "categories": {"a": 1},
        "image": [],
        "cost": [],
        "website": 5,
    }
    events = [odd, tec(2), tec(3, title="Odd", timezone={}, **twisted)]
    site.routes[API] = Answer(json.dumps({"events": events}))
    assert {post.title for post in (await look(client, site.url)).posts} == {"Odd", "Reeds – day 2"}


# --- pages ---


async def test_a_calendar_is_read_to_its_last_page_and_no_further(client, site):
    site.routes[API] = Calendar([tec(n, title=f"Event {n}") for n in range(1, 121)])
    fetched = await look(client, site.url)
    assert len(fetched.posts) == 120 and len(site.asked) == 3 and fetched.warnings == ()


async def test_the_nearest_events_are_kept_within_the_limit_and_not_the_newest(client, site):
    first = datetime(2026, 3, 2, tzinfo=UTC)
    days = [(first + timedelta(days=n)).date().isoformat() for n in range(30)]
    site.routes[API] = Calendar(
        [
            tec(n, title=f"Event {n}", date_utc=f"20{n:02}-01-01 00:00:00", **on(day))
            for n, day in enumerate(days)
        ]
    )
    fetched = await look(client, site.url, limit=3)
    assert [post.title for post in fetched.posts] == ["Event 0", "Event 1", "Event 2"]
    assert "the nearest 3 were read" in fetched.warnings[0]


@pytest.mark.parametrize("said", [{"total_pages": 99}, {"next_rest_url": "https://example.org/?page=2"}, {}])
async def test_a_site_that_answers_every_page_with_the_same_events_is_asked_once_more_at_most(
    client, site, said
):
    page = Answer(
        json.dumps({"events": [tec(1), tec(2)], **said}), headers={"X-TEC-TotalPages": "99" if said else "x"}
    )
    site.routes[API] = page
    fetched = await look(client, site.url)
    assert len(fetched.posts) == 2 and len(site.asked) == (2 if said else 1)


async def test_a_page_of_which_nothing_may_be_shown_is_not_the_end(client, site):
    """The plugin leaves out what it may not show, after it has counted."""
    pages = {"1": [tec(1)], "2": [], "3": [tec(3)]}
    site.routes[API] = lambda asked: Answer(
        json.dumps({"events": pages[parse_qs(urlsplit(asked.path).query)["page"][0]], "total_pages": 3})
    )
    assert len((await look(client, site.url)).posts) == 2


async def test_a_calendar_without_end_is_read_as_far_as_is_sensible(client, site):
    def endless(asked: Asked) -> Answer:
        page = int(parse_qs(urlsplit(asked.path).query)["page"][0])
        events = [tec(n, title=f"Event {n}") for n in range(page * 50, page * 50 + 50)]
        return Answer(json.dumps({"events": events, "total_pages": 10**6}))

    site.routes[API] = endless
    fetched = await look(client, site.url)
    assert len(fetched.posts) == 500 and len(site.asked) == 10
    assert "more than 500 events" in fetched.warnings[0]


async def test_a_calendar_of_small_pages_costs_a_bounded_number_of_visits(client, site):
    site.routes[API] = lambda asked: Answer(
        json.dumps(
            {"events": [tec(int(parse_qs(urlsplit(asked.path).query)["page"][0]))], "total_pages": 999}
        )
    )
    await look(client, site.url)
    assert len(site.asked) == 20


async def test_a_page_that_is_gone_is_the_end_and_one_that_fails_fails_the_look(client, site):
    following = [Answer('{"code": "event-archive-page-not-found"}', status=404)]
    site.routes[API] = lambda asked: (
        Answer(json.dumps({"events": [tec(1)], "total_pages": 4}))
        if "page=1&" in asked.path
        else following[0]
    )
    assert len((await look(client, site.url)).posts) == 1
    for broken in (Answer(status=503), Answer("<!doctype html><p>Are you a robot?"), Answer("{}")):
        following[0] = broken
        with pytest.raises(SourceError):
            await look(client, site.url)


async def test_an_empty_calendar_is_no_failure(client, site):
    site.routes[API] = Calendar([])
    assert (await look(client, site.url)).posts == ()


# --- addresses ---


@pytest.mark.parametrize(
    "given", ["", "/", "/events/", "/events", API, API + "/", API + "?per_page=5", "/about/visit/us/"]
)
async def test_the_site_its_calendar_and_its_interface_are_all_addresses_of_it(client, site, given):
    site.routes[API] = Calendar([tec(1)])
    assert len((await look(client, site.url + given)).posts) == 1


async def test_a_site_in_a_folder_is_asked_before_the_one_above_it(client, site):
    site.routes["/chapter" + API] = Calendar([tec(1)])
    site.routes[API] = Calendar([tec(2)])
    for given in ("/chapter/", "/chapter/events/", "/chapter" + API):
        assert (await look(client, site.url + given)).posts[0].external_id == "example.org?id=1"


@pytest.mark.parametrize("given", ["", "/events/", "/?rest_route=/tribe/events/v1/events"])
async def test_plain_permalinks_are_asked_through_rest_route(client, site, given):
    calendar = Calendar([tec(n, title=f"Event {n}") for n in range(60)])
    site.routes["/"] = lambda asked: (
        calendar(asked) if "rest_route=/tribe/events/v1/events&" in asked.path else Answer("<!doctype html>")
    )
    assert len((await look(client, site.url + given)).posts) == 60


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_closed_interface_is_a_sentence_that_says_what_was_expected(client, site, status):
    site.routes["/feed/"] = site.routes["/events/feed/"] = Answer(rss(item(1)))
    for path in (API, "/"):
        site.routes[path] = Answer(status=status)
    with pytest.raises(SourceError) as caught:
        await look(client, site.url + "/events/")
    assert f"({status})" in str(caught.value) and "REST interface of The Events Calendar" in str(caught.value)
    assert str(caught.value).endswith(".") and site.url + API in str(caught.value)
    assert caught.value.status == status
    assert not any("feed" in path for path in site.paths)


async def test_a_bot_wall_is_a_failure_pitfall_20(client, site):
    for path in (API, "/"):
        site.routes[path] = Answer("<!doctype html><title>One moment</title>")
    with pytest.raises(SourceError, match="answered with a web page instead of the events"):
        await look(client, site.url)


async def test_a_site_in_trouble_is_asked_once_and_left_alone(client, site):
    site.routes[API] = Answer(status=503, headers={"Retry-After": "60"})
    with pytest.raises(SourceError) as caught:
        await look(client, site.url)
    assert caught.value.wait_seconds == 60 and len(site.asked) == 1


async def test_a_site_that_moved_is_remembered_by_its_own_address(client, site):
    with serving() as new:
        site.routes[API] = lambda asked: Answer(status=301, headers={"Location": new.url + asked.path})
        new.routes[API] = Calendar([tec(1)])
        assert (await look(client, site.url + "/events/")).permanent_url == new.url


# --- series ---


def night(number: int, day: str, *, dated: bool = True, **changes: Any) -> dict[str, Any]:
    """One night of a weekly series."""
    url = f"https://example.org/event/karaoke/{day}/" if dated else f"https://example.org/event/k{number}/"
    return tec(number, title="Karaoke", url=url, website=url, venue=HALL, **on(day), **changes)


NIGHTS = ["2026-03-03", "2026-03-10", "2026-03-17", "2026-03-24", "2026-03-31", "2026-04-07"]


def london(day: str, hour: int) -> datetime:
    return (
        datetime.fromisoformat(f"{day} {hour}:00").replace(tzinfo=ZoneInfo("Europe/London")).astimezone(UTC)
    )


@pytest.mark.parametrize("dated", [True, False])
async def test_a_series_is_one_post_at_its_next_date_pitfall_31(client, site, dated):
    nights = [night(n, day, dated=dated) for n, day in enumerate(NIGHTS, start=10)]
    site.routes[API] = Calendar([*nights, tec(1)])
    fetched = await look(client, site.url)
    assert [post.title for post in fetched.posts] == ["Karaoke", "Reeds – day 1"]
    post = fetched.posts[0]
    event = post.event
    assert event is not None and post.url == nights[0]["url"]
    assert event.starts_at == london(NIGHTS[0], 10)
    assert event.dates == tuple(
        Occurrence(starts_at=london(d, 10), ends_at=london(d, 12)) for d in NIGHTS[1:]
    )
    assert {one["global_id"] for one in nights} <= {post.external_id, *post.aliases}
    assert event.register_url is None


async def test_a_series_moves_on_to_its_next_date_when_one_has_passed(client, site):
    site.routes[API] = Calendar([night(n, day) for n, day in enumerate(NIGHTS)])
    for now, following in ((london("2026-03-03", 11), 0), (london("2026-03-03", 13), 1)):
        (post,) = (await look(client, site.url, now=now)).posts
        assert post.event is not None and post.event.starts_at == london(NIGHTS[following], 10)
        assert post.event.dates[0].starts_at == london(NIGHTS[following + 1], 10)


async def test_dates_of_a_series_that_are_off_are_not_among_its_dates(client, site):
    nights = [night(n, day, event_status="canceled" if n in {0, 2} else "") for n, day in enumerate(NIGHTS)]
    site.routes[API] = Calendar(nights)
    fetched = await look(client, site.url)
    (post,) = fetched.posts
    event = post.event
    assert event is not None and event.status is EventStatus.SCHEDULED
    assert [event.starts_at, *(one.starts_at for one in event.dates)] == [
        london(day, 10) for n, day in enumerate(NIGHTS) if n not in {0, 2}
    ]
    assert "1 further dates are cancelled" in fetched.warnings[0]


async def test_a_series_that_is_off_altogether_says_so(client, site):
    site.routes[API] = Calendar([night(n, day, event_status="canceled") for n, day in enumerate(NIGHTS)])
    (post,) = (await look(client, site.url)).posts
    assert post.event is not None and post.event.status is EventStatus.CANCELLED


async def test_thousands_of_dates_are_bounded(client, site):
    start = datetime(2026, 3, 2, tzinfo=UTC)
    days = [(start + timedelta(days=n)).date().isoformat() for n in range(300)]
    site.routes[API] = Calendar([night(n, day) for n, day in enumerate(days)])
    (post,) = (await look(client, site.url)).posts
    assert post.event is not None and len(post.event.dates) == MOST_DATES
    assert len(post.aliases) >= 300


@pytest.mark.parametrize(
    "other",
    [
        {"title": "Choir", "venue": HALL},
        {"title": "Karaoke", "venue": {"venue": "Elsewhere"}},
        {"title": "", "venue": HALL},
    ],
)
async def test_another_title_or_place_is_another_event(client, site, other):
    site.routes[API] = Calendar(
        [night(10, "2026-03-03"), tec(1, **other), tec(2, title="", venue=HALL, **on("2026-03-09"))]
    )
    assert len((await look(client, site.url)).posts) == 3


async def test_events_that_all_link_to_one_list_are_not_one_series(client, site):
    lists = [
        tec(n, title=f"Talk {n}", url=f"https://example.org/events/{day}/", **on(day))
        for n, day in enumerate(NIGHTS)
    ]
    same = [
        tec(n, title=f"Walk {n}", url="https://example.org/whats-on/", **on("2026-03-04"))
        for n in range(20, 26)
    ]
    site.routes[API] = Calendar([*lists, *same])
    fetched = await look(client, site.url)
    assert len(fetched.posts) == 12 and all(post.event and not post.event.dates for post in fetched.posts)


@pytest.mark.parametrize(
    "link", ["https://example.org/event/k/{day}/2/", "https://example.org/?tribe_events=k&eventDate={day}"]
)
async def test_every_form_of_a_dated_address_is_that_of_one_series(client, site, link):
    site.routes[API] = Calendar(
        [tec(n, title=f"Night {n // 3}", url=link.format(day=day), **on(day)) for n, day in enumerate(NIGHTS)]
    )
    (post,) = (await look(client, site.url)).posts
    assert post.external_id.startswith("series ") and post.event is not None and len(post.event.dates) == 5


async def test_the_id_of_a_series_is_kept_while_one_of_its_dates_has_it(client, site):
    site.routes[API] = Calendar([night(n, day, dated=False) for n, day in enumerate(NIGHTS)])
    known = Memory(known_ids=frozenset({"example.org?id=2"}))
    (post,) = (await look(client, site.url, known)).posts
    assert post.external_id == "example.org?id=2" and "example.org?id=5" in post.aliases


# --- the same event again ---


async def recorded(
    client: Client, site: Site, database: Any, *events: dict[str, Any], now: datetime = NOW
) -> Any:
    """One look at a calendar of these events, kept as collecting keeps it."""
    site.routes[API] = Calendar(list(events))
    spec = SourceSpec(kind="events-calendar", url=site.url, allow_private=True, limit=500)
    with database.reading() as session:
        memory = store.memory(session, spec)
    fetched = await fetch(spec, client, memory, now=now)
    with database.transaction() as session:
        return store.record(session, spec, fetched, now=now)


@pytest.mark.parametrize("dated", [True, False])
async def test_a_series_stays_the_same_post_as_its_dates_pass_come_and_change(client, site, database, dated):
    nights = [night(n, day, dated=dated) for n, day in enumerate(NIGHTS)]
    (known,) = (await recorded(client, site, database, nights[0])).new
    steps = [
        nights[:2],
        nights[:3],
        nights[1:4],
        [dict(one, title="Karaoke for all") for one in nights[2:5]],
        [dict(one, title="Karaoke for all", venue=[]) for one in nights[3:6]],
        [dict(nights[5], title="The last karaoke")],
    ]
    for events in steps:
        again = await recorded(client, site, database, *events)
        assert (again.new, again.changed) == ((), (known,))
    assert (await recorded(client, site, database)).new == ()
    assert (await recorded(client, site, database, nights[5])).new == ()


async def test_two_series_side_by_side_never_become_one(client, site, database):
    choir = [night(20 + n, day, dated=False) | {"title": "Choir"} for n, day in enumerate(NIGHTS)]
    nights = [night(n, day, dated=False) for n, day in enumerate(NIGHTS)]
    first = await recorded(client, site, database, *nights[:3], *choir[:3])
    assert len(first.new) == 2
    for n in range(1, 4):
        again = await recorded(client, site, database, *choir[n : n + 3], *nights[n : n + 3])
        assert again.new == () and len(again.changed) == 2


async def test_a_single_event_whose_title_or_date_changed_is_the_same_post(client, site, database):
    (known,) = (await recorded(client, site, database, tec(1))).new
    edited = tec(1, title="Another title", url="https://example.org/event/other/", **on("2026-05-01"))
    assert (await recorded(client, site, database, edited)).changed == (known,)
    moved = dict(
        edited, global_id="www.example.net?id=1", global_id_lineage=[], url="https://www.example.net/event/x/"
    )
    assert (await recorded(client, site, database, moved)).new == ()


# --- discovery ---

WORDPRESS = '<link rel="https://api.w.org/" href="{site}/wp-json/">'
FEED = '<link rel="alternate" type="application/rss+xml" href="/feed/">'


async def test_a_site_with_a_calendar_offers_it_after_its_posts(client, site):
    site.routes["/"] = Answer(f"<!doctype html><head>{WORDPRESS.format(site=site.url)}{FEED}</head>")
    site.routes["/wp-json/wp/v2/posts"] = Answer("[]")
    site.routes["/feed/"] = Answer(rss(item(1)))
    site.routes[API] = Calendar([tec(1)])
    found = await discover(site.url, client, allow_private=True, now=NOW)
    assert [one.kind for one in found.sources] == ["wordpress", "rss", "events-calendar"]
    assert found.sources[-1].url == site.url


async def test_a_site_without_one_offers_none(client, site):
    site.routes["/"] = Answer(f"<!doctype html><head>{WORDPRESS.format(site=site.url)}</head>")
    site.routes["/wp-json/wp/v2/posts"] = Answer("[]")
    found = await discover(site.url, client, allow_private=True, now=NOW)
    assert [one.kind for one in found.sources] == ["wordpress"]


async def test_the_address_of_the_interface_itself_is_a_calendar(client, site):
    site.routes[API] = lambda asked: (
        Calendar([tec(1)])(asked) if "page=" in asked.path else Answer('{"events": []}')
    )
    found = await discover(site.url + API, client, allow_private=True, now=NOW)
    assert [(one.kind, found.post_count) for one in found.sources] == [("events-calendar", 1)]


ICS = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1@example.org\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260307T100000Z\r\nSUMMARY:Reeds\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"  # fmt: skip
ICS_LINK = '<link rel="alternate" type="text/calendar" href="{href}">'


async def test_a_page_that_names_a_calendar_file_offers_it_after_its_feed(client, site):
    site.routes["/"] = Answer(f"<!doctype html><head>{ICS_LINK.format(href='/c.ics')}{FEED}</head>")
    site.routes["/feed/"] = Answer(rss(item(1)))
    site.routes["/c.ics"] = Answer(ICS)
    found = await discover(site.url, client, allow_private=True, now=NOW)
    assert [(one.kind, one.url) for one in found.sources] == [
        ("rss", site.url + "/feed/"), ("ical", site.url + "/c.ics"),
    ]  # fmt: skip


async def test_a_calendar_file_alone_is_offered_where_no_feed_can_be_guessed(client, site):
    site.routes["/"] = Answer(f"<!doctype html><head>{ICS_LINK.format(href='/c.ics')}</head>")
    site.routes["/c.ics"] = Answer(ICS)
    found = await discover(site.url, client, allow_private=True, now=NOW)
    assert [(one.kind, found.post_count) for one in found.sources] == [("ical", 1)]
    by_itself = await discover(site.url + "/c.ics", client, allow_private=True, now=NOW)
    assert [one.kind for one in by_itself.sources] == ["ical"]


async def test_a_calendar_is_offered_once_though_it_can_be_read_in_two_ways(client, site):
    links = WORDPRESS.format(site=site.url) + ICS_LINK.format(href="/events/?ical=1")
    site.routes["/"] = Answer(f"<!doctype html><head>{links}</head>")
    site.routes["/wp-json/wp/v2/posts"] = Answer("[]")
    site.routes["/events/"] = Answer(ICS)
    site.routes[API] = Calendar([tec(1)])
    found = await discover(site.url, client, allow_private=True, now=NOW)
    assert [one.kind for one in found.sources] == ["wordpress", "events-calendar"]
    del site.routes[API]
    found = await discover(site.url, client, allow_private=True, now=NOW)
    assert [one.kind for one in found.sources] == ["wordpress", "ical"]
