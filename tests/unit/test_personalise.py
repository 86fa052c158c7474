import quopri
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.messages import headers, quoted
from digest.messages.mime import build_notice
from digest.messages.model import SlotName
from digest.messages.personalise import NoUnsubscribeSlot, Unmailable, compile_edition
from tests.factories import NOW
from tests.mailing import TOKEN, compiled, message, reader, rendered, sender, slot

anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)


@given(anything)
def test_quoted_printable_is_what_it_was_and_fits_the_wire(text):
    encoded = quoted.encode(text)
    lines = encoded.split(b"\r\n")
    assert all(len(line) <= 76 for line in lines)
    assert not any(line.startswith((b".", b"From ")) for line in lines)
    assert not any(line.endswith((b" ", b"\t")) for line in lines)
    assert encoded.isascii()
    assert b"\n" not in encoded.replace(b"\r\n", b"")
    meant = text.replace("\r\n", "\n").replace("\r", "\n")
    assert quopri.decodestring(encoded).decode().replace("\r\n", "\n") == meant


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=200))
def test_a_value_stands_alone_on_its_lines(value):
    encoded = quoted.alone(value)
    assert encoded.endswith(b"=\r\n")
    assert all(len(line) <= 76 and not line.startswith(b".") for line in encoded.split(b"\r\n"))
    assert quopri.decodestring(encoded).decode() == value


@given(anything)
def test_a_subject_stays_within_its_limits_and_one_header(title):
    lines = headers.unstructured("Subject", title).split(b"\r\n")
    assert lines.pop() == b""
    assert all(0 < len(line) <= 76 for line in lines)
    assert all(line.startswith(b" ") for line in lines[1:])
    for word in re.findall(rb"=\?[^ ]*\?=", b"\r\n".join(lines)):
        assert len(word) <= 75


@pytest.mark.parametrize(
    "evil", ["a\r\nBcc: x@y.example", "a\x00b", "a\u2028b", "a\u202eb", "a\x85b", "a\x1bb"]
)
def test_line_ends_controls_and_direction_overrides_never_reach_a_header(evil):
    for header in (headers.unstructured("Subject", evil), headers.mailbox("From", evil, "a@b.example")):
        assert header.count(b"\r\n") == 1
        assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]", header)


@pytest.mark.parametrize("length", [22, 43, 86, 200, 700])
def test_the_one_click_header_is_one_line_of_ascii_at_any_length(length):
    url = f"https://{'n' * 60}.example.org/u/{'t' * length}"
    data = message(unsubscribe_url=url).data
    assert f"\r\nList-Unsubscribe: <{url}>\r\n".encode() in data
    assert data.count(b"List-Unsubscribe:") == 1
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in data


def test_a_mailto_stands_behind_the_one_https_address_on_a_line_of_its_own():
    url, mailto = (
        f"https://news.example.org/u/{TOKEN}",
        f"mailto:leave@example.org?subject=unsubscribe%20{TOKEN}",
    )
    data = message(unsubscribe_url=url, unsubscribe_mailto=mailto).data
    assert f"\r\nList-Unsubscribe: <{url}>,\r\n <{mailto}>\r\n".encode() in data
    with pytest.raises(ValueError, match="List-Unsubscribe"):
        message(unsubscribe_url=url, unsubscribe_mailto="mailto:leave@example.org\r\nBcc: x@example.org")


@pytest.mark.parametrize(
    "url", ["https://x.example/a b", "https://x.example/>", "https://bücher.example/u/x", ""]
)
def test_an_address_that_would_break_the_one_click_header_is_refused(url):
    with pytest.raises(ValueError, match="List-Unsubscribe"):
        message(unsubscribe_url=url)


def test_the_same_reader_gets_the_same_message_id_and_another_reader_another():
    first, again = (
        compiled().addressed(reader(), position_key="1", now=NOW + timedelta(days=n)) for n in (0, 1)
    )
    other = compiled().addressed(reader(), position_key="2", now=NOW)
    assert first.message_id == again.message_id != other.message_id
    assert re.fullmatch(r"<weekly-12\.[0-9a-f]{24}@example\.org>", first.message_id)
    assert "ada" not in first.message_id


