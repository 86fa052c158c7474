"""What readers choose of a publication, and what a pause does to its audience, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

import subscribers
from digest.database import Database
from subscribers import Barred, BarredReason, Consent, Keys, Recipient, Subscription, SubscriptionRef

NOW = datetime(2026, 11, 19, 9, tzinfo=UTC)
WEEK = timedelta(days=7)
KEYS = Keys(("a secret of the tests, long enough to sign",))
CONSENT = Consent(text="Yes, mail me every week.", source="the autumn fair", at=NOW)


def add(session: Session, address: str = "jo@example.org", publication: str = "weekly") -> SubscriptionRef:
    added = subscribers.add(
        session, keys=KEYS, address=address, publication=publication, consent=CONSENT, now=NOW
    )
    found = ask(session, added.subscriber_id, None, publication)
    assert isinstance(found, Recipient)
    return found.subscription_ref


def ask(
    session: Session, number: int, now: datetime | None, publication: str = "weekly"
) -> Recipient | Barred:
    found = subscribers.recipients(
        session, keys=KEYS, publication=publication, subscriber_ids=[number], now=now
    )
    return found[number]


def choose(session: Session, ref: SubscriptionRef, **chosen: Any) -> Subscription | None:
    return subscribers.choose(session, keys=KEYS, ref=ref, now=NOW, **chosen)


def test_what_was_chosen_comes_with_the_recipient(database: Database) -> None:
    with database.transaction() as session:
        ref = add(session)
        other = add(session, publication="monthly")
        chosen = choose(
            session, ref, topics=["Rivers", "rivers", "ba\u202eths"], frequency="monthly", events_only=True
        )
    assert chosen is not None
    assert chosen.topics == ("rivers", "baths")
    with database.reading() as session:
        one = ask(session, ref.subscriber_id, NOW)
        untouched = ask(session, other.subscriber_id, NOW, "monthly")
    assert isinstance(one, Recipient)
    assert (one.topics, one.frequency, one.events_only) == (("rivers", "baths"), "monthly", True)
    assert isinstance(untouched, Recipient)
    assert (untouched.topics, untouched.frequency, untouched.events_only) == ((), "", False)


def test_choosing_again_replaces_what_was_chosen_before(database: Database) -> None:
    with database.transaction() as session:
        ref = add(session)
        choose(session, ref, topics=["rivers"], events_only=True, paused_until=NOW + WEEK)
        again = choose(session, ref)
    assert again is not None
    assert (again.topics, again.events_only, again.paused_until) == ((), False, None)


def test_a_pause_takes_a_reader_out_of_the_audience_until_it_is_over(database: Database) -> None:
    with database.transaction() as session:
        ref = add(session)
        other = add(session, "sam@example.org")
        choose(session, ref, paused_until=NOW + WEEK)
    moments = {NOW: True, NOW + WEEK - timedelta(seconds=1): True, NOW + WEEK: False}
    with database.reading() as session:
        for moment, paused in moments.items():
            reached = list(session.scalars(subscribers.audience("weekly", now=moment)))
            counts = subscribers.audience_counts(session, "weekly", now=moment)
            claimed = ask(session, ref.subscriber_id, moment)
            assert reached == ([other.subscriber_id] if paused else [ref.subscriber_id, other.subscriber_id])
            assert counts.candidates == 2
            assert counts.eligible == len(reached)
            assert dict(counts.excluded) == ({"paused": 1} if paused else {})
            assert isinstance(claimed, Barred) is paused
            if isinstance(claimed, Barred):
                assert claimed.reason is BarredReason.PAUSED


def test_somebody_suppressed_and_paused_is_counted_once(database: Database) -> None:
    with database.transaction() as session:
        choose(session, add(session), paused_until=NOW + WEEK)
        subscribers.suppress(
            session,
            keys=KEYS,
            address="jo@example.org",
            reason=subscribers.SuppressionReason.MANUAL,
            now=NOW,
        )
        counts = subscribers.audience_counts(session, "weekly", now=NOW)
    assert (counts.candidates, counts.eligible, dict(counts.excluded)) == (1, 0, {"manual": 1})


def test_a_pause_that_is_over_when_it_is_asked_for_is_none(database: Database) -> None:
    with database.transaction() as session:
        chosen = choose(session, add(session), paused_until=NOW)
    assert chosen is not None
    assert chosen.paused_until is None


def test_nothing_is_chosen_of_a_publication_that_was_left(database: Database) -> None:
    with database.transaction() as session:
        ref = add(session)
        subscribers.end(session, keys=KEYS, ref=ref, reason=subscribers.EndedReason.UNSUBSCRIBED, now=NOW)
        assert choose(session, ref, topics=["rivers"]) is None
        shown = subscribers.show(session, keys=KEYS, address="jo@example.org")
    assert [one.topics for one in shown.subscriptions] == [()]


def test_erasing_forgets_what_was_chosen(database: Database) -> None:
    with database.transaction() as session:
        ref = add(session)
        choose(session, ref, topics=["rivers"], events_only=True, paused_until=NOW + WEEK)
        subscribers.erase(session, keys=KEYS, address="jo@example.org", now=NOW)
        row = session.get(subscribers.tables.SubscriptionRow, 1)
    assert row is not None
    assert (row.topics, row.events_only, row.paused_until) == ("", False, None)
