"""The one installation that may send from this database."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from digest.database import upsert
from digest.deliveries.tables import InstanceRow


def armed(session: Session) -> str | None:
    """The name of the installation that may send from this database; None before the first one."""
    return session.scalar(select(InstanceRow.name))


def arm(session: Session, name: str, *, now: datetime, only_first: bool = False) -> None:
    """Let the installation called `name`, and no other, send from this database.

    With `only_first` this only happens when no installation was ever armed.
    """
    row = upsert(session, InstanceRow).values(id=1, name=name, armed_at=now)
    if only_first:
        session.execute(row.on_conflict_do_nothing(index_elements=["id"]))
        return
    session.execute(row.on_conflict_do_update(index_elements=["id"], set_={"name": name, "armed_at": now}))
