"""How often something may be done: counted in the database, so that every process on every machine counts together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from subscribers import store, tokens
from subscribers.tokens import Keys

if TYPE_CHECKING:  # SQL is the store's; here its types are only named
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most so many times in so many seconds, counted from the first; `most` 0 means no limit.

    `name` says what is counted, such as an action and an address; only a keyed hash of it is stored.
    """

    name: str
    most: int
    seconds: int


def take(session: Session, *, keys: Keys, limits: Sequence[Limit], now: datetime) -> Limit | None:
    """Count one use of all of these limits, or of none when one is reached already; that one, if so."""
    nested = session.begin_nested()
    reached = None
    for limit in limits:
        if limit.most and not store.count_one(
            session, _key(keys, limit), most=limit.most, seconds=limit.seconds, now=now
        ):
            reached = reached or limit
    if reached:
        nested.rollback()
    else:
        nested.commit()
    return reached


def forget(session: Session, *, keys: Keys, limits: Sequence[Limit]) -> None:
    """Count these from nothing again."""
    store.forget_uses(session, [_key(keys, limit) for limit in limits])


def tidy_limits(session: Session, *, now: datetime) -> None:
    """Drop what no limit counts any more."""
    store.forget_past_uses(session, now=now)


def doors_closed_at(session: Session) -> datetime | None:
    """Since when staff keep every way to sign up closed, or None while they are open."""
    return store.doors_closed_at(session)


def close_doors(session: Session, *, now: datetime) -> None:
    """Close every way to sign up, at once and for every process; closing them again keeps the first date."""
    store.set_doors(session, closed_at=store.doors_closed_at(session) or now)


def open_doors(session: Session) -> None:
    """Open every way to sign up again."""
    store.set_doors(session, closed_at=None)


def _key(keys: Keys, limit: Limit) -> str:
    return tokens.limit_key(keys, f"{limit.name}/{limit.seconds}")
