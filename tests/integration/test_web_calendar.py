"""Calendar files over HTTP: from a post that is an event to the line in a reader's calendar, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import icalendar
import pytest
import vobject

from digest.database import Database
from digest.editions import store as editions
from digest.editions.model import EditionState, Item, ItemKind
from digest.messages.calendar import file_name
from digest.posts import store as posts
from digest.posts.model import (
    Event,
    EventStatus,
    Evidence,
    KnownEvent,
    Occurrence,
    Origin,
    Post,
    PostId,
    StaffFacts,
    Verdict,
)
from digest.web.app import create_app
from digest.workflows import examine
from digest.workflows.parts import Parts
from tests import factories, publishing, web
from tests.factories import NOW

MEDIA_TYPE = "text/calendar; charset=utf-8; method=PUBLISH"
WEEK = timedelta(days=7)
START = datetime(2026, 11, 24, 19, 0, tzinfo=UTC)


@pytest.fixture
def parts(database: Database) -> Parts:
    parts = publishing.parts(database)
    publishing.start(parts, now=NOW)
    return parts


@pytest.fixture
def client(parts: Parts) -> Iterator[httpx2.Client]:
    with web.browsing(parts) as client:
        yield client


def event(**facts: Any) -> Event:
    known: dict[str, Any] = {
        "uid": "1",
        "title": "Creek walk",
        "starts_at": START,
        "ends_at": START + timedelta(hours=2),
    }
    return Event(**known | {"timezone": "America/New_York", "place": "North bank"} | facts)


def told(parts: Parts, facts: Event, *, post: Post | None = None, now: datetime = NOW) -> KnownEvent:
    """A post becomes this event, or tells other facts of it from `now` on."""
    shown = post or factories.post(external_id="walk", url="https://www.example.org/walk", title=facts.title)
    publishing.publish(parts, replace(shown, event=facts), now=now)
    with parts.database.transaction() as session:
        (post_id,) = (i for i in posts.posts_of(session, publishing.spec(parts)) if _is(session, i, shown))
        posts.note_events(session, {post_id: facts}, now=now)
        return posts.known_events(session, [post_id])[post_id]


def _is(session: Any, post_id: PostId, post: Post) -> bool:
    return posts.posts(session, [post_id])[post_id].post.external_id == post.external_id


def mail(parts: Parts, *known: KnownEvent, state: EditionState = EditionState.SENDING) -> None:
    """An edition with these events goes out, or gets as far as `state`."""
    items = tuple(
        Item(post_id=k.post_id, title=k.title, url=k.url, kind=ItemKind.EVENT, event=k.event, position=n)
        for n, k in enumerate(known)
    )
    with parts.database.transaction() as session:
        editions.lock_publication(session, "weekly")
        edition = editions.create(
            session,
            publication="weekly",
            state=EditionState.DRAFT,
            cut_at=NOW,
            send_at=NOW,
            slot=None,
            subject="x",
            items=items,
        )
    way = [EditionState.APPROVED, EditionState.SENDING]
    publishing.move(parts, edition.id, *way[: way.index(state) + 1], now=NOW)


def read(answer: httpx2.Response) -> icalendar.Calendar:
    assert answer.status_code == 200, answer.text
    assert vobject.readOne(answer.text) is not None
    return icalendar.Calendar.from_ical(answer.content)


def line(answer: httpx2.Response) -> Any:
    (found,) = read(answer).events
    return found


# --- one event ------------------------------------------------------------------------------------------------


def test_an_event_is_a_file_that_a_calendar_can_take(client, parts):
    known = told(parts, event())
    answer = client.get(f"/e/{known.event.key}.ics")
    found = line(answer)
    assert (found["DTSTART"].dt, found["DTEND"].dt) == (START, START + timedelta(hours=2))
    assert found["DTSTART"].params["TZID"] == "America/New_York"
    assert (str(found["SUMMARY"]), str(found["LOCATION"])) == ("Creek walk", "North bank")
    assert str(found["UID"]) == f"{known.event.key}@news.example.org"
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["content-disposition"] == f'inline; filename="{known.event.key}.ics"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert "x-robots-tag" not in answer.headers


def test_when_the_date_changes_the_same_line_moves(client, parts):
    key = told(parts, event()).event.key
    before = line(client.get(f"/e/{key}.ics"))
    told(parts, event(starts_at=START + WEEK, ends_at=None), now=NOW + timedelta(hours=1))
    after = line(client.get(f"/e/{key}.ics"))
    assert before["UID"] == after["UID"]
    assert after["DTSTART"].dt == START + WEEK
    assert after["SEQUENCE"] > before["SEQUENCE"]
    assert after["LAST-MODIFIED"].dt == NOW + timedelta(hours=1)


def test_an_event_that_is_called_off_stays_and_says_so(client, parts):
    key = told(parts, event()).event.key
    told(parts, event(status=EventStatus.CANCELLED), now=NOW + timedelta(hours=1))
    found = line(client.get(f"/e/{key}.ics"))
    assert (str(found["STATUS"]), found["SEQUENCE"], found["DTSTART"].dt) == ("CANCELLED", 1, START)


def test_a_calendar_that_has_it_is_told_so(client, parts):
    path = f"/e/{told(parts, event()).event.key}.ics"
    first = client.get(path)
    tag, changed = first.headers["etag"], first.headers["last-modified"]
    assert changed == "Thu, 19 Nov 2026 09:00:00 GMT"
    for headers in (
        {"If-None-Match": tag},
        {"If-None-Match": f'"other", W/{tag}'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": changed},
    ):
        again = client.get(path, headers=headers)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    for headers in (
        {"If-None-Match": '"other"'},
        {"If-None-Match": '"other"', "If-Modified-Since": changed},
        {"If-Modified-Since": "Thu, 19 Nov 2026 08:59:59 GMT"},
        {"If-Modified-Since": "Fri, 99 Foo 99999 99:99:99 +9999"},
    ):
        assert client.get(path, headers=headers).status_code == 200
    told(parts, event(place="South bank"), now=NOW + timedelta(hours=1))
    changed_answer = client.get(path, headers={"If-None-Match": tag})
    assert (changed_answer.status_code, changed_answer.headers["etag"] != tag) == (200, True)
    assert client.get(path, headers={"If-Modified-Since": changed}).status_code == 200


def test_head_says_what_get_would(client, parts):
    path = f"/e/{told(parts, event()).event.key}.ics"
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "etag", "last-modified", "content-disposition"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize(
    "path",
    [
        "/e/none.ics",
        "/e/.ics",
        "/e/a%20b.ics",
        "/e/none-20261124T090000Z.ics",
        "/e/..%2fx.ics",
        "/e/x%00.ics",
        "/e/" + "x" * 2_000 + ".ics",
    ],
)
def test_an_event_there_never_was_is_a_calm_page(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert answer.headers["content-type"].startswith("text/html")


def test_what_a_source_tells_of_an_event_is_in_its_file(client, parts):
    evidence = tuple(
        Evidence(fact=fact, origin=Origin.EVENTS_CALENDAR)
        for fact in ("kind", "starts_at", "ends_at", "timezone")
    )
    new = publishing.publish(parts, factories.post(event=event(evidence=evidence)), now=NOW)
    with parts.database.transaction() as session:
        examine.note(session, parts, new, now=NOW)
        (known,) = posts.known_events(session, new).values()
    found = line(client.get(f"/e/{known.event.key}.ics"))
    assert (found["DTSTART"].dt, found["DTEND"].dt) == (START, START + timedelta(hours=2))
    assert str(found["URL"]) == known.url


# --- series ---------------------------------------------------------------------------------------------------


def series(*weeks: int, **facts: Any) -> Event:
    first, *others = (START + n * WEEK for n in weeks)
    dates = tuple(Occurrence(starts_at=start) for start in others)
    return event(starts_at=first, ends_at=None, dates=dates, **facts)


def test_one_date_of_a_series_is_a_file_of_its_own(client, parts):
    known = told(parts, series(0, 1, 2))
    second = replace(known.event, starts_at=START + WEEK)
    found = line(client.get(f"/e/{file_name(second)}"))
    assert found["DTSTART"].dt == START + WEEK
    assert str(found["UID"]) == f"{known.event.key}-20261201T190000Z@news.example.org"


def test_a_date_keeps_its_line_when_it_is_the_last_that_is_left(client, parts):
    known = told(parts, series(0, 1))
    path = f"/e/{file_name(replace(known.event, starts_at=START + WEEK))}"
    before = line(client.get(path))
    told(parts, event(starts_at=START + WEEK, ends_at=None), now=NOW + WEEK)
    assert line(client.get(path))["UID"] == before["UID"]


def test_a_date_taken_out_of_its_series_is_cancelled_in_the_calendars_that_have_it(client, parts):
    known = told(parts, series(0, 1, 2))
    path = f"/e/{file_name(replace(known.event, starts_at=START + WEEK))}"
    before = line(client.get(path))
    told(parts, series(0, 2), now=NOW + timedelta(hours=1))
    after = line(client.get(path))
    assert (after["UID"], after["DTSTART"].dt) == (before["UID"], START + WEEK)
    assert (str(before["STATUS"]), str(after["STATUS"])) == ("CONFIRMED", "CANCELLED")
    assert after["SEQUENCE"] > before["SEQUENCE"]


def test_a_date_gone_by_of_which_nothing_is_known_is_not_called_off(client, parts):
    known = told(parts, series(0, 1))
    past = replace(known.event, starts_at=START - 2 * WEEK)
    assert client.get(f"/e/{file_name(past)}").status_code == 404


def test_a_series_is_a_file_of_the_dates_to_come(client, parts):
    known = told(parts, series(-2, -1, 0, 1))
    found = read(client.get(f"/e/{known.event.key}.ics")).events
    assert [one["DTSTART"].dt for one in found] == [START, START + WEEK]


def test_of_a_series_that_is_over_the_last_date_is_left(client, parts):
    known = told(parts, series(-3, -2))
    assert line(client.get(f"/e/{known.event.key}.ics"))["DTSTART"].dt == START - 2 * WEEK


def test_a_date_of_a_floating_series_is_found_by_the_name_that_mails_give_it(client, parts):
    known = told(parts, series(0, 1, floating=True, timezone=None))
    name = file_name(replace(known.event, starts_at=START + WEEK))
    assert line(client.get(f"/e/{name}"))["DTSTART"].dt == datetime(2026, 12, 1, 19, 0)


# --- what a publication has coming up -------------------------------------------------------------------------


def another(title: str) -> Post:
    return factories.post(title=title)


def test_a_calendar_to_subscribe_to_has_what_was_mailed_and_is_to_come(client, parts):
    mailed = [
        told(parts, event(title="Soon"), post=another("Soon")),
        told(
            parts,
            event(title="Off", status=EventStatus.CANCELLED, starts_at=START + WEEK, ends_at=None),
            post=another("Off"),
        ),
        told(parts, event(title="Over", starts_at=NOW - WEEK, ends_at=None), post=another("Over")),
        told(parts, replace(series(-1, 2, 3), title="Often"), post=another("Often")),
    ]
    told(parts, event(title="Not mailed"), post=another("Not mailed"))
    mail(parts, *mailed)
    answer = client.get("/a/weekly/events.ics")
    calendar = read(answer)
    assert [(str(e["SUMMARY"]), str(e["STATUS"]), e["DTSTART"].dt) for e in calendar.events] == [
        ("Soon", "CONFIRMED", START),
        ("Off", "CANCELLED", START + WEEK),
        ("Often", "CONFIRMED", START + 2 * WEEK),
        ("Often", "CONFIRMED", START + 3 * WEEK),
    ]
    assert str(calendar["NAME"]) == "The Weekly Brief"
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["content-disposition"] == 'inline; filename="weekly.ics"'


def test_an_edition_that_nobody_was_mailed_shows_nothing(client, parts):
    mail(parts, told(parts, event()), state=EditionState.APPROVED)
    assert read(client.get("/a/weekly/events.ics")).events == []


def test_an_event_is_the_same_line_by_itself_and_in_the_calendar_of_the_publication(client, parts):
    known = told(parts, event())
    mail(parts, known)
    alone, among = line(client.get(f"/e/{known.event.key}.ics")), line(client.get("/a/weekly/events.ics"))
    assert alone.to_ical() == among.to_ical()


def test_a_subscribed_calendar_learns_when_an_event_has_gone_by(parts):
    mail(parts, told(parts, event()))
    clock = [NOW]
    app = create_app(parts, clock=lambda: clock[0])
    with web.serving(app) as url, httpx2.Client(base_url=url, trust_env=False) as client:
        first = client.get("/a/weekly/events.ics")
        headers = {
            "If-None-Match": first.headers["etag"],
            "If-Modified-Since": "Fri, 01 Jan 2027 00:00:00 GMT",
        }
        assert client.get("/a/weekly/events.ics", headers=headers).status_code == 304
        clock[0] = START + timedelta(hours=2)
        assert read(client.get("/a/weekly/events.ics", headers=headers)).events == []
        # What is chosen changes by the clock alone, so a date of the facts would promise too much.
        assert "last-modified" not in first.headers


@pytest.mark.parametrize("path", ["/a/none/events.ics", "/a/weekly/events", "/a/weekly/events.ICS"])
def test_a_calendar_there_never_was_is_a_calm_page(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


def test_a_publication_without_events_has_an_empty_calendar(client):
    answer = client.get("/a/weekly/events.ics")
    assert (answer.status_code, read(answer).events) == (200, [])


def test_what_staff_said_is_no_event_leaves_the_calendar_of_the_publication(client, parts):
    known = told(parts, event())
    mail(parts, known)
    assert len(read(client.get("/a/weekly/events.ics")).events) == 1
    with parts.database.transaction() as session:
        posts.say(session, known.post_id, StaffFacts(verdict=Verdict.POST, by="Jo", at=NOW))
    assert read(client.get("/a/weekly/events.ics")).events == []
