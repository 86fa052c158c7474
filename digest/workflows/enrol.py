"""Take readers in, show what is kept of them, and let them go: what staff do with subscribers by command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

import subscribers
from digest.deliveries import store as deliveries
from digest.editions import store as editions
from digest.errors import DigestError
from digest.workflows.parts import Parts
from subscribers import (
    Added,
    Consent,
    Ended,
    EndedReason,
    Format,
    Imported,
    Shown,
    Suppression,
    SuppressionReason,
)

log = structlog.get_logger()
_RECENT_EDITIONS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What became of one edition for one reader."""

    edition: int
    publication: str
    number: int
    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything kept about an address: who they are, what they chose, and the latest editions sent to them."""

    shown: Shown
    received: tuple[Received, ...]


def add(
    parts: Parts,
    address: str,
    *,
    publication: str,
    consent: str,
    name: str = "",
    language: str = "",
    now: datetime,
) -> Added:
    """Subscribe one person at once, on the consent staff say they gave; adding them again changes nothing."""
    parts.publication(publication)
    with parts.database.transaction() as session:
        added = subscribers.add(
            session,
            keys=parts.keys,
            address=address,
            publication=publication,
            consent=Consent(text=consent, source="added by staff", at=now),
            name=name,
            language=language,
            now=now,
        )
    log.info("subscriber.added", subscriber=added.subscriber_id, publication=publication, new=added.new)
    return added


def import_file(
    parts: Parts,
    path: Path,
    *,
    publication: str,
    consent: str,
    format: Format = Format.CSV,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
    now: datetime,
) -> Imported:
    """Subscribe everybody in a file on one consent statement; nobody is mailed, and every refused row is reported."""
    parts.publication(publication)
    try:
        with path.open("rb") as stream:
            imported = subscribers.import_csv(
                parts.database.transaction,
                stream,
                keys=parts.keys,
                publication=publication,
                consent=Consent(text=consent, source=f"import from {format}", at=now),
                format=format,
                dry_run=dry_run,
                progress=progress,
                now=now,
            )
    except OSError as error:
        raise DigestError(f"{path} cannot be read: {error.strerror}.") from error
    log.info(
        "subscribers.imported",
        publication=publication,
        read=imported.read,
        added=imported.added,
        updated=imported.updated,
        refused=imported.refused,
        dry_run=dry_run,
    )
    return imported


def exported(parts: Parts, *, publication: str | None = None) -> Iterator[str]:
    """All subscribers, or one publication's, with their history as CSV text, piece by piece."""
    if publication is not None:
        parts.publication(publication)
    with parts.database.reading() as session:
        yield from subscribers.export_csv(session, publication=publication)


def export_file(parts: Parts, path: Path, *, publication: str | None = None) -> None:
    """Write `exported` to a file that appears only when it is whole, and that only its owner can read."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.touch(mode=0o600)
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            file.writelines(exported(parts, publication=publication))
        unfinished.replace(path)
    except OSError as error:
        raise DigestError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)


def show(parts: Parts, address: str) -> Known:
    """Everything kept about an address, and what became of the latest editions for it."""
    with parts.database.reading() as session:
        shown = subscribers.show(session, keys=parts.keys, address=address)
        received = []
        if shown.subscriber:
            for edition in editions.list_editions(session, limit=_RECENT_EDITIONS):
                delivery = deliveries.delivery(session, edition.id, shown.subscriber.id)
                if delivery:
                    received.append(
                        Received(
                            edition=edition.id,
                            publication=edition.publication,
                            number=edition.number,
                            state=delivery.state.value,
                            reason=delivery.reason,
                        )
                    )
    return Known(shown=shown, received=tuple(received))


def end(
    parts: Parts, address: str, *, publication: str | None = None, reason: EndedReason, now: datetime
) -> Ended:
    """End somebody's subscription to one publication or to all; in force for the next claim."""
    if publication is not None:
        parts.publication(publication)
    with parts.database.transaction() as session:
        ended = subscribers.end(
            session, keys=parts.keys, address=address, publication=publication, reason=reason, now=now
        )
    log.info(
        "subscriber.ended",
        subscriber=ended.subscriber_id,
        publications=len(ended.publications),
        reason=reason,
    )
    return ended


def suppress(parts: Parts, address: str, *, reason: SuppressionReason, now: datetime) -> Suppression:
    """Never mail an address again, known or not; in force for the next claim."""
    with parts.database.transaction() as session:
        suppression = subscribers.suppress(session, keys=parts.keys, address=address, reason=reason, now=now)
    log.info("subscriber.suppressed", reason=reason)
    return suppression


def erase(parts: Parts, address: str, *, now: datetime) -> int | None:
    """Forget somebody, keeping only the keyed hash that stops them from being mailed; their number if known."""
    with parts.database.transaction() as session:
        number = subscribers.erase(session, keys=parts.keys, address=address, now=now)
        deliveries.forget_notices(session, [address])
    log.info("subscriber.erased", subscriber=number)
    return number
