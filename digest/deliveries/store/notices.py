"""The queue of messages that are not editions: told once, and tried until they are handed over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from digest.database import upsert
from digest.deliveries.model import NoticeState, QueuedNotice
from digest.deliveries.tables import NoticeRow


def enqueue_notice(
    session: Session,
    *,
    key: str,
    publication: str,
    recipient: str,
    subject: str,
    html: str,
    text: str,
    language: str = "",
    unsubscribe_url: str = "",
    now: datetime,
) -> bool:
    """Queue a message that is not an edition; False, and nothing done, when `key` was ever queued before.

    `language` is the publication's unless given; `unsubscribe_url` makes it carry the headers of a mailing.
    """
    if session.scalar(select(NoticeRow.id).where(NoticeRow.key == key)) is not None:
        return False
    values = {
        "key": key,
        "publication": publication,
        "recipient": recipient,
        "subject": subject,
        "html": html,
        "text": text,
        "state": NoticeState.QUEUED.value,
        "attempts": 0,
        "created_at": now,
        "reason": "",
        "language": language,
        "unsubscribe_url": unsubscribe_url,
    }
    added = session.scalars(
        upsert(session, NoticeRow)
        .values(values)
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(NoticeRow.id)
    ).all()
    return bool(added)


def told(session: Session, keys: Sequence[str]) -> set[str]:
    """Those of these keys that were ever queued."""
    return set(session.scalars(select(NoticeRow.key).where(NoticeRow.key.in_(keys))))


def due_notices(
    session: Session, *, now: datetime, lease_seconds: int, limit: int = 50
) -> list[QueuedNotice]:
    """Take queued notices whose time has come, oldest first; they are out of others' reach for `lease_seconds`.

    A worker that dies with them in hand leaves them to be sent then: a notice told twice is better than none.
    """
    rows = session.scalars(
        select(NoticeRow)
        .where(NoticeRow.state == NoticeState.QUEUED)
        .where(or_(NoticeRow.not_before.is_(None), NoticeRow.not_before <= now))
        .order_by(NoticeRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.not_before = now + timedelta(seconds=lease_seconds)
    session.flush()
    return [
        QueuedNotice(
            id=row.id,
            key=row.key,
            publication=row.publication,
            recipient=row.recipient,
            subject=row.subject,
            html=row.html,
            text=row.text,
            attempts=row.attempts,
            language=row.language,
            unsubscribe_url=row.unsubscribe_url,
        )
        for row in rows
    ]


def settle_notice(
    session: Session,
    notice_id: int,
    state: NoticeState,
    *,
    reason: str = "",
    not_before: datetime | None = None,
) -> None:
    """Record what became of one try at a notice; `not_before` is when a queued one is tried again."""
    session.execute(
        update(NoticeRow)
        .where(NoticeRow.id == notice_id, NoticeRow.state == NoticeState.QUEUED)
        .values(state=state.value, reason=reason, not_before=not_before, attempts=NoticeRow.attempts + 1)
    )


def forget_notices(session: Session, recipients: Sequence[str]) -> None:
    """Empty all notices to these addresses of what they say and to whom; those still queued are not sent."""
    ours = NoticeRow.recipient.in_(recipients)
    queued = update(NoticeRow).where(ours, NoticeRow.state == NoticeState.QUEUED)
    session.execute(queued.values(state=NoticeState.FAILED.value, reason="its reader was erased"))
    session.execute(update(NoticeRow).where(ours).values(recipient="", subject="", html="", text=""))
