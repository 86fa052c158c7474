"""What the addresses in our mails answered, kept so that nobody is asked twice in a day."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from digest.database import pages, upsert
from digest.editions.linkcheck import LinkCheck, LinkState
from digest.editions.tables import LinkCheckRow

_KEPT = timedelta(days=30)
_LONGEST_DETAIL = 500


def remember_links(session: Session, checks: Sequence[LinkCheck], *, now: datetime) -> None:
    """Keep what addresses answered, in place of what they answered before; what is a month old is forgotten."""
    session.execute(delete(LinkCheckRow).where(LinkCheckRow.checked_at < now - _KEPT))
    rows = {
        _digest(check.url): {
            "digest": _digest(check.url),
            "url": check.url,
            "state": check.state.value,
            "status": check.status,
            "detail": check.detail[:_LONGEST_DETAIL],
            "checked_at": check.checked_at,
        }
        for check in checks
    }
    # In the order of the key, so that two at once do not wait for each other.
    for page in pages([rows[key] for key in sorted(rows)]):
        insert = upsert(session, LinkCheckRow).values(list(page))
        changed = {name: insert.excluded[name] for name in ("state", "status", "detail", "checked_at")}
        session.execute(insert.on_conflict_do_update(index_elements=["digest"], set_=changed))


def link_checks(session: Session, urls: Sequence[str], *, since: datetime) -> dict[str, LinkCheck]:
    """What these addresses answered when they were asked after `since`, by address."""
    wanted = {_digest(url): url for url in urls}
    found = {}
    for page in pages(sorted(wanted)):
        query = select(LinkCheckRow).where(LinkCheckRow.digest.in_(page), LinkCheckRow.checked_at > since)
        for row in session.scalars(query):
            found[row.url] = LinkCheck(
                url=row.url,
                state=LinkState(row.state),
                status=row.status,
                detail=row.detail,
                checked_at=row.checked_at,
            )
    return found


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()