def test_the_date_is_the_moment_of_sending_with_a_numeric_zone():
    at = datetime(2026, 7, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    data = compiled().addressed(reader(), position_key="1", now=at).data
    assert data.startswith(b"Date: Wed, 01 Jul 2026 12:00:00 +0200\r\n")
    assert b"+0000" in compiled().addressed(reader(), position_key="1", now=at.astimezone(UTC)).data[:60]


def test_two_readers_copies_differ_in_their_slots_and_addresses_only():
    one = compiled().addressed(reader(), position_key="1", now=NOW).data
    other = "B" * len(TOKEN)
    two = (
        compiled()
        .addressed(
            reader(
                unsubscribe_url=f"https://news.example.org/u/{other}",
                preferences_url=f"https://news.example.org/p/{other}",
            ),
            position_key="1",
            now=NOW,
        )
        .data
    )
    assert one != two
    assert one == two.replace(other.encode(), TOKEN.encode())


def test_a_value_is_escaped_for_html_and_left_alone_in_text():
    data = message(signed_up="<b>&'3 März").data
    text, html = data.split(b"Content-Type: text/html", 1)
    assert "<b>&'3 März".encode() in quopri.decodestring(text.replace(b"=\r\n", b""))
    assert "&lt;b&gt;&amp;&#x27;3 März".encode() in quopri.decodestring(html.replace(b"=\r\n", b""))


def test_feed_text_cannot_hit_a_slot():
    other = "slot-ffffffffffffffff-unsubscribe-url-end {{ unsubscribe_url }} [[unsubscribe_url]]"
    data = compile_edition(
        rendered(html=f"{other} {slot(SlotName.UNSUBSCRIBE_URL)}"), sender(), edition_key="w-1", sent_at=NOW
    ).addressed(reader(), position_key="1")
    assert data.data.count(TOKEN.encode()) == 4  # the header, twice in the text, once in the HTML


@pytest.mark.parametrize("part", ["html", "text"])
def test_an_edition_that_nobody_could_leave_is_not_sent(part):
    with pytest.raises(NoUnsubscribeSlot, match="readers could not leave"):
        compile_edition(rendered(**{part: "hello"}), sender(), edition_key="w-1", sent_at=NOW)


def test_the_marks_around_personal_parts_do_not_travel():
    assert b"mine--" not in message().data


@pytest.mark.parametrize(
    ("address", "wire", "smtputf8"),
    [
        ("user@bücher.example", "user@xn--bcher-kva.example", False),
        ("Ada+tag@Example.NET", "Ada+tag@Example.NET", False),
        ("zoë@example.net", "zoë@example.net", True),
        ("zoë@bücher.example", "zoë@xn--bcher-kva.example", True),
    ],
)
def test_an_address_takes_the_form_that_smtp_wants(address, wire, smtputf8):
    mail = message(address=address)
    assert (mail.rcpt_to, mail.smtputf8) == (wire, smtputf8)
    assert f"\r\nTo: {wire}\r\n".encode() in mail.data
    assert mail.data.isascii() is not smtputf8


@pytest.mark.parametrize(
    "address",
    ["x@y.example>\r\nRCPT TO:<z@w.example", "x y@z.example", "a@b@c.example", "", "@x.example", "x@", "x\0@y.example",
     ".x@y.example", "x..y@z.example", "x" * 65 + "@y.example", "<x@y.example>", "x@-y.example", "x\u202e@é.example"],
)  # fmt: skip
def test_an_address_that_could_smuggle_a_command_is_never_written(address):
    with pytest.raises(Unmailable):
        message(address=address)


def test_bounces_come_back_to_a_token_or_to_the_configured_address_never_to_nobody():
    verp = compile_edition(
        rendered(), sender(bounce_domain="bounce.example.org"), edition_key="w", sent_at=NOW
    )
    assert verp.addressed(reader(), position_key="1").mail_from == f"b+{TOKEN}@bounce.example.org"
    assert message().mail_from == "bounces@example.org"
    plain = compile_edition(rendered(), sender(envelope_from=""), edition_key="w", sent_at=NOW)
    assert plain.addressed(reader(), position_key="1").mail_from == "brief@example.org"


def test_a_notice_is_marked_as_a_machines_and_offers_no_way_to_leave():
    mail = build_notice(
        "Draft ready", "<p>ok</p>", "ok", sender(), "staff@example.org", now=NOW, message_id="draft:1"
    )
    assert b"\r\nAuto-Submitted: auto-generated\r\n" in mail.data
    assert b"List-Unsubscribe" not in mail.data
    again = build_notice("x", "", "y", sender(), "staff@example.org", now=NOW, message_id="draft:1")
    assert again.message_id == mail.message_id
    assert b"multipart" not in again.data
