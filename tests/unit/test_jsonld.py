"""Structured data as pages really write it, lies and slips included, becomes facts, and only those that were said."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.posts import jsonld
from digest.posts.hosts import is_meeting, is_sign_up
from digest.posts.model import CtaKind, Event, EventStatus, Occurrence, Origin
from digest.posts.online import says_online
from digest.posts.pagefacts import read
from digest.posts.schemaorg.thing import EVENTS, Graph, Reader
from digest.posts.schemaorg.when import read_moment, span

PAGE = "https://example.org/events/peace-forum/"
START = "2026-11-24T18:00:00+01:00"
ZOOM = "https://us02web.zoom.us/j/123456"
OFFLINE = "https://schema.org/OfflineEventAttendanceMode"


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def script(data: object, type_: str = "application/ld+json") -> str:
    text = data if isinstance(data, str) else json.dumps(data)
    return f'<script type="{type_}">{text}</script>'


def facts(data: object, *, url: str = PAGE):
    return read(f"<html><head>{script(data)}</head><body>Hello</body></html>", url=url)


def event(**more: object) -> Event:
    """The one event of a page whose event has these properties besides a name and a start; None takes one away."""
    usual = {"@context": "https://schema.org", "@type": "Event", "name": "Peace Forum", "startDate": START}
    both = {**usual, **{name.replace("at_", "@"): value for name, value in more.items()}}
    found = facts({name: value for name, value in both.items() if value is not None}).events
    assert len(found) == 1
    return found[0]


def quotes(found: Event) -> dict[str, str]:
    return {e.fact: e.quote for e in found.evidence}


MINE = {"@context": "https://schema.org", "@type": "Event", "name": "Peace Forum", "startDate": START}
BARE = {name: value for name, value in MINE.items() if name != "@context"}


@pytest.mark.parametrize(
    "data",
    [
        MINE,
        [MINE],
        [[MINE]],
        BARE,
        {"@context": "https://schema.org", "@graph": [{"@type": "WebPage", "name": "x"}, BARE]},
        [{"@graph": [BARE]}, {"@type": "Organization", "name": "We"}],
        {"@type": "WebPage", "mainEntity": BARE},
        {"@type": "BlogPosting", "headline": "h", "about": [BARE]},
        {"@type": "Organization", "name": "We", "event": {"@list": [BARE]}},
        {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "position": 1, "item": BARE}]},
        {"@type": "SportsTeam", "subjectOf": {"superEvent": BARE}},
        {**BARE, "@type": ["Thing", "Event"]},
        {**BARE, "@type": "http://schema.org/Event"},
        {**BARE, "@type": "https://schema.org/Event/"},
        {**BARE, "@type": ["https://schema.org/BusinessEvent"]},
        {**BARE, "@type": "schema:Event"},
        {**BARE, "@type": " event "},
        {"@context": {"@vocab": "http://schema.org/"}, **BARE},
        {"@context": ["https://schema.org", {"@language": "en"}], **BARE},
        {"@context": {"name": "http://schema.org/name"}, **BARE},
        {"@context": "", **BARE},
        {"type": "Event", "id": "#e", "name": "Peace Forum", "startDate": START},
        {"@type": "schema:Event", "schema:name": "Peace Forum", "schema:startDate": START},
        {
            "@context": "https://other.example/ns",
            "@type": "http://schema.org/Event",
            "http://schema.org/name": "Peace Forum",
            "http://schema.org/startDate": {"@value": START},
        },
        {**BARE, "name": ["Peace Forum", "Forum de paix"]},
        {**BARE, "name": {"@value": "Peace Forum", "@language": "en"}},
        {**BARE, "name": None, "headline": "Peace Forum"},
        {**BARE, "name": "  Peace\n\tForum "},
        {**BARE, "name": "Peace&nbsp;Forum"},
        {**BARE, "name": "<b>Peace</b> Forum"},
        {**BARE, "name": "&lt;b&gt;Peace&lt;/b&gt; Forum"},
        {**BARE, "name": "Peace \u202eForum\x00"},
        {**BARE, "startDate": [START, "2026-12-24T18:00:00+01:00"]},
        {**BARE, "startDate": ["soon", START]},
        {**BARE, "description": "&amp;lt;p&amp;gt;Come&amp;lt;/p&amp;gt;"},
        f"<!--\n{json.dumps(MINE)}\n-->",
        f"//<![CDATA[\n{json.dumps(MINE)}\n//]]>",
        f"/* <![CDATA[ */ {json.dumps(MINE)} /* ]]> */",
        f"\ufeff\n{json.dumps(MINE)};",
        json.dumps(MINE).replace("Peace Forum", "Peace\nForum"),
        json.dumps(MINE).replace("Peace Forum", "Peace\tForum\x0b"),
        json.dumps(MINE).replace('"', "&quot;"),
        '{"@type":"Event","name":"Old","name":"Peace Forum","startDate":"' + START + '"}',
    ],
    ids=lambda data: str(data)[:60],
)
def test_an_event_is_found_whatever_shape_it_has(data) -> None:
    found = facts(data).events

    assert [(e.title, e.starts_at, e.floating) for e in found] == [
        ("Peace Forum", at(2026, 11, 24, 17, 0), False)
    ]


@pytest.mark.parametrize("kind", sorted(EVENTS))
def test_every_kind_of_event_that_schema_org_knows_is_one(kind) -> None:
    assert event(at_type=kind.title()).title == "Peace Forum"


@pytest.mark.parametrize(
    "kind",
    [
        "PublicationEvent",
        "BroadcastEvent",
        "OnDemandEvent",
        ["Event", "BroadcastEvent"],
        "UserInteraction",
        "EventReservation",
        "EventVenue",
        "Person",
        "https://other.example/Event",
        "http://schema.org.evil.example/Event",
        "",
        None,
        7,
        {"@id": "Event"},
        [["Event"]],
    ],
)
def test_what_nobody_attends_is_no_event(kind) -> None:
    assert facts({**MINE, "@type": kind}).events == ()


def test_the_event_that_is_broadcast_is_one_and_its_broadcast_is_not() -> None:
    found = facts({"@type": "BroadcastEvent", "name": "On air", "broadcastOfEvent": BARE}).events

    assert [e.title for e in found] == ["Peace Forum"]


def test_words_of_another_vocabulary_are_not_schema_org() -> None:
    assert facts({**MINE, "@context": "https://www.w3.org/ns/activitystreams"}).events == ()
    assert facts({**MINE, "@context": {"@vocab": "https://other.example/"}}).events == ()


def test_an_event_without_a_name_and_a_start_says_nothing() -> None:
    assert facts({"@type": "Event", "description": "x"}).events == ()
    assert facts({"@type": "Event", "@id": "#e"}).events == ()


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [
        (START, "2026-11-24T20:00:00+01:00", (at(2026, 11, 24, 17), at(2026, 11, 24, 19), False, False)),
        ("2026-11-24T17:00:00Z", None, (at(2026, 11, 24, 17), None, False, False)),
        ("2026-11-24T17:00:00.000Z", None, (at(2026, 11, 24, 17), None, False, False)),
        ("2026-11-24T18:00+0100", None, (at(2026, 11, 24, 17), None, False, False)),
        ("2026-11-24 18:00:00 +01:00", None, (at(2026, 11, 24, 17), None, False, False)),
        ("20261124T170000Z", None, (at(2026, 11, 24, 17), None, False, False)),
        ("2026-11-24T23:30:00-05:00", None, (at(2026, 11, 25, 4, 30), None, False, False)),
        ("2026-11-24T05:30:00+05:30", None, (at(2026, 11, 24, 0), None, False, False)),
        ("2026-11-24T18:00", "2026-11-24T20:00", (at(2026, 11, 24, 18), at(2026, 11, 24, 20), False, True)),
        ("2026-11-4T9:00", None, (at(2026, 11, 4, 9), None, False, True)),
        ("2026-11-24T24:00:00", None, (at(2026, 11, 25), None, False, True)),
        ("2026-11-24", None, (at(2026, 11, 24), None, True, True)),
        ("20261124", None, (at(2026, 11, 24), None, True, True)),
        ("2026-11-24", "2026-11-24", (at(2026, 11, 24), at(2026, 11, 25), True, True)),
        ("2026-11-24", "2026-11-26", (at(2026, 11, 24), at(2026, 11, 27), True, True)),
        ("2026-11-24", "2026-11-26T00:00", (at(2026, 11, 24), at(2026, 11, 26), True, True)),
        ("2026-11-24", "2026-11-20", (at(2026, 11, 24), None, True, True)),
        (
            "2026-11-24T00:00:00-05:00",
            "2026-11-24T23:59:59-05:00",
            (at(2026, 11, 24), at(2026, 11, 25), True, True),
        ),
        (START, "2026-11-24T16:00:00+01:00", (at(2026, 11, 24, 17), None, False, False)),
        (START, START, (at(2026, 11, 24, 17), None, False, False)),
        (START, "2026-11-24T20:00", (at(2026, 11, 24, 17), at(2026, 11, 24, 19), False, False)),
        (START, "2026-11-26", (at(2026, 11, 24, 17), None, False, False)),
        (START, "later", (at(2026, 11, 24, 17), None, False, False)),
        (
            "2026-11-24T18:00",
            "2026-11-24T20:00+01:00",
            (at(2026, 11, 24, 17), at(2026, 11, 24, 19), False, False),
        ),
    ],
)
def test_times_are_read_as_they_are_written(start, end, wanted) -> None:
    found = event(startDate=start, endDate=end)

    assert (found.starts_at, found.ends_at, found.all_day, found.floating) == wanted
    assert found.timezone is None


@pytest.mark.parametrize(
    "raw",
    [
        "24 November 2026",
        "11/24/2026",
        "2026-13-01",
        "2026-11-31T10:00",
        "2026-11-24T25:00",
        "2026-11-24T18:00+99:00",
        "2026-W10",
        "2026-11",
        "2026",
        "1764000000",
        1764000000,
        1e300,
        "1899-01-01",
        "2999-01-01",
        "TBA",
        "٢٠٢٦-١١-٢٤",
        "2026-11-24" * 50,
        True,
        {"@type": "Date"},
        ["", "soon"],
    ],
    ids=str,
)
def test_a_date_that_is_none_is_not_guessed_and_is_told(raw) -> None:
    found = facts({**MINE, "startDate": raw})

    assert [(e.starts_at, e.title) for e in found.events] == [(None, "Peace Forum")]
    assert "starts_at" not in quotes(found.events[0])
    if raw and not isinstance(raw, dict):
        assert any("cannot be read" in warning for warning in found.warnings)


def test_a_duration_says_when_an_event_ends_that_names_no_end() -> None:
    assert event(duration="PT1H30M").ends_at == at(2026, 11, 24, 18, 30)
    assert event(startDate="2026-11-24", duration="P2D").ends_at == at(2026, 11, 26)
    assert event(duration="PT1H", endDate="2026-11-24T20:00:00+01:00").ends_at == at(2026, 11, 24, 19)
    for rubbish in ("PT", "-PT2H", "P9999999D", "two hours", "PT1.5H", 90):
        assert event(duration=rubbish).ends_at is None


@pytest.mark.parametrize(
    ("more", "zone", "start", "floating"),
    [
        ({"timezone": "Europe/Paris"}, "Europe/Paris", at(2026, 11, 24, 17), False),
        ({"timeZone": "europe/paris"}, "Europe/Paris", at(2026, 11, 24, 17), False),
        ({"timezone": "Moon/Base"}, None, at(2026, 11, 24, 17), False),
        ({"timezone": "America/New_York"}, None, at(2026, 11, 24, 17), False),  # the offset denies it
        ({"startDate": "2026-11-24T18:00", "timezone": "America/New_York"}, "America/New_York", at(2026, 11, 24, 23), False),
        ({"startDate": "2026-11-24", "timezone": "America/New_York"}, "America/New_York", at(2026, 11, 24, 5), False),
        ({"startDate": "2026-11-24T23:00Z", "timezone": "America/New_York"}, "America/New_York", at(2026, 11, 24, 23), False),
        ({"location": {"@type": "Place", "timezone": "Europe/Paris"}}, "Europe/Paris", at(2026, 11, 24, 17), False),
        (
            {"location": {"address": {"@type": "PostalAddress", "timezone": "Europe/Paris"}}},
            "Europe/Paris",
            at(2026, 11, 24, 17),
            False,
        ),
        ({"startDate": "2026-11-24T18:00:00+01:00[Europe/Paris]"}, "Europe/Paris", at(2026, 11, 24, 17), False),
        (
            {"startDate": "2026-11-24T18:00", "eventSchedule": {"scheduleTimezone": "Europe/Paris"}},
            "Europe/Paris",
            at(2026, 11, 24, 17),
            False,
        ),
        ({"startDate": "2026-11-24T18:00"}, None, at(2026, 11, 24, 18), True),
    ],
    ids=str,
)  # fmt: skip
def test_a_zone_is_known_only_where_it_is_named(more, zone, start, floating) -> None:
    found = event(**more)

    assert (found.timezone, found.starts_at, found.floating) == (zone, start, floating)
    assert ("timezone" in quotes(found)) == (zone is not None)


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ({"@type": "Place", "name": "Town Hall", "address": {"@type": "PostalAddress", "streetAddress": "1 Main St", "addressLocality": "Geneva", "addressCountry": "CH"}}, "Town Hall, Geneva"),
        ({"name": "Palais des Nations, Geneva", "address": {"addressLocality": "Geneva"}}, "Palais des Nations, Geneva"),
        ({"name": "Geneva", "address": {"addressLocality": "Geneva"}}, "Geneva"),
        ({"name": "Geneva", "address": "Geneva, Switzerland"}, "Geneva, Switzerland"),
        ({"name": "Town Hall", "address": "1 Main St, Geneva"}, "Town Hall, 1 Main St, Geneva"),
        ({"name": "Town Hall"}, "Town Hall"),
        ({"address": {"streetAddress": "1 Main St", "addressLocality": "Geneva", "addressRegion": "GE"}}, "1 Main St, Geneva"),
        ({"@type": "PostalAddress", "name": "HQ", "streetAddress": "1 Main St", "addressLocality": "Geneva"}, "1 Main St, Geneva"),
        ({"address": {"addressLocality": "Geneva", "addressCountry": {"@type": "Country", "name": "Switzerland"}}}, "Geneva, Switzerland"),
        ("Town Hall, Geneva", "Town Hall, Geneva"),
        (["Town Hall", "Church"], "Town Hall"),
        ([{}, {"name": "Town Hall"}], "Town Hall"),
        ({"name": ["Town Hall", "Rathaus"]}, "Town Hall"),
        ({"name": "Caf&eacute; <b>Bleu</b>"}, "Café Bleu"),
        ({"name": "Peace Forum", "address": {"addressLocality": "Geneva"}}, "Geneva"),
        ({"name": "n/a", "address": {"addressLocality": "-"}}, ""),
        ({"name": "https://example.org/venue", "address": {"addressLocality": "Geneva"}}, "Geneva"),
        ({"@id": "#venue"}, ""),
        ({"@type": "Organization", "location": {"@type": "Place", "name": "Town Hall"}}, "Town Hall"),
        ({"name": "Virtual Reality Lab", "address": {"addressLocality": "Geneva"}}, "Virtual Reality Lab, Geneva"),
        ({"@type": "Place"}, ""), ({}, ""), ([], ""), ("", ""), (None, ""), (7, "7"), ([[[]]], ""),
    ],
    ids=str,
)  # fmt: skip
def test_a_place_is_a_name_and_a_town_without_saying_either_twice(location, place) -> None:
    found = event(location=location, eventAttendanceMode=OFFLINE)

    assert (found.place, found.online) == (place, False)
    assert ("place" in quotes(found)) == bool(place)


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ({"@type": "VirtualLocation", "url": ZOOM}, ""),
        ({"@type": "VirtualLocation"}, ""),
        ({"@type": ["VirtualLocation"], "name": "Zoom"}, ""),
        ({"@type": "https://schema.org/VirtualLocation", "url": "https://example.org/live"}, ""),
        ({"@type": "Place", "name": "Online"}, ""),
        ({"@type": "Place", "name": "Online", "address": "Online"}, ""),
        ({"@type": "Place", "name": "ONLINE EVENT", "address": {"addressLocality": "Geneva"}}, "Geneva"),
        ({"name": "Virtual"}, ""),
        ({"name": "Webinar (Zoom)"}, ""),
        ({"name": "Online via Microsoft Teams"}, ""),
        ({"name": "En ligne"}, ""),
        ({"name": ZOOM}, ""),
        ({"address": ZOOM}, ""),
        ({"url": ZOOM}, ""),
        ({"name": "Town Hall", "url": ZOOM}, "Town Hall"),
        ({"url": "https://teams.microsoft.com/l/meetup-join/abc"}, ""),
        ({"url": "https://meet.google.com/abc-defg-hij"}, ""),
        ({"url": "https://acme.webex.com/meet/x"}, ""),
        ("Online", ""),
        (ZOOM, ""),
        ([{"name": "Town Hall"}, {"@type": "VirtualLocation", "url": ZOOM}], "Town Hall"),
    ],
    ids=str,
)
def test_what_shows_that_an_event_is_online_outweighs_an_attendance_mode_that_says_offline(
    location, place
) -> None:
    found = event(location=location, eventAttendanceMode=OFFLINE)

    assert (found.online, found.place) == (True, place)
    assert "although https://schema.org/OfflineEventAttendanceMode" in quotes(found)["online"]


@pytest.mark.parametrize(
    ("mode", "online"),
    [
        ("https://schema.org/OnlineEventAttendanceMode", True),
        ("http://schema.org/MixedEventAttendanceMode", True),
        ("schema:OnlineEventAttendanceMode", True),
        ("OnlineEventAttendanceMode", True),
        ({"@id": "https://schema.org/OnlineEventAttendanceMode"}, True),
        (["https://schema.org/OfflineEventAttendanceMode", "https://schema.org/OnlineEventAttendanceMode"], True),
        (OFFLINE, False),
        ("", False),
        (None, False),
        (["x", 3, None], False),
    ],
    ids=str,
)  # fmt: skip
def test_the_attendance_mode_is_understood_in_every_spelling(mode, online) -> None:
    assert event(eventAttendanceMode=mode).online is online


@pytest.mark.parametrize(
    ("status", "wanted", "told"),
    [
        ("https://schema.org/EventCancelled", EventStatus.CANCELLED, True),
        ("http://schema.org/EventCancelled", EventStatus.CANCELLED, True),
        ("EventCancelled", EventStatus.CANCELLED, True),
        ("schema:EventCanceled", EventStatus.CANCELLED, True),
        ({"@id": "https://schema.org/EventCancelled"}, EventStatus.CANCELLED, True),
        (["EventScheduled", "EventPostponed", "EventCancelled"], EventStatus.CANCELLED, True),
        ("https://schema.org/EventPostponed", EventStatus.POSTPONED, True),
        (["EventRescheduled", "EventPostponed"], EventStatus.POSTPONED, True),
        ("https://schema.org/EventRescheduled", EventStatus.SCHEDULED, True),
        ("https://schema.org/EventScheduled", EventStatus.SCHEDULED, False),
        ("", EventStatus.SCHEDULED, False),
        ([[], {}, 4, None], EventStatus.SCHEDULED, False),
    ],
    ids=str,
)
def test_the_status_is_the_worst_that_is_said(status, wanted, told) -> None:
    found = event(eventStatus=status)

    assert found.status is wanted
    assert ("status" in quotes(found)) is told


def test_an_event_that_moved_online_is_online_and_not_cancelled() -> None:
    found = event(
        eventStatus=["https://schema.org/EventRescheduled", "https://schema.org/EventMovedOnline"],
        eventAttendanceMode=OFFLINE,
    )

    assert (found.online, found.status) == (True, EventStatus.SCHEDULED)


def offer(**more: object) -> dict[str, object]:
    return {"@type": "Offer", "url": "https://go.example/forum", **more}


@pytest.mark.parametrize(
    ("more", "url", "kind"),
    [
        ({"offers": offer()}, "https://go.example/forum", CtaKind.REGISTER),
        ({"offers": [offer(price=0)]}, "https://go.example/forum", CtaKind.REGISTER),
        ({"offers": offer(price="0.00")}, "https://go.example/forum", CtaKind.REGISTER),
        ({"offers": offer(price="€ 25,00")}, "https://go.example/forum", CtaKind.TICKETS),
        ({"offers": [offer(price="0"), offer(price=25)]}, "https://go.example/forum", CtaKind.TICKETS),
        ({"offers": offer(priceSpecification={"price": 12.5})}, "https://go.example/forum", CtaKind.TICKETS),
        ({"offers": {"@type": "AggregateOffer", "lowPrice": "0", "highPrice": "40", "url": "https://t.example/"}}, "https://t.example/", CtaKind.TICKETS),
        ({"offers": {"@type": "AggregateOffer", "offers": [offer()]}}, "https://go.example/forum", CtaKind.REGISTER),
        ({"offers": offer(price=0, url="https://www.eventbrite.co.uk/e/forum-1")}, "https://www.eventbrite.co.uk/e/forum-1", CtaKind.REGISTER),
        ({"offers": offer(price=9, url="https://www.eventbrite.co.uk/e/forum-1")}, "https://www.eventbrite.co.uk/e/forum-1", CtaKind.TICKETS),
        ({"offers": offer(url="https://www.tickettailor.com/events/forum/1")}, "https://www.tickettailor.com/events/forum/1", CtaKind.TICKETS),
        ({"url": "https://www.eventbrite.com/e/forum-1"}, "https://www.eventbrite.com/e/forum-1", CtaKind.REGISTER),
        ({"offers": offer(url="/register?utm_source=x&id=4")}, "https://example.org/register?id=4", CtaKind.REGISTER),
        ({"offers": offer(url=ZOOM)}, ZOOM, CtaKind.JOIN),
        ({"offers": offer(url="https://zoom.us/webinar/register/WN_1")}, "https://zoom.us/webinar/register/WN_1", CtaKind.REGISTER),
        ({"location": {"@type": "VirtualLocation", "url": ZOOM}}, ZOOM, CtaKind.JOIN),
        ({"location": {"@type": "VirtualLocation", "url": ZOOM}, "offers": offer()}, "https://go.example/forum", CtaKind.REGISTER),
        ({"location": {"@type": "VirtualLocation", "url": "https://zoom.us/meeting/register/x"}}, "https://zoom.us/meeting/register/x", CtaKind.REGISTER),
        ({"potentialAction": {"@type": "RegisterAction", "target": "https://r.example/go"}, "offers": offer(price=9)}, "https://r.example/go", CtaKind.REGISTER),
        ({"potentialAction": [{"@type": "ViewAction", "target": "https://v.example/"}, {"@type": "RsvpAction", "target": {"@type": "EntryPoint", "urlTemplate": "https://r.example/rsvp"}}]}, "https://r.example/rsvp", CtaKind.REGISTER),
        ({"potentialAction": {"@type": "JoinAction", "target": ["https://j.example/room"]}}, "https://j.example/room", CtaKind.JOIN),
    ],
    ids=str,
)  # fmt: skip
def test_the_way_in_is_the_one_that_is_offered_and_is_called_what_it_is(more, url, kind) -> None:
    found = event(**more)

    assert found.register_url == url
    assert (found.cta.url, found.cta.kind, found.cta.label) == (url, kind, "")
    assert quotes(found)["register_url"]


@pytest.mark.parametrize(
    "more",
    [
        {"offers": offer(url=PAGE)},
        {"offers": offer(url="http://example.org/events/peace-forum?utm_source=x#tickets")},
        {"offers": offer(url="https://example.org/")},
        {"offers": offer(url="javascript:alert(1)")},
        {"offers": offer(url="data:text/html,x")},
        {"offers": offer(url="mailto:a@example.org")},
        {"offers": offer(url="")},
        {"offers": "https://tickets.example/"},
        {"offers": [3, None, [], {}]},
        {"potentialAction": {"@type": "SearchAction", "target": "https://example.org/?s={q}"}},
        {"potentialAction": {"@type": "RegisterAction", "target": "https://example.org/r/{id}"}},
        {"url": "https://example.org/other"},
        {"location": {"@type": "VirtualLocation", "url": "#watch"}},
    ],
    ids=str,
)
def test_an_address_that_leads_nowhere_new_is_no_registration(more) -> None:
    found = event(**more)

    assert (found.register_url, found.cta) == (None, None)


@pytest.mark.parametrize(
    ("more", "full"),
    [
        ({"offers": offer(availability="https://schema.org/SoldOut")}, True),
        ({"offers": offer(availability="http://schema.org/OutOfStock")}, True),
        ({"offers": offer(availability={"@id": "schema:SoldOut"})}, True),
        ({"offers": offer(availability="https://schema.org/InStock")}, False),
        ({"offers": offer(availability="https://schema.org/PreOrder")}, False),
        ({"offers": [offer(availability="SoldOut"), offer(availability="InStock")]}, False),
        ({"offers": [offer(availability="SoldOut"), offer()]}, False),
        ({"offers": [offer(availability="SoldOut"), offer(availability="SoldOut")]}, True),
        ({"offers": offer(availability=[7, {}])}, False),
        ({"remainingAttendeeCapacity": 0}, True),
        ({"remainingAttendeeCapacity": 3}, False),
    ],
    ids=str,
)
def test_an_event_is_full_when_nothing_is_left_of_any_offer(more, full) -> None:
    found = event(**more)

    assert found.full is full
    assert ("full" in quotes(found)) is full


@pytest.mark.parametrize(
    ("offers", "opens", "closes"),
    [
        (offer(availability="PreOrder", validFrom="2026-10-01T09:00:00+02:00"), at(2026, 10, 1, 7), None),
        (offer(validThrough="2026-11-20T12:00:00Z"), None, at(2026, 11, 20, 12)),
        (offer(availabilityEnds="2026-11-20"), None, at(2026, 11, 20, 23)),
        (offer(validFrom="2026-10-01", validThrough="2026-11-20T12:00"), at(2026, 9, 30, 23), at(2026, 11, 20, 11)),
        ([offer(validThrough="2026-11-01T00:00Z"), offer(validThrough="2026-11-20T00:00Z")], None, at(2026, 11, 20)),
        ([offer(validThrough="2026-11-01T00:00Z"), offer()], None, None),
        ([offer(validThrough="2026-11-01T00:00Z"), offer(availability="SoldOut")], None, at(2026, 11, 1)),
        ([offer(validFrom="2026-10-02T00:00Z"), offer(validFrom="2026-10-01T00:00Z")], at(2026, 10, 1), None),
        (offer(validFrom="2026-11-02T00:00Z", validThrough="2026-11-01T00:00Z"), None, None),
        (offer(validThrough="whenever"), None, None),
    ],
    ids=str,
)  # fmt: skip
def test_registration_opens_with_the_first_offer_and_closes_with_the_last(offers, opens, closes) -> None:
    found = event(offers=offers)

    assert (found.opens_at, found.closes_at) == (opens, closes)


def test_registration_dates_of_a_floating_event_float_with_it_or_are_left_out() -> None:
    found = event(startDate="2026-11-24T18:00", offers=offer(validThrough="2026-11-20T12:00"))
    assert (found.floating, found.closes_at) == (True, at(2026, 11, 20, 12))

    exact = facts(
        {**MINE, "startDate": "2026-11-24T18:00", "offers": offer(validThrough="2026-11-20T12:00Z")}
    )
    assert exact.events[0].closes_at is None
    assert any("registration date" in warning for warning in exact.warnings)


@pytest.mark.parametrize(
    ("more", "uid"),
    [
        ({"url": "/events/peace-forum/"}, PAGE),
        ({"url": "https://www.eventbrite.com/e/1?utm_source=x"}, "https://www.eventbrite.com/e/1"),
        ({"at_id": "#event"}, f"{PAGE}#event"),
        ({"at_id": "https://example.org/e/7"}, "https://example.org/e/7"),
        ({"at_id": "#event", "url": PAGE}, PAGE),
        ({"mainEntityOfPage": {"@id": PAGE}}, PAGE),
        ({"url": {"@id": PAGE}}, PAGE),
        ({"url": ["javascript:x", PAGE]}, PAGE),
        ({"at_id": "_:b0"}, ""),
        ({"at_id": "urn:uuid:1"}, ""),
        ({"at_id": "event-7"}, ""),
        ({"at_id": "/e/7"}, "https://example.org/e/7"),
        ({"url": "javascript:alert(1)", "at_id": 7}, ""),
        ({"url": "https://example.org/" + "x" * 3000}, ""),
        ({}, ""),
    ],
    ids=lambda v: str(v)[:60],
)
def test_the_uid_is_the_page_of_the_event_itself(more, uid) -> None:
    assert event(**more).uid == uid


def test_a_reference_is_followed_to_what_the_page_says_elsewhere() -> None:
    found = facts(
        {
            "@context": "https://schema.org",
            "@graph": [
                {
                    **BARE,
                    "@id": "#e",
                    "location": {"@id": "#hall"},
                    "offers": [{"@id": f"{PAGE}#offer"}],
                    "organizer": {"@type": "Person", "name": "Nobody", "email": "a@example.org"},
                },
                {"@type": "Place", "@id": "#hall", "name": "Town Hall", "address": {"@id": "#address"}},
                {"@type": "PostalAddress", "@id": "#address", "addressLocality": "Geneva"},
                {"@type": "Offer", "@id": "#offer", "url": "https://go.example/forum", "price": 5},
                {"@type": "WebPage", "mainEntity": {"@id": "#e"}},
            ],
        }
    ).events

    assert [(e.place, e.register_url) for e in found] == [("Town Hall, Geneva", "https://go.example/forum")]
    assert "Nobody" not in repr(found)


def test_an_event_told_in_two_pieces_is_one() -> None:
    pieces = [{"@type": "Event", "@id": "#e", "name": "Peace Forum"}, {"@id": "#e", "startDate": START}]

    found = facts([*pieces, {"@type": "WebPage", "about": {"@type": "Event", "@id": "#e"}}]).events

    assert [(e.title, e.starts_at) for e in found] == [("Peace Forum", at(2026, 11, 24, 17))]


def test_references_in_a_circle_end() -> None:
    found = facts(
        [
            {**BARE, "@id": "#e", "subEvent": {"@id": "#e"}, "location": {"@id": "#p"}},
            {"@id": "#p", "location": {"@id": "#p"}},
        ]
    ).events

    assert [e.title for e in found] == ["Peace Forum"]


def test_the_dates_of_a_series_and_of_a_course_go_by_its_name() -> None:
    sub = [{"@type": "Event", "startDate": f"2026-12-0{day}T18:00Z"} for day in (1, 2)]
    series = facts({**MINE, "@type": "EventSeries", "startDate": None, "subEvent": sub}).events
    course = facts(
        {
            "@type": "Course",
            "name": "Law",
            "hasCourseInstance": {"@type": "CourseInstance", "startDate": START},
        }
    ).events

    assert [e.title for e in series] == ["Peace Forum"] * 3
    assert [e.starts_at for e in series] == [None, at(2026, 12, 1, 18), at(2026, 12, 2, 18)]
    assert [e.title for e in course] == ["Law"]


def test_a_schedule_is_kept_as_evidence_and_makes_no_dates() -> None:
    found = event(eventSchedule={"@type": "Schedule", "repeatFrequency": "P1W", "byDay": "Monday"})

    assert found.dates == ()
    assert quotes(found)["schedule"] == "P1W Monday"
    assert not any(isinstance(one, Occurrence) for one in found.dates)


def test_every_fact_is_kept_with_the_words_it_was_read_from() -> None:
    found = event(
        at_type="EducationEvent",
        endDate="2026-11-24T20:00:00+01:00",
        location={"name": "Hall"},
        eventStatus="https://schema.org/EventPostponed",
        offers=offer(availability="SoldOut", validFrom="2026-01-01", validThrough="2026-11-01"),
    )

    assert quotes(found) == {
        "kind": "EducationEvent",
        "starts_at": START,
        "ends_at": "2026-11-24T20:00:00+01:00",
        "place": "Hall",
        "register_url": "https://go.example/forum",
        "cta": "https://go.example/forum",
        "status": "https://schema.org/EventPostponed",
        "full": "SoldOut",
        "opens_at": "2026-01-01",
        "closes_at": "2026-11-01",
    }
    assert {e.origin for e in found.evidence} == {Origin.JSON_LD}


BROKEN = '{"@type": "Event", /* ours */ "name": "Peace Forum", "startDate": "' + START + '",}'


def test_broken_json_is_mended_where_extruct_is_installed() -> None:
    pytest.importorskip("extruct")
    found = facts(BROKEN)

    assert [e.title for e in found.events] == ["Peace Forum"]
    assert found.warnings == ()


def test_broken_json_is_told_where_extruct_is_not_installed(monkeypatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "extruct"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "extruct", None)
    lines = json.dumps({**MINE, "name": "Two lines"}).replace("Two lines", "Two\nlines")
    found = read(script(BROKEN) + script(MINE) + script(lines), url=PAGE)

    assert [e.title for e in found.events] == ["Peace Forum", "Two lines"]
    assert found.warnings == ("Block 1 of structured data is not JSON (line 1).",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "null",
        "7",
        '"Event"',
        "NaN",
        "[NaN, Infinity, -Infinity]",
        "true",
        "[]",
        "{}",
        "{",
        "<b>",
        "undefined",
        "[" * 100_000,
        '{"a":' * 30_000,
        '[{"@graph":' * 15_000,
        '{"@type":"Event","name":' + "[" * 50_000 + '"x"' + "]" * 50_000 + "}",
        '{"@type":"Event","name":"x","startDate":' + "9" * 5_000 + "}",
        '{"@type":"Event","name":"x","startDate":1e999999,"duration":-1e400,"offers":{"price":1e400}}',
        '{"@type":"Event","name":{"name":{"name":{}}},"startDate":{"a":1}}',
        '{"@type":"Event","name":[[],{},null,false,3.5],"location":[[[]]],"offers":[[[]]],"eventStatus":{}}',
        '{"@type":["Event"],"@id":["x"],"@graph":"x","@context":7,"name":"\\ud800\\udfff\\u0000"}',
        '{"@value":{"@value":{"@list":{"@set":{"@type":"Event","name":"deep"}}}}}',
        "\ud800",
        '{"@type":"Event","name":"x"}' + "\0" * 1000,
    ],
    ids=lambda text: text[:40].encode("unicode_escape").decode(),
)
def test_rubbish_is_survived(text) -> None:
    found = facts(text)

    assert all(e.title == e.title.strip() and e.starts_at is None for e in found.events)
    assert len(found.events) <= 1


def test_what_is_read_is_bounded() -> None:
    many = [{**BARE, "name": f"Event {n}"} for n in range(1_000)]
    long = {**BARE, "description": "x" * jsonld.LONGEST_BLOCK}
    blocks = [json.dumps({**BARE, "name": f"Block {n}"}) for n in range(jsonld.MOST_BLOCKS + 10)]

    assert len(facts([many, many]).events) == 200
    assert facts(long).events == ()
    assert "too long" in facts(long).warnings[0]
    found = read("".join(script(block) for block in blocks), url=PAGE)
    assert len(found.events) == jsonld.MOST_BLOCKS
    assert "first 50 were read" in found.warnings[0]


def test_things_within_things_are_bounded_in_number_and_in_depth() -> None:
    wide = [{"a": [{"b": n} for n in range(300)]} for _ in range(300)]
    deep: object = "x"
    for _ in range(600):
        deep = {"a": [deep]}

    assert sum(1 for _ in Graph(Reader().things(wide), base=PAGE).walk()) <= 5_000
    assert sum(1 for _ in Graph(Reader().things(deep), base=PAGE).walk()) <= 40


def test_a_moment_is_never_outside_the_years_that_are_believed() -> None:
    assert read_moment("1990-01-01T00:00:00+14:00") is not None
    assert read_moment("2100-12-31T23:59:59-12:00") is not None
    assert read_moment("1989-12-31") is None
    assert read_moment("2101-01-01") is None


@given(
    st.datetimes(datetime(1990, 1, 2), datetime(2100, 12, 30)),
    st.integers(-14 * 60, 14 * 60),
)
def test_any_moment_with_an_offset_is_read_exactly(wall, minutes) -> None:
    moment = wall.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))

    found = span(read_moment(moment.isoformat()), None, zone=None)

    assert found.starts_at == moment
    assert not found.floating


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading_of_moments_and_places(text) -> None:
    moment = read_moment(text)
    assert moment is None or 1990 <= moment.wall.year <= 2100
    assert isinstance(says_online(text), bool)
    assert is_meeting(text) in {True, False}
    assert is_sign_up(text) in {True, False}


@pytest.mark.parametrize(
    ("host", "meeting"),
    [
        ("https://us02web.zoom.us/j/1", True),
        ("https://notzoom.us/j/1", False),
        ("https://zoom.us.evil.example/j/1", False),
        ("https://evil.example/zoom.us", False),
        ("https://zoom.us@evil.example/", False),
        ("http://[::1", False),
    ],
)
def test_a_meeting_is_known_by_its_host(host, meeting) -> None:
    assert is_meeting(host) is meeting
