"""No invitation arrives after the event has begun, on both databases: not by a retry, not by a slow send, not by resuming."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from digest.deliveries import store as deliveries
from digest.deliveries.model import DeliveryState
from digest.editions.model import Edition, EditionState, ItemKind, Section
from digest.posts.model import EventStatus
from digest.workflows import control, expire
from digest.workflows.parts import Parts
from tests import factories, sending
from tests.factories import NOW

E, D = EditionState, DeliveryState
HOUR = timedelta(hours=1)


@pytest.fixture
def parts(database) -> Parts:
    made = sending.parts(database)
    sending.subscribe(made, "a@example.net", "b@example.net")
    return made


def under_way(parts: Parts, **facts) -> Edition:
    happening = factories.event(**{"starts_at": NOW + 4 * HOUR, "ends_at": NOW + 6 * HOUR, **facts})
    placed = factories.item(
        post_id=None, kind=ItemKind.EVENT, section=Section.EVENTS, event=happening, title=happening.title
    )
    return sending.launched(parts, items=0, extra=(placed,))


def tried_once(parts: Parts, edition: Edition, position: int) -> None:
    """The delivery at `position` was tried and waits for its next try."""
    from sqlalchemy import text

    with parts.database.transaction() as session:
        session.execute(
            text("UPDATE deliveries SET attempts = 1 WHERE edition_id = :e AND position = :p"),
            {"e": edition.id, "p": position},
        )


def counts(parts: Parts, edition: Edition) -> dict[DeliveryState, int]:
    with parts.database.reading() as session:
        return {s: n for s, n in deliveries.counts(session, edition.id).items() if n}


def positions(parts: Parts, edition: Edition) -> list[int]:
    from sqlalchemy import text

    with parts.database.reading() as session:
        return list(session.scalars(text(f"SELECT position FROM deliveries WHERE edition_id = {edition.id}")))


def test_a_retry_is_given_up_when_the_event_begins(parts):
    edition = under_way(parts)
    for position in positions(parts, edition):
        tried_once(parts, edition, position)
    assert expire.expire(parts, now=NOW + 3 * HOUR) == 0
    assert expire.expire(parts, now=NOW + 4 * HOUR) == 2
    assert counts(parts, edition) == {D.FAILED: 2}
    assert expire.expire(parts, now=NOW + 5 * HOUR) == 0


def test_those_never_tried_wait_for_a_person_and_staff_are_told(parts):
    edition = under_way(parts)
    tried_once(parts, edition, positions(parts, edition)[0])
    assert expire.expire(parts, now=NOW + 4 * HOUR) == 1
    held = sending.state(parts, edition)
    assert (held.state, held.reason) == (E.PAUSED, "an event in it has begun")
    assert counts(parts, edition) == {D.FAILED: 1, D.PENDING: 1}
    with parts.database.reading() as session:
        assert len(deliveries.due_notices(session, now=NOW + 9 * HOUR, limit=9, lease_seconds=60)) == 1


def test_resuming_such_an_edition_needs_a_second_thought_and_then_goes_on(parts):
    edition = under_way(parts)
    expire.expire(parts, now=NOW + 4 * HOUR)
    with pytest.raises(control.EventBegun, match="has begun; cancel it, or resume it with --anyway"):
        control.resume(parts, edition.id, now=NOW + 5 * HOUR)
    control.resume(parts, edition.id, anyway=True, now=NOW + 5 * HOUR)
    assert expire.expire(parts, now=NOW + 5 * HOUR) == 0
    assert sending.state(parts, edition).state is E.SENDING


@pytest.mark.parametrize(
    "facts",
    [
        {"status": EventStatus.CANCELLED},
        {"starts_at": NOW - 48 * HOUR, "ends_at": NOW + 90 * HOUR},
        {"starts_at": None, "ends_at": None},
    ],
)
def test_an_event_that_nobody_is_invited_to_or_that_had_begun_before_stops_nothing(parts, facts):
    edition = under_way(parts, **facts)
    tried_once(parts, edition, positions(parts, edition)[0])
    assert expire.expire(parts, now=NOW + 24 * HOUR) == 0
    assert sending.state(parts, edition).state is E.SENDING


def test_a_pause_that_has_nothing_to_do_with_events_resumes_as_ever(parts):
    edition = under_way(parts, starts_at=NOW + 200 * HOUR, ends_at=None)
    control.pause(parts, edition.id, now=NOW)
    assert control.resume(parts, edition.id, now=NOW + HOUR).state is E.SENDING
    assert replace(sending.state(parts, edition)).reason == ""
