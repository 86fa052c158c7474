"""Reopen: what every edit of an edition starts with."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from digest.database import Session
from digest.editions import store as editions
from digest.editions.model import Edition, EditionState


def reopen(session: Session, edition: Edition, *, now: datetime, reason: str = "") -> Edition:
    """The edition as a draft: an approved one is one again, since its bytes will change.

    The edition must be locked by the caller's transaction. Raises `BadMove` once it has been launched.
    """
    if edition.state is EditionState.DRAFT:
        return edition
    draft = replace(
        edition.move_to(EditionState.DRAFT, at=now, reason=reason),
        approved_by="",
        approved_at=None,
        fingerprint="",
    )
    editions.save(session, draft)
    return draft
