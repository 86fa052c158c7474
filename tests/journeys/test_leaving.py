"""A reader gets mail, looks at its links, leaves by them, and is left alone; link scanners change nothing."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.journeys.place import BlogSite, Installation, SitePost, free_port, request

START = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
ADA, BEN, CY = "ada@readers.example", "ben@readers.example", "cy@readers.example"
PUBLICATION = """
[publications.{slug}]
name = "{name}"
from = "{name} <{slug}@example.org>"
postal_address = "1 Example Street, Example City"
timezone = "Europe/London"
cut_off = "wed 15:00"
send = "thu 09:00"
[[publications.{slug}.sources]]
kind = "rss"
url = "{url}/feed/"
allow_private = true
"""
SCANNERS = ("Mozilla/5.0 (compatible; SafeLinks)", "GoogleImageProxy", "Barracuda Sentinel (EE)")
FROM_THE_PAGE = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}


class Mailing:
    """An organisation with two publications; every edition lands in the outbox."""

    def __init__(self, place: Installation, site: BlogSite) -> None:
        self.place = place
        self.site = site
        self.now = START
        self._read: set[Path] = set()
        publications = (("weekly", "The Weekly Brief"), ("dates", "Dates and Places"))
        place.configure("".join(PUBLICATION.format(slug=s, name=n, url=site.url) for s, n in publications))
        place.digest("migrate")

    def subscribe(self, address: str, *publications: str) -> None:
        for slug in publications:
            self.place.digest(
                "subscribers", "add", address, "--publication", slug, "--consent", "Yes, mail me."
            )

    def send(self, publication: str) -> dict[str, EmailMessage]:
        """Publish a post, send the edition that carries it, and return each reader's copy."""
        self.now += timedelta(days=7)
        number = len(self.site.posts) + 1
        published = self.now - timedelta(hours=1)
        self.site.posts.insert(
            0, SitePost(guid=f"post-{number}", title=f"Post {number}", published=published)
        )
        self.place.digest("collect", "--force", "--now", self.now.isoformat())
        cut = self.place.digest("editions", "cut", publication, "--json", "--now", self.now.isoformat()).json
        edition = str(cut["edition"])
        self.place.digest("editions", "approve", edition)
        self.place.digest("editions", "send", edition, "--wait")
        return self._new_mail()

    def ask(
        self, method: str, link: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        return request(self.place.port, method, urlsplit(link).path, body, headers)

    def _new_mail(self) -> dict[str, EmailMessage]:
        files = set((self.place.home / "outbox" / "new").iterdir()) - self._read
        self._read |= files
        mails = [email.message_from_bytes(f.read_bytes(), policy=email.policy.default) for f in files]
        return {str(mail["To"]).split("<")[-1].rstrip(">"): mail for mail in mails}


@pytest.fixture
def mailing(tmp_path: Path) -> Iterator[Mailing]:
    place = Installation(home=tmp_path, database=f"sqlite:///{tmp_path / 'digest.db'}", port=free_port())
    with BlogSite() as site:
        yield Mailing(place, site)


def header_link(mail: EmailMessage) -> str:
    return re.findall(r"<(http[^>]+)>", str(mail["List-Unsubscribe"]))[0]


def links(mail: EmailMessage) -> list[str]:
    part = mail.get_body(("html",))
    assert part is not None
    return re.findall(r'href="(http[^"]+)"', str(part.get_content()))


def test_readers_leave_by_every_way_a_mail_offers_and_scanners_by_none(mailing: Mailing) -> None:
    mailing.subscribe(ADA, "weekly", "dates")
    mailing.subscribe(BEN, "weekly")
    mailing.subscribe(CY, "weekly", "dates")
    first = mailing.send("weekly")
    assert set(first) == {ADA, BEN, CY}

    with mailing.place.web():
        # Scanners open every link of every mail; nobody has left afterwards.
        ours = f"127.0.0.1:{mailing.place.port}"
        personal = {link for mail in first.values() for link in links(mail) if urlsplit(link).netloc == ours}
        assert len([link for link in personal if "/u/" in link]) == 3
        for link in sorted(personal) * 5:
            for agent in SCANNERS:
                assert mailing.ask("GET", link, headers={"User-Agent": agent})[0] == 200
                assert mailing.ask("HEAD", link, headers={"User-Agent": agent})[0] == 200
    assert set(mailing.send("weekly")) == {ADA, BEN, CY}

    with mailing.place.web():
        # Ada's mail program uses the header; Ben presses the button on the page behind the link in the mail.
        assert mailing.ask("POST", header_link(first[ADA]), b"List-Unsubscribe=One-Click")[0] == 200
        (bens,) = (link for link in links(first[BEN]) if "/u/" in link)
        status, page = mailing.ask("GET", bens)
        assert status == 200
        assert page.count("<button") == 1
        status, page = mailing.ask("POST", bens, b"", FROM_THE_PAGE)
        assert status == 200
        assert "You are unsubscribed" in page
        # Cy changes what he gets.
        (cys,) = {link for link in links(first[CY]) if "/p/" in link}
        page = mailing.ask("GET", cys)[1]
        assert "The Weekly Brief" in page
        assert "Dates and Places" in page
        page = mailing.ask("POST", cys, b"leave=dates", FROM_THE_PAGE)[1]
        assert "You no longer get" in page
    assert set(mailing.send("weekly")) == {CY}
    assert set(mailing.send("dates")) == {ADA}, "Ada left the other publication, Cy this one"

    with mailing.place.web():
        # A year-old link works still, and twice.
        for _ in range(2):
            assert mailing.ask("POST", header_link(first[CY]), b"List-Unsubscribe=One-Click")[0] == 200
        assert "You are unsubscribed" in mailing.ask("GET", header_link(first[CY]))[1]
    shown = mailing.place.digest("subscribers", "show", CY, "--json").json
    assert {one["publication"]: one["state"] for one in shown["subscriptions"]} == {
        "weekly": "ended",
        "dates": "ended",
    }


def test_a_proof_sent_to_staff_lets_nobody_leave(mailing: Mailing) -> None:
    mailing.subscribe(ADA, "weekly")
    now = (START + timedelta(hours=1)).isoformat()
    mailing.site.posts = [SitePost(guid="one", title="One", published=START)]
    mailing.place.digest("collect", "--now", now)
    cut = mailing.place.digest("editions", "cut", "weekly", "--json", "--now", now).json
    mailing.place.digest("editions", "proof", str(cut["edition"]), "staff@example.org")
    (proof,) = mailing._new_mail().values()
    with mailing.place.web():
        for link in links(proof):
            if "/u/" in link or "/p/" in link:
                status, page = mailing.ask("POST", link, b"leave=*", FROM_THE_PAGE)
                assert status == 200
                assert "test copy" in page
    assert set(mailing.send("weekly")) == {ADA}
