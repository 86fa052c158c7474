"""A visitor becomes a reader: form, mail, button, greeting, and out again; through real HTTP and real SMTP."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from tests.journeys.place import BlogSite, Installation, free_port, request, wait_until
from tests.journeys.test_main_job import PUBLICATION, smtp
from tests.smtp_server import RecordingServer, recording_server

ADA = "ada@readers.example"
OWN_PAGE = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
ONE_CLICK = {"Content-Type": "application/x-www-form-urlencoded"}


def fields(page: str) -> dict[str, str]:
    """The hidden fields of the form on a page."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return {name: unescape(value) for name, value in found}


def sign_up(place: Installation, address: str) -> str:
    """Fill in the form as fast as a machine, and press again whenever the page asks for it; the last page."""
    pages = [request(place.port, "GET", "/s/weekly")[1]]

    def taken() -> bool:
        body = urlencode(fields(pages[-1]) | {"email": address}).encode()
        status, page = request(place.port, "POST", "/s/weekly", body, OWN_PAGE)
        assert status == 200
        if "once more" not in page:
            pages.append(page)
        return "once more" not in page

    wait_until(taken)
    return pages[-1]


def mail_of(server: RecordingServer, index: int) -> EmailMessage:
    return email.message_from_bytes(server.messages[index].data, policy=email.policy.default)


def links(mail: EmailMessage) -> list[str]:
    part = mail.get_body(("plain",))
    assert part is not None
    return re.findall(r"http://127\.0\.0\.1:\d+(/[cpu]/[\w-]+)", str(part.get_content()))


def state(place: Installation, address: str) -> list[str]:
    shown = place.digest("subscribers", "show", address, "--json").json
    return [one["state"] for one in shown["subscriptions"]]


def test_from_the_form_to_the_first_mail_and_out_again(tmp_path: Path, empty_database_url: str) -> None:
    place = Installation(home=tmp_path, database=empty_database_url, port=free_port())
    with BlogSite() as site, recording_server() as server:
        place.configure(PUBLICATION.format(url=site.url), mail=smtp(server.port))
        place.digest("migrate")
        with place.web():
            assert "look into your mailbox" in sign_up(place, ADA)
            place.digest("worker", "--once")
            (sent,) = server.messages
            assert sent.rcpt == ADA
            question = mail_of(server, 0)
            assert question["List-Unsubscribe"] is None
            assert question["Auto-Submitted"] == "auto-generated"
            (confirm,) = set(links(question))
            for _ in range(10):  # what scanners of mail do
                assert request(place.port, "GET", confirm)[0] == 200
                assert request(place.port, "HEAD", confirm)[0] == 200
            assert state(place, ADA) == ["requested"]
            assert "You are subscribed" in request(place.port, "POST", confirm, b"", OWN_PAGE)[1]
            assert state(place, ADA) == ["confirmed"]
            place.digest("worker", "--once")
            greeting = mail_of(server, 1)
            assert greeting["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
            leave = re.findall(r"<(https?://[^>]+)>", str(greeting["List-Unsubscribe"]))[0]
            done = request(place.port, "POST", urlsplit(leave).path, b"List-Unsubscribe=One-Click", ONE_CLICK)
            assert done[0] == 200
            assert state(place, ADA) == ["ended"]
        assert len(server.messages) == 2


@pytest.mark.parametrize("empty_database_url", ["sqlite"], indirect=True)
def test_who_never_presses_the_button_is_reminded_once_and_forgotten(
    tmp_path: Path, empty_database_url: str
) -> None:
    place = Installation(home=tmp_path, database=empty_database_url, port=free_port())
    with recording_server() as server:
        place.configure(
            PUBLICATION.format(url="http://127.0.0.1:9").split("[[", maxsplit=1)[0], mail=smtp(server.port)
        )
        place.digest("migrate")
        with place.web():
            sign_up(place, ADA)
            place.digest("subscribers", "doors", "closed")
            assert request(place.port, "GET", "/s/weekly")[0] == 403
            place.digest("subscribers", "doors", "open")
            assert request(place.port, "GET", "/s/weekly")[0] == 200
        now = datetime.now(UTC)
        for days in (0, 1, 2, 8):
            at = (now + timedelta(days=days, minutes=1)).isoformat()
            place.digest("scheduler", "--once", "--now", at)
            place.digest("worker", "--once", "--now", at)
        hers = [number for number, one in enumerate(server.messages) if one.rcpt == ADA]
        question, reminder = (mail_of(server, number) for number in hers)
        assert links(question) == links(reminder)
        shown = place.digest("subscribers", "show", ADA, "--json").json
        assert shown["subscriber"] is None
        assert ADA not in place.digest("subscribers", "export").out
