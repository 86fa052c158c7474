from datetime import timedelta

import pytest

from digest.deliveries.breaker import Breaker
from digest.deliveries.model import DeliveryState, Outcome, Phase, Reply, Scope, Verdict
from digest.deliveries.replies import WAITS, lost, outcome, parse, redact, retry_at, settle
from tests.factories import NOW

P, S, V = Phase, Scope, Verdict
D, R = V.DEFERRED, V.REFUSED

# row of the requirements, phase, code, text -> verdict, scope, does it stop the edition
TABLE = [
    ("H3", P.CONNECT, 421, "4.3.2 too busy", D, S.SENDER, True),
    ("H3", P.CONNECT, 554, "5.7.1 no service for you", R, S.SENDER, True),
    ("H4", P.AUTH, 535, "5.7.8 authentication failed", R, S.SENDER, True),
    ("H4", P.AUTH, 534, "5.7.9 application-specific password required", R, S.SENDER, True),
    ("H4", P.MAIL, 530, "5.7.0 authentication required", R, S.SENDER, True),
    ("H4", P.MAIL, 530, "5.7.57 Client not authenticated to send mail", R, S.SENDER, True),
    (
        "H4",
        P.AUTH,
        535,
        "5.7.139 Authentication unsuccessful, basic authentication is disabled",
        R,
        S.SENDER,
        True,
    ),
    (
        "A16",
        P.DOT,
        550,
        "5.7.30 Basic authentication is not supported for Client Submission",
        R,
        S.SENDER,
        True,
    ),
    ("H5", P.AUTH, 454, "4.7.0 temporary authentication failure", D, S.SENDER, True),
    ("H6", P.MAIL, 550, "5.1.0 sender rejected", R, S.SENDER, True),
    ("H6", P.MAIL, 553, "5.7.1 sender address not owned by user", R, S.SENDER, True),
    ("H7", P.MAIL, 552, "5.3.4 message size exceeds fixed limit", R, S.CONTENT, True),
    ("H7", P.MAIL, 552, "message too big", R, S.CONTENT, True),
    ("H7", P.DOT, 552, "5.3.4 message too large", R, S.CONTENT, True),
    ("H8", P.MAIL, 421, "4.7.28 unusual rate of unsolicited mail", D, S.SENDER, False),
    ("H8", P.DOT, 454, "Throttling failure: Maximum sending rate exceeded", D, S.SENDER, False),
    ("H8", P.MAIL, 432, "4.3.2 Concurrent connections limit exceeded", D, S.SENDER, False),
    ("H9", P.RCPT, 550, "5.1.1 user unknown", R, S.RECIPIENT, False),
    ("H9", P.RCPT, 550, "5.1.10 recipient not found", R, S.RECIPIENT, False),
    ("H9", P.RCPT, 550, "5.2.1 account disabled", R, S.RECIPIENT, False),
    ("H9", P.RCPT, 556, "5.1.10 recipient address has null MX", R, S.RECIPIENT, False),
    ("H9", P.RCPT, 551, "user not local; try elsewhere", R, S.RECIPIENT, False),
    ("H9", P.DOT, 550, "5.1.1 no such user here", R, S.RECIPIENT, False),
    ("H10", P.RCPT, 550, "No such user here", R, S.RECIPIENT, False),
    ("H10", P.RCPT, 550, "mailbox unavailable", R, S.UNKNOWN, False),
    ("H10", P.RCPT, 554, "rejected: see our blocklist", R, S.SENDER, False),
    ("H11", P.RCPT, 452, "4.2.2 mailbox full", D, S.RECIPIENT, False),
    ("H11", P.RCPT, 552, "5.2.2 over quota", D, S.RECIPIENT, False),
    ("H11", P.DOT, 550, "5.2.2 user's mailbox is full", D, S.RECIPIENT, False),
    ("H12", P.RCPT, 451, "4.7.1 Greylisting in action, please come back later", D, S.RECIPIENT, False),
    ("H12", P.RCPT, 450, "4.2.0 try again", D, S.RECIPIENT, False),
    ("H13", P.RCPT, 550, "5.7.1 relaying denied", R, S.SENDER, False),
    ("H13", P.RCPT, 554, "5.7.1 <x@y>: Relay access denied", R, S.SENDER, False),
    (
        "H14",
        P.DOT,
        550,
        "5.7.26 This mail has been blocked because the sender is unauthenticated",
        R,
        S.SENDER,
        False,
    ),
    (
        "H14",
        P.DOT,
        550,
        "5.7.515 Access denied, sending domain does not meet the required level",
        R,
        S.SENDER,
        False,
    ),
    ("H14", P.DOT, 550, "rejected by DMARC policy", R, S.SENDER, False),
    ("H14", P.DOT, 421, "4.7.26 unauthenticated", D, S.SENDER, False),
    ("H15", P.DOT, 554, "5.7.1 message content rejected as spam", R, S.CONTENT, False),
    ("H15", P.DOT, 554, "transaction failed", R, S.CONTENT, False),
    ("H15", P.DOT, 550, "5.7.1 blocked using zen.spamhaus.org", R, S.SENDER, False),
    (
        "H16",
        P.DOT,
        421,
        "4.7.1 [TS03] All messages from 192.0.2.1 will be permanently deferred",
        R,
        S.DESTINATION,
        False,
    ),
    (
        "A11",
        P.MAIL,
        421,
        "4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred",
        D,
        S.DESTINATION,
        False,
    ),
    ("H17", P.DOT, 421, "4.3.0 shutting down", D, S.UNKNOWN, False),
    ("H18", P.RCPT, 452, "4.5.3 too many recipients", D, S.RECIPIENT, False),
    ("H19", P.DOT, 550, "5.4.5 Daily user sending limit exceeded", D, S.SENDER, True),
    ("H19", P.DOT, 454, "Throttling failure: Daily message quota exceeded", D, S.SENDER, True),
    ("H20", P.DOT, 550, "5.1.8 access denied, bad outbound sender", R, S.SENDER, True),
    ("H20", P.RCPT, 550, "5.4.6 routing loop detected", R, S.SENDER, True),
    ("H20", P.DOT, 550, "5.7.708 access denied, traffic not accepted from this IP", R, S.SENDER, True),
    ("H22", P.DOT, 550, "computer says no", R, S.UNKNOWN, False),
    ("H22", P.RCPT, 599, "", R, S.UNKNOWN, False),
    ("H26", P.RCPT, 550, "4.2.1 mailbox busy", D, S.RECIPIENT, False),
    ("F4", P.RCPT, 553, "5.6.7 internationalized addresses not supported", R, S.RECIPIENT, False),
]


