"""Let people ask for a publication: within limits, with one answer for every address, and nothing sent but a question."""

from __future__ import annotations

import enum
import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr

import structlog

import subscribers
from digest.database import Session
from digest.deliveries import store as deliveries
from digest.messages.notice import notice
from digest.settings import Publication
from digest.templating import TemplateFault
from digest.workflows import letters
from digest.workflows.compose import base_url, cadence_words
from digest.workflows.parts import Parts
from subscribers import Answer, BadAddress, Consent, Limit, Requested

log = structlog.get_logger()

_HOUR, _DAY = 3600, 86400
_TOO_YOUNG, _TOO_OLD = timedelta(seconds=2), timedelta(days=1)
_IPV4_PREFIX, _IPV6_PREFIX = 24, 48


class Asked(enum.StrEnum):
    """What a form that was sent comes to, as its sender may know it."""

    DONE = "done"  # the same for every address, whatever is known of it
    AGAIN = "again"  # sent too fast, too late, or from another site: the same form once more
    BAD_ADDRESS = "bad-address"
    OWN_ADDRESS = "own-address"  # a mailbox for a duty, not of a person
    BUSY = "busy"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the sign-up page says and carries: `consent` is what its sender agrees to, word for word."""

    name: str
    cadence: str
    language: str
    consent: str
    topics: tuple[str, ...]
    origin: str
    stamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A form as it came back. `origin` is the site it stood on, empty for our own page; `trap` is what only machines
    fill in; `ip` is who sent it, as the connection or a proxy of ours says.
    """

    address: str
    topics: tuple[str, ...] = ()
    language: str = ""
    origin: str = ""
    stamp: str = ""
    trap: str = ""
    ip: str = ""


def is_open(parts: Parts, publication: str) -> bool:
    """Whether anybody may sign up for this publication now."""
    with parts.database.reading() as session:
        return _is_open(session, parts, parts.publication(publication))


def form(parts: Parts, publication: str, *, language: str = "", origin: str = "", now: datetime) -> Form:
    """A fresh form for a publication; raises `DigestError` for none of ours."""
    configured = parts.publication(publication)
    language = letters.spoken(parts, publication, language)
    return Form(
        name=configured.name,
        cadence=cadence_words(parts, configured, language=language),
        language=language,
        consent=_wording(parts, configured, language),
        topics=tuple(configured.topics),
        origin=origin,
        stamp=_stamp(parts, publication, origin, now=now),
    )


def ask(parts: Parts, publication: str, filled: Filled, *, now: datetime) -> Asked:
    """Take a filled form. Its sender learns no more than that it was taken, whoever the address belongs to."""
    configured = parts.publication(publication)
    try:
        address = subscribers.parse_address(filled.address)
    except BadAddress:
        return Asked.BAD_ADDRESS
    if address.is_role:
        return Asked.OWN_ADDRESS
    if not is_open(parts, publication):
        return Asked.CLOSED
    if filled.trap or not _is_timely(parts, publication, filled, now=now):
        return Asked.AGAIN
    with parts.database.transaction() as session:
        if not _is_open(session, parts, configured):
            return Asked.CLOSED
        reached = subscribers.take(session, keys=parts.keys, limits=_limits(parts, filled.ip), now=now)
        if reached:
            _alert(session, parts, publication, reached, now=now)
            return Asked.BUSY
        requested = _request(session, parts, publication, filled, now=now)
    log.info("sign_up.asked", publication=publication, answer=requested.answer, mailed=requested.mail)
    return Asked.DONE


def mail_request(
    session: Session, parts: Parts, publication: str, kind: str, requested: Requested, *, now: datetime
) -> None:
    """Queue the mail a request leads to, if it may have one; the same work and statements are done either way."""
    language = letters.spoken(parts, publication, requested.language)
    made = letters.letter(
        parts,
        publication,
        kind,
        language=language,
        ref=requested.ref if requested.answer is Answer.ALREADY else None,
        request_id=requested.request_id,
        asked_at=now if requested.answer is Answer.ALREADY else requested.requested_at,
    )
    what = f"{requested.request_id}:{requested.mails}"
    if requested.answer is Answer.ALREADY:
        what = f"{requested.request_id}:{now:%Y-%m-%dT%H:%M:%S}"
    nested = session.begin_nested()
    letters.post(
        session,
        made,
        key=f"{kind}:{what}",
        publication=publication,
        recipient=requested.address,
        language=language,
        now=now,
    )
    if requested.mail:
        nested.commit()
    else:
        nested.rollback()


def _is_open(session: Session, parts: Parts, configured: Publication) -> bool:
    return parts.settings.site.sign_up and configured.open and subscribers.doors_closed_at(session) is None


