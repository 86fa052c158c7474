"""Signatures hold for whatever we send, as another implementation judges, and for nothing else."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.messages.dkim import SIGNED, Signer, _relaxed, _relaxed_fields, _shared
from digest.messages.mime import build_notice
from digest.messages.personalise import compile_edition
from digest.messages.render import render
from digest.messages.showcase import showcase
from digest.templating import Templates
from tests import mailing, signing
from tests.factories import NOW

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)
LOCAL_PARTS = st.one_of(
    st.from_regex(r"\A[a-z0-9][a-z0-9_+-]{0,20}(\.[a-z0-9]{1,5})?\Z"),
    st.sampled_from(["zoë", "用户", "δοκιμή"]),
)
DOMAINS = st.sampled_from(["example.net", "bücher.example", "例え.テスト", "a-b.example.org"])
EVERY_TEMPLATE = ("weekly", "letter", "bulletin")


@pytest.fixture(scope="module")
def signer(tmp_path_factory) -> Signer:
    return signing.signer(tmp_path_factory.mktemp("keys"))


def edition(signer, *, sender=None, reader=None, now=NOW, **changes):
    compiled = compile_edition(
        mailing.rendered(**changes),
        mailing.sender(**(sender or {})),
        edition_key="weekly-12",
        sent_at=NOW,
        signer=signer,
    )
    return compiled.addressed(mailing.reader(**(reader or {})), position_key="1", now=now).data


def notice(signer, *, html="<p>Hello</p>\n", text="Hello\n", **sender):
    return build_notice(
        "Zoë's draft",
        html,
        text,
        mailing.sender(**sender),
        "staff@example.org",
        now=NOW,
        message_id="draft:1",
        signer=signer,
    ).data


def headers_of(data):
    """Name and whole lines of each header, as they stand."""
    head = data.partition(b"\r\n\r\n")[0] + b"\r\n"
    return [
        (line.partition(b":")[0].decode(), line)
        for line in re.findall(rb"[^\r]+\r\n(?:[ \t][^\r]*\r\n)*", head)
    ]


# --- they hold ------------------------------------------------------------------------------------------------


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(subject=TEXT, name=TEXT, local=LOCAL_PARTS, domain=DOMAINS, since=TEXT, body=TEXT)
def test_both_signatures_hold_whoever_it_is_for_and_whatever_it_says(
    signer, subject, name, local, domain, since, body
):
    slots = "".join(mailing.slot(one) for one in mailing.SlotName)
    data = edition(
        signer,
        subject=subject,
        html=f"<p>{body}</p>  \t {slots} \t\n{body}",
        text=f"{body}\n.\n\n{slots}\n  {body}\n\n\n",
        sender={"from_name": name, "list_name": name},
        reader={"address": f"{local}@{domain}", "signed_up": since},
    )
    assert signing.verdicts(data) == [True, True]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(html=st.one_of(st.just(""), TEXT), text=TEXT)
def test_both_signatures_hold_on_a_notice_whatever_it_says(signer, html, text):
    assert signing.verdicts(notice(signer, html=html, text=text)) == [True, True]


@pytest.mark.parametrize(
    "text", ["", "\n", "\n\n\n", "a\n\n\n", " \t \n", "two  spaces\tand a tab \n", ".\n..\n"]
)
def test_empty_lines_and_white_space_at_the_end_do_not_break_a_signature(signer, text):
    assert signing.verdicts(notice(signer, html="", text=text)) == [True, True]


@pytest.mark.parametrize("template", EVERY_TEMPLATE)
def test_both_signatures_hold_on_every_kind_of_edition(signer, template):
    templates = Templates()
    for sample in showcase(template):
        rendered = render(sample.content, templates, nonce=mailing.NONCE)
        compiled = compile_edition(rendered, mailing.sender(), edition_key="w-1", sent_at=NOW, signer=signer)
        for position in ("1", "2"):
            mail = compiled.addressed(mailing.reader(), position_key=position, now=NOW)
            assert signing.verdicts(mail.data) == [True, True], sample.name


def test_with_one_key_there_is_one_signature(tmp_path):
    data = edition(signing.signer(tmp_path, second=False))
    assert data.count(b"DKIM-Signature:") == 1
    assert signing.verdicts(data) == [True]


def test_each_publication_signs_for_the_domain_it_is_from(signer):
    data = edition(signer, sender={"from_email": "brief@Bücher.example"})
    assert b"d=xn--bcher-kva.example;" in data
    assert signing.verdicts(data, domain="xn--bcher-kva.example") == [True, True]


def test_a_configured_domain_signs_for_addresses_below_it(tmp_path):
    signer = signing.signer(tmp_path, domain="example.org")
    data = edition(signer, sender={"from_email": "brief@news.example.org"})
    assert signing.verdicts(data) == [True, True]


def test_a_message_without_optional_headers_is_signed_all_the_same(signer):
    data = edition(signer, sender={"reply_to": "", "feedback_id": "", "archive_url": None})
    assert signing.verdicts(data) == [True, True]
    for name in (b"Reply-To: eve@example.com\r\n", b"Feedback-ID: a:b:c:evil1\r\n"):
        assert signing.verdicts(data.replace(b"\r\nFrom: ", b"\r\n" + name + b"From: ", 1)) == [False, False]


def test_a_mailto_beside_the_unsubscribe_link_is_signed_as_well(signer):
    mailto = "mailto:leave@example.org?subject=unsubscribe%20AQIDBAUGBwgJCgsMDQ4PEBES"
    data = edition(signer, reader={"unsubscribe_mailto": mailto})
    assert signing.verdicts(data) == [True, True]
    assert signing.verdicts(data.replace(b"leave@example.org", b"other@example.org")) == [False, False]


def test_the_time_of_signing_is_that_of_the_message(signer):
    later = NOW + timedelta(hours=3)
    data = edition(signer, now=later)
    assert data.count(b" t=%d; bh=" % later.timestamp()) == 2
    assert signing.verdicts(data, at=later) == [True, True]


# --- and hold for nothing else --------------------------------------------------------------------------------


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True), other=st.sampled_from(b"!~xQ0"))
def test_one_changed_octet_of_the_body_breaks_both(signer, share, other):
    data = bytearray(edition(signer))
    start = data.index(b"\r\n\r\n") + 4
    places = [n for n in range(start, len(data)) if data[n] not in b"\r\n"]
    place = places[int(share * len(places))]
    data[place] = other if data[place] != other else ord("#")
    assert signing.verdicts(bytes(data)) == [False, False]


def test_lines_added_to_the_body_break_both(signer):
    data = edition(signer)
    assert signing.verdicts(data + b"One more thing\r\n") == [False, False]
    assert signing.verdicts(data[:-10]) == [False, False]
    assert signing.verdicts(data + b"\r\n\r\n") == [
        True,
        True,
    ]  # empty lines say nothing (RFC 6376 section 3.4.4)


@pytest.mark.parametrize("name", SIGNED)
def test_a_signed_header_cannot_be_changed_removed_or_added(signer, name):
    data = edition(signer)
    (line,) = [line for found, line in headers_of(data) if found == name]
    assert signing.verdicts(data) == [True, True]
    assert signing.verdicts(data.replace(line, line[:-3] + b"zz\r\n", 1)) == [False, False]
    assert signing.verdicts(data.replace(line, b"", 1)) == [False, False]
    for second in (line, f"{name}: other@example.com\r\n".encode()):
        assert signing.verdicts(second + data) == [False, False]
        assert signing.verdicts(data.replace(b"\r\n\r\n", b"\r\n" + second + b"\r\n", 1)) == [False, False]


@pytest.mark.parametrize("name", ["List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "From", "Subject"])
def test_no_header_can_be_added_to_a_notice(signer, name):
    data = notice(signer)
    assert signing.verdicts(data) == [True, True]
    assert signing.verdicts(f"{name}: <https://example.com/>\r\n".encode() + data) == [False, False]


def test_a_signature_is_for_one_reader_only(signer):
    compiled = compile_edition(
        mailing.rendered(), mailing.sender(), edition_key="w", sent_at=NOW, signer=signer
    )
    ada, bob = (
        compiled.addressed(
            mailing.reader(unsubscribe_url=f"https://news.example.org/u/{who}"), position_key=who
        ).data
        for who in ("ada", "bob")
    )
    swapped = ada[: len(ada) - len(signing.unsigned(ada))] + signing.unsigned(bob)
    assert signing.verdicts(swapped) == [False, False]


# --- as they stand on the wire --------------------------------------------------------------------------------


def test_the_header_is_written_octet_by_octet_on_short_lines(signer):
    first, second = (line for name, line in headers_of(edition(signer)) if name == "DKIM-Signature")
    assert first.startswith(
        b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=one;\r\n"
        b" h=From:Subject:Reply-To:MIME-Version:Content-Type:List-Id:\r\n"
        b" List-Unsubscribe-Post:Feedback-ID:Date:Message-ID:To:List-Unsubscribe:From:\r\n"
        b" To:Subject:Date:Message-ID:Reply-To:MIME-Version:Content-Type:List-Id:\r\n"
        b" List-Unsubscribe:List-Unsubscribe-Post:Feedback-ID;\r\n"
        b" t=1795078800; bh="
    )
    assert second.startswith(
        b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org;\r\n s=two;"
    )
    for line in (first, second):
        assert all(len(part) <= 78 for part in line.split(b"\r\n"))
        tags = dict(
            tag.strip().split(b"=", 1) for tag in b"".join(line.split()).partition(b":")[2].split(b";") if tag
        )
        assert set(tags) == {b"v", b"a", b"c", b"d", b"s", b"h", b"t", b"bh", b"b"}, "never l=, and no x="
        assert len(base64.b64decode(tags[b"bh"], validate=True)) == 32
    assert len(base64.b64decode(b"".join(first.partition(b" b=")[2].split()), validate=True)) == 256
    assert len(base64.b64decode(b"".join(second.partition(b" b=")[2].split()), validate=True)) == 64


@pytest.mark.parametrize("message", [edition, notice])
def test_every_header_is_named_once_more_than_it_stands_there(signer, message):
    data = message(signer)
    there = [name for name, _ in headers_of(data)]
    for line in (line for name, line in headers_of(data) if name == "DKIM-Signature"):
        named = re.search(r"h=([^;]+);", b"".join(line.split()).decode())[1].split(":")
        assert {name: named.count(name) for name in SIGNED} == {
            name: there.count(name) + 1 for name in SIGNED
        }
        assert set(named) == set(SIGNED)


def test_a_long_domain_and_selector_stand_on_lines_of_their_own(tmp_path):
    domain = ".".join(["d" * 60] * 3 + ["example"])
    signer = signing.signer(tmp_path, domain=domain)
    data = edition(signer, sender={"from_email": f"brief@{domain}"})
    assert f"\r\n d={domain};\r\n s=one;".encode() in data
    assert signing.verdicts(data, domain=domain) == [True, True]


def test_signing_adds_lines_before_the_message_and_changes_nothing_else(signer):
    assert signing.unsigned(edition(signer)) == edition(None)
    assert signing.unsigned(notice(signer)) == notice(None)
    assert signing.unsigned(notice(signer, html="")) == notice(None, html="")


def test_without_keys_a_message_is_what_it_was_to_the_octet():
    assert edition(None) == mailing.message().data
    assert notice(None, html="", text="Hello\n\n") == (
        b"Date: Thu, 19 Nov 2026 09:00:00 +0000\r\n"
        b"Message-ID: <notice.8cb5e4dcceef36e36479ca83@example.org>\r\n"
        b"To: staff@example.org\r\n"
        b"From: The Weekly Brief <brief@example.org>\r\n"
        b"Reply-To: comms@example.org\r\n"
        b"Subject: =?utf-8?b?Wm/DqydzIGRyYWZ0?=\r\n"
        b"Auto-Submitted: auto-generated\r\n"
        b"X-Auto-Response-Suppress: All\r\n"
        b"Content-Language: en\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n"
        b"\r\n"
        b"Hello\r\n\r\n\r\n"
    )
    golden = Path(__file__).parents[1] / "golden" / "unsigned.eml"
    assert edition(None) == golden.read_bytes().replace(b"\n", b"\r\n")


def test_the_canonical_forms_are_those_of_the_rfc():
    head = b"A: X\r\nB : Y\t\r\n\tZ  \r\n"
    assert b"".join(line for _, line in _relaxed_fields(head)) == b"a:X\r\nb:Y Z\r\n"
    body = _relaxed(b" C \r\nD \t E\r\n\r\n\r\n")
    assert _shared([body]) == (b" C\r\nD E\r\n", [])
    assert _shared([_relaxed(b" \r\n\r\n")]) == (b"", [])
