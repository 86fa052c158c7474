"""From a folder of posts, a site's calendar and a calendar file to event cards whose every fact is exact."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import icalendar
import pytest
import vobject

from tests.journeys.place import Installation, free_port, request
from tests.served import Answer, Site, serving

# Days before the European and the American clocks change, with events on both sides of either.
START = datetime(2026, 10, 14, 12, 0, tzinfo=UTC)
ZONES = (
    "Europe/London",
    "Europe/Paris",
    "America/New_York",
    "America/St_Johns",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Africa/Cairo",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "America/Sao_Paulo",
)
PUBLICATION = """
[publications.weekly]
name = "The Weekly Brief"
from = "The Weekly Brief <brief@example.org>"
postal_address = "1 Example Street, Example City"
timezone = "Europe/London"
cut_off = "wed 15:00"
send = "thu 09:00"
first_edition = 50
max_new = 500
coming_up = "90d"
[[publications.weekly.sources]]
kind = "folder"
url = "posts"
allow_private = true
[[publications.weekly.sources]]
kind = "events-calendar"
url = "{url}/"
allow_private = true
[[publications.weekly.sources]]
kind = "ical"
url = "{url}/town.ics"
allow_private = true
"""


class Expected:
    """One event as it must be known: its facts, and how each kind of source writes them."""

    def __init__(self, number: int, origin: str) -> None:
        self.zone = ZoneInfo(ZONES[number % len(ZONES)])
        self.title = f"{origin.title()} evening {number}"
        day = date(2026, 10, 16) + timedelta(days=number % 28)
        self.starts = datetime(day.year, day.month, day.day, 18, 30, tzinfo=self.zone)
        self.ends = (self.starts.astimezone(UTC) + timedelta(minutes=90)).astimezone(self.zone)
        self.place = f"Hall {number}, Exampleton"
        self.status = "cancelled" if number % 9 == 4 else "scheduled"
        self.path = f"/events/{origin}-{number}/"

    def fact(self) -> tuple[Any, ...]:
        return (self.title, self.starts.astimezone(UTC), self.ends.astimezone(UTC), self.place, self.status)


def page(event: Expected, site: Site) -> Answer:
    data = {
        "@context": "https://schema.org",
        "@type": "Event",
        "name": event.title,
        "url": f"{site.url}{event.path}",
        "startDate": event.starts.isoformat(),
        "endDate": event.ends.isoformat(),
        "location": {"@type": "Place", "name": event.place},
        "eventStatus": f"https://schema.org/Event{event.status.title()}",
    }
    html = f'<html><body><script type="application/ld+json">{json.dumps(data)}</script></body></html>'
    return Answer(html, headers={"Content-Type": "text/html"})


def markdown(event: Expected, site: Site) -> str:
    return (
        f'---\ntitle: "REGISTER NOW: {event.title}"\nurl: "{site.url}{event.path}"\n'
        f"date: 2026-10-13T08:00:00Z\n---\nCome and see for yourself.\n"
    )


def rest(events: list[Expected], site: Site) -> Answer:
    stamp = "%Y-%m-%d %H:%M:%S"
    told = [
        {
            "id": number,
            "global_id": f"example.org?id={number}",
            "url": f"{site.url}{event.path}",
            "title": event.title,
            "status": "publish",
            "event_status": "canceled" if event.status == "cancelled" else "scheduled",
            "date_utc": "2026-10-01 08:00:00",
            "start_date": event.starts.strftime(stamp),
            "end_date": event.ends.strftime(stamp),
            "utc_start_date": event.starts.astimezone(UTC).strftime(stamp),
            "utc_end_date": event.ends.astimezone(UTC).strftime(stamp),
            "timezone": event.zone.key,
            "all_day": False,
            "venue": {"venue": event.place},
            "image": False,
        }
        for number, event in enumerate(events, start=1)
    ]
    body = json.dumps({"events": told, "total": len(told), "total_pages": 1})
    return Answer(body, headers={"Content-Type": "application/json"})


def calendar(events: list[Expected], site: Site) -> Answer:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//town//EN"]
    for event in events:
        local = "%Y%m%dT%H%M%S"
        place = event.place.replace(",", "\\,")
        lines += [
            "BEGIN:VEVENT",
            f"UID:{event.path}",
            "DTSTAMP:20261001T080000Z",
            f"DTSTART;TZID={event.zone.key}:{event.starts.strftime(local)}",
            f"DTEND;TZID={event.zone.key}:{event.ends.strftime(local)}",
            f"SUMMARY:{event.title}",
            f"LOCATION:{place}",
            f"STATUS:{'CANCELLED' if event.status == 'cancelled' else 'CONFIRMED'}",
            f"URL:{site.url}{event.path}",
            "END:VEVENT",
        ]
    return Answer("\r\n".join([*lines, "END:VCALENDAR", ""]), headers={"Content-Type": "text/calendar"})


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as made:
        yield made


@pytest.fixture
def place(tmp_path: Path, site: Site, empty_database_url: str) -> Installation:
    installation = Installation(home=tmp_path, database=empty_database_url, port=free_port())
    installation.configure(PUBLICATION.format(url=site.url))
    (tmp_path / "posts").mkdir()
    installation.digest("migrate")
    return installation


def test_two_hundred_events_of_three_kinds_of_source_are_known_to_the_minute(place, site):
    on_pages = [Expected(n, "page") for n in range(30)]
    on_rest = [Expected(n, "rest") for n in range(45)]
    in_file = [Expected(n, "file") for n in range(200)]
    for event in on_pages:
        site.routes[event.path] = page(event, site)
        (place.home / "posts" / f"{event.title.replace(' ', '-')}.md").write_text(markdown(event, site))
    empty = Answer("<html></html>", headers={"Content-Type": "text/html"})
    site.routes.update({event.path: empty for event in (*on_rest, *in_file)})
    site.routes["/wp-json/tribe/events/v1/events"] = rest(on_rest, site)
    site.routes["/town.ics"] = calendar(in_file, site)
    for _ in range(6):  # sixty pages at a time
        told = place.digest("collect", "--force", "--json", "--now", START.isoformat()).json
        assert [source["error"] for source in told] == ["", "", ""]
    known = place.digest("events", "list", "weekly", "--json", "--now", START.isoformat()).json
    found = sorted(
        (
            one["title"],
            datetime.fromisoformat(one["event"]["starts_at"]),
            datetime.fromisoformat(one["event"]["ends_at"]),
            one["event"]["place"],
            one["event"]["status"],
        )
        for one in known
        if one["kind"] == "event"
    )
    assert found == sorted(event.fact() for event in (*on_pages, *on_rest, *in_file))
    zones = {one["title"]: one["event"]["timezone"] for one in known}
    assert {event.title: zones[event.title] for event in (*on_rest, *in_file)} == {
        event.title: event.zone.key for event in (*on_rest, *in_file)
    }


def test_a_reader_can_put_an_event_of_the_mail_into_a_calendar_and_sees_it_change(place, site):
    event = Expected(3, "rest")
    site.routes[event.path] = Answer("<html></html>", headers={"Content-Type": "text/html"})
    site.routes["/wp-json/tribe/events/v1/events"] = rest([event], site)
    site.routes["/town.ics"] = calendar([], site)
    clock = ["--now", START.isoformat()]
    place.digest(
        "subscribers", "add", "ada@readers.example", "--publication", "weekly", "--consent", "Asked."
    )
    place.digest("collect", "--force", *clock)
    edition = place.digest("editions", "cut", "weekly", "--json", *clock).json["edition"]
    place.digest("editions", "approve", edition, *clock)
    place.digest("editions", "send", edition, "--wait", *clock)
    (mail,) = [
        message
        for message in map(_message, (place.home / "outbox" / "new").iterdir())
        if message["To"] == "ada@readers.example"
    ]
    html = mail.get_body(("html",)).get_content()
    text = mail.get_body(("plain",)).get_content()
    (address,) = {word for word in _addresses(html) if word.endswith(".ics")}
    assert address in text
    assert "REGISTER" not in html
    with place.web():
        first = _calendar(place, address)
        assert first.decoded("DTSTART").astimezone(UTC) == event.starts.astimezone(UTC)
        assert (str(first["LOCATION"]), first["SEQUENCE"]) == (event.place, 0)
        event.place = "The new hall"
        site.routes["/wp-json/tribe/events/v1/events"] = rest([event], site)
        place.digest("collect", "--force", "--now", (START + timedelta(hours=30)).isoformat())
        second = _calendar(place, address)
    assert (str(second["LOCATION"]), second["SEQUENCE"], second["UID"]) == ("The new hall", 1, first["UID"])


def test_staff_complete_what_only_a_title_announces(place, site):
    (place.home / "posts" / "supper.md").write_text(
        f'---\ntitle: "RSVP: Supper for volunteers"\nurl: "{site.url}/supper"\ndate: 2026-10-13T08:00:00Z\n---\n'
        "We meet on 5 November at seven. Bring a dish.\n"
    )
    site.routes["/supper"] = Answer("<html></html>", headers={"Content-Type": "text/html"})
    site.routes["/wp-json/tribe/events/v1/events"] = rest([], site)
    site.routes["/town.ics"] = calendar([], site)
    clock = ["--now", START.isoformat()]
    place.digest("collect", "--force", *clock)
    (maybe,) = place.digest("events", "list", "weekly", "--json", *clock).json
    assert (maybe["kind"], maybe["title"], maybe["event"] and maybe["event"]["starts_at"]) == (
        "maybe",
        "Supper for volunteers",
        None,
    )
    assert ["5 November" in s["phrase"] for s in maybe["suggestions"]] == [True]
    edition = place.digest("editions", "cut", "weekly", "--json", *clock).json["edition"]
    out = place.home / "preview"
    place.digest("editions", "preview", edition, "--out", out, *clock)
    before = (out / "body.txt").read_text(encoding="utf-8")
    assert "Details and registration" in before
    assert before.count("5 November") == before.count("We meet on 5 November")
    set_ = ["events", "set", str(maybe["post"]), "--starts", "2026-11-05 19:00", "--place", "Town hall"]
    place.digest(*set_, "--register", "https://www.example.org/rsvp", "--by", "Jo", *clock)
    place.digest("editions", "preview", edition, "--out", out, *clock)
    after = (out / "body.txt").read_text(encoding="utf-8")
    assert "Thursday 5 November 2026" in after or "Thursday, 5 November 2026" in after
    assert "19:00" in after
    assert "https://www.example.org/rsvp" in after
    refused = place.digest("events", "set", str(maybe["post"]), "--starts", "Thursday at 7", check=False)
    assert refused.code == 1
    assert refused.err.strip() == (
        '--starts is "Thursday at 7"; expected a day and a time such as "2026-12-03 18:00", or a day alone.'
    )
    place.digest("events", "reject", str(maybe["post"]), "--by", "Jo", *clock)
    assert place.digest("events", "list", "weekly", "--json", *clock).json == []


def _message(path: Path) -> Any:
    return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)


def _addresses(html: str) -> list[str]:
    from selectolax.lexbor import LexborHTMLParser

    return [link.attributes["href"] or "" for link in LexborHTMLParser(html).css("a[href]")]


def _calendar(place: Installation, address: str) -> Any:
    """The one event behind an add-to-calendar link, as two parsers agree on it."""
    status, body = request(place.port, "GET", urlsplit(address).path)
    assert status == 200
    (read,) = icalendar.Calendar.from_ical(body).walk("VEVENT")
    other = vobject.readOne(body).vevent
    assert other.dtstart.value.astimezone(UTC) == read.decoded("DTSTART").astimezone(UTC)
    assert other.location.value == str(read["LOCATION"])
    return read
