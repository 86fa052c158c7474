"""What a reader gets and chose, opened from the link in any mail without signing in, and changed there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

import subscribers
from digest.database import Session
from digest.settings import Publication
from digest.workflows.farewell import say_farewell
from digest.workflows.parts import Parts
from digest.workflows.pausing import LONGEST_PAUSE, beginning_of
from digest.workflows.tokens import mended
from digest.workflows.writing import languages, spoken
from subscribers import (
    Consent,
    EndedReason,
    Holder,
    Purpose,
    Shown,
    Subscription,
    SubscriptionRef,
    SubscriptionState,
)

log = structlog.get_logger()
SOURCE = "preferences"  # where consent was given, as the record has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One thing to choose, and whether it is chosen."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Getting:
    """One publication a reader gets, what they chose of it, and the consent it rests on; dates are in its own zone."""

    publication: str
    name: str
    language: str
    topics: tuple[Option, ...]
    frequencies: tuple[Option, ...]
    events_only: bool
    paused_until: date | None
    earliest: date
    latest: date
    since: date
    consent: Consent
    agreed: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One publication a reader may join."""

    publication: str
    name: str
    language: str
    tagline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """All that one reader gets and could get; `language` is what to speak to them, BCP 47."""

    subscriber_id: int
    publication: str
    masked_address: str
    language: str
    languages: tuple[Option, ...]
    getting: tuple[Getting, ...]
    offers: tuple[Offer, ...]


def preferences(parts: Parts, token: str, *, now: datetime) -> Preferences | None:
    """What the reader gets whom a preferences token names, or None when it names nobody."""
    with parts.database.reading() as session:
        return _preferences(session, parts, mended(token), now=now)


def leave_chosen(parts: Parts, token: str, *, publication: str | None, now: datetime) -> tuple[str, ...]:
    """End one subscription of a preferences token's reader, or all when `publication` is None; the names of those ended."""
    with parts.database.transaction() as session:
        holder = _holder(session, parts, token)
        if holder is None:
            return ()
        if publication is None:
            link = subscribers.mint(parts.keys, Purpose.UNSUBSCRIBE, holder.ref)
            left = subscribers.unsubscribe(session, keys=parts.keys, token=link, now=now, everything=True)
            ended = left.ended if left else ()
        else:
            ref = _ref(session, parts, holder, publication)
            reason = EndedReason.UNSUBSCRIBED
            ended = (
                subscribers.end(session, keys=parts.keys, ref=ref, reason=reason, now=now).publications
                if ref
                else ()
            )
        _say_farewells(session, parts, holder.ref.subscriber_id, ended, now=now)
    if ended:
        log.info("reader.left", subscriber=holder.ref.subscriber_id, publication=publication or "all")
    return tuple(_name(parts, slug) for slug in ended)


def join(parts: Parts, token: str, *, publication: str, now: datetime) -> str:
    """Subscribe a preferences token's reader to one more publication; its name, or "" where it is not theirs to join.

    One they left themselves within a month they may come back to, even if nobody else may sign up.
    """
    with parts.database.transaction() as session:
        seen = _preferences(session, parts, mended(token), now=now)
        if seen is None or publication not in {offer.publication for offer in seen.offers}:
            return ""
        name = parts.publication(publication).name
        words = parts.templates.words(seen.language)("page_join_consent", name=name)
        consent = Consent(text=words, source=SOURCE, at=now)
        holder = _holder(session, parts, token)
        assert holder is not None
        joined = subscribers.join(
            session, keys=parts.keys, ref=holder.ref, publication=publication, consent=consent, now=now
        )
    if joined is None:
        return ""
    log.info("reader.joined", subscriber=joined.subscriber_id, publication=publication)
    return name


def choose(
    parts: Parts,
    token: str,
    *,
    publication: str,
    topics: Sequence[str],
    frequency: str,
    events_only: bool,
    paused_until: str,
    now: datetime,
) -> Getting | None:
    """Keep all that a reader chose of a publication they get; None and no change for one that they do not get.

    What the publication does not offer is passed over. `paused_until` is a date like "2026-12-24", or "" for no
    pause; raises `BadPause` for one that is not between tomorrow and a year from now.
    """
    with parts.database.transaction() as session:
        holder = _holder(session, parts, token)
        ref = _ref(session, parts, holder, publication) if holder else None
        if ref is None:
            return None
        configured = parts.publication(publication)
        offered = [topic for topic in configured.topics if topic.lower() in {one.lower() for one in topics}]
        chosen = subscribers.choose(
            session,
            keys=parts.keys,
            ref=ref,
            # All that there are today is everything, tomorrow's topics included.
            topics=offered if len(offered) < len(configured.topics) else (),
            frequency=frequency if frequency in frequencies(configured) else "",
            events_only=events_only,
            paused_until=beginning_of(paused_until, configured.timezone, now=now),
            now=now,
        )
    log.info("reader.chose", subscriber=ref.subscriber_id, publication=publication)
    return _getting(publication, configured, chosen, now=now) if chosen else None


