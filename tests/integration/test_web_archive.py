"""Past editions in the browser: what was mailed, for everybody, with nothing of anybody in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

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
    assert "No edition has been mailed yet" in answer.text
    assert '<html lang="fr" dir="ltr">' in answer.text


def test_what_everybody_sees_may_be_kept_for_a_while(client, parts):
    stored(parts)
    for path in ("/a/weekly/", "/a/weekly/1"):
        headers = client.get(path).headers
        assert headers["cache-control"] == "public, max-age=300"
        assert "x-robots-tag" not in headers
