"""The whole table of a subscription's moves, and what consent needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from subscribers import (
    TRANSITIONS,
    WITHDRAWN,
    BadSubscriptionMove,
    BarredReason,
    Consent,
    EndedReason,
    SubscribersError,
    Subscription,
    SubscriptionRef,
    SubscriptionState,
    SuppressionReason,
)
from subscribers.service import clean_name, clean_topics, clean_word, withdrawn

NOW = datetime(2026, 11, 19, 9, tzinfo=UTC)
LATER = datetime(2026, 12, 19, 9, tzinfo=UTC)
S = SubscriptionState
ONE = Subscription(
    id=1,
    ref=SubscriptionRef(subscriber_id=1, list_id=1),
    publication="weekly",
    state=S.REQUESTED,
    consent=Consent(text="Yes, mail me.", source="a test", at=NOW),
    requested_at=NOW,
)
HERE, THERE = 1, 2


@pytest.mark.parametrize("start", S)
@pytest.mark.parametrize("goal", S)
def test_a_subscription_moves_only_forward(start: S, goal: S) -> None:
    allowed = {(S.REQUESTED, S.CONFIRMED), (S.REQUESTED, S.ENDED), (S.CONFIRMED, S.ENDED)}
    assert (goal in TRANSITIONS[start]) == ((start, goal) in allowed)


def test_confirming_and_ending_record_when_and_why() -> None:
    confirmed = ONE.confirm(now=NOW)
    assert (confirmed.state, confirmed.confirmed_at) == (S.CONFIRMED, NOW)
    ended = confirmed.end(EndedReason.UNSUBSCRIBED, now=LATER)
    assert (ended.state, ended.ended_at, ended.ended_reason) == (S.ENDED, LATER, EndedReason.UNSUBSCRIBED)


def test_an_ended_subscription_is_never_revived() -> None:
    ended = ONE.end(EndedReason.EXPIRED, now=NOW)
    with pytest.raises(BadSubscriptionMove, match="Subscription 1 is ended; it cannot become confirmed"):
        ended.confirm(now=LATER)
    with pytest.raises(BadSubscriptionMove):
        ended.end(EndedReason.MANUAL, now=LATER)


def test_a_confirmed_subscription_is_not_confirmed_twice() -> None:
    with pytest.raises(BadSubscriptionMove):
        replace(ONE, state=S.CONFIRMED).confirm(now=NOW)


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_consent_needs_words(text: str) -> None:
    with pytest.raises(SubscribersError, match="consent"):
        Consent(text=text, source="a test", at=NOW)


def test_consent_refuses_a_time_without_a_zone() -> None:
    with pytest.raises(ValueError, match="naive"):
        Consent(text="Yes.", source="a test", at=datetime(2026, 11, 19))


def test_every_reason_can_be_told_when_somebody_is_not_mailed() -> None:
    for reason in (*EndedReason, *SuppressionReason):
        assert BarredReason(reason.value)


@pytest.mark.parametrize(
    ("endings", "expected"),
    [
        ([], None),
        ([(HERE, None)], None),
        ([(HERE, EndedReason.UNSUBSCRIBED)], BarredReason.UNSUBSCRIBED),
        ([(HERE, EndedReason.UNSUBSCRIBED_ALL)], BarredReason.UNSUBSCRIBED_ALL),
        ([(HERE, EndedReason.COMPLAINED)], BarredReason.COMPLAINED),
        ([(HERE, EndedReason.MANUAL)], None),
        ([(HERE, EndedReason.EXPIRED)], None),
        ([(THERE, EndedReason.UNSUBSCRIBED)], None),
        ([(THERE, EndedReason.UNSUBSCRIBED_ALL)], BarredReason.UNSUBSCRIBED_ALL),
        ([(THERE, EndedReason.COMPLAINED)], BarredReason.COMPLAINED),
        ([(HERE, EndedReason.UNSUBSCRIBED), (HERE, EndedReason.MANUAL)], None),
        ([(HERE, EndedReason.MANUAL), (HERE, EndedReason.UNSUBSCRIBED)], BarredReason.UNSUBSCRIBED),
        ([(THERE, EndedReason.UNSUBSCRIBED_ALL), (THERE, None)], None),
    ],
)
def test_what_a_reader_decided_is_undone_by_nobody_else(
    endings: list[tuple[int, EndedReason | None]], expected: BarredReason | None
) -> None:
    assert withdrawn(endings, HERE) is expected


def test_what_a_reader_decides_is_leaving_and_complaining() -> None:
    assert {EndedReason.UNSUBSCRIBED, EndedReason.UNSUBSCRIBED_ALL, EndedReason.COMPLAINED} == WITHDRAWN


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  Jo   Bloggs ", "Jo Bloggs"),
        ("Zoë", "Zoë"),
        ("Jo\r\nBcc: x@y.example", "Jo Bcc: x@y.example"),
        ("J\x00o\u202e\ufeff", "Jo"),
        ("x" * 1000, "x" * 200),
        ("\x00" * 5000, ""),
        ("\ud800Jo", "Jo"),
    ],
)
def test_a_name_is_kept_on_one_line_without_invisible_characters(given: str, kept: str) -> None:
    assert clean_name(given) == kept


@pytest.mark.parametrize(
    ("given", "kept"), [("pt_BR", "pt-BR"), (" en ", "en"), ("<script>", "script"), ("x" * 99, "x" * 35)]
)
def test_a_word_is_kept_as_letters_digits_and_hyphens(given: str, kept: str) -> None:
    assert clean_word(given) == kept


def test_topics_are_kept_once_each() -> None:
    assert clean_topics(["Health ", "water", "health", "", "a,b"]) == "health,water,a b"
