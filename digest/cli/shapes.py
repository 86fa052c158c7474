"""The JSON shapes that operators script against: editions, items, deliveries (names are kept)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from digest.cli.common import plain
from digest.editions.model import Edition, Item
from digest.posts.model import Event


def item_json(item: Item) -> dict[str, Any]:
    """One item as `editions next` and `editions show` print it."""
    return {
        "title": item.title,
        "url": item.url,
        "kind": item.kind.value,
        "excerpt": item.excerpt,
        "image": item.image.url if item.image else None,
        "alt": item.image.alt if item.image else None,
        "source": item.source,
        "published_at": plain(item.published_at),
        "section": item.section.value,
        "topics": list(item.topics),
        "event": event_json(item.event) if item.event else None,
    }


def event_json(event: Event) -> dict[str, Any]:
    """The facts of an event, with the evidence for them."""
    return {
        "starts_at": plain(event.starts_at),
        "ends_at": plain(event.ends_at),
        "all_day": event.all_day,
        "timezone": event.timezone,
        "place": event.place,
        "online": event.online,
        "register_url": event.register_url,
        "cta": event.cta.label if event.cta else None,
        "status": event.status.value,
        "evidence": event.evidence,
    }


def edition_json(edition: Edition) -> dict[str, Any]:
    """One edition as `editions list` prints it."""
    return {
        "edition": edition.id,
        "publication": edition.publication,
        "number": edition.number,
        "state": edition.state.value,
        "subject": edition.subject,
        "cut_at": plain(edition.cut_at),
        "send_at": plain(edition.send_at),
        "reason": edition.reason or edition.hold,
        "approved_by": edition.approved_by,
        "fingerprint": edition.fingerprint,
    }


def counts_in_words(counts: Mapping[str, int]) -> str:
    """Counts by state as a sentence fragment: what there is, nothing that is zero."""
    told = [f"{number:,} {state}" for state, number in counts.items() if number]
    return ", ".join(told) or "nobody yet"
