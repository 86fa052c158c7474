"""Collecting: every due source once, side by side, each in its own transaction, and no failure stops another."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from structlog.testing import capture_logs

from digest.editions import store as editions
from digest.errors import DigestError
from digest.posts import store as posts
from digest.posts.model import Fetched, FetchState
from digest.posts.sources import registry
from digest.posts.sources.base import SourceError
from digest.workflows import collect as workflow
from digest.workflows import look
from digest.workflows.collect import Collected
from tests import publishing
from tests.factories import NOW, post

MINUTE = timedelta(minutes=1)
TWO = [{"kind": "rss", "url": publishing.FEED}, {"kind": "rss", "url": "https://other.example.org/feed"}]


def run(parts, *, publication=None, force=False, now=NOW) -> list[Collected]:
    return asyncio.run(workflow.collect(parts, publication=publication, force=force, now=now))


def next_titles(parts, publication="weekly"):
    return sorted(item.title for item in look.next_edition(parts, publication, now=NOW).items)


class Told:
    """A source kind whose answers a test writes: posts, an error to raise, or something to do first."""

    kind = "rss"

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.looks: list[str] = []

    async def fetch(self, spec, client, memory, *, now) -> Fetched:
        self.looks.append(spec.url)
        answer = self.answers.get(spec.url, Fetched())
        if isinstance(answer, BaseException):
            raise answer
        return answer if isinstance(answer, Fetched) else await answer(spec)


@pytest.fixture
def site(monkeypatch) -> Told:
    told = Told()
    monkeypatch.setitem(registry.SOURCES, "rss", told)
    return told


# --- the real thing -------------------------------------------------------------------------------------------


class FeedServer(ThreadingHTTPServer):
    """A JSON Feed on loopback that knows its own ETag and counts who asked."""

    asked = 0
    body = b""


@pytest.fixture
def server() -> Iterator[FeedServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            feed.asked += 1
            if self.headers.get("If-None-Match") == '"1"':
                self.send_response(304)
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Type", "application/feed+json")
            self.end_headers()
            self.wfile.write(feed.body)

        def log_message(self, *_args) -> None:
            pass

    feed = FeedServer(("127.0.0.1", 0), Handler)
    feed.body = json.dumps(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": "The Pond",
            "items": [
                {
                    "id": str(n),
                    "url": f"https://www.example.org/{n}",
                    "title": f"Post {n}",
                    "content_text": f"What happened, part {n}.",
                    "date_published": f"2026-11-{10 + n}T09:00:00Z",
                }
                for n in range(8)
            ],
        }
    ).encode()
    thread = threading.Thread(target=feed.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield feed
    feed.shutdown()
    thread.join()
    feed.server_close()


def test_a_feed_becomes_the_first_editions_posts_and_then_says_that_nothing_changed(database, server):
    url = f"http://127.0.0.1:{server.server_port}/feed.json"
    source = {"kind": "jsonfeed", "url": url, "allow_private": True}
    parts = publishing.parts(database, sources=[source])
    assert run(parts) == [Collected(source=f"jsonfeed {url}", kind="jsonfeed", url=url, state="ok", new=8)]
    assert next_titles(parts) == [f"Post {n}" for n in (3, 4, 5, 6, 7)]
    (again,) = run(parts, now=NOW + 15 * MINUTE)
    assert (again.state, again.new, again.changed) == ("unchanged", 0, 0)
    assert server.asked == 2


def test_a_source_that_cannot_be_reached_is_told_in_a_sentence(database):
    source = {"kind": "rss", "url": "http://127.0.0.1:9/feed", "allow_private": True}
    (failed,) = run(publishing.parts(database, sources=[source]))
    assert failed.state == "failed"
    assert failed.error.endswith(".")


# --- what is offered ------------------------------------------------------------------------------------------


def test_the_first_look_offers_the_newest_and_later_looks_all_that_is_new(database, site):
    parts = publishing.parts(database, first_edition=2)
    old = tuple(post(title=f"old {n}", published_at=NOW - timedelta(days=n)) for n in range(5))
    site.answers[publishing.FEED] = Fetched(posts=old)
    assert [(c.state, c.new) for c in run(parts)] == [("ok", 5)]
    assert next_titles(parts) == ["old 0", "old 1"]
    back_dated = post(title="back-dated", published_at=NOW - timedelta(days=900))
    site.answers[publishing.FEED] = Fetched(posts=(*old, back_dated, post(title="new")))
    assert [(c.state, c.new) for c in run(parts, force=True)] == [("ok", 2)]
    assert next_titles(parts) == ["back-dated", "new", "old 0", "old 1"]


def test_a_first_look_at_an_empty_feed_makes_the_first_post_new(database, site):
    parts = publishing.parts(database, first_edition=0)
    run(parts)
    site.answers[publishing.FEED] = Fetched(posts=(post(title="first"),))
    run(parts, force=True)
    assert next_titles(parts) == ["first"]


def test_a_source_that_two_publications_share_is_looked_at_once_and_offered_to_both(database, site):
    parts = publishing.parts(database, others={"monthly": publishing.WEEKLY | {"name": "Monthly"}})
    site.answers[publishing.FEED] = Fetched(posts=(post(title="shared"),))
    assert len(run(parts, publication="weekly")) == 1
    assert site.looks == [publishing.FEED]
    assert next_titles(parts, "weekly") == next_titles(parts, "monthly") == ["shared"]


def test_a_publication_added_later_takes_over_what_is_known_even_when_nothing_changed(database, site):
    posts_ = tuple(post(title=f"{n}", published_at=NOW - timedelta(days=n)) for n in range(4))
    site.answers[publishing.FEED] = Fetched(posts=posts_)
    run(publishing.parts(database))
    monthly = publishing.WEEKLY | {"name": "Monthly", "first_edition": 1}
    parts = publishing.parts(database, others={"monthly": monthly})
    site.answers[publishing.FEED] = Fetched(state=FetchState.UNCHANGED)
    run(parts, force=True)
    assert next_titles(parts, "monthly") == ["0"]


def test_an_edited_post_is_counted_as_changed_and_not_offered_again(database, site):
    parts = publishing.parts(database)
    told = post(external_id="1", url="https://www.example.org/1", title="Before")
    site.answers[publishing.FEED] = Fetched(posts=(told,))
    run(parts)
    edited = post(external_id="1", url="https://www.example.org/1", title="After")
    site.answers[publishing.FEED] = Fetched(posts=(edited,))
    assert [(c.new, c.changed) for c in run(parts, force=True)] == [(0, 1)]
    assert next_titles(parts) == ["After"]


# --- who is looked at, and when -------------------------------------------------------------------------------


def test_only_due_sources_are_looked_at_unless_forced(database, site):
    parts = publishing.parts(database)
    assert len(run(parts)) == 1
    assert run(parts, now=NOW + MINUTE) == []
    assert len(run(parts, now=NOW + MINUTE, force=True)) == 1


def test_one_publications_sources_can_be_looked_at_alone(database, site):
    other = publishing.WEEKLY | {"name": "Other", "sources": TWO[1:]}
    parts = publishing.parts(database, others={"other": other})
    assert [c.url for c in run(parts, publication="other")] == [TWO[1]["url"]]


def test_an_unknown_publication_is_refused_by_name(database, site):
    with pytest.raises(DigestError, match=r'no publication "wekly".*weekly'):
        run(publishing.parts(database), publication="wekly")


def test_sources_are_looked_at_side_by_side_and_told_in_the_order_of_the_configuration(database, site):
    parts = publishing.parts(database, sources=TWO)
    both_here = asyncio.Barrier(2)

    async def meet(_spec) -> Fetched:
        await asyncio.wait_for(both_here.wait(), 10)
        return Fetched()

    site.answers = {source["url"]: meet for source in TWO}
    assert [c.url for c in run(parts)] == [source["url"] for source in TWO]


def test_no_more_than_sixteen_are_looked_at_at_once(database, site):
    sources = [{"kind": "rss", "url": f"https://{n}.example.org/feed"} for n in range(40)]
    parts = publishing.parts(database, sources=sources)
    now, most = 0, 0

    async def count(_spec) -> Fetched:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        now -= 1
        return Fetched()

    site.answers = {source["url"]: count for source in sources}
    assert len(run(parts)) == 40
    assert 1 < most <= 16


# --- failures -------------------------------------------------------------------------------------------------


def test_a_source_that_fails_stops_no_other_and_its_health_says_why(database, site):
    parts = publishing.parts(database, sources=TWO)
    site.answers = {
        TWO[0]["url"]: SourceError("The site answered 503.", wait_seconds=3_600),
        TWO[1]["url"]: Fetched(posts=(post(title="there"),)),
    }
    failed, fine = run(parts)
    assert (failed.state, failed.error) == ("failed", "The site answered 503.")
    assert (fine.state, fine.new) == ("ok", 1)
    sick, _well = look.sources(parts)
    assert (sick.last_error, sick.failures) == ("The site answered 503.", 1)
    assert sick.next_try_at == NOW + timedelta(hours=1)


@pytest.mark.parametrize("error", [RecursionError("deep"), ValueError("odd"), MemoryError()])
def test_a_reader_that_breaks_on_what_a_source_sent_is_a_failure_of_that_source(database, site, error):
    parts = publishing.parts(database, sources=TWO)
    site.answers[TWO[0]["url"]] = error
    with capture_logs():
        broken, fine = run(parts)
    assert broken.error == f"{TWO[0]['url']} could not be read: {type(error).__name__}."
    assert fine.state == "ok"


def test_a_source_that_never_finishes_is_given_up(database, site, monkeypatch):
    monkeypatch.setattr(workflow, "LONGEST_LOOK", 0)
    parts = publishing.parts(database, sources=TWO[:1])

    async def forever(_spec) -> Fetched:
        await asyncio.Event().wait()
        return Fetched()

    site.answers[TWO[0]["url"]] = forever
    (late,) = run(parts)
    assert late.error == f"{TWO[0]['url']} did not finish answering within 0 seconds."


def test_a_crash_before_the_commit_loses_nothing(database, site, monkeypatch):
    parts = publishing.parts(database)
    site.answers[publishing.FEED] = Fetched(posts=(post(title="kept"),), etag='"1"')

    def crash(*_args, **_kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as crashing:
        crashing.setattr(editions, "adopt", crash)
        with pytest.raises(KeyboardInterrupt):
            run(parts)
    with database.reading() as session:
        assert posts.memory(session, publishing.spec(parts)).etag is None
    assert run(parts, now=NOW + MINUTE) == []
    assert [c.new for c in run(parts, now=NOW + 5 * MINUTE)] == [1]
    assert next_titles(parts) == ["kept"]


def test_facts_are_logged_under_stable_names(database, site):
    parts = publishing.parts(database, sources=TWO)
    site.answers = {TWO[0]["url"]: SourceError("No."), TWO[1]["url"]: Fetched(posts=(post(),))}
    with capture_logs() as lines:
        run(parts)
    told = {"source.failed", "source.collected", "post.seen", "page.failed", "pages.read"}
    assert {line["event"] for line in lines} == told
