"""The shapes that operators script against: editions, items, deliveries, previews (names are kept)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from digest.cli.common import CommandFailed, plain
from digest.editions.model import Edition, Item
from digest.messages.model import Finding, Severity
from digest.posts.model import Event
from digest.workflows.look import DeliveryStatus, NextEdition
from digest.workflows.preview import Preview


def item_json(item: Item) -> dict[str, Any]:
    """One item as `editions next` and `editions show` print it."""
    return {
        "post": item.post_id,
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
        "repeat": item.repeat,
        "event": event_json(item.event) if item.event else None,
    }


def next_json(coming: NextEdition) -> dict[str, Any]:
    """What the next edition would hold, as `editions next` prints it."""
    return {
        "publication": coming.publication,
        "cut_off": coming.cut_off,
        "send_at": coming.send_at,
        "items": [item_json(item) for item in coming.items],
        "excluded": [{"title": e.title, "url": e.url, "reason": e.reason} for e in coming.excluded],
        "hold": coming.hold,
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


def edition_in_words(edition: Edition, status: DeliveryStatus, *, when: str) -> str:
    """One edition as `editions show` prints it for people; `when` is its send time in words."""
    lines = [
        f"Edition {edition.id}: {edition.publication} no. {edition.number}, {edition.state}",
        f"Subject: {edition.subject}",
        f"Send at: {when}",
    ]
    lines += [f"Reason: {edition.reason or edition.hold}"] if edition.reason or edition.hold else []
    lines += [f"Approved by {edition.approved_by}"] if edition.approved_by else []
    lines += [f"  {item.section.value:7}{item.title}  {item.url}" for item in edition.items]
    lines += [f"Deliveries: {counts_in_words(status.counts)}"] if status.audience else []
    return "\n".join(lines)


def counts_in_words(counts: Mapping[str, int]) -> str:
    """Counts by state as a sentence fragment: what there is, nothing that is zero."""
    told = [f"{number:,} {state}" for state, number in counts.items() if number]
    return ", ".join(told) or "nobody yet"


def findings_in_words(findings: Sequence[Finding], *, edition: int, approved: bool = False) -> str:
    """What preflight found, grouped by how much it matters, with the way past what blocks.

    What blocks an edition that was `approved` was accepted by name.
    """
    groups = {level: [f for f in findings if f.severity is level] for level in Severity}
    blocking = groups[Severity.BLOCKING]
    stops = _counted(len(blocking), "finding stops", "findings stop") + " the approval"
    heads = {
        Severity.BLOCKING: f"{len(blocking)} accepted by name" if approved else stops,
        Severity.WARNING: f"{len(groups[Severity.WARNING])} to look at",
        Severity.NOTE: _counted(len(groups[Severity.NOTE]), "note", "notes"),
    }
    lines = []
    for level, found in groups.items():
        lines += ["", f"{heads[level]}:"] if found else []
        for one in found:
            where = f" [{one.place}]" if one.place and one.place not in one.message else ""
            lines += [f"  {one.code}: {one.message}{where}", f"    {one.remedy}"]
    if not lines:
        return "Preflight found nothing to mend."
    if blocking and not approved:
        names = " ".join(f"--override {code}" for code in dict.fromkeys(one.code for one in blocking))
        lines += ["", f"To send it all the same: digest editions approve {edition} {names}"]
    return "\n".join(lines).lstrip("\n")


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


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
