"""Whom we believe about an event: staff, then structured data in order, each fact with its evidence; words make a perhaps."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.posts import timing
from digest.posts.happenings import Judged, judge
from digest.posts.model import (
    CallToAction,
    CtaKind,
    Event,
    EventStatus,
    Evidence,
    Occurrence,
    Origin,
    PageFacts,
    StaffFacts,
    StoredPost,
    Verdict,
)
from tests import factories
from tests.factories import NOW

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
URL = "https://www.example.org/news/moths"
START = datetime(2026, 12, 3, 19, tzinfo=UTC)
SIGN_UP = "https://www.eventbrite.com/e/moths-1"


def told(origin: Origin = Origin.JSON_LD, **facts) -> Event:
    """A moth night as `origin` tells it, with evidence for what it says."""
    given = {"title": "Moth night", "uid": URL, "starts_at": START, **facts}
    said = [name for name in given if name not in {"title", "uid", "dates", "all_day", "floating"}]
    evidence = tuple(Evidence(fact=fact, origin=origin, quote=f"{origin} {fact}") for fact in ("kind", *said))
    return Event(**{"evidence": evidence, **given})


def post(event: Event | None = None, *page: Event, title: str = "Moth night", **more) -> StoredPost:
    facts = {key: more.pop(key) for key in ("staff", "seen_at") if key in more}
    is_article = more.pop("is_article", True)
    stored = factories.stored_post(
        **{"title": title, "url": URL, "summary": "", "event": event, "published_at": NOW - DAY, **more}
    )
    read = PageFacts(url=URL, is_article=is_article, events=page) if page else None
    return replace(stored, page=read, event_key="key-1", event_revision=3, **facts)


def judged(stored: StoredPost, **options) -> Judged:
    return judge(stored, **{"now": NOW, "timezone": "Europe/Berlin", **options})


def staff(verdict: Verdict = Verdict.EVENT, **facts) -> StaffFacts:
    return StaffFacts(verdict=verdict, by="Mara", at=NOW, **facts)


def evidence_of(event, fact: str) -> list[tuple[Origin, str]]:
    return [(one.origin, one.quote) for one in event.evidence if one.fact == fact]


# --- whom we believe ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Origin.EVENTS_CALENDAR, Origin.JSON_LD),
        (Origin.ICAL, Origin.MICRODATA),
        (Origin.JSON_LD, Origin.FEED),
        (Origin.MICRODATA, Origin.FEED),
    ],
)
def test_the_surer_origin_gives_the_dates_and_the_other_is_kept_as_a_disagreement(first, second):
    sure, less = told(first, ends_at=None), told(second, starts_at=START + DAY, ends_at=START + DAY + HOUR)
    by_source = {Origin.EVENTS_CALENDAR, Origin.ICAL, Origin.FEED}
    stored = post(sure, less) if first in by_source else post(less, sure)
    event = judged(stored).event
    assert (event.starts_at, event.ends_at) == (START, None)
    assert evidence_of(event, "starts_at") == [(first, f"{first} starts_at")]
    assert evidence_of(event, "disagreement") == [(second, f"{second} starts_at")]


def test_what_the_surer_origin_does_not_know_the_other_fills_in():
    calendar = told(Origin.EVENTS_CALENDAR, place="The weir")
    page = told(place="Elsewhere", register_url=SIGN_UP, online=True)
    event = judged(post(calendar, page)).event
    assert (event.place, event.register_url, event.online) == ("The weir", SIGN_UP, True)
    assert event.cta == CallToAction(url=SIGN_UP, kind=CtaKind.REGISTER)
    assert evidence_of(event, "register_url") == [(Origin.JSON_LD, "json-ld register_url")]
    assert evidence_of(event, "place") == [(Origin.EVENTS_CALENDAR, "events-calendar place")]
    assert evidence_of(event, "disagreement") == []


def test_no_date_of_one_origin_is_mixed_with_one_of_another():
    calendar = told(Origin.EVENTS_CALENDAR)
    page = told(ends_at=START + HOUR, opens_at=NOW, closes_at=START, timezone="Asia/Tokyo")
    event = judged(post(calendar, page)).event
    assert (event.ends_at, event.opens_at, event.closes_at, event.timezone) == (None, None, None, None)


def test_a_start_that_only_the_page_knows_is_taken_from_there():
    event = judged(
        post(told(Origin.FEED, starts_at=None, place="The weir"), told(ends_at=START + HOUR))
    ).event
    assert (event.starts_at, event.ends_at, event.place) == (START, START + HOUR, "The weir")


def test_a_source_that_leaves_no_evidence_still_has_its_facts_attributed():
    stored = replace(
        post(Event(uid="1", title="Moth night", starts_at=START)), source_key="ical https://example.org/a.ics"
    )
    event = judged(stored).event
    assert evidence_of(event, "starts_at") == [(Origin.ICAL, "")]
    assert evidence_of(event, "kind") == [(Origin.ICAL, "")]


def test_an_event_carries_the_key_and_revision_of_its_calendar_file():
    assert (judged(post(told())).event.key, judged(post(told())).event.revision) == ("key-1", 3)


def test_a_floating_event_stays_floating_until_it_is_printed_somewhere():
    event = judged(post(told(floating=True))).event
    assert event.floating and event.starts_at == START


def test_an_end_before_the_start_is_no_end():
    assert judged(post(told(ends_at=START - DAY))).event.ends_at is None


# --- what the page is about -----------------------------------------------------------------------------------


def test_several_events_of_the_page_with_one_title_are_the_dates_of_a_series():
    nights = [told(starts_at=START + n * 7 * DAY, ends_at=START + n * 7 * DAY + HOUR) for n in (2, 0, 1)]
    event = judged(post(None, *nights)).event
    assert event.starts_at == START
    assert [one.starts_at for one in event.dates] == [START + 7 * DAY, START + 14 * DAY]


def test_a_fact_that_differs_between_the_dates_of_a_series_is_none_of_it():
    nights = [
        told(starts_at=START + n * DAY, register_url=f"{SIGN_UP}{n}", place="The weir", online=not n)
        for n in (0, 1)
    ]
    event = judged(post(None, *nights)).event
    assert (event.register_url, event.cta, event.place, event.online) == (None, None, "The weir", False)


def test_a_cancelled_date_is_no_date_of_a_series():
    off = told(status=EventStatus.CANCELLED)
    event = judged(post(None, off, told(starts_at=START + DAY))).event
    assert (event.starts_at, event.dates, event.status) == (START + DAY, (), EventStatus.SCHEDULED)


def test_a_series_that_is_wholly_cancelled_is_cancelled():
    nights = [told(starts_at=START + n * DAY, status=EventStatus.CANCELLED) for n in (0, 1)]
    assert judged(post(None, *nights)).event.status is EventStatus.CANCELLED


@pytest.mark.parametrize(
    ("post_title", "event_title", "is_about"),
    [
        ("Moth night at the weir", "Moth Night at the Weir!", True),
        ("REGISTER NOW: Moth night at the weir", "Moth night at the weir", True),
        ("Moth night at the weir", "Moth night at the weir | Example Trust", True),
        ("Moth night at the weir 2026", "Moth night at the weir", True),
        ("Moth night at the weir 2025", "Moth night at the weir 2026", False),
        ("Moth night draws record crowd to the weir", "Moth night", False),
        ("Weir closed for repairs", "Moth night", False),
        ("Moths", "Moth night", False),
        ("Recap: Moth night at the weir", "Moth night at the weir", False),
    ],
)
def test_an_article_is_about_an_event_of_its_page_only_if_they_share_their_title(
    post_title, event_title, is_about
):
    listed = told(title=event_title, uid="https://www.example.org/events/other")
    assert (judged(post(None, listed, title=post_title)).verdict is Verdict.EVENT) is is_about


def test_a_lone_event_on_a_page_that_is_no_article_counts_when_the_title_speaks_of_it():
    lone = told(title="Moth night", uid="")
    assert (
        judged(post(None, lone, title="Tonight: Moth night by the weir", is_article=False)).verdict
        is Verdict.EVENT
    )
    assert judged(post(None, lone, title="Weir closed", is_article=False)).verdict is Verdict.POST
    assert judged(post(None, lone, title="Tonight: Moth night by the weir")).verdict is Verdict.POST


def test_the_page_s_own_event_is_found_behind_a_fragment_and_a_tracking_parameter():
    own = told(title="Something else", uid="http://www.example.org/news/moths/?utm_source=x#event")
    assert judged(post(None, own)).verdict is Verdict.EVENT


# --- when it was over -----------------------------------------------------------------------------------------


def test_a_post_published_after_the_event_is_a_report_of_it():
    result = judged(post(None, told(starts_at=NOW - 3 * DAY, register_url=SIGN_UP), published_at=NOW - DAY))
    assert (result.verdict, result.event) == (Verdict.POST, None)
    assert "report" in result.reason


def test_a_calendar_s_own_entry_is_no_report_however_late_it_was_written():
    past = told(Origin.EVENTS_CALENDAR, starts_at=NOW - 3 * DAY)
    assert judged(post(past, published_at=NOW - DAY)).verdict is Verdict.EVENT


def test_an_event_that_is_over_by_now_but_was_announced_before_stays_an_event():
    result = judged(post(None, told(starts_at=NOW - DAY), published_at=NOW - 5 * DAY))
    assert result.verdict is Verdict.EVENT
    assert result.event and timing.is_over(result.event, now=NOW, timezone="UTC")


def test_a_series_with_dates_to_come_is_no_report():
    dates = (Occurrence(starts_at=NOW + DAY),)
    stored = post(None, told(starts_at=NOW - 3 * DAY, dates=dates), published_at=NOW - DAY)
    assert judged(stored).verdict is Verdict.EVENT


# --- staff ----------------------------------------------------------------------------------------------------


def test_what_staff_call_a_post_is_one_whatever_else_says_otherwise():
    result = judged(post(told(), told(), title="REGISTER NOW: Moth night", staff=staff(Verdict.POST)))
    assert (result.verdict, result.event, result.title) == (Verdict.POST, None, "REGISTER NOW: Moth night")
    assert "Mara" in result.reason


def test_what_staff_confirm_replaces_what_the_sources_said_and_every_date_of_theirs():
    source = told(
        Origin.ICAL,
        ends_at=START + HOUR,
        dates=(Occurrence(starts_at=START + DAY),),
        closes_at=START,
        place="The weir",
        register_url=SIGN_UP,
    )
    facts = staff(starts_at=START + 2 * DAY, timezone="Asia/Tokyo", place="The mill", full=True)
    event = judged(post(source, staff=facts)).event
    assert (event.starts_at, event.ends_at, event.dates, event.closes_at) == (START + 2 * DAY, None, (), None)
    assert (event.timezone, event.place, event.full, event.register_url) == (
        "Asia/Tokyo",
        "The mill",
        True,
        SIGN_UP,
    )
    assert evidence_of(event, "starts_at") == [(Origin.STAFF, "Mara")]
    assert evidence_of(event, "place") == [(Origin.STAFF, "Mara")]
    assert evidence_of(event, "register_url") == [(Origin.ICAL, "ical register_url")]


def test_staff_alone_can_make_an_event_of_any_post():
    result = judged(post(title="Moths", staff=staff(starts_at=START, ends_at=START + HOUR, online=True)))
    assert (result.verdict, result.event.starts_at, result.event.online) == (Verdict.EVENT, START, True)
    assert result.event.uid == URL


def test_an_event_of_staff_without_a_date_stays_a_perhaps_however_old_it_is():
    result = judged(post(title="Moths", published_at=NOW - 400 * DAY, staff=staff(place="The weir")))
    assert (result.verdict, result.event.starts_at, result.event.place) == (Verdict.MAYBE, None, "The weir")
    assert evidence_of(result.event, "kind")[0] == (Origin.STAFF, "Mara")


def test_staff_may_empty_a_fact_and_say_that_an_event_is_on_after_all():
    source = told(place="The weir", register_url=SIGN_UP, status=EventStatus.CANCELLED)
    facts = staff(place="", register_url="", status=EventStatus.SCHEDULED)
    event = judged(post(None, source, title="CANCELLED: Moth night", staff=facts)).event
    assert (event.place, event.register_url, event.status) == ("", None, EventStatus.SCHEDULED)


def test_a_zone_that_staff_name_holds_a_floating_event_and_a_whole_day_in_their_day():
    floating = told(floating=True, starts_at=datetime(2026, 12, 3, 19, tzinfo=UTC))
    event = judged(post(floating, staff=staff(timezone="Asia/Tokyo"))).event
    assert (event.starts_at, event.floating) == (datetime(2026, 12, 3, 10, tzinfo=UTC), False)
    berlin_day = told(all_day=True, starts_at=datetime(2026, 12, 2, 23, tzinfo=UTC), timezone="Europe/Berlin")
    event = judged(post(berlin_day, staff=staff(timezone="Asia/Tokyo"))).event
    assert event.starts_at == datetime(2026, 12, 2, 15, tzinfo=UTC)
    assert event and str(timing.last_day(event, "UTC")) == "2026-12-03"


# --- buttons --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "cta"),
    [
        ({"register_url": SIGN_UP}, CallToAction(url=SIGN_UP)),
        ({"register_url": "https://example.org/sign-up"}, CallToAction(url="https://example.org/sign-up")),
        ({"register_url": "https://partner.example.net/"}, CallToAction(url="https://partner.example.net/", kind=CtaKind.DETAILS)),
        ({"register_url": "https://ti.to/moths/1"}, CallToAction(url="https://ti.to/moths/1", kind=CtaKind.TICKETS)),
        ({"register_url": "https://zoom.us/j/1", "online": True}, CallToAction(url="https://zoom.us/j/1", kind=CtaKind.JOIN)),
        ({"register_url": "https://zoom.us/j/1"}, None),
        ({"register_url": "https://bit.ly/moths"}, CallToAction(url="https://bit.ly/moths")),
        ({"cta": CallToAction(url="https://bit.ly/moths")}, None),
        ({"cta": CallToAction(url="https://example.org/d", kind=CtaKind.DETAILS)}, CallToAction(url="https://example.org/d", kind=CtaKind.DETAILS)),
        ({"register_url": URL}, None),
        ({"register_url": URL, "cta": CallToAction(url=URL, kind=CtaKind.TICKETS)}, CallToAction(url=URL, kind=CtaKind.TICKETS)),
        ({"register_url": SIGN_UP, "cta": CallToAction(url=SIGN_UP, label="Come along")}, CallToAction(url=SIGN_UP, label="Come along")),
        ({"register_url": "javascript:alert(1)"}, None),
        ({"register_url": "mailto:jo@example.org"}, None),
        ({"register_url": SIGN_UP, "status": EventStatus.POSTPONED}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_the_button_is_what_its_link_is_for(facts, cta):
    assert judged(post(None, told(**facts))).event.cta == cta


def test_a_title_that_cancels_takes_the_button_from_an_event_whose_source_forgot():
    event = judged(post(told(Origin.ICAL, register_url=SIGN_UP), title="CANCELLED: Moth night")).event
    assert (event.status, event.cta, event.title) == (EventStatus.CANCELLED, None, "Moth night")
    assert evidence_of(event, "status") == [(Origin.TITLE, "CANCELLED")]


# --- perhaps --------------------------------------------------------------------------------------------------


def test_a_perhaps_shows_staff_what_may_be_its_date_and_prints_none():
    body = "We meet on Thursday, 3 December 2026 at 7 pm. Bring a lamp."
    result = judged(post(title="REGISTER NOW: Moth night", body=body))
    assert (result.verdict, result.title, result.event.starts_at) == (Verdict.MAYBE, "Moth night", None)
    assert [one.phrase for one in result.suggestions] == ["Thursday, 3 December 2026 at 7 pm"]
    assert evidence_of(result.event, "kind") == [(Origin.TITLE, "REGISTER NOW")]
    assert (result.event.uid, result.event.key, result.event.revision) == (URL, "key-1", 3)


def test_a_category_counts_in_any_case_but_never_alone():
    named = frozenset({"Events"})
    silent = post(title="Moths", categories=("EVENTS",))
    asking = post(
        title="Moths", categories=("EVENTS",), body="The lamps will be held ready. Reserve your seat."
    )
    assert judged(silent, event_categories=named).verdict is Verdict.POST
    found = judged(asking, event_categories=named)
    assert found.verdict is Verdict.MAYBE
    assert (Origin.CATEGORY, "EVENTS") in evidence_of(found.event, "kind")
    assert judged(asking).verdict is Verdict.POST


@pytest.mark.parametrize(("days", "verdict"), [(0, Verdict.MAYBE), (45, Verdict.MAYBE), (46, Verdict.POST)])
def test_an_announcement_grows_old_in_forty_five_days(days, verdict):
    assert judged(post(title="RSVP: Moth night", published_at=NOW - days * DAY)).verdict is verdict
    unknown = post(title="RSVP: Moth night", published_at=None, seen_at=NOW - days * DAY)
    assert judged(unknown).verdict is verdict


titles = st.one_of(
    st.text(min_size=1, max_size=80),
    st.sampled_from(
        ["REGISTER NOW: Moths", "CANCELLED: Moths", "Recap: Moths", "Webinar: Moths", "Join us", "Moth night"]
    ),
)
times = st.datetimes(datetime(2024, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC))
happenings = st.builds(
    told,
    st.sampled_from([Origin.EVENTS_CALENDAR, Origin.ICAL, Origin.JSON_LD, Origin.FEED]),
    starts_at=st.none() | times,
    ends_at=st.none() | times,
    register_url=st.none()
    | st.sampled_from([SIGN_UP, "https://bit.ly/a", "https://zoom.us/j/1", "javascript:x", "x"]),
    status=st.sampled_from(EventStatus),
    online=st.booleans(),
    floating=st.booleans(),
    all_day=st.booleans(),
)


@given(
    title=titles,
    body=st.text(max_size=200),
    event=st.none() | happenings,
    page=st.lists(happenings, max_size=3),
    person=st.none() | st.builds(staff, st.sampled_from(Verdict), starts_at=st.none() | times),
    published=st.none() | times,
)
def test_whatever_is_told_a_date_or_a_button_comes_from_structured_data_or_staff(
    title, body, event, page, person, published
):
    result = judged(post(event, *page, title=title, body=body, staff=person, published_at=published))
    known = {one.starts_at for one in (event, person, *page) if one is not None and one.starts_at is not None}
    assert result.title.strip() or not title.strip()
    assert result.reason.endswith(".")
    if result.verdict is Verdict.POST:
        assert result.event is None
        return
    found = result.event
    assert (found.starts_at is not None) == (result.verdict is Verdict.EVENT)
    if person is None or person.timezone is None:
        assert {found.starts_at} <= known | {None}
    if found.cta is not None:
        assert found.status is EventStatus.SCHEDULED and found.cta.url in {
            SIGN_UP,
            "https://bit.ly/a",
            "https://zoom.us/j/1",
        }
        assert found.cta.kind is not CtaKind.JOIN or found.online
