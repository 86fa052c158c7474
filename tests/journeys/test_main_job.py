"""From a site's posts to every subscriber's inbox, and out again by one link."""

from __future__ import annotations

import email
import email.policy
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.journeys.place import BlogSite, Installation, SitePost, free_port, request
from tests.smtp_server import Received, recording_server

READERS = 1_000
START = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
PUBLICATION = """
[publications.weekly]
name = "The Weekly Brief"
from = "The Weekly Brief <brief@example.org>"
postal_address = "1 Example Street, Example City"
timezone = "Europe/London"
cut_off = "wed 15:00"
send = "thu 09:00"
staff = ["comms@example.org"]
first_edition = 3
[[publications.weekly.sources]]
kind = "rss"
url = "{url}/feed/"
allow_private = true
"""


def smtp(port: int) -> str:
    return f'[mail]\ntransport = "smtp"\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\nlanes = 8\n'


def post(number: int, *, published: datetime) -> SitePost:
    return SitePost(
        guid=f"post-{number}",
        title=f"Post number {number} of the blog",
        published=published,
        excerpt=f"<p>What post {number} says first, and then some more of it. [&#8230;]</p>",
    )


def html_of(received: Received) -> str:
    message = email.message_from_bytes(received.data, policy=email.policy.default)
    body = message.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def unsubscribe_link(received: Received) -> str:
    message = email.message_from_bytes(received.data, policy=email.policy.compat32)
    return re.findall(r"<(http[^>]+)>", str(message["List-Unsubscribe"]))[0]


def editions_only(messages: list[Received]) -> list[Received]:
    return [m for m in messages if m.rcpt != "comms@example.org"]


@pytest.mark.parametrize("addresses", [READERS])
def test_posts_reach_every_subscriber_once_and_a_reader_who_leaves_gets_nothing_more(
    tmp_path: Path, empty_database_url: str, addresses: int
) -> None:
    place = Installation(home=tmp_path, database=empty_database_url, port=free_port())
    readers = [f"reader{n}@readers.example" for n in range(addresses)]
    (tmp_path / "readers.csv").write_text("email,name\n" + "".join(f"{a},Reader\n" for a in readers))
    with BlogSite() as site, recording_server() as server:
        site.posts = [post(n, published=START - timedelta(days=10 - n)) for n in range(5, 0, -1)]
        place.configure(PUBLICATION.format(url=site.url), mail=smtp(server.port))
        place.digest("migrate")
        imported = place.digest(
            "subscribers",
            "import",
            tmp_path / "readers.csv",
            "--publication",
            "weekly",
            "--consent",
            "Signed up at the fair",
            "--json",
        ).json
        assert imported["added"] == addresses

        (collected,) = place.digest("collect", "weekly", "--json", "--now", START.isoformat()).json
        assert collected["state"] == "ok"
        cut = place.digest("editions", "cut", "weekly", "--json", "--now", START.isoformat()).json
        assert cut["state"] == "draft"
        assert cut["items"] == 3, "the first edition offers the newest three"
        first = str(cut["edition"])
        place.digest("editions", "preview", first, "--out", tmp_path / "preview")
        assert "Post number 5" in (tmp_path / "preview" / "body.html").read_text(encoding="utf-8")
        assert (tmp_path / "preview" / "subject.txt").read_text(encoding="utf-8").startswith("Post number 5")
        place.digest("editions", "approve", first, "--by", "Ada")
        sent = place.digest("editions", "send", first, "--wait", "--json").json
        assert sent["state"] == "sent"
        assert sent["counts"]["accepted"] == addresses

        mails = editions_only(server.messages)
        assert Counter(m.rcpt for m in mails) == Counter(readers), "every reader exactly one message"
        links = [unsubscribe_link(m) for m in mails]
        assert len(set(links)) == addresses, "each copy has an unsubscribe link of its own"

        gone, link = mails[17].rcpt, links[17]
        assert link in html_of(mails[17])
        with place.web():
            path = urlsplit(link).path
            status, page = request(place.port, "GET", path)
            assert status == 200
            assert "<button" in page
            assert gone not in page
            one_click = {"Content-Type": "application/x-www-form-urlencoded"}
            assert request(place.port, "POST", path, b"List-Unsubscribe=One-Click", one_click)[0] == 200
            status, page = request(place.port, "GET", "/a/weekly/1")
            assert status == 200
            assert "Post number 5" in page
            assert "/u/" not in page, "what anyone may see lets nobody be unsubscribed"

        later = START + timedelta(days=7)
        site.posts = [
            post(6, published=START + timedelta(days=3)),
            post(7, published=START - timedelta(days=90)),  # back-dated by the site
            *site.posts,
        ]
        before = len(server.messages)
        place.digest("collect", "--force", "--now", later.isoformat())
        second = place.digest("editions", "cut", "weekly", "--json", "--now", later.isoformat()).json
        assert second["items"] == 2
        place.digest("editions", "approve", str(second["edition"]))
        place.digest("editions", "send", str(second["edition"]), "--wait")
        mails = editions_only(server.messages[before:])
        assert Counter(m.rcpt for m in mails) == Counter(r for r in readers if r != gone)
        html = html_of(mails[0])
        assert "Post number 6" in html
        assert "Post number 7" in html
        assert not re.search(r"Post number [1-5]\b", html), "only new posts"

        third = place.digest(
            "editions", "cut", "weekly", "--json", "--now", (later + timedelta(days=7)).isoformat()
        )
        assert third.json["state"] == "skipped"
        assert "No new posts" in third.json["reason"]
        shown = place.digest("subscribers", "show", gone, "--json").json
        assert shown["subscriptions"][0]["state"] == "ended"
        assert shown["subscriptions"][0]["reason"] == "unsubscribed"
