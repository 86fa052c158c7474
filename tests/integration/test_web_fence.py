"""What holds for every page: headers, plain troubles, no redirect, and a log that names nobody."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest
import structlog

from digest.database import Database
from digest.templating import TemplateFault
from digest.web.app import create_app
from digest.workflows import leave
from digest.workflows.parts import Parts
from tests import web
from tests.factories import NOW


@pytest.fixture
def parts(database: Database) -> Parts:
    return web.parts(database)


@pytest.fixture
def client(parts: Parts) -> Iterator[httpx2.Client]:
    with web.browsing(parts) as client:
        yield client


EVERYWHERE = (
    "/",
    "/u/x",
    "/p/x",
    "/a/weekly/",
    "/a/weekly/1",
    "/static/pages.css",
    "/health",
    "/ready",
    "/no/such",
)


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_answer_carries_the_strict_headers(client, path):
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "script-src" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", EVERYWHERE)
def test_head_works_wherever_get_does(client, path):
    got, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")


@pytest.mark.parametrize(
    "path", ["/u", "/p", "/U/x", "/a/weekly", "/a/weekly/1/", "/health/", "/static", "//u/x"]
)
def test_nothing_is_ever_redirected(client, path):
    for method in ("GET", "POST"):
        answer = client.request(method, path)
        assert answer.status_code in {403, 404, 405}
        assert "location" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/", "/no/such", "/a/weekly/abc", "/a/no-such/", "/docs", "/openapi.json", "/static/../x"]
)
def test_what_is_not_there_is_a_calm_page(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>There is nothing here</h1>" in answer.text


def test_a_method_that_does_not_fit_says_which_do(client):
    answer = client.post("/health", headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


def test_the_style_sheet_is_ours_and_asks_for_nothing_elsewhere(client):
    answer = client.get("/static/pages.css")
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "url(" not in answer.text
    assert "@import" not in answer.text


def test_a_failure_inside_is_a_plain_page_and_a_fact(parts, monkeypatch):
    def broken(*_args, **_more):
        raise RuntimeError("secret detail of ada@example.org")

    monkeypatch.setattr(leave, "leaver", broken)
    with structlog.testing.capture_logs() as facts, web.browsing(parts) as client:
        answer = client.get("/u/some-token")
    assert answer.status_code == 500
    assert "It is our fault" in answer.text
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert [fact["event"] for fact in facts] == ["web.failed", "web.request"]


def test_a_broken_page_template_still_gives_an_answer(parts, monkeypatch):
    def broken(*_args, **_more):
        raise TemplateFault("pages/base.html, line 1: unexpected end of template.")

    monkeypatch.setattr(type(parts.templates), "render", broken)
    with structlog.testing.capture_logs(), web.browsing(parts) as client:
        answer = client.get("/u/some-token")
    assert answer.status_code == 500
    assert "This is not working right now" in answer.text


def test_the_log_has_one_line_a_request_without_token_or_address(parts):
    ref = web.subscribed(parts)["weekly"]
    token = web.token(parts, ref)
    with structlog.testing.capture_logs() as facts, web.browsing(parts) as client:
        client.get(f"/u/{token}", params={"email": web.ADDRESS})
        client.post(f"/u/{token}")
        client.get("/nowhere/ada@example.org")
    assert token not in str(facts)
    assert web.ADDRESS not in str(facts)
    requests = [fact for fact in facts if fact["event"] == "web.request"]
    assert [(fact["route"], fact["method"], fact["status"]) for fact in requests] == [
        ("/u/{token:path}", "GET", 200),
        ("/u/{token:path}", "POST", 200),
        ("unknown", "GET", 404),
    ]
    assert all(fact["ms"] >= 0 for fact in requests)


def test_links_on_a_page_follow_the_path_of_the_public_address(database):
    parts = web.parts(database, base_url="https://www.example.org/news")
    with web.browsing(parts) as client:
        assert 'href="/news/static/pages.css"' in client.get("/u/x").text


def test_a_foreign_host_name_reaches_no_page(client):
    page = client.get("/u/x", headers={"Host": "evil.example.com"}).text
    assert "evil.example.com" not in page


def test_a_sender_that_hangs_up_in_mid_body_has_still_unsubscribed(parts, monkeypatch):
    acted = []
    monkeypatch.setattr(leave, "leave", lambda _parts, token, *, now: acted.append((token, now)))
    with web.serving(create_app(parts, clock=lambda: NOW)) as url:
        address = urlsplit(url)
        with socket.create_connection((address.hostname or "", address.port or 0)) as raw:
            raw.sendall(b"POST /u/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nList-Unsub")
        httpx2.get(f"{url}/health", trust_env=False)  # so the request before it has been taken up
    # The server finishes what it began before it stops.
    assert acted == [("token", NOW)]
