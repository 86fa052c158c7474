"""Mail that comes back is told apart by its header, and no message is too odd to be read."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.deliveries.reports import Kind, Report, read

TOKEN = "AQAAAAABAAAAAQabcdefghijklmnopqr_-"
OTHER = "BQAAAAABAAAAAQabcdefghijklmnopqr_-"


def kind(*fields: str, body: str = "Hello.") -> Kind:
    return read(("\r\n".join(fields) + f"\r\n\r\n{body}").encode()).kind


def tokens(*fields: str, body: str = "") -> tuple[str, ...]:
    return read(("\r\n".join(fields) + f"\r\n\r\n{body}").encode()).tokens


@pytest.mark.parametrize(
    "fields",
    [
        (f"To: <unsub+{TOKEN}@bounce.example.org>", "Subject: "),
        (f"Delivered-To: unsub+{TOKEN}@bounce.example.org", "To: brief@example.org"),
        (f'To: "Leave" <UNSUB+{TOKEN}@bounce.example.org>, x@example.org',),
        ("To: leave@example.org", f"Subject: unsubscribe {TOKEN}"),
        ("To: leave@example.org", f"Subject: Re:  Unsubscribe\r\n {TOKEN}"),
        ("To: leave@example.org", f"Subject: =?utf-8?q?unsubscribe_{TOKEN.replace('_', '=5F')}?="),
    ],
)
def test_an_unsubscribe_carries_its_token_in_the_mailbox_or_the_subject(fields: tuple[str, ...]) -> None:
    message = ("\r\n".join(fields) + "\r\n\r\n").encode()
    assert read(message) == Report(kind=Kind.UNSUBSCRIBE, tokens=(TOKEN,))
    assert read(message.replace(b"\r\n", b"\n")) == read(message)


def test_the_subject_comes_first_because_a_mailbox_may_lose_its_capitals() -> None:
    found = tokens(f"To: unsub+{TOKEN.lower()}@bounce.example.org", f"Subject: unsubscribe {TOKEN}")
    assert found == (TOKEN, TOKEN.lower())


def test_what_stands_in_the_body_or_the_sender_is_never_looked_at() -> None:
    assert (
        tokens(f"From: unsub+{TOKEN}@example.org", "Subject: hi", body=f"Subject: unsubscribe {TOKEN}") == ()
    )


def test_a_long_word_in_any_other_subject_is_no_token() -> None:
    assert kind(f"Subject: About {TOKEN}", "In-Reply-To: <1@example.org>") is Kind.REPLY


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (("Content-Type: multipart/report; report-type=delivery-status; boundary=x",), Kind.BOUNCE),
        (("Content-Type: multipart/report;\r\n report-type=feedback-report",), Kind.COMPLAINT),
        (("X-Failed-Recipients: jo@example.org",), Kind.BOUNCE),
        (("Return-Path: <>", "Subject: Returned mail"), Kind.BOUNCE),
        (("Auto-Submitted: auto-replied (vacation)",), Kind.AUTO_REPLY),
        (("Precedence: auto_reply",), Kind.AUTO_REPLY),
        (("X-Autoreply: yes",), Kind.AUTO_REPLY),
        (("Subject: Out of office: The Weekly Brief",), Kind.AUTO_REPLY),
        (("Subject: Re: The Weekly Brief", "References: <1@example.org>"), Kind.REPLY),
        (("Subject: unsubscribe",), Kind.UNSUBSCRIBE),
        (("Subject: Lunch?",), Kind.UNKNOWN),
    ],
)
def test_other_mail_is_told_apart_as_far_as_its_header_says(fields: tuple[str, ...], expected: Kind) -> None:
    assert kind(*fields) is expected


def test_a_machine_that_answers_unsubscribes_nobody() -> None:
    assert tokens(f"To: unsub+{TOKEN}@example.org", "Auto-Submitted: auto-replied") == ()
    assert (
        tokens(f"Subject: unsubscribe {TOKEN}", "Content-Type: multipart/report; report-type=delivery-status")
        == ()
    )


def test_only_a_few_tokens_of_a_message_are_tried() -> None:
    words = " ".join(f"{TOKEN[:-3]}{i:03}" for i in range(500))
    assert len(tokens(f"Subject: unsubscribe {words}")) == 8


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\r\n\r\n",
        b"\x00\xff\xfe" * 1000,
        b"Subject: =?utf-8?b?////?=\r\n\r\n",
        b"Subject: =?no-such-charset?q?unsubscribe?=\r\n\r\n",
        b"Subject: =?utf-8?b?" + b"A" * 4097 + b"?=\r\n\r\n",
        b"Subject: \xe9\xe9 unsubscribe\r\n\r\n",
        b"Content-Type: multipart/report; report-type*0*=x''%%%; report-type*1=\r\n\r\n",
        b"Subject:\r\n" + b" x\r\n" * 100_000,
        b"To: " + b"unsub+" * 100_000 + b"\r\n\r\n",
        b"A: b\r\n" * 100_000,
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
        + b"--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n" * 20_000,
        b"x" * 30_000_000,
    ],
)
def test_a_hostile_message_is_read_quickly_and_asks_for_nothing(message: bytes) -> None:
    began = time.process_time()
    assert read(message).tokens == ()
    assert time.process_time() - began < 5


@given(st.binary(max_size=3000))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    assert read(data).kind in Kind
    assert read(b"Subject: unsubscribe " + data).kind in Kind
