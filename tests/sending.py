"""An installation that can send: drafts with items, confirmed subscribers, and a transport to a test server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import subscribers
from digest.database import Database
from digest.deliveries import store as deliveries
from digest.deliveries.transports.base import Transport
from digest.editions import store as editions
from digest.editions.model import Edition, EditionState, Item
from digest.posts.model import Fetched
from digest.settings import Mail
from digest.workflows import approve, deliver, launch
from digest.workflows.parts import Parts
from tests import factories, publishing
from tests.factories import NOW


def parts(
    database: Database, *, transport: Transport | None = None, mail: Any = None, **weekly: Any
) -> Parts:
    """The parts of `tests.publishing`, with a way out and mail settings."""
    made = publishing.parts(database, **weekly)
    settings = made.settings.model_copy(update={"mail": Mail(**(mail or {"lanes": 4}))})
    publishing.start(made, now=NOW - timedelta(days=30))
    return replace(made, settings=settings, transport=transport or made.transport)


def draft(
    parts: Parts, *, items: int = 2, extra: tuple[Item, ...] = (), send_at: datetime = NOW, **fields: Any
) -> Edition:
    """A draft with items of stored posts, and `extra` ones."""
    with parts.database.transaction() as session:
        editions.ensure_publication(session, "weekly", now=NOW - timedelta(days=30))
        editions.lock_publication(session, "weekly")
        return editions.create(
            session,
            **{
                "publication": "weekly",
                "state": EditionState.DRAFT,
                "cut_at": send_at - timedelta(hours=18),
                "send_at": send_at,
                "slot": None,
                "items": (*placed_items(parts, session, items), *extra),
                "subject": "What happened at the creek",
                "preheader": "Reeds along the north bank, and a walk on Sunday for everybody who wants to see them.",
                **fields,
            },
        )


def placed_items(parts: Parts, session: Any, count: int) -> tuple[Item, ...]:
    """Items of posts that the publication's source has just shown."""
    from digest.posts import store as posts

    told = tuple(factories.post() for _ in range(count))
    new = posts.record(session, publishing.spec(parts), Fetched(posts=told), now=NOW).new
    editions.offer(session, "weekly", publishing.spec(parts).key, new, now=NOW)
    kept = posts.posts(session, new)
    return tuple(
        factories.item(post_id=number, title=one.post.title, url=one.post.url, position=place)
        for place, (number, one) in enumerate(sorted(kept.items()))
    )


def subscribe(parts: Parts, *addresses: str, now: datetime = NOW) -> None:
    consent = subscribers.Consent(text="Mail me the weekly brief.", source="form", at=now)
    with parts.database.transaction() as session:
        for address in addresses:
            subscribers.add(
                session, keys=parts.keys, address=address, publication="weekly", consent=consent, now=now
            )


def launched(parts: Parts, *, now: datetime = NOW, **fields: Any) -> Edition:
    """An edition that was approved and launched."""
    edition = draft(parts, **fields)
    approve.approve(parts, edition.id, by="Ada", now=now)
    return launch.launch(parts, edition.id, now=now)


def send(parts: Parts, *, now: datetime = NOW, **options: Any) -> None:
    """Deliver all that is due at `now`."""
    asyncio.run(deliver.deliver(parts, now=lambda: now, until_done=True, **options))


def state(parts: Parts, edition: Edition) -> Edition:
    with parts.database.reading() as session:
        return editions.get(session, edition.id)


def counts(parts: Parts, edition: Edition) -> dict[str, int]:
    with parts.database.reading() as session:
        return {s.value: n for s, n in deliveries.counts(session, edition.id).items() if n}


def notices(parts: Parts) -> list[tuple[str, str]]:
    """Key and text of what waits to be told to staff."""
    with parts.database.transaction() as session:
        found = deliveries.due_notices(session, now=NOW + timedelta(days=365), lease_seconds=0)
    return [(one.key, one.text) for one in found]


def addresses(count: int) -> Sequence[str]:
    return [f"reader{n}@d{n % 40}.example" for n in range(1, count + 1)]
