"""The limits on sending: as they are configured, and as an edition says that they hold it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from digest.deliveries.job import Ran
from digest.deliveries.pace import Pace
from digest.editions import store as editions
from digest.editions.model import Edition, EditionState
from digest.settings import Mail
from digest.workflows.expire import RESUMED
from digest.workflows.parts import Parts


def pace(mail: Mail) -> Pace:
    """How fast messages may leave, as [mail] says."""
    return Pace(
        per_second=mail.max_per_second,
        per_minute=mail.max_per_minute,
        per_day=mail.max_per_day,
        per_domain=mail.max_per_domain_per_minute,
        domains=mail.domains,
        warm_up=mail.warm_up,
        warm_up_from=mail.warm_up_from,
    )


def note(parts: Parts, edition: Edition, ran: Ran, *, now: datetime) -> None:
    """Say on the edition when its sending goes on, or no longer say so once it has."""
    if not ran.wait.wait and not edition.reason:
        return
    # Somebody decided that it goes on in spite of an event; that stands until the edition has ended.
    said = decided = edition.reason.partition(";")[0] if edition.reason.startswith(RESUMED) else ""
    if ran.wait.wait:
        zone = ZoneInfo(parts.publication(edition.publication).timezone)
        # Full minutes, rounded up: nobody should look and find it still waiting.
        again = (now + timedelta(seconds=ran.wait.wait + 60)).astimezone(zone)
        reason = ran.wait.reason[:1].upper() + ran.wait.reason[1:]
        said = f"{reason}; sending goes on at {again:%Y-%m-%d %H:%M} ({zone})."
        said = f"{decided}; {said}" if decided else said
    with parts.database.transaction() as session:
        current = editions.lock(session, edition.id)
        if current.state is EditionState.SENDING and current.reason != said:
            editions.save(session, replace(current, reason=said))
