"""The RFC 8058 address, over real HTTP: only POST acts, whatever its body, and nothing else ever does."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import httpx2
import pytest

from digest.database import Database
from digest.workflows.parts import Parts
from subscribers import Keys, Purpose, SubscriptionRef, mint
from tests import web

ONE_CLICK = "List-Unsubscribe=One-Click"
SCANNERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
    "Mozilla/5.0 (compatible; SafeLinks; +https://protection.example.com)",
    "GoogleImageProxy",
    "python-requests/2.32",
    "Barracuda Sentinel (EE)",
)


@pytest.fixture
def parts(database: Database) -> Parts:
    return web.parts(database)


@pytest.fixture
def ref(parts: Parts) -> SubscriptionRef:
    return web.subscribed(parts)["weekly"]


@pytest.fixture
def link(parts: Parts, ref: SubscriptionRef) -> str:
    return f"/u/{web.token(parts, ref)}"


@pytest.fixture
def client(parts: Parts) -> Iterator[httpx2.Client]:
    with web.browsing(parts) as client:
        yield client


@pytest.mark.parametrize(
    "body",
    [
        {"content": ONE_CLICK, "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {},
        {"content": b"\x00\xff{<not a body" * 50, "headers": {"Content-Type": "multipart/form-data"}},
        {"content": b"{}", "headers": {"Content-Type": "application/json"}},
        {"content": b"x", "headers": {"Content-Type": "no such / type ; ;"}},
    ],
    ids=["urlencoded", "multipart", "empty", "bytes", "json", "odd type"],
)
def test_a_post_of_any_body_unsubscribes_at_once_and_answers_200(client, parts, ref, link, body):
    answer = client.post(link, **body)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert not web.gets(parts, ref)


def test_a_second_post_gives_the_same_answer(client, parts, ref, link):
    first, second = client.post(link), client.post(link)
    assert (first.status_code, first.text) == (second.status_code, second.text)
    assert not web.gets(parts, ref)


def test_a_post_that_comes_from_another_site_still_unsubscribes(client, parts, ref, link):
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://mail.example.com"}
    assert client.post(link, headers=headers).status_code == 200
    assert not web.gets(parts, ref)


def test_looking_never_changes_anything(client, parts, ref, link):
    for number in range(50):
        headers = {"User-Agent": SCANNERS[number % len(SCANNERS)], "Purpose": "prefetch"}
        assert client.get(link, headers=headers).status_code == 200
        assert client.head(link, headers=headers).status_code == 200
    assert client.options(link).status_code == 204
    for method in ("PUT", "PATCH", "DELETE"):
        assert client.request(method, link).status_code == 405
    assert web.gets(parts, ref)


def test_the_page_has_one_button_that_posts_to_its_own_address(client, link):
    page = client.get(link).text
    assert page.count("<button") == 1
    assert '<form method="post">' in page
    assert "<script" not in page
    assert "The Weekly Brief" in page


def test_the_page_masks_the_address_and_never_repeats_the_token(client, link):
    for page in (client.get(link).text, client.post(link).text):
        assert web.ADDRESS not in page
        assert "a•••@" in page
        assert link.removeprefix("/u/") not in page


def test_the_button_leads_to_a_page_and_a_mail_provider_to_one_line(client, link):
    assert client.post(link).headers["content-type"].startswith("text/html")
    machine = client.post(link, data={"List-Unsubscribe": "One-Click"})
    assert machine.headers["content-type"].startswith("text/plain")


def test_somebody_who_has_left_sees_that_they_have(client, link):
    client.post(link)
    page = client.get(link).text
    assert "You are unsubscribed" in page
    assert "Stop these mails?" not in page
    assert "Undo" in page


def test_any_flipped_character_changes_nothing_and_looks_alike(client, parts, ref, link):
    token = link.removeprefix("/u/")
    good = client.get(link)
    for at in (0, 1, len(token) // 2, len(token) - 2, len(token) - 1):
        flipped = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        page = client.get(f"/u/{flipped}")
        assert page.status_code == 200
        assert page.text.count("<button") == good.text.count("<button")
        assert "•••" not in page.text
        done = client.post(f"/u/{flipped}")
        assert done.status_code == 200
        assert "You are unsubscribed" in done.text
    assert web.gets(parts, ref)


@pytest.mark.parametrize(
    "odd", ["", "x" * 5000, "%00", "%F0%9F%92%8C", "..%2f..%2fetc", "a/b/c", "%ff%fe", "'--"]
)
def test_an_odd_token_is_answered_like_a_wrong_one(client, odd):
    assert client.get(f"/u/{odd}").status_code == 200
    assert client.post(f"/u/{odd}").status_code == 200


@pytest.mark.parametrize("tail", ["/", ".", ")", "%20", "&gt;", "%22"])
def test_a_link_that_was_copied_with_something_at_its_end_still_works_without_a_redirect(
    client, parts, ref, link, tail
):
    if tail == "&gt;":
        tail = ">"
    answer = client.post(link + tail)
    assert answer.status_code == 200
    assert not web.gets(parts, ref)


def test_a_preferences_token_does_not_unsubscribe(client, parts, ref):
    token = web.token(parts, ref, Purpose.PREFERENCES)
    assert client.post(f"/u/{token}").status_code == 200
    assert "•••" not in client.get(f"/u/{token}").text
    assert web.gets(parts, ref)


def test_a_bounce_token_does_not_unsubscribe(client, parts, ref):
    client.post(f"/u/{web.token(parts, ref, Purpose.BOUNCE)}")
    assert web.gets(parts, ref)


def test_a_link_from_before_a_key_rotation_still_works(database, link):
    rotated = web.parts(database, secrets=("a newer secret, also long enough to sign", web.SECRET))
    with web.browsing(rotated) as client:
        assert "a•••@" in client.get(link).text
        client.post(link)
        assert "You are unsubscribed" in client.get(link).text


def test_a_link_signed_with_a_key_we_never_had_does_nothing(client, parts, ref):
    foreign = mint(Keys(("somebody else's secret, of the same length",)), Purpose.UNSUBSCRIBE, ref)
    assert client.post(f"/u/{foreign}").status_code == 200
    assert web.gets(parts, ref)


def test_only_the_publication_of_the_link_is_left(client, parts):
    refs = web.subscribed(parts, "weekly", "events", address="both@example.org")
    client.post(f"/u/{web.token(parts, refs['events'])}")
    assert web.gets(parts, refs["weekly"], "weekly")
    assert not web.gets(parts, refs["events"], "events")


def test_a_test_copy_says_so_and_changes_nothing(client, parts, ref):
    for answer in (
        client.get("/u/proof"),
        client.post("/u/proof"),
        client.post("/u/proof", content=ONE_CLICK),
    ):
        assert answer.status_code == 200
        assert "This was a test copy" in answer.text
    assert web.gets(parts, ref)


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "with a length"])
def test_ten_megabytes_are_no_reason_to_keep_a_reader_and_are_not_kept_in_memory(
    client, parts, ref, link, chunked
):
    piece = bytes(65536)
    body = (piece for _ in range(160))
    headers = {} if chunked else {"Content-Length": str(160 * len(piece))}
    client.get("/health")
    tracemalloc.start()
    try:
        answer = client.post(link, content=body, headers=headers)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.status_code == 200
    assert peak < 4 * 1024 * 1024
    assert not web.gets(parts, ref)


def test_head_answers_as_get_does_without_a_body(client, link):
    got, head = client.get(link), client.head(link)
    assert head.status_code == got.status_code
    assert head.content == b""
    assert head.headers["content-length"] == got.headers["content-length"]


def test_a_page_reached_by_a_token_is_not_kept_indexed_or_passed_on(client, link):
    for answer in (
        client.get(link),
        client.head(link),
        client.post(link),
        client.get("/u/nonsense"),
        client.options(link),
    ):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "noindex" in answer.headers["x-robots-tag"]
        assert "location" not in answer.headers
        assert "set-cookie" not in answer.headers
