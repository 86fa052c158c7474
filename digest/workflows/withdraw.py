"""Withdraw: take what is no longer on the site out of an approved edition, which a person, or nobody, then approves."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from digest.database import Session
from digest.editions import select
from digest.editions import store as editions
from digest.editions.model import Edition, EditionState, Item, Section
from digest.workflows import close
from digest.workflows.notify import tell
from digest.workflows.parts import Parts
from digest.workflows.reopen import reopen

log = structlog.get_logger()


def withdraw(
    session: Session, parts: Parts, edition: Edition, gone: Sequence[Item], *, quiet: bool, now: datetime
) -> Edition:
    """The edition as a draft without its items `gone`, or skipped when nothing new is left; staff are told.

    The edition must be locked by the caller's transaction. `quiet` spares staff a mail about a draft that needs
    nobody's approval and goes out all the same.
    """
    reason = "no longer on the site: " + ", ".join(f'"{item.title}"' for item in gone)
    log.warning("edition.items_gone", edition=edition.id, posts=[item.post_id for item in gone])
    left = tuple(item for item in edition.items if item not in gone)
    return rework(session, parts, edition, left, lost=gone, reason=reason, quiet=quiet, now=now)


def rework(
    session: Session,
    parts: Parts,
    edition: Edition,
    left: Sequence[Item],
    *,
    lost: Sequence[Item],
    reason: str,
    quiet: bool,
    now: datetime,
) -> Edition:
    """The edition as a draft with the items `left`, after it `lost` some or others changed; as `withdraw` says."""
    draft = reopen(session, edition, now=now, reason=reason)
    if not select.news(left):
        skipped = draft.move_to(EditionState.SKIPPED, at=now, reason=f"Nothing is left to say: {reason}.")
        editions.save(session, skipped)
        tell(session, parts, edition.publication, "skipped", skipped, now=now)
        return skipped
    items = _led(parts, edition, tuple(left))
    editions.set_items(session, edition.id, items)
    draft = _headed_anew(parts, replace(draft, items=items), edition, lost)
    editions.save(session, draft)
    if not quiet:
        _tell(session, parts, draft, reason, since=edition.approved_at, now=now)
    return draft


def _led(parts: Parts, edition: Edition, left: tuple[Item, ...]) -> tuple[Item, ...]:
    """The items with a lead, where one was lost."""
    had_one = any(item.section is Section.LEAD for item in edition.items)
    if not had_one or any(item.section is Section.LEAD for item in left):
        return left
    return select.arrange(left, max_items=parts.publication(edition.publication).max_items)


def _headed_anew(parts: Parts, draft: Edition, before: Edition, gone: Sequence[Item]) -> Edition:
    """Subject and preheader as they would have been without `gone`; what staff wrote stays unless it names them."""
    subject, preheader = draft.subject, draft.preheader
    if subject == _subject(parts, before) or any(item.title in subject for item in gone):
        subject = _subject(parts, draft)
    if preheader == select.preheader(before.items) or any(item.title in preheader for item in gone):
        preheader = select.preheader(draft.items)
    return replace(draft, subject=subject, preheader=preheader)


def _subject(parts: Parts, edition: Edition) -> str:
    configured = parts.publication(edition.publication)
    return close.subject(parts, configured, edition.items, number=edition.number, send_at=edition.send_at)


def _tell(
    session: Session, parts: Parts, draft: Edition, reason: str, *, since: datetime | None, now: datetime
) -> None:
    """Staff may have been told before that this edition waits; that it does again, `since` an approval, is news."""
    tell(session, parts, draft.publication, "held", draft, now=now, reason=reason) or tell(
        session,
        parts,
        draft.publication,
        "held",
        draft,
        now=now,
        reason=reason,
        occasion=_occasion(reason, since),
    )


def _occasion(reason: str, since: datetime | None) -> str:
    told = f"{reason} {since.isoformat() if since else ''}"
    return f"changed {hashlib.sha256(told.encode()).hexdigest()[:12]}"
