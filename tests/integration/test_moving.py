"""A change of address, and coming back after having left, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

import subscribers
from digest.database import Database
from subscribers import (
    BadAddress,
    Consent,
    EndedReason,
    Keys,
    Moved,
    MoveState,
    Purpose,
    Recipient,
    SubscriptionRef,
    SuppressionReason,
)

NOW = datetime(2026, 11, 19, 9, tzinfo=UTC)
DAY, WEEK = timedelta(days=1), timedelta(days=7)
OLD_SECRET, NEW_SECRET = "an old secret, " * 3, "a new secret, " * 3
KEYS, ROTATED = Keys((OLD_SECRET,)), Keys((NEW_SECRET, OLD_SECRET))
CONSENT = Consent(text="Yes, mail me every week.", source="the autumn fair", at=NOW)
UNDO = Consent(text="Undo, and keep sending them", source="undo", at=NOW)


def add(session: Session, address: str = "jo@example.org", publication: str = "weekly") -> SubscriptionRef:
    added = subscribers.add(
        session, keys=KEYS, address=address, publication=publication, consent=CONSENT, now=NOW
    )
    found = recipient(session, added.subscriber_id, publication)
    assert isinstance(found, Recipient)
    return found.subscription_ref


def recipient(session: Session, number: int, publication: str = "weekly") -> object:
    return subscribers.recipients(session, keys=KEYS, publication=publication, subscriber_ids=[number])[
        number
    ]


def address(session: Session, ref: SubscriptionRef) -> str:
    shown = subscribers.portrait(session, keys=KEYS, subscriber_id=ref.subscriber_id)
    assert shown is not None
    assert shown.subscriber is not None
    return shown.subscriber.address


def ask(session: Session, ref: SubscriptionRef, wanted: str, now: datetime = NOW) -> Moved | None:
    return subscribers.request_move(session, keys=KEYS, ref=ref, address=wanted, now=now)


def confirm(session: Session, moved: Moved | None, now: datetime = NOW, keys: Keys = KEYS) -> Moved | None:
    assert moved is not None
    return subscribers.confirm_move(session, keys=keys, token=moved.token, now=now)


def undo(session: Session, moved: Moved | None, now: datetime = NOW) -> Moved | None:
    assert moved is not None
    return subscribers.undo_move(session, keys=KEYS, token=moved.token, now=now)


def suppress(session: Session, whose: str, reason: str) -> None:
    subscribers.suppress(session, keys=KEYS, address=whose, reason=SuppressionReason(reason), now=NOW)


def test_mail_goes_to_the_new_address_once_it_confirmed_and_history_goes_along(database: Database) -> None:
    with database.transaction() as session:
        ref = add(session)
        asked = ask(session, ref, "jo@new.example")
        assert address(session, ref) == "jo@example.org"
        done = confirm(session, asked, keys=ROTATED)
    assert done is not None
    assert (done.old_address, done.new_address) == ("jo@example.org", "jo@new.example")
    with database.reading() as session:
        one = recipient(session, ref.subscriber_id)
        assert isinstance(one, Recipient)
        assert one.address == "jo@new.example"
        assert one.subscription_ref == ref
        assert subscribers.find(session, address="jo@example.org") is None


def test_the_old_address_takes_it_back_for_a_week_whatever_came_after(database: Database) -> None:
    with database.transaction() as session:
        ref = add(session)
        first = confirm(session, ask(session, ref, "thief@one.example"))
        confirm(session, ask(session, ref, "thief@two.example"))
        waiting = ask(session, ref, "thief@three.example")
        back = undo(session, first, NOW + WEEK - timedelta(seconds=1))
        assert back is not None
        assert back.new_address == "jo@example.org"
        assert address(session, ref) == "jo@example.org"
        assert confirm(session, waiting) is None, "a change asked for before outlived the undo"
        assert undo(session, first) is None, "it was taken back twice"


def test_after_a_week_neither_link_does_anything(database: Database) -> None:
    with database.transaction() as session:
        ref = add(session)
        assert confirm(session, ask(session, ref, "late@new.example"), NOW + WEEK) is None
        done = confirm(session, ask(session, ref, "jo@new.example"))
        assert undo(session, done, NOW + WEEK) is None
        assert address(session, ref) == "jo@new.example"


@pytest.mark.parametrize("reason", ["manual", "complained", "hard-bounce", "soft-limit"])
def test_an_address_that_must_not_be_mailed_is_not_taken(database: Database, reason: str) -> None:
    with database.transaction() as session:
        ref = add(session)
        before = ask(session, ref, "no@new.example")
        suppress(session, "no@new.example", reason)
        assert ask(session, ref, "no@new.example") is None
        assert confirm(session, before) is None
        assert address(session, ref) == "jo@example.org"


def test_an_address_somebody_has_is_not_taken_not_even_while_both_wait(database: Database) -> None:
    with database.transaction() as session:
        jo, sam = add(session), add(session, "sam@example.org")
        assert ask(session, jo, "SAM@example.org") is None
        assert ask(session, jo, "jo@EXAMPLE.org") is None
        first, second = ask(session, jo, "both@new.example"), ask(session, sam, "both@new.example")
        assert confirm(session, first) is not None
        assert confirm(session, second) is None
        assert address(session, sam) == "sam@example.org"


def test_an_address_that_was_given_up_and_taken_by_another_cannot_be_taken_back(database: Database) -> None:
    with database.transaction() as session:
        jo = add(session)
        done = confirm(session, ask(session, jo, "jo@new.example"))
        add(session, "jo@example.org")
        assert undo(session, done) is None
        assert address(session, jo) == "jo@new.example"


def test_what_bars_the_person_goes_along_and_what_bars_the_address_stays(database: Database) -> None:
    with database.transaction() as session:
        dead, barred = add(session), add(session, "sam@example.org")
        suppress(session, "jo@example.org", "hard-bounce")
        suppress(session, "sam@example.org", "manual")
        confirm(session, ask(session, dead, "jo@new.example"))
        confirm(session, ask(session, barred, "sam@new.example"))
        assert isinstance(recipient(session, dead.subscriber_id), Recipient)
        assert not isinstance(recipient(session, barred.subscriber_id), Recipient)
        kept = subscribers.show(session, keys=KEYS, address="sam@new.example")
    assert [one.reason for one in kept.suppressions] == [SuppressionReason.MANUAL]


def test_a_token_made_for_one_end_does_nothing_at_the_other(database: Database) -> None:
    with database.transaction() as session:
        ref = add(session)
        asked = ask(session, ref, "jo@new.example")
        assert asked is not None
        others = [
            subscribers.mint(KEYS, purpose, ref) for purpose in Purpose if purpose is not Purpose.NEW_ADDRESS
        ]
        for token in [*others, asked.token[:-1], asked.token + "A", "", "x" * 500]:
            assert subscribers.confirm_move(session, keys=KEYS, token=token, now=NOW) is None
        for token in [*others, asked.token]:
            assert subscribers.undo_move(session, keys=KEYS, token=token, now=NOW) is None
        assert address(session, ref) == "jo@example.org"


def test_looking_says_where_it_stands_and_changes_nothing(database: Database) -> None:
    def look(purpose: Purpose, moved: Moved | None, now: datetime = NOW) -> tuple[MoveState, str]:
        assert moved is not None
        return subscribers.look_at_move(session, keys=KEYS, purpose=purpose, token=moved.token, now=now)

    with database.transaction() as session:
        ref = add(session)
        asked = ask(session, ref, "jo@new.example")
        assert look(Purpose.NEW_ADDRESS, asked) == (MoveState.ASKED, "j•••@n•••.example")
        assert look(Purpose.NEW_ADDRESS, asked, NOW + WEEK)[0] is MoveState.OVER
        done = confirm(session, asked)
        assert look(Purpose.OLD_ADDRESS, done) == (MoveState.MOVED, "j•••@e•••.org")
        undo(session, done)
        assert look(Purpose.OLD_ADDRESS, done)[0] is MoveState.OVER


def test_the_addresses_of_a_change_are_forgotten_when_it_is_over_and_at_once_on_erasure(
    database: Database,
) -> None:
    with database.transaction() as session:
        ref, other = add(session), add(session, "sam@example.org")
        done = confirm(session, ask(session, ref, "jo@new.example"))
        ask(session, other, "sam@new.example")
        assert subscribers.forget_moves(session, now=NOW + WEEK) == 0
        subscribers.erase(session, keys=KEYS, address="sam@example.org", now=NOW)
        assert subscribers.forget_moves(session, now=NOW + WEEK + DAY) == 1
        assert undo(session, done) is None
        assert address(session, ref) == "jo@new.example"


def test_what_is_no_address_is_refused(database: Database) -> None:
    with database.transaction() as session, pytest.raises(BadAddress):
        ask(session, add(session), "jo@new.example\r\nBcc: all@example.org")


ACTS = st.tuples(
    st.sampled_from(["ask", "confirm", "undo", "leave", "forget"]),
    st.integers(0, 2),
    st.integers(0, 3),
    st.integers(0, 4),
)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACTS, max_size=25))
def test_whatever_is_asked_confirmed_and_undone_nobody_loses_or_shares_an_address(
    database: Database, acts: list[tuple[str, int, int, int]]
) -> None:
    """Each person keeps one address that nobody else has, their number and their subscriptions."""
    names = ["a@example.org", "b@example.org", "c@example.org", "free@new.example"]
    with database.transaction() as session:
        session.begin_nested()
        people = [add(session, name) for name in names[:3]]
        held = {ref: address(session, ref) for ref in people}
        asked: list[tuple[SubscriptionRef, Moved]] = []
        done: list[tuple[SubscriptionRef, Moved]] = []
        now = NOW
        for act, who, what, days in acts:
            now += timedelta(days=days)
            if act == "ask" and (new := ask(session, people[who], names[what], now)):
                assert names[what] not in held.values()
                asked.append((people[who], new))
            elif act == "confirm" and asked:
                ref, moved = asked[what % len(asked)]
                if made := confirm(session, moved, now):
                    assert made.old_address == moved.old_address
                    held[ref] = moved.new_address
                    done.append((ref, made))
            elif act == "undo" and done:
                ref, moved = done[what % len(done)]
                if undo(session, moved, now):
                    held[ref] = moved.old_address
            elif act == "forget":
                subscribers.forget_moves(session, now=now)
            assert {ref: address(session, ref) for ref in people} == held
            assert len(set(held.values())) == 3
            assert all(isinstance(recipient(session, ref.subscriber_id), Recipient) for ref in people)
        session.rollback()


def left(session: Session, ref: SubscriptionRef, now: datetime = NOW, *, everything: bool = False) -> None:
    token = subscribers.mint(KEYS, Purpose.UNSUBSCRIBE, ref)
    subscribers.unsubscribe(session, keys=KEYS, token=token, now=now, everything=everything)


def back(session: Session, ref: SubscriptionRef, now: datetime = NOW) -> bool:
    return subscribers.come_back(session, keys=KEYS, ref=ref, consent=UNDO, now=now)


@pytest.mark.parametrize("everything", [False, True])
def test_leaving_is_taken_back_for_a_month_as_a_new_subscription_with_the_old_choices(
    database: Database, everything: bool
) -> None:
    with database.transaction() as session:
        ref = add(session)
        subscribers.choose(session, keys=KEYS, ref=ref, topics=["rivers"], events_only=True, now=NOW)
        left(session, ref, everything=everything)
        assert not back(session, ref, NOW + timedelta(days=30))
        assert back(session, ref, NOW + timedelta(days=30) - timedelta(seconds=1))
        assert not back(session, ref), "there was nothing left to take back"
        shown = subscribers.portrait(session, keys=KEYS, subscriber_id=ref.subscriber_id)
    assert shown is not None
    first, second = shown.subscriptions
    assert first.ended_reason is not None
    assert (second.consent.text, second.consent.source) == (UNDO.text, "undo")
    assert (second.topics, second.events_only) == (("rivers",), True)


@pytest.mark.parametrize("reason", ["manual", "complained", "hard-bounce", "erased", "expired"])
def test_what_the_reader_did_not_end_themselves_is_not_taken_back(database: Database, reason: str) -> None:
    with database.transaction() as session:
        ref = add(session)
        subscribers.end(session, keys=KEYS, ref=ref, reason=EndedReason(reason), now=NOW)
        assert not back(session, ref)
        assert not subscribers.explain_leaving(session, ref=ref, answer="often", note="", now=NOW)


def test_nobody_comes_back_or_joins_who_must_not_be_mailed(database: Database) -> None:
    with database.transaction() as session:
        ref = add(session)
        left(session, ref)
        suppress(session, "jo@example.org", "complained")
        assert not back(session, ref)
        joined = subscribers.join(session, keys=KEYS, ref=ref, publication="monthly", consent=UNDO, now=NOW)
        assert joined is None


def test_the_bearer_of_a_link_joins_another_publication_once(database: Database) -> None:
    with database.transaction() as session:
        ref = add(session)
        for _ in range(2):
            joined = subscribers.join(
                session, keys=KEYS, ref=ref, publication="monthly", consent=UNDO, now=NOW
            )
            assert joined is not None
        assert isinstance(recipient(session, ref.subscriber_id, "monthly"), Recipient)
        shown = subscribers.portrait(session, keys=KEYS, subscriber_id=ref.subscriber_id)
    assert shown is not None
    assert [one.publication for one in shown.subscriptions] == ["weekly", "monthly"]


def test_why_somebody_left_is_kept_cleaned_and_bounded_with_what_they_left(database: Database) -> None:
    with database.transaction() as session:
        ref = add(session)
        assert not subscribers.explain_leaving(session, ref=ref, answer="often", note="x", now=NOW)
        left(session, ref)
        note = "Too\x00 much\r\n\u202e<script>" + "x" * 5000
        assert subscribers.explain_leaving(session, ref=ref, answer="often", note=note, now=NOW)
        shown = subscribers.portrait(session, keys=KEYS, subscriber_id=ref.subscriber_id)
    assert shown is not None
    (one,) = shown.subscriptions
    assert one.ended_answer == "often"
    assert one.ended_note.startswith("Too much <script>xxx")
    assert len(one.ended_note) <= 1000
