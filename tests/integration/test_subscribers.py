"""Subscribing, leaving, suppressing and erasing, on both databases."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import subscribers
from digest.database import Database
from subscribers import (
    Added,
    BadAddress,
    Barred,
    BarredReason,
    Consent,
    EndedReason,
    Keys,
    Purpose,
    Recipient,
    Refused,
    SubscriptionRef,
    SubscriptionState,
    SuppressionReason,
    UnknownSubscriber,
)
from subscribers.store import NewSubscription, insert_subscriptions
from subscribers.tables import PersonRow, SubscriptionRow, SuppressionRow

NOW = datetime(2026, 11, 19, 9, tzinfo=UTC)
LATER = NOW + timedelta(days=7)
OLD, NEW = "an old secret, " * 3, "a new secret, " * 3
KEYS = Keys((OLD,))
ROTATED = Keys((NEW, OLD))
CONSENT = Consent(text="Yes, mail me every week.", source="the autumn fair", at=NOW - timedelta(days=1))


def add(session: Session, address: str = "jo@example.org", publication: str = "weekly", **more: Any) -> Added:
    given: dict[str, Any] = {"keys": KEYS, "consent": CONSENT, "now": NOW} | more
    return subscribers.add(session, address=address, publication=publication, **given)


def suppress(
    session: Session, address: str = "jo@example.org", reason: str = "manual", keys: Keys = KEYS
) -> None:
    subscribers.suppress(session, keys=keys, address=address, reason=SuppressionReason(reason), now=NOW)


def end(session: Session, reason: str = "manual", publication: str | None = "weekly") -> tuple[str, ...]:
    return subscribers.end(
        session,
        keys=KEYS,
        address="jo@example.org",
        publication=publication,
        reason=EndedReason(reason),
        now=NOW,
    ).publications


def ask(session: Session, number: int, publication: str = "weekly", keys: Keys = KEYS) -> Recipient | Barred:
    found = subscribers.recipients(session, keys=keys, publication=publication, subscriber_ids=[number])
    return found[number]


def audience(session: Session, publication: str = "weekly") -> list[int]:
    return list(session.scalars(subscribers.audience(publication)))


def link(
    session: Session, number: int, publication: str = "weekly", purpose: Purpose = Purpose.UNSUBSCRIBE
) -> str:
    recipient = ask(session, number, publication)
    assert isinstance(recipient, Recipient)
    return subscribers.mint(KEYS, purpose, recipient.subscription_ref)


def test_somebody_added_is_in_the_audience_with_their_consent_recorded(database: Database) -> None:
    with database.transaction() as session:
        added = add(
            session,
            "Jo@Bücher.example",
            name="Jo  Bloggs",
            topics=["Water"],
            language="de",
            frequency="monthly",
        )
    assert (added.state, added.new) == (SubscriptionState.CONFIRMED, True)
    with database.reading() as session:
        assert audience(session) == [added.subscriber_id]
        recipient = ask(session, added.subscriber_id)
        shown = subscribers.show(session, keys=KEYS, address="jo@bücher.example")
    assert isinstance(recipient, Recipient)
    assert (recipient.address, recipient.name) == ("Jo@xn--bcher-kva.example", "Jo Bloggs")
    assert (recipient.subscribed_at, recipient.source) == (NOW, "the autumn fair")
    assert (recipient.language, recipient.topics, recipient.frequency) == ("de", ("water",), "monthly")
    assert shown.subscriber is not None
    assert shown.subscriber.address == "Jo@Bücher.example"
    assert [(one.publication, one.state, one.consent) for one in shown.subscriptions] == [
        ("weekly", SubscriptionState.CONFIRMED, CONSENT)
    ]
    assert not shown.suppressed


def test_adding_somebody_again_changes_nothing(database: Database) -> None:
    with database.transaction() as session:
        first = add(session)
        again = add(session, "JO@EXAMPLE.org", now=LATER)
        shown = subscribers.show(session, keys=KEYS, address="jo@example.org")
    assert again == Added(subscriber_id=first.subscriber_id, state=SubscriptionState.CONFIRMED, new=False)
    assert [one.confirmed_at for one in shown.subscriptions] == [NOW]


def test_a_later_name_or_language_replaces_the_one_before(database: Database) -> None:
    with database.transaction() as session:
        number = add(session, name="Jo", language="en").subscriber_id
        add(session, name="Jo Bloggs", language="")
        recipient = ask(session, number)
    assert isinstance(recipient, Recipient)
    assert (recipient.name, recipient.language) == ("Jo Bloggs", "en")


def test_a_bad_address_adds_nobody(database: Database) -> None:
    with database.transaction() as session, pytest.raises(BadAddress):
        add(session, "jo@example")
    with database.reading() as session:
        assert session.query(PersonRow).count() == 0


def test_a_requested_subscription_is_confirmed_by_adding(database: Database) -> None:
    with database.transaction() as session:
        number = add(session, publication="monthly").subscriber_id
        session.query(SubscriptionRow).update({"state": "requested", "confirmed_at": None})
        assert ask(session, number, "monthly") == Barred(BarredReason.NOT_CONFIRMED)
        counts = subscribers.audience_counts(session, "monthly")
        assert (counts.candidates, counts.eligible, counts.excluded) == (1, 0, {"not-confirmed": 1})
        assert add(session, publication="monthly", now=LATER).new
        shown = subscribers.show(session, keys=KEYS, address="jo@example.org")
    assert [(one.state, one.confirmed_at) for one in shown.subscriptions] == [
        (SubscriptionState.CONFIRMED, LATER)
    ]


def test_two_open_subscriptions_to_one_publication_cannot_be(database: Database) -> None:
    with database.transaction() as session:
        ref = ask(session, add(session).subscriber_id)
        assert isinstance(ref, Recipient)
        columns = {
            "consent_source": "x",
            "consent_at": NOW,
            "requested_at": NOW,
            "wording_id": 1,
            "state": "requested",
        }
        row = SubscriptionRow(
            subscriber_id=ref.subscriber_id, list_id=ref.subscription_ref.list_id, **columns
        )
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.add(row)


def test_an_ended_subscription_without_a_reason_cannot_be(database: Database) -> None:
    with database.transaction() as session:
        add(session)
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.query(SubscriptionRow).update({"state": "ended", "ended_at": NOW})


# --- leaving ---------------------------------------------------------------------------------------------------


def test_an_unsubscribe_link_ends_that_subscription_and_no_other(database: Database) -> None:
    with database.transaction() as session:
        number = add(session).subscriber_id
        add(session, publication="monthly")
        token = link(session, number)
        left = subscribers.unsubscribe(session, keys=KEYS, token=token, now=LATER)
    assert left is not None
    assert (left.publication, left.ended, left.already) == ("weekly", ("weekly",), False)
    with database.reading() as session:
        assert ask(session, number) == Barred(BarredReason.UNSUBSCRIBED)
        assert isinstance(ask(session, number, "monthly"), Recipient)
        assert audience(session) == []
        assert audience(session, "monthly") == [number]


def test_following_an_unsubscribe_link_again_changes_nothing(database: Database) -> None:
    with database.transaction() as session:
        token = link(session, add(session).subscriber_id)
        subscribers.unsubscribe(session, keys=KEYS, token=token, now=NOW)
        again = subscribers.unsubscribe(session, keys=KEYS, token=token, now=LATER)
        shown = subscribers.show(session, keys=KEYS, address="jo@example.org")
    assert again is not None
    assert again.already
    assert [one.ended_at for one in shown.subscriptions] == [NOW]


def test_leaving_everything_ends_all_subscriptions(database: Database) -> None:
    with database.transaction() as session:
        number = add(session).subscriber_id
        add(session, publication="monthly")
        left = subscribers.unsubscribe(
            session, keys=KEYS, token=link(session, number), now=NOW, everything=True
        )
        assert left is not None
        assert left.ended == ("monthly", "weekly")
        assert ask(session, number, "monthly") == Barred(BarredReason.UNSUBSCRIBED_ALL)
        with pytest.raises(Refused, match="unsubscribed from everything"):
            add(session, publication="yearly")


@pytest.mark.parametrize("purpose", [Purpose.PREFERENCES, Purpose.BOUNCE])
def test_a_token_for_another_purpose_unsubscribes_nobody(database: Database, purpose: Purpose) -> None:
    with database.transaction() as session:
        number = add(session).subscriber_id
        token = link(session, number, purpose=purpose)
        assert subscribers.unsubscribe(session, keys=KEYS, token=token, now=NOW) is None
        assert isinstance(ask(session, number), Recipient)


def test_a_link_still_works_after_rotation_renaming_and_coming_back(database: Database) -> None:
    with database.transaction() as session:
        number = add(session).subscriber_id
        token = link(session, number)
        assert end(session) == ("weekly",)
        add(session, now=LATER)
        subscribers.rename_publication(session, old="weekly", new="brief")
        left = subscribers.unsubscribe(session, keys=ROTATED, token=token, now=LATER)
        assert left is not None
        assert left.ended == ("brief",)
        assert ask(session, number, "brief") == Barred(BarredReason.UNSUBSCRIBED)


def test_a_link_to_nobody_changes_nothing(database: Database) -> None:
    with database.transaction() as session:
        number = add(session).subscriber_id
        for ref in (
            SubscriptionRef(subscriber_id=99, list_id=1),
            SubscriptionRef(subscriber_id=number, list_id=99),
        ):
            token = subscribers.mint(KEYS, Purpose.UNSUBSCRIBE, ref)
            left = subscribers.unsubscribe(session, keys=KEYS, token=token, now=NOW)
            assert left is None or left.already
            assert subscribers.subscription_of(session, KEYS, Purpose.UNSUBSCRIBE, token) is None
        assert isinstance(ask(session, number), Recipient)


def test_a_page_is_told_what_a_token_is_about_and_no_address(database: Database) -> None:
    with database.transaction() as session:
        number = add(session).subscriber_id
        token = link(session, number, purpose=Purpose.PREFERENCES)
        holder = subscribers.subscription_of(session, KEYS, Purpose.PREFERENCES, token)
        assert subscribers.subscription_of(session, KEYS, Purpose.UNSUBSCRIBE, token) is None
        end(session)
        after = subscribers.subscription_of(session, KEYS, Purpose.PREFERENCES, token)
    assert holder is not None
    assert (holder.publication, holder.masked_address, holder.subscribed) == ("weekly", "j•••@e•••.org", True)
    assert after is not None
    assert not after.subscribed
    assert after.subscription is not None
    assert after.subscription.ended_reason is EndedReason.MANUAL


def test_leaving_holds_for_the_very_next_claim(database: Database) -> None:
    with database.transaction() as session:
        numbers = [add(session, f"reader{i}@example.org").subscriber_id for i in range(5)]
        tokens = [link(session, number) for number in numbers]
    with database.reading() as session:
        frozen = audience(session)
    with database.transaction() as session:
        subscribers.unsubscribe(session, keys=KEYS, token=tokens[3], now=NOW)
    with database.reading() as session:
        found = subscribers.recipients(session, keys=KEYS, publication="weekly", subscriber_ids=frozen)
    assert frozen == sorted(numbers)
    assert [isinstance(found[number], Recipient) for number in numbers] == [True, True, True, False, True]


def test_somebody_who_left_is_not_added_back_by_staff(database: Database) -> None:
    with database.transaction() as session:
        subscribers.unsubscribe(session, keys=KEYS, token=link(session, add(session).subscriber_id), now=NOW)
        with pytest.raises(
            Refused, match=r"jo@example\.org was not subscribed: they unsubscribed; only signing up"
        ):
            add(session)
        assert add(session, publication="monthly").new


def test_somebody_whose_subscription_staff_ended_can_be_added_again_as_a_new_one(database: Database) -> None:
    with database.transaction() as session:
        add(session)
        assert end(session) == ("weekly",)
        assert end(session) == ()
        add(session, now=LATER)
        shown = subscribers.show(session, keys=KEYS, address="jo@example.org")
    assert [(one.state, one.confirmed_at) for one in shown.subscriptions] == [
        (SubscriptionState.ENDED, NOW),
        (SubscriptionState.CONFIRMED, LATER),
    ]


def test_ending_without_naming_a_publication_ends_all(database: Database) -> None:
    with database.transaction() as session:
        add(session)
        add(session, publication="monthly")
        assert end(session, publication="yearly") == ()
        assert end(session, publication=None) == ("monthly", "weekly")


def test_ending_for_somebody_unknown_says_so(database: Database) -> None:
    with database.transaction() as session, pytest.raises(UnknownSubscriber, match=r"jo@example\.org"):
        end(session)


# --- never again -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", sorted(set(SuppressionReason) - {SuppressionReason.ERASED}))
def test_a_suppressed_address_is_not_mailed_and_the_reason_is_kept(database: Database, reason: str) -> None:
    with database.transaction() as session:
        number = add(session).subscriber_id
        suppress(session, reason=reason)
    with database.reading() as session:
        assert audience(session) == []
        assert ask(session, number) == Barred(BarredReason(reason))
        shown = subscribers.show(session, keys=KEYS, address="jo@example.org")
        assert [one.reason for one in shown.suppressions] == [reason]
        with pytest.raises(Refused):
            add(session)


def test_an_address_nobody_knows_can_be_suppressed_and_is_kept_as_a_hash_only(database: Database) -> None:
    with database.transaction() as session:
        suppress(session)
        suppress(session)
        rows = session.query(SuppressionRow).all()
        assert len(rows) == 1
        assert "jo" not in rows[0].address_hash
        assert session.query(PersonRow).count() == 0
        with pytest.raises(Refused, match="suppressed by staff"):
            add(session, "JO@example.org")


def test_a_suppression_outlives_key_rotation(database: Database) -> None:
    with database.transaction() as session:
        suppress(session)
        with pytest.raises(Refused):
            add(session, keys=ROTATED)
        suppress(session, keys=ROTATED)
        shown = subscribers.show(session, keys=ROTATED, address="jo@example.org")
        assert len(shown.suppressions) == 1


def test_a_complaint_also_ends_what_was_subscribed(database: Database) -> None:
    with database.transaction() as session:
        number = add(session).subscriber_id
        subscribers.suppress(
            session, keys=KEYS, subscriber_id=number, reason=SuppressionReason.COMPLAINED, now=LATER
        )
        shown = subscribers.show(session, keys=KEYS, address="jo@example.org")
    assert [one.ended_reason for one in shown.subscriptions] == [EndedReason.COMPLAINED]


def test_a_bounce_leaves_the_subscription_standing_behind_the_bar(database: Database) -> None:
    with database.transaction() as session:
        add(session)
        suppress(session, reason="hard-bounce")
        counts = subscribers.audience_counts(session, "weekly")
    assert (counts.candidates, counts.eligible, counts.excluded) == (1, 0, {"hard-bounce": 1})


def test_a_graver_reason_is_the_one_that_is_told(database: Database) -> None:
    with database.transaction() as session:
        number = add(session).subscriber_id
        suppress(session, reason="hard-bounce")
        suppress(session, reason="manual")
        assert ask(session, number) == Barred(BarredReason.HARD_BOUNCE)
        suppress(session, reason="complained")
        assert ask(session, number) == Barred(BarredReason.COMPLAINED)


def test_a_claim_trusts_the_hash_even_where_the_bar_is_missing(database: Database) -> None:
    with database.transaction() as session:
        number = add(session).subscriber_id
        suppress(session)
        session.query(PersonRow).update({"barred": None})
        assert ask(session, number, keys=ROTATED) == Barred(BarredReason.MANUAL)


def test_erasing_leaves_a_number_dates_and_a_hash(database: Database) -> None:
    with database.transaction() as session:
        number = add(session, name="Jo Bloggs", language="en", topics=["water"]).subscriber_id
        token = link(session, number)
        assert subscribers.erase(session, keys=KEYS, address="JO@example.org", now=LATER) == number
    with database.reading() as session:
        person = session.get_one(PersonRow, number)
        history = session.query(SubscriptionRow).one()
        assert (person.address, person.address_key, person.name, person.language) == (None, None, "", "")
        assert (person.erased_at, history.ended_reason, history.topics) == (LATER, "erased", "")
        assert ask(session, number) == Barred(BarredReason.ERASED)
        assert audience(session) == []
        shown = subscribers.show(session, keys=KEYS, address="jo@example.org")
        assert shown.subscriber is None
        assert shown.suppressed
        with pytest.raises(Refused, match="asked to be forgotten"):
            add(session)
    with database.transaction() as session:
        left = subscribers.unsubscribe(session, keys=KEYS, token=token, now=LATER)
        assert left is not None
        assert left.already
        assert subscribers.erase(session, keys=KEYS, address="jo@example.org", now=LATER) is None


def test_an_erased_address_is_in_no_table(database: Database) -> None:
    with database.transaction() as session:
        add(session, "unmistakable@example.org", name="Unmistakable")
        subscribers.erase(session, keys=KEYS, address="unmistakable@example.org", now=NOW)
    with database.reading() as session:
        for table in subscribers.metadata.sorted_tables:
            for row in session.execute(table.select()):
                assert "unmistakable" not in repr(row).lower()


def test_erasure_is_not_a_suppression_that_staff_choose(database: Database) -> None:
    with database.transaction() as session, pytest.raises(subscribers.SubscribersError, match="erase it"):
        suppress(session, reason="erased")


# --- asking ----------------------------------------------------------------------------------------------------


def test_everybody_asked_for_is_answered(database: Database) -> None:
    with database.transaction() as session:
        here = add(session).subscriber_id
        elsewhere = add(session, "ann@example.org", publication="monthly").subscriber_id
        found = subscribers.recipients(
            session, keys=KEYS, publication="weekly", subscriber_ids=[here, elsewhere, 9999]
        )
        nowhere = subscribers.recipients(session, keys=KEYS, publication="unheard-of", subscriber_ids=[here])
    assert isinstance(found[here], Recipient)
    assert found[elsewhere] == Barred(BarredReason.NOT_SUBSCRIBED)
    assert found[9999] == Barred(BarredReason.UNKNOWN)
    assert nowhere == {here: Barred(BarredReason.NOT_SUBSCRIBED)}


def test_an_audience_is_counted_whole(database: Database) -> None:
    with database.transaction() as session:
        for i in range(6):
            add(session, f"reader{i}@example.org")
        suppress(session, "reader0@example.org", "hard-bounce")
        suppress(session, "reader1@example.org", "manual")
        subscribers.erase(session, keys=KEYS, address="reader2@example.org", now=NOW)
        counts = subscribers.audience_counts(session, "weekly")
        assert len(audience(session)) == counts.eligible == 3
    assert counts.candidates == counts.eligible + sum(counts.excluded.values()) == 5
    assert counts.excluded == {"hard-bounce": 1, "manual": 1}


def test_more_people_than_one_statement_takes_are_answered(database: Database) -> None:
    with database.transaction() as session:
        number = add(session).subscriber_id
        asked = [*range(20_000, 31_000), number]
        found = subscribers.recipients(session, keys=KEYS, publication="weekly", subscriber_ids=asked)
    assert len(found) == 11_001
    assert isinstance(found[number], Recipient)


def test_somebody_is_found_by_any_spelling(database: Database) -> None:
    with database.transaction() as session:
        number = add(session).subscriber_id
        assert subscribers.find(session, address="JO@example.ORG") == number
        assert subscribers.find(session, address="joe@example.org") is None


def test_a_publication_cannot_take_a_name_that_has_subscribers(database: Database) -> None:
    with database.transaction() as session:
        add(session)
        add(session, publication="monthly")
        with pytest.raises(subscribers.SubscribersError, match="subscribers of its own"):
            subscribers.rename_publication(session, old="weekly", new="monthly")
        with pytest.raises(subscribers.SubscribersError, match="Nobody ever subscribed"):
            subscribers.rename_publication(session, old="yearly", new="brief")


def test_times_come_back_in_utc_whatever_zone_they_were_given_in(database: Database) -> None:
    from zoneinfo import ZoneInfo

    there = datetime(2026, 11, 19, 18, tzinfo=ZoneInfo("Asia/Tokyo"))
    with database.transaction() as session:
        number = add(session, now=there).subscriber_id
    with database.reading() as session:
        recipient = ask(session, number)
    assert isinstance(recipient, Recipient)
    assert recipient.subscribed_at.isoformat() == "2026-11-19T09:00:00+00:00"


def test_a_time_without_a_zone_is_refused_by_the_store(database: Database) -> None:
    new = NewSubscription(1, 1, datetime(2026, 11, 19), 1, "x", NOW)
    with database.transaction() as session, pytest.raises(ValueError, match="naive"):
        insert_subscriptions(session, [new])


def test_many_who_add_one_person_at_once_make_one_subscription(database: Database) -> None:
    start, results = threading.Barrier(4), list[bool]()

    def one() -> None:
        start.wait(timeout=30)
        with database.transaction() as session:
            results.append(add(session).new)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    with database.reading() as session:
        assert len(results) == 4
        assert session.query(PersonRow).count() == 1
        assert session.query(SubscriptionRow).count() == 1
