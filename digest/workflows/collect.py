"""Collect: look at every source whose time has come, side by side, and offer what is new to the publications."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from digest.editions import store as editions
from digest.posts import store as posts
from digest.posts.model import Fetched, FetchState, Memory, SourceSpec
from digest.posts.sources import registry
from digest.posts.sources.base import SourceError
from digest.posts.sources.http import Client
from digest.settings import Publication
from digest.workflows import examine
from digest.workflows.parts import Parts

log = structlog.get_logger()
AT_ONCE = 16
LONGEST_LOOK = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """How one look went: `state` is "ok", "unchanged" or "failed"; `new` and `changed` count posts."""

    source: str
    kind: str
    url: str
    state: str
    new: int = 0
    changed: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A source with the publications that read it."""

    spec: SourceSpec
    readers: tuple[tuple[str, Publication], ...]


async def collect(parts: Parts, *, publication: str | None, force: bool, now: datetime) -> list[Collected]:
    """Look at the due sources (all with `force`) of one publication or of all.

    A source is looked at once however many publications share it, and one that fails stops no other. What a look
    brought back is kept and offered in one transaction, so a crash before it only means another look. Then the pages
    of new posts are read.
    """
    if publication is not None:
        parts.publication(publication)
    wanted = _wanted(parts, publication)
    due = await asyncio.to_thread(_due, parts, list(wanted.values()), force=force, now=now)
    gate = asyncio.Semaphore(AT_ONCE)
    async with parts.client() as client:

        async def one(source: _Wanted) -> Collected:
            async with gate:
                return await _look(parts, source, client, now=now)

        looks = list(await asyncio.gather(*(one(wanted[spec.key]) for spec in due)))
        await examine.examine(parts, client, now=now)
        return looks


def _wanted(parts: Parts, publication: str | None) -> dict[str, _Wanted]:
    """The sources to look at by key, each with every publication that reads it, asked for or not."""
    found: dict[str, _Wanted] = {}
    asked: set[str] = set()
    for slug, configured in parts.settings.publications.items():
        for source in configured.sources:
            spec = source.spec(home=parts.home)
            known = found.get(spec.key)
            readers = (*known.readers, (slug, configured)) if known else ((slug, configured),)
            found[spec.key] = _Wanted(spec=_merged(known.spec, spec) if known else spec, readers=readers)
            if publication in {None, slug}:
                asked.add(spec.key)
    return {key: source for key, source in found.items() if key in asked}


def _merged(one: SourceSpec, other: SourceSpec) -> SourceSpec:
    """One source configured twice: as often as either asks, as private as either allows."""
    return replace(
        one,
        interval_seconds=min(one.interval_seconds, other.interval_seconds),
        allow_private=one.allow_private or other.allow_private,
        api_key=one.api_key or other.api_key,
    )


def _due(parts: Parts, wanted: Sequence[_Wanted], *, force: bool, now: datetime) -> list[SourceSpec]:
    with parts.database.transaction() as session:
        for source in wanted:
            for slug, _configured in source.readers:
                editions.ensure_publication(session, slug, now=now)
        return posts.due_sources(session, [source.spec for source in wanted], now=now, force=force)


async def _look(parts: Parts, source: _Wanted, client: Client, *, now: datetime) -> Collected:
    spec = source.spec
    try:
        memory = await asyncio.to_thread(_memory, parts, spec)
        async with asyncio.timeout(LONGEST_LOOK):
            fetched = await registry.fetch(spec, client, memory, now=now)
        return await asyncio.to_thread(_keep, parts, source, fetched, now=now)
    except SourceError as error:
        return await asyncio.to_thread(_fail, parts, spec, error, now=now)
    except TimeoutError:
        late = SourceError(f"{spec.url} did not finish answering within {LONGEST_LOOK} seconds.")
        return await asyncio.to_thread(_fail, parts, spec, late, now=now)
    except Exception as error:
        # What a source sends may break a reader in ways nobody thought of; the other sources must go on.
        log.exception("source.broke", source=spec.key)
        broken = SourceError(f"{spec.url} could not be read: {type(error).__name__}.")
        return await asyncio.to_thread(_fail, parts, spec, broken, now=now)


def _memory(parts: Parts, spec: SourceSpec) -> Memory:
    with parts.database.reading() as session:
        return posts.memory(session, spec)


def _keep(parts: Parts, source: _Wanted, fetched: Fetched, *, now: datetime) -> Collected:
    """Record a look and offer its posts, in one transaction."""
    spec = source.spec
    with parts.database.transaction() as session:
        recorded = posts.record(session, spec, fetched, now=now)
        examine.note(session, parts, [*recorded.new, *recorded.changed], now=now)
        for slug, configured in source.readers:
            if editions.is_adopted(session, slug, spec.key):
                editions.offer(session, slug, spec.key, recorded.new, now=now)
                continue
            known = posts.posts_of(session, spec)
            editions.adopt(session, slug, spec.key, known, first_edition=configured.first_edition, now=now)
    for post_id in recorded.new:
        log.debug("post.seen", post=post_id, source=spec.key)
    unchanged = fetched.state is FetchState.UNCHANGED
    state = FetchState.UNCHANGED if unchanged else FetchState.OK
    log.info("source.collected", source=spec.key, new=len(recorded.new), changed=len(recorded.changed))
    return _collected(spec, state, new=len(recorded.new), changed=len(recorded.changed))


def _fail(parts: Parts, spec: SourceSpec, error: SourceError, *, now: datetime) -> Collected:
    sentence = str(error)
    with parts.database.transaction() as session:
        posts.record_failure(
            session, spec, sentence, wait_seconds=error.wait_seconds, gone=error.gone, now=now
        )
    log.warning("source.failed", source=spec.key, error=sentence, gone=error.gone)
    return _collected(spec, FetchState.FAILED, error=sentence)


def _collected(
    spec: SourceSpec, state: FetchState, *, new: int = 0, changed: int = 0, error: str = ""
) -> Collected:
    return Collected(
        source=spec.key,
        kind=spec.kind,
        url=spec.url,
        state=state.value,
        new=new,
        changed=changed,
        error=error,
    )
