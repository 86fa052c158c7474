"""What a mail server really received, octet by octet, and what two parsers read in it."""

import asyncio
import email
import email.policy
import re
from email.header import decode_header, make_header

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.deliveries.model import Verdict
from digest.messages.headers import clean
from digest.messages.model import SlotName
from digest.messages.personalise import compile_edition
from tests.factories import NOW
from tests.mailing import TOKEN, compiled, message, reader, rendered, sender, slot, smtp
from tests.smtp_server import EXTENSIONS, recording_server

titles = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)
ONCE = (
    "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Reply-To", "List-Id",
    "List-Unsubscribe", "List-Unsubscribe-Post", "Auto-Submitted", "Precedence", "Feedback-ID", "Content-Language",
)  # fmt: skip


async def marked():
    return None


async def received(*mails, extensions=EXTENSIONS):
    """Send each mail through one SMTP session and return what the server kept."""
    async with recording_server(extensions=extensions) as server:
        lane = smtp(server.port).lane()
        for mail in mails:
            result = await lane.send(mail, before_body=marked)
            assert result.verdict is Verdict.ACCEPTED, result
        await lane.close()
        return server.messages


def both_parsers(data):
    return (
        email.message_from_bytes(data, policy=email.policy.default),
        email.message_from_bytes(data, policy=email.policy.compat32),
    )


def lines_of(text):
    return text.replace("\r\n", "\n").replace("\r", "\n")


def assert_fit_for_the_wire(data):
    assert data.isascii()
    assert b"\x00" not in data
    assert b"\r" not in data.replace(b"\r\n", b"")
    assert b"\n" not in data.replace(b"\r\n", b"")
    head, _, body = data.partition(b"\r\n\r\n")
    assert all(len(line) <= 998 for line in data.split(b"\r\n"))
    assert all(len(line) <= 76 for line in body.split(b"\r\n"))
    long = [line for line in head.split(b"\r\n") if len(line) > 78]
    assert all(line.startswith((b"List-Unsubscribe:", b"List-Archive:")) for line in long)


async def test_an_edition_arrives_with_each_header_once_and_text_before_html():
    (got,) = await received(message())
    assert got.mail_from == "bounces@example.org"
    assert got.rcpt == "ada@example.net"
    assert_fit_for_the_wire(got.data)
    for parsed in both_parsers(got.data):
        for name in ONCE:
            assert len(parsed.get_all(name)) == 1, name
        assert parsed["Bcc"] is None
        assert parsed.get_content_type() == "multipart/alternative"
        assert [part.get_content_type() for part in parsed.get_payload()] == ["text/plain", "text/html"]
        assert [part.get_content_charset() for part in parsed.get_payload()] == ["utf-8", "utf-8"]
        assert parsed["Content-Transfer-Encoding"] in {None, "7bit"}
        assert not parsed.defects
        text, html = (part.get_payload(decode=True).decode() for part in parsed.get_payload())
        for part in (text, html):
            assert f"https://news.example.org/u/{TOKEN}" in part
            assert "Zoë planted reeds." in part
            assert "3 March 2026" in part


async def test_the_headers_say_what_receivers_and_responders_look_for():
    (got,) = await received(message())
    head = got.data.partition(b"\r\n\r\n")[0] + b"\r\n"
    for line in (
        f"List-Unsubscribe: <https://news.example.org/u/{TOKEN}>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "List-Id: The Weekly Brief <weekly.example.org>",
        "Auto-Submitted: auto-generated",
        "Precedence: bulk",
        "X-Auto-Response-Suppress: All",
        "Feedback-ID: 12:weekly:digest:example-org",
        "Reply-To: comms@example.org",
        "Content-Language: en",
        "From: The Weekly Brief <brief@example.org>",
        "Date: Thu, 19 Nov 2026 09:00:00 +0000",
    ):
        assert f"\r\n{line}\r\n".encode() in b"\r\n" + head


