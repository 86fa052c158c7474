"""Everybody as a file: the columns that an import reads, then the history; page by page, in flat memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from subscribers import store
from subscribers.csvfile import defused
from subscribers.model import Subscription
from subscribers.store import Person

if TYPE_CHECKING:  # SQL is the store's; here its types are only named
    from sqlalchemy.orm import Session


_PAGE = 2_000


_EXPORTED = (
    "email",
    "name",
    "topics",
    "frequency",
    "language",
    "consent_at",
    "consent_source",
    "state",
    "publication",
    "requested_at",
    "confirmed_at",
    "ended_at",
    "reason",
    "events_only",
    "paused_until",
    "ended_answer",
    "ended_note",
    "suppressed",
    "consent_text",
    "consent_ip",
)


def export_csv(session: Session, *, publication: str | None = None) -> Iterator[str]:
    """Every subscription as CSV text, piece by piece: the columns that import reads, then the history.

    A person's newest subscription comes first, so that reading the file back in order restores it. A value that a
    spreadsheet would run as a formula stands behind an apostrophe, which an import takes away again. People whom
    only a suppression is known of are there by address where it is known; where nothing but the keyed hash was kept,
    as for those who were erased, there is no address to take away.
    """
    list_id = None
    if publication is not None:
        list_id = store.find_list(session, publication)
    # Without the column a publication's export can be imported under another name.
    columns = [column for column in _EXPORTED if column != "publication" or publication is None]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    yield buffer.getvalue()
    if publication is not None and list_id is None:
        return
    for page in store.history(session, list_id=list_id, page=_PAGE):
        buffer.seek(0)
        buffer.truncate()
        writer.writerows(_exported(person, one) for person, one in page if one or person.barred)
        yield buffer.getvalue()


def _exported(person: Person, one: Subscription | None) -> dict[str, str]:
    values = {
        "email": person.address,
        "name": person.name,
        "language": person.language,
        "suppressed": person.barred.value if person.barred else "",
    }
    if one is not None:
        values |= _told(one)
    return {column: defused.done(value) for column, value in values.items()}


def _told(one: Subscription) -> dict[str, str]:
    return {
        "topics": ",".join(one.topics),
        "frequency": one.frequency,
        "consent_at": one.consent.at.isoformat(),
        "consent_source": one.consent.source,
        "state": one.state.value,
        "publication": one.publication,
        "requested_at": one.requested_at.isoformat(),
        "confirmed_at": one.confirmed_at.isoformat() if one.confirmed_at else "",
        "ended_at": one.ended_at.isoformat() if one.ended_at else "",
        "reason": one.ended_reason.value if one.ended_reason else "",
        "events_only": "yes" if one.events_only else "",
        "paused_until": one.paused_until.isoformat() if one.paused_until else "",
        "ended_answer": one.ended_answer,
        "ended_note": one.ended_note,
        "consent_text": one.consent.text,
        "consent_ip": one.consent.ip,
    }
