"""Examine: read the page of every new post once, for what it says of events, its picture and its own address."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import structlog

from digest.database import Session
from digest.editions import store as editions
from digest.posts import happenings, pagefacts
from digest.posts import store as posts
from digest.posts.model import Event, PageFacts, PostId, StoredPost, Verdict
from digest.posts.sources.base import SourceError
from digest.posts.sources.http import Client
from digest.settings import Publication
from digest.workflows.parts import Parts

log = structlog.get_logger()
AT_ONCE = 4
MOST_PAGES = 60
LARGEST_PAGE = 2_000_000
_LONGEST_SECONDS = 30
_FINAL = frozenset({401, 403, 404, 410, 451})


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """How many pages were read, and how many could not be."""

    read: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    post_id: PostId
    url: str
    allow_private: bool


async def examine(parts: Parts, client: Client, *, now: datetime) -> Examined:
    """Read the pages of posts that some publication may still use and that were not read yet, at most 60 at a time.

    A page is asked for once; one that does not answer is tried twice more later, and its post is used without it.
    """
    wanted = await asyncio.to_thread(_wanted, parts, now=now)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(page: _Page) -> bool:
        async with gate:
            return await _read(parts, client, page, now=now)

    done = await asyncio.gather(*(one(page) for page in wanted))
    if done:
        log.info("pages.read", read=sum(done), failed=len(done) - sum(done))
    return Examined(read=sum(done), failed=len(done) - sum(done))


def note(session: Session, parts: Parts, ids: Sequence[PostId], *, now: datetime) -> None:
    """Keep the events that these posts are, for the calendar files and for finding those to come."""
    found = posts.posts(session, ids)
    posts.note_events(session, {post_id: _event(stored, now) for post_id, stored in found.items()}, now=now)


def keep(session: Session, parts: Parts, post_id: PostId, facts: PageFacts, *, now: datetime) -> None:
    """Keep what a post's page told: its events, and whether it is another post under a second address."""
    posts.keep_page(session, post_id, facts, now=now)
    note(session, parts, [post_id], now=now)
    if facts.canonical_url:
        other = posts.twin(session, post_id, facts.canonical_url)
        if other is not None:
            _dismiss_twin(session, parts, post_id, other)


def _wanted(parts: Parts, *, now: datetime) -> list[_Page]:
    """The pages to read, the newest posts first; no other reader takes them meanwhile."""
    with parts.database.reading() as session:
        ids: dict[PostId, None] = {}
        for slug in parts.settings.publications:
            ids.update(dict.fromkeys(reversed(editions.candidates(session, slug))))
        unread = posts.unread(session, list(ids), now=now)
        found = posts.addresses(session, unread)
    wanted = [i for i in unread if i in found and _has_page(found[i][0])][:MOST_PAGES]
    if not wanted:
        return []
    with parts.database.transaction() as session:
        taken = posts.take_unread(session, wanted, now=now)
    private = _private_sources(parts.settings.publications.values(), parts)
    return [_Page(post_id=i, url=found[i][0], allow_private=found[i][1] in private) for i in taken]


def _has_page(url: str) -> bool:
    """Whether an address is a page of its own: a site's front page tells nothing of one post."""
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and (parts.path not in {"", "/"} or bool(parts.query))


def _private_sources(publications: Iterable[Publication], parts: Parts) -> frozenset[str]:
    """The sources whose posts may lead to private addresses, because the operator said so of every use of them."""
    allowed: dict[str, bool] = {}
    for publication in publications:
        for source in publication.sources:
            key = source.spec(home=parts.home).key
            allowed[key] = allowed.get(key, True) and source.allow_private
    return frozenset(key for key, may in allowed.items() if may)


async def _read(parts: Parts, client: Client, page: _Page, *, now: datetime) -> bool:
    error, final = "", False
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            response = await client.get(
                page.url, accept="text/html", allow_private=page.allow_private, max_bytes=LARGEST_PAGE
            )
        facts = await asyncio.to_thread(pagefacts.read, response.text(), url=response.url)
        await asyncio.to_thread(_keep, parts, page.post_id, facts, now)
        return True
    except SourceError as refused:
        error, final = str(refused), refused.status in _FINAL
    except TimeoutError:
        error = f"{page.url} did not finish answering within {_LONGEST_SECONDS} seconds."
    except Exception as broken:
        # A page may break a reader in ways nobody thought of; its post is used all the same.
        log.exception("page.broke", post=page.post_id)
        error, final = f"{page.url} could not be read: {type(broken).__name__}.", True
    log.info("page.failed", post=page.post_id, error=error)
    await asyncio.to_thread(_fail, parts, page.post_id, error, final, now)
    return False


def _keep(parts: Parts, post_id: PostId, facts: PageFacts, now: datetime) -> None:
    with parts.database.transaction() as session:
        keep(session, parts, post_id, facts, now=now)


def _fail(parts: Parts, post_id: PostId, error: str, final: bool, now: datetime) -> None:  # noqa: FBT001
    with parts.database.transaction() as session:
        posts.page_failed(session, post_id, error, final=final, now=now)


def _event(stored: StoredPost, now: datetime) -> Event | None:
    """The event as calendars tell it; a floating one stays so, for no publication's zone is meant here."""
    judged = happenings.judge(stored, now=now, timezone="UTC")
    return judged.event if judged.verdict is not Verdict.POST else None


def _dismiss_twin(session: Session, parts: Parts, post_id: PostId, other: PostId) -> None:
    """One page, one item: where a publication was offered the other post too, this one is not offered again."""
    for slug in parts.settings.publications:
        if editions.is_offered(session, slug, other):
            editions.dismiss(session, slug, post_id)
            log.info("post.twin", post=post_id, other=other, publication=slug)
