"""The shapes that operators script against: editions, items, deliveries, previews (names are kept)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from digest.cli.common import CommandFailed, plain
from digest.editions.model import Edition, Item
from digest.posts.model import Event
from digest.workflows.preview import Preview


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
        "cta": (event.cta.label or event.cta.kind.value) if event.cta else None,
        "status": event.status.value,
        "full": event.full,
        "opens_at": plain(event.opens_at),
        "closes_at": plain(event.closes_at),
        "dates": [{"starts_at": plain(d.starts_at), "ends_at": plain(d.ends_at)} for d in event.dates],
        "evidence": [{"fact": e.fact, "origin": e.origin.value, "quote": e.quote} for e in event.evidence],
    }


def edition_json(edition: Edition) -> dict[str, Any]:
    """One edition as `editions list` prints it."""
    return {
        "edition": edition.id,
        "publication": edition.publication,
        "number": edition.number or None,
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


def write_preview(seen: Preview, out: Path) -> dict[str, Path]:
    """Write an edition's preview into a folder, and say where each file is; raises `CommandFailed`."""
    findings = json.dumps(plain(seen.findings), ensure_ascii=False, indent=2)
    files = {
        "subject.txt": f"{seen.subject}\n".encode(),
        "body.html": seen.html.encode(),
        "body.txt": seen.text.encode(),
        "message.eml": seen.message,
        "preflight.json": f"{findings}\n".encode(),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (out / name).write_bytes(data)
    except OSError as error:
        raise CommandFailed(f"The preview cannot be written to {out}: {error.strerror}.") from error
    return {name: out / name for name in files}
