"""Confirm what somebody asked for, and greet them once; remind those who have not, and forget those who never do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

import subscribers
from digest.database import Session
from digest.editions import store as editions
from digest.editions.model import EditionState
from digest.templating import TemplateFault
from digest.workflows import letters, sign_up
from digest.workflows.compose import base_url
from digest.workflows.parts import Parts
from subscribers import Pending, Standing

log = structlog.get_logger()

# What mail programs and people add to the end of a link that they break or copy; no token ends so.
_FRAYED = "/.,;:!?)>]}'\"\u201d\u2019 \t\r\n"


_OUT = frozenset({EditionState.SENDING, EditionState.PAUSED, EditionState.SENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidied:
    """What a round of tidying came to: requests that ended unconfirmed, people forgotten, IP addresses forgotten."""

    expired: int = 0
    forgotten: int = 0
    ips: int = 0


def look(parts: Parts, token: str, *, now: datetime) -> Pending | None:
    """How the request stands that a token confirms, or None for a token that names none; changes nothing."""
    with parts.database.reading() as session:
        found = subscribers.pending(session, keys=parts.keys, token=token.strip(_FRAYED), now=now)
    return _known(parts, found)


def confirm(parts: Parts, token: str, *, now: datetime) -> Pending | None:
    """Confirm the request a token names; safe to repeat. A welcome is queued with it where one is configured."""
    with parts.database.transaction() as session:
        found = _known(
            parts,
            subscribers.confirm(session, keys=parts.keys, token=token.strip(_FRAYED), now=now),
        )
        if found and found.new:
            _welcome(session, parts, found, now=now)
    if found and found.new:
        log.info("sign_up.confirmed", subscriber=found.ref.subscriber_id, publication=found.publication)
    return found


def remind(parts: Parts, *, now: datetime) -> int:
    """Ask once more, a day later, those who have not confirmed; how many were asked. Closed doors ask nobody."""
    asked = 0
    with parts.database.transaction() as session:
        if not parts.settings.site.sign_up or subscribers.doors_closed_at(session):
            return 0
        for due in subscribers.mails_due(session, keys=parts.keys, now=now):
            configured = parts.settings.publications.get(due.publication)
            if configured is None or not configured.open:
                continue
            kind = letters.REMINDER if due.requested.mails else letters.CONFIRM
            sign_up.mail_request(session, parts, due.publication, kind, due.requested, now=now)
            asked += 1
    if asked:
        log.info("sign_up.reminded", asked=asked)
    return asked


def tidy(parts: Parts, *, now: datetime) -> Tidied:
    """Forget requests nobody confirmed in seven days, uses of limits that are over, and IP addresses past their time."""
    expired = forgotten = 0
    while True:
        with parts.database.transaction() as session:
            ended, gone = subscribers.expire_requests(session, now=now)
        expired, forgotten = expired + ended, forgotten + gone
        if not ended:
            break
    with parts.database.transaction() as session:
        subscribers.tidy_limits(session, now=now)
        ips = subscribers.forget_ips(session, before=now - timedelta(seconds=parts.settings.site.keep_ip))
    if expired or ips:
        log.info("sign_up.tidied", expired=expired, forgotten=forgotten, ips=ips)
    return Tidied(expired=expired, forgotten=forgotten, ips=ips)


def set_doors(parts: Parts, *, open: bool, now: datetime) -> None:
    """Open or close every way to sign up, for every process and at once."""
    with parts.database.transaction() as session:
        if open:
            subscribers.open_doors(session)
        else:
            subscribers.close_doors(session, now=now)
    log.warning("sign_up.doors", open=open)


def doors_closed_at(parts: Parts) -> datetime | None:
    """Since when staff keep every way to sign up closed, or None."""
    with parts.database.reading() as session:
        return subscribers.doors_closed_at(session)


def _known(parts: Parts, found: Pending | None) -> Pending | None:
    """The request, unless its publication is no longer one of ours."""
    return found if found and found.publication in parts.settings.publications else None


def _welcome(session: Session, parts: Parts, joined: Pending, *, now: datetime) -> None:
    """Queue the greeting of a new reader.

    The latest edition is shown by its link, never mailed: the next edition holds only what is new since, so nobody
    gets a post by mail twice, and the ledger of each edition stays the list of those it was sent to.
    """
    configured = parts.publication(joined.publication)
    if configured.welcome == "none" or joined.standing is not Standing.CONFIRMED:
        return
    who = [joined.ref.subscriber_id]
    found = subscribers.recipients(
        session, keys=parts.keys, publication=joined.publication, subscriber_ids=who, now=now
    )[joined.ref.subscriber_id]
    if isinstance(found, subscribers.Barred):
        return
    language = letters.spoken(parts, joined.publication, joined.language)
    latest = _latest(session, parts, joined.publication) if configured.welcome == "latest" else None
    try:
        made = letters.letter(
            parts,
            joined.publication,
            letters.WELCOME,
            language=language,
            ref=joined.ref,
            asked_at=now,
            latest=latest,
        )
    except TemplateFault as fault:  # a greeting must not undo what it greets
        log.error("notice.failed", kind=letters.WELCOME, error=str(fault))
        return
    letters.post(
        session,
        made,
        key=f"{letters.WELCOME}:{joined.request_id}",
        publication=joined.publication,
        recipient=found.address,
        language=language,
        unsubscribe_url=letters.unsubscribe_url(parts, joined.ref),
        now=now,
    )


def _latest(session: Session, parts: Parts, publication: str) -> dict[str, str] | None:
    """The subject and the address of the latest edition that has gone out, if one has."""
    for edition in editions.list_editions(session, publication, 1, states=_OUT):
        return {"title": edition.subject, "url": f"{base_url(parts)}/a/{publication}/{edition.number}"}
    return None
