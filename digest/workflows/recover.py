"""Recover by looking: what a worker that died had in hand is settled, whoever notices it first."""

from __future__ import annotations

from datetime import datetime

import structlog

from digest.deliveries import store
from digest.workflows.parts import Parts

log = structlog.get_logger()


def recover(parts: Parts, *, now: datetime) -> int:
    """Free every chunk whose lease has run out at `now`; returns how many there were.

    What was only claimed will be sent; what was being sent is uncertain and is never sent again by itself.
    """
    with parts.database.transaction() as session:
        freed = store.recover(session, now=now)
    if freed:
        log.warning("deliveries.recovered", chunks=freed)
    return freed
