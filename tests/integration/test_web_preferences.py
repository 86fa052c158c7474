"""What a reader sees and changes by the preferences link."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from digest.database import Database
from digest.workflows.parts import Parts
from subscribers import Purpose, SubscriptionRef
from tests import web

OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def parts(database: Database) -> Parts:
    return web.parts(database)


@pytest.fixture
def refs(parts: Parts) -> dict[str, SubscriptionRef]:
    return web.subscribed(parts, "weekly", "events")


@pytest.fixture
def link(parts: Parts, refs: dict[str, SubscriptionRef]) -> str:
    return f"/p/{web.token(parts, refs['weekly'], Purpose.PREFERENCES)}"


@pytest.fixture
def client(parts: Parts) -> Iterator[httpx2.Client]:
    with web.browsing(parts) as client:
        yield client


def test_the_page_lists_what_this_person_gets_and_masks_the_address(client, link):
    page = client.get(link).text
    assert "The Weekly Brief" in page
    assert "Dates &amp; Places" in page
    assert "a•••@" in page
    assert web.ADDRESS not in page


def test_a_publication_this_person_does_not_get_is_not_listed(client, parts):
    ref = web.subscribed(parts, address="one@example.org")["weekly"]
    page = client.get(f"/p/{web.token(parts, ref, Purpose.PREFERENCES)}").text
    assert 'name="leave" value="weekly"' in page
    assert 'name="leave" value="events"' not in page


def test_one_publication_is_left_and_the_other_kept(client, parts, refs, link):
    answer = client.post(link, data={"leave": "events"}, headers=OURS)
    assert answer.status_code == 200
    assert "You no longer get" in answer.text
    assert web.gets(parts, refs["weekly"], "weekly")
    assert not web.gets(parts, refs["events"], "events")


def test_everything_is_left_at_once(client, parts, refs, link):
    answer = client.post(link, data={"leave": "*"}, headers=OURS)
    assert answer.status_code == 200
    assert not web.gets(parts, refs["weekly"], "weekly")
    assert not web.gets(parts, refs["events"], "events")
    assert "No mail from us" in client.get(link).text


def test_looking_changes_nothing(client, parts, refs, link):
    for _ in range(20):
        assert client.get(link, params={"leave": "*"}).status_code == 200
        assert client.head(link).status_code == 200
    assert client.options(link).status_code == 204
    assert web.gets(parts, refs["weekly"], "weekly")


@pytest.mark.parametrize(
    "body", [{}, {"leave": ""}, {"leave": "no-such"}, {"leave": "x" * 500}, {"other": "*"}]
)
def test_a_post_that_names_nothing_changes_nothing(client, parts, refs, link, body):
    assert client.post(link, data=body, headers=OURS).status_code in {200, 400}
    assert web.gets(parts, refs["weekly"], "weekly")
    assert web.gets(parts, refs["events"], "events")


def test_leaving_twice_is_harmless(client, parts, refs, link):
    first = client.post(link, data={"leave": "weekly"}, headers=OURS)
    second = client.post(link, data={"leave": "weekly"}, headers=OURS)
    assert first.status_code == second.status_code == 200
    assert not web.gets(parts, refs["weekly"], "weekly")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example.com"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": web.BASE_URL},
    ],
)
def test_a_post_from_another_site_is_refused(client, parts, refs, link, headers):
    answer = client.post(link, data={"leave": "*"}, headers=headers)
    assert answer.status_code == 403
    assert "Traceback" not in answer.text
    assert web.gets(parts, refs["weekly"], "weekly")


@pytest.mark.parametrize("headers", [{"Origin": web.BASE_URL}, {"Sec-Fetch-Site": "none"}, OURS])
def test_a_post_from_our_own_page_is_taken(client, parts, refs, link, headers):
    assert client.post(link, data={"leave": "weekly"}, headers=headers).status_code == 200
    assert not web.gets(parts, refs["weekly"], "weekly")


def test_an_unsubscribe_token_opens_no_preferences(client, parts, refs):
    link = f"/p/{web.token(parts, refs['weekly'])}"
    page = client.get(link)
    assert page.status_code == 200
    assert "•••" not in page.text
    assert "Weekly" not in page.text
    client.post(link, data={"leave": "*"}, headers=OURS)
    assert web.gets(parts, refs["weekly"], "weekly")


@pytest.mark.parametrize("odd", ["", "nonsense", "x" * 5000, "%00", "%F0%9F%92%8C", "a/b"])
def test_a_token_that_is_not_ours_opens_the_same_page_with_nothing_on_it(client, odd):
    for answer in (client.get(f"/p/{odd}"), client.post(f"/p/{odd}", data={"leave": "*"}, headers=OURS)):
        assert answer.status_code == 200
        assert "What you get" in answer.text
        assert "•••" not in answer.text


def test_a_body_too_large_for_a_form_is_refused(client, parts, refs, link):
    answer = client.post(link, data={"leave": "*", "more": "x" * 100_000}, headers=OURS)
    assert answer.status_code == 413
    assert answer.headers["cache-control"] == "no-store"
    assert web.gets(parts, refs["weekly"], "weekly")


def test_a_name_is_marked_with_its_own_language(client, link):
    assert 'lang="fr"' in client.get(link).text


def test_the_page_is_not_kept_indexed_or_passed_on(client, link):
    for answer in (client.get(link), client.post(link, headers=OURS)):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "noindex" in answer.headers["x-robots-tag"]
