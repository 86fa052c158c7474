"""A publication for tests of collecting and cutting: its parts on a given database, and posts put into its source."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from digest.database import Database
from digest.deliveries.transports.base import Lane
from digest.editions import store as editions
from digest.editions.model import Edition, EditionId, EditionState
from digest.posts import store as posts
from digest.posts.model import Fetched, Post, SourceSpec
from digest.posts.sources.http import Client
from digest.settings import Settings
from digest.templating import Templates
from digest.workflows import examine
from digest.workflows.parts import Parts
from subscribers import Keys

SECRET = "a secret of the tests, long enough to sign"
FEED = "https://www.example.org/feed"
WEEKLY: dict[str, Any] = {
    "name": "The Weekly Brief",
    "from": "The Weekly Brief <brief@example.org>",
    "postal_address": "1 Example Street, Example City",
    "timezone": "Europe/London",
    "cut_off": "wed 15:00",
    "send": "thu 09:00",
    "staff": ["comms@example.org"],
    "sources": [{"kind": "rss", "url": FEED}],
}


class NoTransport:
    """Nothing is sent here."""

    name = "none"

    def lane(self) -> Lane:
        raise AssertionError("a lane was opened")


def parts(
    database: Database,
    *,
    client: Callable[[], Client] = Client,
    others: dict[str, Any] | None = None,
    **weekly: Any,
) -> Parts:
    """The parts of an installation with the publication `weekly`, changed by `weekly`, and `others` beside it."""
    publications = {"weekly": WEEKLY | weekly, **(others or {})}
    settings = Settings.model_validate(
        {"site": {"base_url": "https://news.example.org", "secret": SECRET}, "publications": publications}
    )
    return Parts(
        settings=settings,
        database=database,
        templates=Templates(),
        keys=Keys((SECRET,)),
        transport=NoTransport(),
        client=client,
    )


def spec(parts: Parts, publication: str = "weekly", index: int = 0) -> SourceSpec:
    """One of a publication's sources."""
    return parts.publication(publication).sources[index].spec()


def start(parts: Parts, *, now: datetime, existing: tuple[Post, ...] = (), first_edition: int = 0) -> None:
    """Let every publication begin, with its sources adopted while they show `existing`."""
    with parts.database.transaction() as session:
        for slug, configured in parts.settings.publications.items():
            editions.ensure_publication(session, slug, now=now)
            for source in configured.sources:
                look = Fetched(posts=existing)
                posts.record(session, source.spec(), look, now=now)
                known = posts.posts_of(session, source.spec())
                examine.note(session, parts, known, now=now)
                editions.adopt(session, slug, source.spec().key, known, first_edition=first_edition, now=now)


def publish(parts: Parts, *told: Post, now: datetime, publication: str = "weekly") -> tuple[int, ...]:
    """The publication's first source shows these posts; what is new is offered."""
    with parts.database.transaction() as session:
        recorded = posts.record(session, spec(parts, publication), Fetched(posts=told), now=now)
        examine.note(session, parts, [*recorded.new, *recorded.changed], now=now)
        for slug, configured in parts.settings.publications.items():
            if spec(parts, publication).key in {s.spec().key for s in configured.sources}:
                editions.offer(session, slug, spec(parts, publication).key, recorded.new, now=now)
    return recorded.new


def move(parts: Parts, edition_id: EditionId, *states: EditionState, now: datetime) -> Edition:
    """Take an edition through `states`, placing its posts at launch and giving them back when it ends unsent."""
    with parts.database.transaction() as session:
        edition = editions.lock(session, edition_id)
        for state in states:
            edition = edition.move_to(state, at=now)
            if state is EditionState.SENDING and edition.launched_at == now:
                editions.place(session, edition)
            if state in {EditionState.CANCELLED, EditionState.FAILED}:
                editions.release(session, edition.id)
            editions.save(session, edition)
    return edition
