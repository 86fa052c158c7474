"""The link check against a real server on loopback: who is asked, how, how often, and what becomes of the answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from digest.editions import store as editions
from digest.editions.linkcheck import LinkCheck, LinkState
from digest.editions.model import Section
from digest.messages.model import Severity
from digest.posts.model import Image
from digest.posts.sources.base import SourceError
from digest.posts.sources.http import Client, Limits, Response
from digest.workflows import approve, asking, inspect, preview
from digest.workflows.asking import ask, judged
from tests import factories, sending
from tests.factories import NOW


class LinkSite:
    """`routes` maps a path to a status and headers, or to one for each method; every request is remembered."""

    def __init__(self) -> None:
        self.routes = {}
        self.asked = []
        self.at_once = self.most_at_once = 0
        self.silent: set[str] = set()
        self.together: asyncio.Barrier | None = None
        self.url = ""

    @property
    def methods(self):
        return [method for method, _ in self.asked]

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            method, path, _ = head.decode("latin-1").split(" ", 2)
            self.asked.append((method, path))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            if path in self.silent:
                await asyncio.Event().wait()
            if self.together:
                await self.together.wait()
            self.at_once -= 1
            route = self.routes.get(path, (200, {}))
            status, headers = route[method] if isinstance(route, dict) else route
            if status == 0:
                return
            told = {"Content-Length": "0", **headers}
            lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
            writer.write(f"HTTP/1.1 {status} x\r\n{lines}\r\n".encode())
            await writer.drain()


@pytest.fixture
async def site() -> AsyncIterator[LinkSite]:
    made = LinkSite()
    talks: set[Any] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await made.talk(reader, writer)
        writer.close()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    server.close()
    for task in talks:
        task.cancel()
    await asyncio.gather(*talks, return_exceptions=True)
    await server.wait_closed()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client(limits=Limits(seconds=5)) as opened:
        yield opened


async def asked(client, url, **options):
    return await ask(client, url, allow_private=True, now=NOW, **options)


# --- one address ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "state"),
    [
        (200, {}, LinkState.ANSWERS),
        (204, {}, LinkState.ANSWERS),
        (404, {}, LinkState.DEAD),
        (410, {}, LinkState.DEAD),
        (500, {}, LinkState.FAILING),
        (502, {}, LinkState.FAILING),
        (400, {}, LinkState.UNCHECKED),
        (401, {}, LinkState.UNCHECKED),
        (403, {}, LinkState.UNCHECKED),
        (405, {}, LinkState.UNCHECKED),
        (429, {}, LinkState.UNCHECKED),
        (451, {}, LinkState.UNCHECKED),
        (503, {}, LinkState.UNCHECKED),
        (999, {}, LinkState.UNCHECKED),
        (200, {"cf-mitigated": "challenge"}, LinkState.UNCHECKED),
        (404, {"cf-mitigated": "challenge"}, LinkState.UNCHECKED),
        (202, {"sg-captcha": "challenge"}, LinkState.UNCHECKED),
        (405, {"x-amzn-waf-action": "captcha"}, LinkState.UNCHECKED),
    ],
)
def test_a_status_means(status, headers, state):
    assert judged(status, headers)[0] is state


@pytest.mark.parametrize(
    ("headers", "state"),
    [
        ({"content-length": "1000000", "content-type": "image/jpeg"}, LinkState.ANSWERS),
        ({"content-length": "1000001", "content-type": "image/jpeg"}, LinkState.LARGE),
        ({"content-length": "9" * 5_000}, LinkState.ANSWERS),
        ({"content-length": "²"}, LinkState.ANSWERS),
        ({"content-length": "much"}, LinkState.ANSWERS),
        ({"content-type": "text/html; charset=utf-8"}, LinkState.DEAD),
        ({}, LinkState.ANSWERS),
    ],
)
def test_a_pictures_headers_mean(headers, state):
    assert judged(200, headers, is_picture=True)[0] is state


async def test_a_page_that_answers_is_asked_by_its_head_alone(client, site):
    answer = await asked(client, f"{site.url}/a#place")
    assert (answer.state, answer.status, answer.checked_at) == (LinkState.ANSWERS, 200, NOW)
    assert site.asked[0] == ("HEAD", "/a")
    assert "GET" not in site.methods


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
async def test_a_server_that_answers_head_badly_is_asked_again(client, site, status):
    site.routes["/a"] = {"HEAD": (status, {}), "GET": (200, {"Content-Length": "100000000"})}
    assert (await asked(client, f"{site.url}/a")).state is LinkState.ANSWERS
    assert site.asked[:2] == [("HEAD", "/a"), ("GET", "/a")]


async def test_a_server_that_hangs_up_on_head_is_asked_again(client, site):
    site.routes["/a"] = {"HEAD": (0, {}), "GET": (200, {})}
    assert (await asked(client, f"{site.url}/a")).state is LinkState.ANSWERS


async def test_who_asks_for_patience_or_is_gone_is_not_asked_again(client, site):
    site.routes |= {"/a": (429, {}), "/b": (410, {})}
    assert (await asked(client, f"{site.url}/a")).state is LinkState.UNCHECKED
    assert (await asked(client, f"{site.url}/b")).state is LinkState.DEAD
    assert site.methods == ["HEAD", "HEAD"]


async def test_a_missing_page_is_dead_only_once_get_says_so_too(client, site):
    site.routes["/a"] = (404, {})
    answer = await asked(client, f"{site.url}/a")
    assert (answer.state, answer.status) == (LinkState.DEAD, 404)
    assert site.methods == ["HEAD", "GET"]


async def test_redirects_are_followed_and_circles_are_not(client, site):
    site.routes |= {
        "/old": (301, {"Location": "/new"}),
        "/here": (302, {"Location": "/there"}),
        "/there": (302, {"Location": "/here"}),
        "/nowhere": (302, {}),
        "/gone": (302, {"Location": "/404"}),
        "/404": (404, {}),
    }
    assert (await asked(client, f"{site.url}/old")).state is LinkState.ANSWERS
    circle = await asked(client, f"{site.url}/here")
    assert (circle.state, "in a circle" in circle.detail) == (LinkState.REFUSED, True)
    assert (await asked(client, f"{site.url}/nowhere")).state is LinkState.REFUSED
    assert (await asked(client, f"{site.url}/gone")).state is LinkState.DEAD


async def test_a_private_address_is_refused_even_behind_a_redirect(client, site):
    direct = await ask(client, f"{site.url}/a", now=NOW)
    assert (direct.state, direct.status) == (LinkState.REFUSED, None)
    assert site.asked == []
    site.routes["/away"] = (302, {"Location": "http://169.254.169.254/latest/meta-data"})
    assert (await asked(client, f"{site.url}/away")).state is LinkState.REFUSED


async def test_a_host_that_nobody_has_is_dead(client):
    answer = await asked(client, "https://nobody.has.this.name.example/")
    assert (answer.state, answer.status) == (LinkState.DEAD, None)
    assert answer.detail == "There is no host named nobody.has.this.name.example."


async def test_a_name_server_that_is_away_says_nothing_of_a_host():
    async def away(host: str, port: int) -> list[str]:
        import socket

        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    async with Client(resolve=away) as client:
        assert (await asked(client, "https://www.example.org/")).state is LinkState.FAILING


class FakeClient(Client):
    """Answers as `told` says, and remembers what it was asked."""

    def __init__(self, told):
        super().__init__()
        self.told = told
        self.asked = []

    async def look(self, url, **options):
        self.asked.append(url)
        if url not in self.told:
            raise SourceError("It could not be reached.")
        status, final = self.told[url]
        return Response(url=final, status=status, headers={}, body=b"")


@pytest.mark.parametrize(
    ("told", "secure"),
    [
        ({"http://a.example/x": (200, "https://a.example/x")}, "https://a.example/x"),
        (
            {
                "http://a.example/x": (200, "http://a.example/x"),
                "https://a.example/x": (200, "https://a.example/x"),
            },
            "https://a.example/x",
        ),
        (
            {
                "http://a.example/x": (200, "http://a.example/x"),
                "https://a.example/x": (404, "https://a.example/x"),
            },
            "",
        ),
        ({"http://a.example/x": (200, "http://a.example/x")}, ""),
    ],
)
async def test_an_http_link_is_told_of_its_https_address(told, secure):
    answer = await ask(FakeClient(told), "http://a.example/x", now=NOW)
    assert (answer.state, answer.detail) == (LinkState.ANSWERS, secure)


async def test_an_https_link_is_asked_once():
    client = FakeClient({"https://a.example/x": (200, "https://a.example/x")})
    await ask(client, "https://a.example/x", now=NOW)
    assert client.asked == ["https://a.example/x"]


async def test_a_server_that_is_not_there_or_slow_is_failing(client, site, monkeypatch):
    assert (await asked(client, "http://127.0.0.1:9/")).state is LinkState.FAILING
    monkeypatch.setattr(asking, "LONGEST_SECONDS", 0.05)
    site.silent = {"/slow"}
    slow = await asked(client, f"{site.url}/slow")
    assert (slow.state, slow.detail) == (LinkState.FAILING, "it did not answer within 0.05 seconds")


@pytest.mark.parametrize("url", ["https://", "http://[x", "https://a b/", "http://\udce9/", "ftp://x/"])
async def test_an_address_that_is_none_is_never_an_exception(client, url):
    assert (await asked(client, url)).state is not LinkState.ANSWERS


# --- an edition -------------------------------------------------------------------------------------------------


def parts_of(database, site, **changes):
    source = {"kind": "rss", "url": f"{site.url}/feed", "allow_private": True}
    return sending.parts(database, sources=[source], **changes)


def draft(parts, site, *, count=2, intro=""):
    items = tuple(
        factories.item(post_id=None, title=f"Story {n}", url=f"{site.url}/{n}", position=n)
        for n in range(count)
    )
    return _with(parts, items, intro=intro)


def _with(parts, items, *, intro=""):
    edition = sending.draft(parts, items=0)
    with parts.database.transaction() as session:
        editions.set_items(session, edition.id, list(items))
        if intro:
            editions.save(session, replace(editions.lock(session, edition.id), intro=intro))
    return edition


def found(findings, code):
    return [f for f in findings if f.code == code]


async def test_a_second_look_and_the_approval_cost_nothing(database, site):
    parts = parts_of(database, site)
    edition = draft(parts, site)
    before = preview.preview(parts, edition.id, now=NOW)
    assert found(before.findings, "links-unchecked")
    await inspect.inspect(parts, edition.id, now=NOW)
    first = list(site.asked)
    assert {path for _, path in first} >= {"/0", "/1"}
    again = await preview.checked_preview(parts, edition.id, now=NOW + timedelta(hours=23))
    assert not found(again.findings, "links-unchecked")
    approve.approve(parts, edition.id, by="Ada", now=NOW + timedelta(hours=23))
    assert site.asked == first


async def test_an_answer_lasts_a_day_and_a_failure_six_hours(database, site):
    site.routes["/0"] = (404, {})
    parts = parts_of(database, site)
    edition = draft(parts, site)
    await inspect.ask_links(parts, edition.id, now=NOW)
    site.asked.clear()
    await inspect.ask_links(parts, edition.id, now=NOW + timedelta(hours=7))
    assert {path for _, path in site.asked} == {"/0"}
    site.asked.clear()
    await inspect.ask_links(parts, edition.id, now=NOW + timedelta(hours=25))
    assert {path for _, path in site.asked} >= {"/0", "/1"}


async def test_a_dead_link_in_the_note_stops_the_approval_until_it_is_overridden(database, site):
    site.routes["/gone"] = (404, {})
    parts = parts_of(database, site)
    edition = draft(parts, site, intro=f"See [our programme]({site.url}/gone).")
    seen = await preview.checked_preview(parts, edition.id, now=NOW)
    (dead,) = found(seen.findings, "link-dead")
    assert (dead.severity, dead.place) == (Severity.BLOCKING, f"{site.url}/gone")
    assert "“our programme” leads nowhere: it answered 404" in dead.message
    assert seen.is_blocked
    with pytest.raises(approve.NotApproved) as refused:
        approve.approve(parts, edition.id, by="Ada", now=NOW)
    assert [f.code for f in refused.value.findings] == ["link-dead"]
    assert set(refused.value.findings) < set(refused.value.found)
    approved = approve.approve(parts, edition.id, by="Ada", overrides=("link-dead",), now=NOW)
    assert approved.reason == "approved in spite of: link-dead"


async def test_a_dead_page_of_an_item_only_warns(database, site):
    site.routes["/1"] = (410, {})
    parts = parts_of(database, site)
    edition = draft(parts, site)
    seen = await preview.checked_preview(parts, edition.id, now=NOW)
    (dead,) = found(seen.findings, "link-dead")
    assert dead.severity is Severity.WARNING
    assert not seen.is_blocked
    approve.approve(parts, edition.id, by="Ada", now=NOW)


async def test_a_wall_is_a_note_and_never_a_dead_link(database, site):
    site.routes |= {"/0": (403, {}), "/1": (200, {"cf-mitigated": "challenge"})}
    parts = parts_of(database, site)
    edition = draft(parts, site)
    findings = await inspect.inspect(parts, edition.id, now=NOW)
    (note,) = found(findings, "link-unchecked")
    assert note.severity is Severity.NOTE
    assert note.message.startswith("2 addresses do not let themselves be checked")
    assert not found(findings, "link-dead")


async def test_pictures_are_asked_in_the_same_way(database, site):
    site.routes |= {
        "/small.jpg": (200, {"Content-Type": "image/jpeg", "Content-Length": "1000"}),
        "/huge.jpg": (200, {"Content-Type": "image/jpeg", "Content-Length": "2400000"}),
        "/none.jpg": (404, {}),
    }
    parts = parts_of(database, site)
    items = tuple(
        factories.item(
            post_id=None,
            title=name,
            url=f"{site.url}/{name}",
            position=n,
            section=Section.CARDS,
            image=Image(url=f"{site.url}/{name}.jpg", alt="A hill", width=800, height=400),
        )
        for n, name in enumerate(("small", "huge", "none"))
    )
    edition = _with(parts, items)
    findings = await inspect.inspect(parts, edition.id, now=NOW)
    (huge,) = found(findings, "picture-large")
    assert (huge.place, huge.message) == (f"{site.url}/huge.jpg", "A picture has 2.4 MB.")
    (none,) = found(findings, "picture-dead")
    assert (none.place, none.severity) == (f"{site.url}/none.jpg", Severity.WARNING)


async def test_two_at_once_are_asked_at_one_host_and_no_more(database, site):
    site.together = asyncio.Barrier(2)
    parts = parts_of(database, site)
    edition = draft(parts, site, count=12)
    await inspect.ask_links(parts, edition.id, now=NOW)
    assert {f"/{n}" for n in range(12)} <= {path for _, path in site.asked}
    assert site.most_at_once == 2


async def test_what_is_late_is_left_for_another_time(database, site):
    site.silent = {"/0"}
    parts = parts_of(database, site)
    edition = draft(parts, site, count=3)
    await inspect.ask_links(parts, edition.id, now=NOW, seconds=0.5)
    with parts.database.reading() as session:
        kept = editions.link_checks(
            session, [f"{site.url}/{n}" for n in range(3)], since=NOW - timedelta(hours=1)
        )
    assert set(kept) == {f"{site.url}/1", f"{site.url}/2"}
    seen = preview.preview(parts, edition.id, now=NOW)
    (note,) = found(seen.findings, "links-unchecked")
    assert note.severity is Severity.NOTE


async def test_being_offline_says_nothing_of_the_links(database, site):
    parts = parts_of(database, site)
    items = tuple(
        factories.item(post_id=None, title=f"Story {n}", url=f"https://nobody{n}.example/", position=n)
        for n in range(4)
    )
    edition = _with(parts, items)
    seen = await preview.checked_preview(parts, edition.id, now=NOW)
    assert found(seen.findings, "links-unreachable")
    assert not found(seen.findings, "link-dead")
    with parts.database.reading() as session:
        assert editions.link_checks(session, [i.url for i in items], since=NOW - timedelta(days=1)) == {}


async def test_an_edition_without_items_has_nothing_to_ask(database, site):
    parts = parts_of(database, site)
    edition = draft(parts, site, count=0)
    with pytest.raises(inspect.NothingToShow):
        await inspect.inspect(parts, edition.id, now=NOW)


def test_what_was_remembered_is_replaced_and_forgotten_after_a_month(database):
    def check(url, state, at):
        return LinkCheck(url=url, state=state, status=200, detail="x" * 900, checked_at=at)

    old, new = NOW - timedelta(days=31), NOW
    with database.transaction() as session:
        editions.remember_links(session, [check("https://a.example", LinkState.DEAD, old)], now=old)
        editions.remember_links(
            session, [check("https://b.example/" + "x" * 3_000, LinkState.DEAD, old)], now=old
        )
    with database.transaction() as session:
        twice = [check("https://a.example", state, new) for state in (LinkState.FAILING, LinkState.ANSWERS)]
        editions.remember_links(session, twice, now=new)
        kept = editions.link_checks(
            session, ["https://a.example", "https://b.example/" + "x" * 3_000], since=old - timedelta(days=1)
        )
    assert list(kept) == ["https://a.example"]
    assert (kept["https://a.example"].state, len(kept["https://a.example"].detail)) == (
        LinkState.ANSWERS,
        500,
    )


def test_many_addresses_are_remembered_at_once(database):
    checks = [
        LinkCheck(url=f"https://a.example/{n}", state=LinkState.ANSWERS, status=200, checked_at=NOW)
        for n in range(1_200)
    ]
    with database.transaction() as session:
        editions.remember_links(session, checks, now=NOW)
        kept = editions.link_checks(session, [c.url for c in checks], since=NOW - timedelta(hours=1))
    assert kept == {c.url: c for c in checks}
