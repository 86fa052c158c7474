"""What becomes of an edition when its events change before it is launched, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from digest.deliveries import store as deliveries
from digest.editions import store as editions
from digest.editions.model import Edition, EditionState, ItemKind
from digest.errors import BadMove
from digest.messages.model import Rendered
from digest.posts.model import EventStatus, Post
from digest.workflows import approve, close, launch, refresh
from digest.workflows.parts import Parts
from tests import factories, publishing, sending
from tests.factories import NOW

E = EditionState
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def parts(database) -> Parts:
    made = sending.parts(database, approval="required")
    sending.subscribe(made, "a@example.net")
    return made


def fair(**facts) -> Post:
    return factories.post(
        external_id="fair",
        url="https://www.example.org/fair",
        title="The fair",
        event=factories.event(title="The fair", **facts),
        published_at=NOW - DAY,
    )


def cut(parts: Parts, *told: Post) -> Edition:
    publishing.publish(parts, *told, now=NOW - HOUR)
    edition = close.cut(parts, "weekly", now=NOW - HOUR)
    with parts.database.transaction() as session:
        editions.save(session, replace(edition, send_at=NOW))
    return sending.state(parts, edition)


def approved(parts: Parts, edition: Edition, *, now=NOW - HOUR) -> Edition:
    return approve.approve(parts, edition.id, by="jo", now=now)


def change(parts: Parts, told: Post, **facts) -> None:
    publishing.publish(parts, factories.replace_event(told, **facts), now=NOW - HOUR / 2)


def notices(parts: Parts) -> list[str]:
    with parts.database.reading() as session:
        return [n.subject for n in deliveries.due_notices(session, now=NOW + DAY, limit=50, lease_seconds=60)]


def test_a_draft_follows_what_becomes_of_its_events(parts):
    told = fair()
    edition = cut(parts, told, factories.post(title="One"))
    change(parts, told, place="Town hall")
    assert [e.id for e in refresh.refresh_due(parts, now=NOW - HOUR / 2)] == [edition.id]
    now_known = sending.state(parts, edition)
    assert [i.event.place for i in now_known.items if i.event] == ["Town hall"]
    assert now_known.state is E.DRAFT
    assert refresh.refresh_due(parts, now=NOW - HOUR / 2) == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"status": EventStatus.CANCELLED}, "was cancelled"),
        ({"status": EventStatus.POSTPONED}, "was postponed"),
        ({"starts_at": NOW + 20 * DAY, "ends_at": None}, "has a new date"),
        ({"place": "Town hall"}, "has a new place"),
        ({"full": True}, "is fully booked"),
        ({"register_url": "https://www.example.org/other"}, "has a new registration link"),
    ],
)
def test_an_approved_edition_is_a_draft_again_when_an_event_changes_and_staff_are_told(parts, facts, words):
    told = fair()
    edition = approved(parts, cut(parts, told, factories.post(title="One")))
    change(parts, told, **facts)
    (changed,) = refresh.refresh_due(parts, now=NOW - HOUR / 2)
    assert changed.state is E.DRAFT
    assert f'"The fair" {words}' in sending.state(parts, edition).reason
    assert any("Not sent yet" in subject for subject in notices(parts))


def test_no_launch_goes_out_with_what_was_true_of_an_event_yesterday(parts):
    told = fair()
    edition = approved(parts, cut(parts, told, factories.post(title="One")))
    change(parts, told, status=EventStatus.CANCELLED)
    held = launch.launch(parts, edition.id, now=NOW)
    assert held.state is E.DRAFT
    again = launch.launch(parts, approved(parts, held, now=NOW).id, now=NOW)
    assert again.state is E.SENDING
    with parts.database.reading() as session:
        rendered = editions.snapshot(session, edition.id, Rendered)
    assert "Cancelled" in rendered.text
    assert told.event.register_url not in rendered.html


def test_where_nobody_has_to_approve_the_changed_edition_goes_out_by_itself(database):
    parts = sending.parts(database, approval="none")
    sending.subscribe(parts, "a@example.net")
    told = fair()
    edition = cut(parts, told, factories.post(title="One"))
    change(parts, told, place="Town hall")
    (launched,) = launch.launch_due(parts, now=NOW)
    assert (launched.id, launched.state) == (edition.id, E.SENDING)
    with parts.database.reading() as session:
        assert "Town hall" in editions.snapshot(session, edition.id, Rendered).text


def test_an_event_that_passes_between_approval_and_a_late_launch_is_taken_out(parts):
    told = fair(starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR)
    edition = approved(parts, cut(parts, told, factories.post(title="One")))
    late = launch.launch(parts, edition.id, now=NOW + 3 * HOUR)
    assert late.state is E.DRAFT
    assert [i.title for i in late.items] == ["One"]
    assert '"The fair" is over' in late.reason


def test_an_edition_whose_only_news_is_over_is_skipped_and_staff_are_told(parts):
    edition = approved(parts, cut(parts, fair(starts_at=NOW + HOUR, ends_at=None)))
    late = launch.launch(parts, edition.id, now=NOW + 3 * HOUR)
    assert late.state is E.SKIPPED
    assert "Nothing is left to say" in late.reason
    assert any("Nothing sent" in subject for subject in notices(parts))


def test_a_mail_that_starts_late_says_of_an_event_what_is_true_then(parts):
    told = fair(starts_at=NOW + 2 * DAY, ends_at=NOW + 2 * DAY + HOUR)
    edition = approved(parts, cut(parts, told, factories.post(title="One")))
    on_the_day = NOW + 2 * DAY - 3 * HOUR
    late = launch.launch(parts, edition.id, now=on_the_day)
    assert late.state is E.DRAFT
    assert '"The fair" stands otherwise now than when it was approved' in late.reason
    again = approved(parts, late, now=on_the_day)
    assert launch.launch(parts, again.id, now=on_the_day).state is E.SENDING


def test_an_edition_approved_late_is_launched_and_not_approved_for_ever(parts):
    told = fair(starts_at=NOW + 2 * DAY, ends_at=NOW + 2 * DAY + HOUR)
    edition = cut(parts, told, factories.post(title="One"))
    late = NOW + 6 * HOUR
    assert launch.launch(parts, approved(parts, edition, now=late).id, now=late).state is E.SENDING


def test_a_post_that_staff_call_an_event_becomes_one_in_the_draft(parts):
    from digest.workflows import confirm

    (post_id,) = publishing.publish(parts, factories.post(title="RSVP: Evening at the mill"), now=NOW - HOUR)
    publishing.publish(parts, factories.post(title="One"), now=NOW - HOUR)
    edition = close.cut(parts, "weekly", now=NOW - HOUR)
    confirm.is_event(parts, post_id, starts=NOW + 20 * DAY, place="Mill Lane", by="jo", now=NOW - HOUR)
    (item,) = [i for i in sending.state(parts, edition).items if i.post_id == post_id]
    assert item.kind is ItemKind.EVENT
    assert (item.event.starts_at, item.event.place) == (NOW + 20 * DAY, "Mill Lane")


def test_a_draft_with_nothing_left_to_say_is_skipped_and_not_approved(parts):
    edition = cut(parts, fair(starts_at=NOW + HOUR, ends_at=None))
    with pytest.raises(BadMove, match="is skipped"):
        approved(parts, edition, now=NOW + 3 * HOUR)
    assert sending.state(parts, edition).state is E.SKIPPED
