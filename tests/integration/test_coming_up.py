"""Which events an edition announces, on both databases: each as news once, then among the dates to come until it is over."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from digest.editions.model import Edition, EditionState, Section
from digest.posts.model import EventStatus, Occurrence
from digest.workflows import close, look
from digest.workflows.parts import Parts
from tests import factories, publishing
from tests.factories import NOW

E = EditionState
DAY, WEEK = timedelta(days=1), timedelta(days=7)


@pytest.fixture
def parts(database) -> Parts:
    made = publishing.parts(database)
    publishing.start(made, now=NOW - 30 * DAY)
    return made


def announced(title: str, *, days: float, hours: float = 2, **facts):
    start = NOW + timedelta(days=days)
    happening = factories.event(title=title, starts_at=start, ends_at=start + timedelta(hours=hours), **facts)
    return factories.post(title=title, event=happening)


def sent(parts: Parts, *, now: datetime) -> Edition:
    edition = close.cut(parts, "weekly", now=now)
    assert edition.state is E.DRAFT, edition.reason
    return publishing.move(parts, edition.id, E.APPROVED, E.SENDING, E.SENT, now=now)


def lines(edition: Edition) -> list[tuple[str, bool]]:
    return [(item.title, item.repeat) for item in edition.items]


def test_an_event_is_news_once_and_then_stands_among_the_dates_to_come_until_it_is_over(parts):
    publishing.publish(parts, announced("The fair", days=16), factories.post(title="One"), now=NOW)
    assert lines(sent(parts, now=NOW)) == [("One", False), ("The fair", False)]
    publishing.publish(parts, factories.post(title="Two"), now=NOW + WEEK)
    assert lines(sent(parts, now=NOW + WEEK)) == [("Two", False), ("The fair", True)]
    publishing.publish(parts, factories.post(title="Three"), now=NOW + 3 * WEEK)
    assert lines(sent(parts, now=NOW + 3 * WEEK)) == [("Three", False)]


def test_dates_to_come_alone_make_no_edition(parts):
    publishing.publish(parts, announced("The fair", days=16), now=NOW)
    sent(parts, now=NOW)
    assert close.cut(parts, "weekly", now=NOW + WEEK).state is E.SKIPPED


def test_an_edition_may_be_made_of_a_new_event_alone(parts):
    publishing.publish(parts, announced("The fair", days=16), now=NOW)
    edition = close.cut(parts, "weekly", now=NOW)
    assert [item.section for item in edition.items] == [Section.EVENTS]
    assert edition.subject == "The fair"


def test_events_announced_before_are_neither_in_the_subject_nor_counted_there(parts):
    publishing.publish(parts, announced("The fair", days=20), now=NOW)
    sent(parts, now=NOW)
    new = [factories.post(title=f"Post {n}", published_at=NOW - n * DAY) for n in range(3)]
    publishing.publish(parts, *new, now=NOW + WEEK)
    edition = close.cut(parts, "weekly", now=NOW + WEEK)
    assert edition.subject == "Post 0 and 2 more"
    assert edition.preheader == "Post 1 · Post 2"


def test_events_stand_in_the_order_of_their_dates_the_new_ones_first(parts):
    publishing.publish(
        parts, announced("Announced late", days=40), announced("Announced early", days=12), now=NOW
    )
    sent(parts, now=NOW)
    publishing.publish(parts, announced("New late", days=50), announced("New early", days=20), now=NOW + DAY)
    assert [t for t, _ in lines(close.cut(parts, "weekly", now=NOW + DAY))] == [
        "New early",
        "New late",
        "Announced early",
        "Announced late",
    ]


def test_an_event_that_is_over_when_the_mail_is_sent_is_left_out_and_staff_see_why(parts):
    soon = announced("Tomorrow’s breakfast", days=0.2)
    publishing.publish(parts, soon, factories.post(title="One"), now=NOW - DAY)
    coming = look.next_edition(parts, "weekly", now=NOW - DAY)
    assert [item.title for item in coming.items] == ["One", "Tomorrow’s breakfast"]
    later = look.next_edition(parts, "weekly", now=NOW + DAY)
    assert [item.title for item in later.items] == ["One"]
    assert [(e.title, e.reason) for e in later.excluded] == [
        ("Tomorrow’s breakfast", "The event is over when the mail is sent.")
    ]


def test_what_was_over_for_weeks_is_not_told_to_staff_again_and_again(parts):
    publishing.publish(parts, announced("Long ago", days=1), now=NOW)
    assert look.next_edition(parts, "weekly", now=NOW + 20 * DAY).excluded == ()


def test_an_event_farther_ahead_than_the_setting_waits_before_it_is_named_again(database):
    parts = publishing.parts(database, coming_up="14d")
    publishing.start(parts, now=NOW - 30 * DAY)
    publishing.publish(parts, announced("Far", days=40), now=NOW)
    sent(parts, now=NOW)
    publishing.publish(parts, factories.post(title="One"), now=NOW + WEEK)
    assert lines(sent(parts, now=NOW + WEEK)) == [("One", False)]
    publishing.publish(parts, factories.post(title="Two"), now=NOW + 4 * WEEK)
    assert lines(sent(parts, now=NOW + 4 * WEEK)) == [("Two", False), ("Far", True)]


def test_no_event_is_repeated_where_the_setting_says_never(database):
    parts = publishing.parts(database, coming_up="0d")
    publishing.start(parts, now=NOW - 30 * DAY)
    publishing.publish(parts, announced("The fair", days=16), now=NOW)
    sent(parts, now=NOW)
    publishing.publish(parts, factories.post(title="Two"), now=NOW + WEEK)
    assert lines(sent(parts, now=NOW + WEEK)) == [("Two", False)]


def test_a_calendar_connected_late_has_its_events_announced_when_they_come_near(database):
    parts = publishing.parts(database)
    existing = (announced("Near", days=10), announced("Far", days=200), announced("Over", days=-40))
    publishing.start(parts, now=NOW, existing=existing, first_edition=0)
    edition = sent(parts, now=NOW)
    assert lines(edition) == [("Near", False)]
    publishing.publish(parts, *existing, now=NOW + 150 * DAY)
    assert lines(sent(parts, now=NOW + 150 * DAY)) == [("Far", False)]


def test_the_events_a_new_calendar_brings_along_do_not_trip_the_flood_guard(database):
    parts = publishing.parts(database, max_new=3)
    existing = tuple(announced(f"Event {n}", days=10 + n) for n in range(8))
    publishing.start(parts, now=NOW, existing=existing, first_edition=0)
    edition = close.cut(parts, "weekly", now=NOW)
    assert len(edition.items) == 8
    assert edition.hold == ""


def test_a_cancelled_event_is_named_once_more_so_that_readers_learn_it(parts):
    fair = announced("The fair", days=16)
    publishing.publish(parts, fair, now=NOW)
    sent(parts, now=NOW)
    off = factories.replace_event(fair, status=EventStatus.CANCELLED)
    publishing.publish(parts, off, factories.post(title="Two"), now=NOW + WEEK)
    edition = sent(parts, now=NOW + WEEK)
    assert [(i.title, i.event.status) for i in edition.items if i.event] == [
        ("The fair", EventStatus.CANCELLED)
    ]


def test_a_series_stands_with_its_next_date(parts):
    dates = tuple(Occurrence(starts_at=NOW + n * WEEK + DAY) for n in range(2, 7))
    choir = factories.event(title="Choir", starts_at=NOW + WEEK + DAY, ends_at=None, dates=dates)
    publishing.publish(parts, factories.post(title="Choir", event=choir), now=NOW)
    (first,) = sent(parts, now=NOW).items
    assert (first.event.starts_at, len(first.event.dates)) == (NOW + WEEK + DAY, 5)
    publishing.publish(parts, factories.post(title="Two"), now=NOW + 2 * WEEK)
    again = sent(parts, now=NOW + 2 * WEEK).items[1]
    assert (again.title, again.repeat, again.event.starts_at) == ("Choir", True, NOW + 3 * WEEK + DAY)
    assert len(again.event.dates) == 3


def test_what_staff_dismissed_is_not_named_again(parts):
    from digest.editions import store as editions

    (fair,) = publishing.publish(parts, announced("The fair", days=16), now=NOW)
    sent(parts, now=NOW)
    with parts.database.transaction() as session:
        editions.dismiss(session, "weekly", fair)
    publishing.publish(parts, factories.post(title="Two"), now=NOW + WEEK)
    assert lines(sent(parts, now=NOW + WEEK)) == [("Two", False)]


def test_an_edition_that_was_not_sent_consumes_no_event(parts):
    publishing.publish(parts, announced("The fair", days=16), now=NOW)
    edition = close.cut(parts, "weekly", now=NOW)
    publishing.move(parts, edition.id, E.CANCELLED, now=NOW)
    assert lines(close.cut(parts, "weekly", now=NOW + DAY)) == [("The fair", False)]