def speak(parts: Parts, token: str, *, language: str) -> bool:
    """Speak this language to a reader on pages and in notices from now on; "" for the publication's."""
    with parts.database.transaction() as session:
        holder = _holder(session, parts, token)
        if holder is None or (language and language not in languages(parts)):
            return False
        subscribers.speak(session, ref=holder.ref, language=language)
    return True


def frequencies(configured: Publication) -> tuple[str, ...]:
    """How often a publication can be had, by the names of its configuration; one alone is no choice."""
    return tuple(configured.frequencies)


def _say_farewells(
    session: Session, parts: Parts, subscriber_id: int, ended: Sequence[str], *, now: datetime
) -> None:
    shown = subscribers.portrait(session, keys=parts.keys, subscriber_id=subscriber_id)
    refs = {one.publication: one.ref for one in shown.subscriptions} if shown and ended else {}
    for slug in ended:
        say_farewell(session, parts, refs[slug], slug, now=now)


def _preferences(session: Session, parts: Parts, token: str, *, now: datetime) -> Preferences | None:
    holder = _holder(session, parts, token)
    if holder is None:
        return None
    shown = subscribers.portrait(session, keys=parts.keys, subscriber_id=holder.ref.subscriber_id)
    standing = _standing(shown)
    chosen = holder.language
    return Preferences(
        subscriber_id=holder.ref.subscriber_id,
        publication=holder.publication,
        masked_address=holder.masked_address,
        language=spoken(parts, chosen, holder.publication),
        languages=tuple(
            Option(value=tag, label=name, chosen=tag == chosen) for tag, name in languages(parts).items()
        ),
        getting=tuple(
            _getting(slug, known, standing[slug], now=now)
            for slug, known in parts.settings.publications.items()
            if slug in standing
        ),
        offers=_offers(session, parts, holder, shown, now=now),
    )


def _standing(shown: Shown | None) -> dict[str, Subscription]:
    """The subscriptions by which a person is mailed, by publication; none for somebody who must not be."""
    if shown is None or shown.suppressed:
        return {}
    return {one.publication: one for one in shown.subscriptions if one.state is SubscriptionState.CONFIRMED}


def _offers(
    session: Session, parts: Parts, holder: Holder, shown: Shown | None, *, now: datetime
) -> tuple[Offer, ...]:
    if shown is None or shown.suppressed:
        return ()
    refs = {one.publication: one.ref for one in shown.subscriptions}
    standing = _standing(shown)
    closed = subscribers.doors_closed_at(session) is not None
    return tuple(
        Offer(publication=slug, name=known.name, language=known.language, tagline=known.tagline)
        for slug, known in parts.settings.publications.items()
        if slug not in standing
        and (
            (known.open and not closed)
            or (slug in refs and subscribers.can_return(session, keys=parts.keys, ref=refs[slug], now=now))
        )
    )


def _getting(slug: str, configured: Publication, chosen: Subscription, *, now: datetime) -> Getting:
    zone = ZoneInfo(configured.timezone)
    today = now.astimezone(zone).date()
    offered = frequencies(configured)
    topics = frozenset(chosen.topics)
    wished = chosen.frequency if chosen.frequency in offered else next(iter(offered), "")
    return Getting(
        publication=slug,
        name=configured.name,
        language=configured.language,
        topics=tuple(
            Option(value=topic, label=_label(topic), chosen=topic.lower() in topics)
            for topic in configured.topics
        ),
        frequencies=tuple(Option(value=one, label=_label(one), chosen=one == wished) for one in offered)
        if len(offered) > 1
        else (),
        events_only=chosen.events_only,
        paused_until=chosen.paused_until.astimezone(zone).date()
        if chosen.paused_until and chosen.paused(now=now)
        else None,
        earliest=today + timedelta(days=1),
        latest=today + LONGEST_PAUSE,
        since=(chosen.confirmed_at or chosen.requested_at).astimezone(zone).date(),
        consent=chosen.consent,
        agreed=chosen.consent.at.astimezone(zone).date(),
    )


def _label(slug: str) -> str:
    return slug[:1].upper() + slug[1:].replace("-", " ").replace("_", " ")


def _name(parts: Parts, slug: str) -> str:
    known = parts.settings.publications.get(slug)
    return known.name if known else slug


def _ref(session: Session, parts: Parts, holder: Holder, publication: str) -> SubscriptionRef | None:
    """The subscription of this person to a publication that they get and that still exists."""
    if publication not in parts.settings.publications:
        return None
    found = subscribers.portrait(session, keys=parts.keys, subscriber_id=holder.ref.subscriber_id)
    return mine.ref if (mine := _standing(found).get(publication)) else None


def _holder(session: Session, parts: Parts, token: str) -> Holder | None:
    return subscribers.subscription_of(
        session, keys=parts.keys, purpose=Purpose.PREFERENCES, token=mended(token)
    )
