"""Past editions in the browser: what was mailed, for everybody, with nothing of anybody in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as ET

import httpx2
import pytest

from digest.database import Database
from digest.editions import store as editions
from digest.editions.model import Edition, EditionState
from digest.messages.model import SlotName, slot_marker
from digest.messages.render import render
from digest.templating import Templates
from digest.workflows.parts import Parts
from tests import factories, web
from tests.factories import NOW

NONCE = "nonce0nonce0nonce0"
MAILED = (EditionState.SENDING, EditionState.PAUSED, EditionState.SENT)
UNSEEN = tuple(state for state in EditionState if state not in MAILED)


@pytest.fixture
def parts(database: Database) -> Parts:
    return web.parts(database)


@pytest.fixture
def client(parts: Parts) -> Iterator[httpx2.Client]:
    with web.browsing(parts) as client:
        yield client


def stored(
    parts: Parts, state: EditionState = EditionState.SENT, subject: str = "News from the creek"
) -> Edition:
    content = factories.content(subject=subject, items=(factories.item(post_id=None),))
    rendered = render(content, Templates(), nonce=NONCE)
    with parts.database.transaction() as session:
        editions.ensure_publication(session, "weekly", now=NOW)
        editions.lock_publication(session, "weekly")
        edition = editions.create(
            session,
            publication="weekly",
            state=state,
            cut_at=NOW,
            send_at=NOW,
            slot=None,
            subject=subject,
            items=content.items,
        )
        editions.save_snapshot(session, edition.id, rendered)
        editions.save(session, replace(edition, launched_at=NOW, fingerprint=rendered.fingerprint))
    return edition


@pytest.mark.parametrize("state", MAILED)
def test_an_edition_that_was_mailed_is_shown_to_anybody(client, parts, state):
    stored(parts, state)
    answer = client.get("/a/weekly/1")
    assert answer.status_code == 200
    assert "What happened at the creek" in answer.text
    assert "1 Example Street" in answer.text


@pytest.mark.parametrize("state", UNSEEN)
def test_an_edition_that_was_not_mailed_is_not_there(client, parts, state):
    stored(parts, state, subject="Not for your eyes")
    assert client.get("/a/weekly/1").status_code == 404
    assert "Not for your eyes" not in client.get("/a/weekly/").text


def test_the_copy_has_no_personal_link_and_no_gap_where_one_was(client, parts):
    stored(parts)
    page = client.get("/a/weekly/1").text
    assert NONCE not in page
    assert "/u/" not in page
    assert "/p/" not in page
    for name in SlotName:
        assert slot_marker(NONCE, name) not in page


def test_the_copy_may_run_nothing_and_load_only_pictures(client, parts):
    stored(parts)
    policy = client.get("/a/weekly/1").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "img-src https:;" in policy
    assert "style-src 'unsafe-inline'" in policy
    assert "script-src" not in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy


def test_pictures_from_this_machine_load_only_where_we_are_on_it_ourselves(database):
    parts = web.parts(database, base_url="http://127.0.0.1:8000")
    stored(parts)
    with web.browsing(parts) as client:
        policy = client.get("/a/weekly/1").headers["content-security-policy"]
    assert "img-src https: http://127.0.0.1:* http://localhost:*;" in policy


@pytest.mark.parametrize(
    "path", ["/a/weekly/2", "/a/weekly/0", f"/a/weekly/{10**30}", "/a/events/1", "/a/none/1"]
)
def test_an_edition_there_never_was_is_a_calm_page(client, parts, path):
    stored(parts)
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


def test_the_list_names_each_edition_newest_first_with_its_date(client, parts):
    stored(parts, subject="The first <one>")
    stored(parts, subject="The second one")
    page = client.get("/a/weekly/").text
    assert page.index("The second one") < page.index("The first &lt;one&gt;")
    assert 'href="/a/weekly/2"' in page
    assert "19 November 2026" in page


def test_an_archive_with_nothing_in_it_says_what_will_come(client):
    answer = client.get("/a/events/")
    assert answer.status_code == 200
    assert "La première apparaîtra ici" in answer.text
    assert '<html lang="fr" dir="ltr">' in answer.text


def test_what_everybody_sees_may_be_kept_for_a_while(client, parts):
    stored(parts)
    for path in ("/a/weekly/", "/a/weekly/1"):
        headers = client.get(path).headers
        assert headers["cache-control"] == "public, max-age=300"
        assert "x-robots-tag" not in headers


# --- the feed and the way from one edition to the next ----------------------------------------------------------

ATOM = "{http://www.w3.org/2005/Atom}"


def feed(client: httpx2.Client, publication: str = "weekly") -> ET.Element:
    answer = client.get(f"/a/{publication}/feed")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    return ET.fromstring(answer.content)


def test_the_feed_has_each_edition_that_was_mailed_newest_first(client, parts):
    stored(parts, subject="The first <one> & only")
    stored(parts, EditionState.DRAFT, subject="Not for your eyes")
    stored(parts, subject="The third one")
    root = feed(client)
    assert root.get("{http://www.w3.org/XML/1998/namespace}lang") == "en"
    assert root.findtext(f"{ATOM}title") == "The Weekly Brief"
    assert [one.findtext(f"{ATOM}title") for one in root.findall(f"{ATOM}entry")] == [
        "The third one",
        "The first <one> & only",
    ]
    links = {one.get("rel"): one.get("href") for one in root.findall(f"{ATOM}link")}
    assert links == {
        "self": "https://news.example.org/a/weekly/feed",
        "alternate": "https://news.example.org/a/weekly/",
    }


def test_every_entry_has_what_rfc_4287_asks_for_and_nothing_personal(client, parts):
    stored(parts)
    root = feed(client)
    assert root.findtext(f"{ATOM}author/{ATOM}name") == "The Weekly Brief"
    for element in (root, *root.findall(f"{ATOM}entry")):
        assert element.findtext(f"{ATOM}id", "").startswith("urn:uuid:")
        assert element.findtext(f"{ATOM}updated") == NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert element.findtext(f"{ATOM}title")
    entry = root.find(f"{ATOM}entry")
    assert entry is not None
    content = entry.find(f"{ATOM}content")
    assert content is not None
    assert content.get("type") == "html"
    assert "What happened at the creek" in (content.text or "")
    page = client.get("/a/weekly/feed").text
    for personal in ("/u/", "/p/", "@", NONCE):
        assert personal not in page.replace("http://www.w3.org/2005/Atom", "")


def test_an_edition_keeps_its_identity_wherever_the_pages_move(database):
    found = []
    for base_url in ("https://news.example.org", "https://mail.example.net/digest"):
        parts = web.parts(database, base_url=base_url)
        if not found:
            stored(parts)
        with web.browsing(parts) as client:
            found.append([one.text for one in feed(client).iter(f"{ATOM}id")])
    assert found[0] == found[1]
    assert len(set(found[0])) == 2


def test_a_feed_reader_that_has_it_is_told_so(client, parts):
    stored(parts)
    first = client.get("/a/weekly/feed")
    assert parsedate_to_datetime(first.headers["last-modified"]) == NOW
    assert first.headers["cache-control"] == "public, max-age=300"
    for asked in (
        {"if-none-match": first.headers["etag"]},
        {"if-modified-since": first.headers["last-modified"]},
    ):
        again = client.get("/a/weekly/feed", headers=asked)
        assert (again.status_code, again.content) == (304, b"")
    head = client.head("/a/weekly/feed")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", first.headers["etag"])
    stored(parts, subject="Another one")
    assert client.get("/a/weekly/feed", headers={"if-none-match": first.headers["etag"]}).status_code == 200


def test_hostile_titles_leave_the_feed_well_formed(client, parts):
    stored(parts, subject="]]> &amp; <script>\x08\x0b\ufffe\x1b[2J \u202e")
    root = feed(client)
    assert "<script>" in root.findtext(f"{ATOM}entry/{ATOM}title", "")


def test_the_feed_is_bounded_and_there_before_the_first_edition(client, parts):
    assert feed(client, "events").findall(f"{ATOM}entry") == []
    for number in range(23):
        stored(parts, subject=f"No. {number + 1}")
    titles = [one.findtext(f"{ATOM}title") for one in feed(client).findall(f"{ATOM}entry")]
    assert (len(titles), titles[0], titles[-1]) == (20, "No. 23", "No. 4")
    assert client.get("/a/none/feed").status_code == 404


def test_the_list_and_each_edition_lead_to_the_feed(client, parts):
    stored(parts)
    for path in ("/a/weekly/", "/a/weekly/1"):
        assert '<link rel="alternate" type="application/atom+xml"' in client.get(path).text
        assert 'href="/a/weekly/feed"' in client.get(path).text


def test_each_edition_leads_to_those_before_and_after_it_that_went_out(client, parts):
    for state in (EditionState.SENT, EditionState.CANCELLED, EditionState.SENT, EditionState.DRAFT):
        stored(parts, state)
    first, third = client.get("/a/weekly/1").text, client.get("/a/weekly/3").text
    assert 'rel="next" href="/a/weekly/3"' in first
    assert 'rel="prev" href' not in first
    assert 'rel="prev" href="/a/weekly/1"' in third
    assert 'rel="next" href' not in third


def test_the_way_around_the_archive_is_in_the_words_of_the_publication(client, parts):
    page = client.get("/a/events/").text
    assert "Éditions précédentes" in page
    assert "Aucune édition" in page