@pytest.mark.parametrize(("row", "phase", "code", "text", "verdict", "scope", "stops"), TABLE)
def test_a_reply_is_charged_to_whoever_is_at_fault(row, phase, code, text, verdict, scope, stops):
    result = outcome(phase, parse(code, text))
    assert (result.verdict, result.scope, bool(result.stop)) == (verdict, scope, stops), row


def test_a_reason_to_stop_says_what_the_server_said():
    result = outcome(P.AUTH, parse(535, "5.7.8 authentication failed"))
    assert result.stop == "The mail server refused our login: 535 5.7.8 authentication failed"


def test_421_anywhere_ends_the_connection():
    assert outcome(P.RCPT, parse(421, "4.3.0 bye")).closed


def test_only_the_250_after_the_dot_is_acceptance():
    assert outcome(P.DOT, parse(250, "2.0.0 queued")).verdict is V.ACCEPTED


@pytest.mark.parametrize(
    ("phase", "verdict"),
    [(P.CONNECT, D), (P.MAIL, D), (P.RCPT, D), (P.DATA, D), (P.BODY, V.UNCERTAIN), (P.DOT, V.UNCERTAIN)],
)
def test_a_lost_connection_is_uncertain_only_once_the_body_had_begun(phase, verdict):
    assert lost(phase, "gone").verdict is verdict


@pytest.mark.parametrize("code", [None, 0, 99, 354, 700])
def test_an_answer_that_is_none_after_the_dot_leaves_it_uncertain(code):
    assert outcome(P.DOT, Reply(code=code, text="??")).verdict is V.UNCERTAIN


def test_retries_come_at_the_listed_times_within_a_fifth():
    deferred = outcome(P.RCPT, parse(451, "4.7.1 greylisted"))
    for position in (1, 2, 77, 999_999):
        for attempt, wait in enumerate(WAITS, start=1):
            again = retry_at(deferred, attempt, NOW, position=position)
            assert again is not None
            assert 0.8 * wait <= again - NOW <= 1.2 * wait
            assert again == retry_at(deferred, attempt, NOW, position=position)
        assert retry_at(deferred, len(WAITS) + 1, NOW, position=position) is None


