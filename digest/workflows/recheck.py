"""Recheck: ask the site, shortly before a launch, whether the posts of an edition are still there, and its events as said."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from digest.editions import store as editions
from digest.editions.model import Edition, EditionId, EditionState, Item, ItemKind
from digest.posts import pagefacts
from digest.posts import store as posts
from digest.posts.model import PageFacts, PostId
from digest.posts.sources.base import SourceError
from digest.posts.sources.http import Client, Response
from digest.workflows import examine
from digest.workflows.parts import Parts

log = structlog.get_logger()
AT_ONCE = 8
# A page need not be read to be known to be there.
_ENOUGH_BYTES = 2_000_000
_LONGEST_SECONDS = 20
_WITHDRAWN = frozenset({404, 410})
_GONE, _UNKNOWN = "gone", "unknown"
_WAITING = frozenset({EditionState.DRAFT, EditionState.APPROVED})
_SOON = timedelta(minutes=2)
_LISTED = 100


async def recheck_due(parts: Parts, *, now: datetime) -> list[PostId]:
    """Recheck every edition that is about to be launched; the posts found withdrawn."""
    with parts.database.reading() as session:
        waiting = editions.list_editions(session, limit=_LISTED, states=_WAITING)
    due = [edition for edition in waiting if _about_to_go(parts, edition, now=now)]
    return [gone for edition in due for gone in await recheck(parts, edition.id, now=now)]


async def recheck(parts: Parts, edition_id: EditionId, *, now: datetime) -> list[PostId]:
    """Mark the posts of an edition whose pages answer 404 or 410 as gone; returns them. Pages of events are read again.

    Any other trouble is no evidence: a site that is down must not empty a digest.
    """
    with parts.database.reading() as session:
        edition = editions.get(session, edition_id)
    private = _private_hosts_allowed(parts, edition)
    gate = asyncio.Semaphore(AT_ONCE)
    async with parts.client() as client:

        async def one(post_id: PostId, item: Item) -> PostId | None:
            async with gate:
                page = await _page(client, item.url, allow_private=private)
            if isinstance(page, Response) and item.kind is not ItemKind.POST:
                await _read_again(parts, post_id, page, now=now)
            return post_id if page is _GONE else None

        asked = (one(i.post_id, i) for i in edition.items if i.post_id is not None)
        gone = [post_id for post_id in await asyncio.gather(*asked) if post_id is not None]
    if len(gone) > 1 and len(gone) == len(edition.items):
        # Nobody withdraws everything at once: the site is being worked on.
        log.warning("posts.all_missing", edition=edition_id)
        return []
    if gone:
        with parts.database.transaction() as session:
            posts.mark_gone(session, gone, now)
        log.warning("post.gone", edition=edition_id, posts=gone)
    return gone


def _about_to_go(parts: Parts, edition: Edition, *, now: datetime) -> bool:
    configured = parts.settings.publications.get(edition.publication)
    if configured is None:
        return False
    by_itself = edition.state is EditionState.APPROVED or configured.goes_out_by_itself(
        held=bool(edition.hold)
    )
    latest = edition.send_at + timedelta(seconds=configured.lateness)
    return by_itself and edition.send_at <= now + _SOON and now <= latest


async def _page(client: Client, url: str, *, allow_private: bool) -> Response | str:
    """The page at `url`, `_GONE` where the site says that it is, or `_UNKNOWN`."""
    if not url.startswith(("http://", "https://")):
        return _UNKNOWN
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            return await client.get(
                url, accept="text/html", allow_private=allow_private, max_bytes=_ENOUGH_BYTES
            )
    except SourceError as error:
        return _GONE if error.status in _WITHDRAWN else _UNKNOWN
    except TimeoutError:
        return _UNKNOWN
    except Exception:
        log.exception("page.broke", url=url)
        return _UNKNOWN


async def _read_again(parts: Parts, post_id: PostId, page: Response, *, now: datetime) -> None:
    """The page of an event may say by now that it is cancelled, full, or on another day."""
    try:
        facts = await asyncio.to_thread(pagefacts.read, page.text(), url=page.url)
        await asyncio.to_thread(_keep, parts, post_id, facts, now)
    except Exception:
        # A page may break a reader in ways nobody thought of; it must not keep the mail from going out.
        log.exception("page.broke", post=post_id)


def _keep(parts: Parts, post_id: PostId, facts: PageFacts, now: datetime) -> None:
    with parts.database.transaction() as session:
        known = posts.posts(session, [post_id]).get(post_id)
        if known and known.page and known.page.events and not facts.events:
            # A wall against robots, or a site being mended, answers 200 with another page: that tells nothing.
            log.warning("page.tells_nothing", post=post_id)
            return
        posts.keep_page(session, post_id, facts, now=now)
        examine.note(session, parts, [post_id], now=now)


def _private_hosts_allowed(parts: Parts, edition: Edition) -> bool:
    """Only where the operator allows it for every source: a post must not lead us to a private address."""
    sources = parts.publication(edition.publication).sources
    return bool(sources) and all(source.allow_private for source in sources)