@settings(max_examples=40)
@given(st.lists(titles, min_size=1, max_size=12))
def test_any_title_arrives_whole_in_one_subject_and_both_parts(subjects):
    mails = [
        compile_edition(
            rendered(
                subject=title,
                html=f"<p>{title}</p>{slot(SlotName.UNSUBSCRIBE_URL)}",
                text=f"{title}\n.\n..\nFrom {title}\n{slot(SlotName.UNSUBSCRIBE_URL)}\n",
            ),
            sender(from_name=title, list_name=title or "x"),
            edition_key="weekly-12",
            sent_at=NOW,
        ).addressed(reader(), position_key=str(n))
        for n, title in enumerate(subjects)
    ]
    for title, got in zip(subjects, asyncio.run(received(*mails)), strict=True):
        assert_fit_for_the_wire(got.data)
        for word in re.findall(rb"=\?[^\s]*\?=", got.data.partition(b"\r\n\r\n")[0]):
            assert len(word) <= 75
        modern, old = both_parsers(got.data)
        subject = str(make_header(decode_header(old["Subject"])))
        assert " ".join(subject.split()) == clean(title)
        for parsed in (modern, old):
            assert len(parsed.get_all("Subject")) == len(parsed.get_all("From")) == 1
            assert email.utils.parseaddr(str(parsed["From"]))[1] == "brief@example.org"
            text, html = (part.get_payload(decode=True).decode() for part in parsed.get_payload())
            link = f"https://news.example.org/u/{TOKEN}"
            assert text.replace("\r\n", "\n") == lines_of(f"{title}\n.\n..\nFrom {title}\n{link}\n")
            assert html.replace("\r\n", "\n") == lines_of(f"<p>{title}</p>{link}")


@pytest.mark.parametrize(
    "name", ["Doe, J. (CIVIC)", 'The "Weekly" Brief', "Zoë", "a@b.example", "日本語ニュース", "x\\y"]
)
async def test_a_display_name_reads_the_same_in_two_parsers(name):
    mail = compile_edition(rendered(), sender(from_name=name), edition_key="w-1", sent_at=NOW)
    (got,) = await received(mail.addressed(reader(), position_key="1"))
    modern, old = both_parsers(got.data)
    assert modern["From"].addresses[0].display_name == clean(name)
    assert modern["From"].addresses[0].addr_spec == "brief@example.org"
    shown = email.utils.parseaddr(old["From"].replace("\r\n", ""))[0]
    assert str(make_header(decode_header(shown))) == clean(name)


async def test_a_name_too_long_for_one_encoded_word_reads_the_same_once_spaces_between_words_are_dropped():
    name = "Ümläut, Verein e.V. " * 5
    mail = compile_edition(rendered(), sender(from_name=name), edition_key="w-1", sent_at=NOW)
    (got,) = await received(mail.addressed(reader(), position_key="1"))
    modern, old = both_parsers(got.data)
    # Python 3.11's newer parser keeps the folding spaces that RFC 2047 tells it to drop.
    assert modern["From"].addresses[0].display_name.replace(" ", "") == clean(name).replace(" ", "")
    shown = email.utils.parseaddr(old["From"].replace("\r\n", ""))[0]
    assert str(make_header(decode_header(shown))) == clean(name)


async def test_a_long_token_and_domain_leave_the_one_click_header_whole():
    url = f"https://{'n' * 60}.example.org/u/{'t' * 200}"
    (got,) = await received(message(unsubscribe_url=url))
    modern, old = both_parsers(got.data)
    assert str(modern["List-Unsubscribe"]) == old["List-Unsubscribe"] == f"<{url}>"
    assert b"=?" not in got.data.partition(b"\r\n\r\n")[0]


async def test_an_idn_domain_travels_as_its_a_label_without_smtputf8():
    (got,) = await received(message(address="user@bücher.example"), extensions=("SIZE 1000000",))
    assert got.rcpt == "user@xn--bcher-kva.example"
    assert "SMTPUTF8" not in got.options


async def test_a_local_part_outside_ascii_asks_for_smtputf8():
    (got,) = await received(message(address="zoë@example.net"))
    assert got.rcpt == "zoë@example.net"
    assert "SMTPUTF8" in got.options
    assert "To: zoë@example.net\r\n".encode() in got.data


async def test_a_server_without_8bitmime_still_gets_seven_bits():
    (got,) = await received(message(), extensions=())
    assert_fit_for_the_wire(got.data)


async def test_size_is_announced_where_the_server_asks_for_it():
    mail = message()
    (got,) = await received(mail)
    assert f"SIZE={len(mail.data)}" in got.options
    assert got.data == mail.data


async def test_a_thousand_copies_differ_only_where_they_may():
    edition = compiled()
    one, two = await received(*(edition.addressed(reader(), position_key=str(n), now=NOW) for n in (1, 2)))
    differing = [a for a, b in zip(one.data.split(b"\r\n"), two.data.split(b"\r\n"), strict=True) if a != b]
    assert [line.split(b":")[0] for line in differing] == [b"Message-ID"]