def test_neighbours_do_not_retry_at_the_same_moment():
    deferred = outcome(P.RCPT, parse(451, "later"))
    assert len({retry_at(deferred, 1, NOW, position=p) for p in range(1, 101)}) > 90


def test_a_receiver_that_defers_everybody_is_left_alone_for_hours():
    slow = outcome(P.DOT, parse(421, "4.7.0 [TSS04] deferred"))
    again = retry_at(slow, 1, NOW)
    assert again is not None
    assert again - NOW >= timedelta(hours=3)


def _settled(result, *, attempts=1, give_up_at=None):
    return settle(
        result, position=1, attempts=attempts, before=DeliveryState.SENDING, now=NOW, give_up_at=give_up_at
    )


def test_a_sender_fault_is_not_held_against_the_delivery():
    settled = _settled(outcome(P.MAIL, parse(550, "5.1.0 sender rejected")))
    assert (settled.state, settled.counts, settled.not_before) == (DeliveryState.PENDING, False, None)


def test_the_last_deferral_is_a_failure_that_says_how_often_it_was_tried():
    settled = _settled(outcome(P.RCPT, parse(451, "4.7.1 later")), attempts=7)
    assert settled.state is DeliveryState.FAILED
    assert settled.reason == "gave up after 7 tries: 451 4.7.1 later"


def test_a_retry_that_would_come_too_late_is_not_made():
    settled = _settled(outcome(P.RCPT, parse(451, "later")), give_up_at=NOW + timedelta(minutes=5))
    assert settled.state is DeliveryState.FAILED
    assert settled.reason.startswith("too late")


def test_a_refusal_and_a_silence_say_so():
    assert _settled(outcome(P.RCPT, parse(550, "5.1.1 no"))).state is DeliveryState.REFUSED
    assert _settled(lost(P.DOT, "gone")).state is DeliveryState.UNCERTAIN


def test_kept_replies_hold_no_address_token_or_control():
    text = redact(
        "550 <ada@example.net>: see https://x.example/u/abcdefghijklmnopqrstu\r\nb+sometoken123\x00 "
        + "A" * 60
        + " end" * 500
    )
    assert "ada" not in text
    assert "abcdefgh" not in text
    assert "sometoken" not in text
    assert "AAAA" not in text
    assert text.isprintable()
    assert len(text) <= 500


def refusal(text, *, phase=P.DOT, code=550):
    return outcome(phase, parse(code, text))


def test_five_domains_that_refuse_in_a_row_for_one_reason_stop_the_edition():
    breaker = Breaker(fresh=True)
    for n in range(4):
        assert not breaker.observe(refusal("5.7.26 unauthenticated"), domain=f"d{n}.example")
    assert "5.7.26" in breaker.observe(refusal("5.7.26 unauthenticated"), domain="d5.example")


def test_one_domain_that_refuses_often_stops_nothing():
    breaker = Breaker(fresh=True)
    assert not any(breaker.observe(refusal("5.7.26 no"), domain="one.example") for _ in range(50))


def test_an_acceptance_between_breaks_the_run():
    breaker = Breaker(fresh=True)
    good = Outcome(verdict=V.ACCEPTED, phase=P.DOT)
    for n in range(12):
        assert not breaker.observe(good if n % 4 == 3 else refusal("5.7.26 no"), domain=f"d{n}.example")


def test_a_stale_list_is_noticed_within_the_first_200():
    breaker = Breaker(fresh=True)
    good = Outcome(verdict=V.ACCEPTED, phase=P.DOT)
    dead = refusal("5.1.1 unknown", phase=P.RCPT)
    said = [breaker.observe(dead if n % 10 == 0 else good, domain=f"d{n}.example") for n in range(120)]
    assert said[99] == ""
    assert "addresses do not exist" in said[100]


def test_after_a_resume_the_first_addresses_are_not_judged_again():
    breaker = Breaker(fresh=False)
    dead = refusal("5.1.1 unknown", phase=P.RCPT)
    assert not any(breaker.observe(dead, domain=f"d{n}.example") for n in range(100))
