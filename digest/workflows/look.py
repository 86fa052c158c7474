"""Look: what the edges may know of editions, deliveries and sources, read without changing anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import subscribers
from digest.deliveries import store as deliveries
from digest.deliveries.model import Attempt, DeliveryState
from digest.editions import store
from digest.editions.model import Edition, EditionId, EditionState, Excluded, Item
from digest.messages.model import Rendered
from digest.posts import store as posts
from digest.posts.model import SourceHealth
from digest.workflows import close
from digest.workflows.parts import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class NextEdition:
    """What the next edition would hold if it were cut now, and when it will be."""

    publication: str
    cut_off: datetime
    send_at: datetime
    items: tuple[Item, ...]
    excluded: tuple[Excluded, ...]
    hold: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStatus:
    """How the mailing of an edition stands.

    `audience` is frozen at launch and the counts add up to it; before that it is who would be mailed now.
    `excluded` counts those left out of it, by reason.
    """

    edition: EditionId
    state: EditionState
    audience: int
    counts: dict[str, int]
    excluded: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What became of one person's copy: its state (or "none"), the reason in words, and every try."""

    state: str
    reason: str
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One delivery of an edition with its evidence: since when it stands there, and every try.

    `address` is masked unless it was asked for whole, and empty for somebody who was erased.
    """

    position: int
    subscriber: int
    address: str
    state: DeliveryState
    reason: str
    since: datetime | None
    attempts: tuple[Attempt, ...]


def next_edition(parts: Parts, publication: str, *, now: datetime) -> NextEdition:
    """The next edition as it stands now; the draft of one that is cut already is not it."""
    configured = parts.publication(publication)
    window = close.next_window(configured, now=now)
    with parts.database.reading() as session:
        if store.by_slot(session, publication, window.slot) is not None:
            window = close.next_window(configured, now=window.send_at)
        chosen = close.choice(session, publication, configured, now=now, send_at=window.send_at)
    return NextEdition(
        publication=publication,
        cut_off=window.cut_at,
        send_at=window.send_at,
        items=chosen.items,
        excluded=chosen.excluded,
        hold=chosen.hold,
    )


def editions(parts: Parts, publication: str | None = None, *, limit: int = 100) -> list[Edition]:
    """The latest editions, newest first, of one publication or of all."""
    with parts.database.reading() as session:
        return store.list_editions(session, publication, limit)


def edition(parts: Parts, edition_id: EditionId) -> Edition:
    """One edition with its items; raises `NoSuchEdition`."""
    with parts.database.reading() as session:
        return store.get(session, edition_id)


def snapshot(parts: Parts, edition_id: EditionId) -> Rendered | None:
    """What was approved of an edition, if anything was."""
    with parts.database.reading() as session:
        return store.snapshot(session, edition_id, Rendered)


def sources(parts: Parts, publication: str | None = None) -> list[SourceHealth]:
    """How every configured source fares, each once, in the order of the configuration."""
    slugs = [publication] if publication is not None else list(parts.settings.publications)
    specs = {
        s.key: s for slug in slugs for s in (c.spec(home=parts.home) for c in parts.publication(slug).sources)
    }
    with parts.database.reading() as session:
        return posts.health(session, list(specs.values()))


def delivery_status(parts: Parts, edition_id: EditionId) -> DeliveryStatus:
    """How the mailing of an edition stands; raises `NoSuchEdition`."""
    with parts.database.reading() as session:
        found = store.get(session, edition_id)
        counts = {state.value: 0 for state in DeliveryState}
        counts.update(
            {state.value: number for state, number in deliveries.counts(session, edition_id).items()}
        )
        if found.launched_at is not None:
            frozen = deliveries.audience(session, edition_id)
            audience, excluded = frozen.enqueued, dict(frozen.excluded)
        else:
            would = subscribers.audience_counts(session, found.publication)
            audience = would.eligible
            excluded = {str(reason): number for reason, number in would.excluded.items()}
    return DeliveryStatus(
        edition=edition_id, state=found.state, audience=audience, counts=counts, excluded=excluded
    )


def why(parts: Parts, *, edition_id: EditionId, address: str) -> Why:
    """Why somebody did or did not get an edition; raises `NoSuchEdition`, and `BadAddress` for no address."""
    with parts.database.reading() as session:
        found = store.get(session, edition_id)
        who = subscribers.find(session, address=address)
        if who is None:
            return Why(state="none", reason="This address is not known here.")
        delivery = deliveries.delivery(session, edition_id, who)
        if delivery is not None:
            tries = tuple(deliveries.attempts(session, edition_id, who))
            return Why(state=delivery.state.value, reason=delivery.reason, attempts=tries)
    if found.launched_at is None:
        return Why(state="none", reason=f"The edition is {found.state}; nobody has been mailed.")
    return Why(state="none", reason="They were not in the audience when the edition was launched.")


def listed(
    parts: Parts,
    edition_id: EditionId,
    *,
    state: DeliveryState | None = None,
    after: int = 0,
    limit: int = 1_000,
    whole_addresses: bool = False,
) -> list[Listed]:
    """The next deliveries of an edition behind position `after`, in one state or in any; raises `NoSuchEdition`."""
    with parts.database.reading() as session:
        store.get(session, edition_id)
        found = deliveries.listed(session, edition_id, state=state, after=after, limit=limit)
        known = subscribers.addresses_of(session, [delivery.subscriber_id for delivery, _ in found])
    shown = known if whole_addresses else {n: subscribers.masked(a) for n, a in known.items()}
    return [
        Listed(
            position=delivery.position,
            subscriber=delivery.subscriber_id,
            address=shown.get(delivery.subscriber_id, ""),
            state=delivery.state,
            reason=delivery.reason,
            since=tries[-1].at if tries else None,
            attempts=tries,
        )
        for delivery, tries in found
    ]