def _request(session: Session, parts: Parts, publication: str, filled: Filled, *, now: datetime) -> Requested:
    configured = parts.publication(publication)
    language = letters.spoken(parts, publication, filled.language)
    page = f"{base_url(parts)}/s/{publication}"
    requested = subscribers.request(
        session,
        keys=parts.keys,
        address=filled.address,
        publication=publication,
        consent=Consent(
            text=_wording(parts, configured, language),
            source=f"embedded form on {filled.origin}" if filled.origin else f"sign-up page {page}",
            at=now,
            ip=_plain_ip(filled.ip) if parts.settings.site.keep_ip else "",
        ),
        topics=[topic for topic in filled.topics if topic in configured.topics],
        language=language,
        now=now,
    )
    kind = letters.ALREADY if requested.answer is Answer.ALREADY else letters.CONFIRM
    mail_request(session, parts, publication, kind, requested, now=now)
    return requested


def _wording(parts: Parts, configured: Publication, language: str) -> str:
    """What somebody who signs up agrees to, as the page shows it."""
    return parts.templates.words(language)("sign_up_consent", name=configured.name)


def _stamp(parts: Parts, publication: str, origin: str, *, now: datetime) -> str:
    """When a form was handed out and to which site, so that nobody can claim another moment."""
    made = f"{int(now.timestamp() * 1000):x}"
    return f"{made}.{subscribers.seal(parts.keys, _sealed(publication, origin, made))}"


def _is_timely(parts: Parts, publication: str, filled: Filled, *, now: datetime) -> bool:
    """Whether the form was handed out by us, long enough ago for a person to fill it in, and not for another day."""
    made, _, seal = filled.stamp.partition(".")
    if (
        not made.isascii()
        or len(made) > 16
        or not subscribers.is_sealed(parts.keys, _sealed(publication, filled.origin, made), seal)
    ):
        return False
    age = now - datetime.fromtimestamp(int(made, 16) / 1000, UTC)
    return _TOO_YOUNG <= age <= _TOO_OLD


def _sealed(publication: str, origin: str, made: str) -> str:
    return f"{publication}\n{origin}\n{made}"


def _limits(parts: Parts, ip: str) -> tuple[Limit, ...]:
    site, prefix = parts.settings.site, f"sign-up/{_prefix(ip)}"
    return (
        Limit(name=prefix, most=site.sign_ups_per_prefix_per_hour, seconds=_HOUR),
        Limit(name=prefix, most=site.sign_ups_per_prefix_per_day, seconds=_DAY),
        Limit(name="sign-up", most=site.sign_ups_per_hour, seconds=_HOUR),
        Limit(name="sign-up", most=site.sign_ups_per_day, seconds=_DAY),
    )


def _plain_ip(ip: str) -> str:
    """An address as the standard writes it, IPv4 out of its wrapping; empty for what is none."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address).partition("%")[0]


def _prefix(ip: str) -> str:
    """The network an address belongs to, as its owner would be given it; those without an address count as one."""
    plain = _plain_ip(ip)
    if not plain:
        return "unknown"
    length = _IPV6_PREFIX if ":" in plain else _IPV4_PREFIX
    return str(ipaddress.ip_network((plain, length), strict=False))


def _alert(session: Session, parts: Parts, publication: str, reached: Limit, *, now: datetime) -> None:
    """Tell staff once a day that a limit turns people away, and which kind."""
    everybody = reached.name == "sign-up"
    log.warning("sign_up.limited", publication=publication, everybody=everybody, most=reached.most)
    configured = parts.publication(publication)
    keys = {
        f"sign-ups-limited:{everybody}:{publication}:{now:%Y-%m-%d}:{parseaddr(mailbox)[1].lower()}": mailbox
        for mailbox in configured.staff
    }
    told = deliveries.told(session, list(keys)) if keys else set(keys)
    if not set(keys) - told:
        return
    context = {
        "publication": configured.name,
        "everybody": everybody,
        "most": reached.most,
        "hours": reached.seconds // _HOUR,
        "asked_at": now,
        "timezone": configured.timezone,
        "base_url": parts.settings.site.base_url,
        "postal_address": configured.postal_address,
    }
    try:
        made = notice(parts.templates, "sign-ups-limited", context, language=configured.language)
    except TemplateFault as fault:
        log.error("notice.failed", kind="sign-ups-limited", error=str(fault))
        return
    for key in set(keys) - told:
        letters.post(
            session,
            made,
            key=key,
            publication=publication,
            recipient=parseaddr(keys[key])[1],
            language=configured.language,
            now=now,
        )
