"""Forget what nobody needs any more: the addresses of changes that can be neither done nor taken back."""

from __future__ import annotations

from datetime import datetime

import structlog

import subscribers
from digest.workflows.parts import Parts

log = structlog.get_logger()


def tidy(parts: Parts, *, now: datetime) -> int:
    """Forget it; how much there was. Safe to call at any time, again and again."""
    with parts.database.transaction() as session:
        forgotten = subscribers.forget_moves(session, now=now)
    if forgotten:
        log.info("addresses.forgotten", moves=forgotten)
    return forgotten
