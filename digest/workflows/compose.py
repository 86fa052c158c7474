"""What an edition says and who it is from: the frozen Content, the Sender, and one Reader's own values."""

from __future__ import annotations

import hashlib
from datetime import datetime
from email.utils import parseaddr
from functools import lru_cache
from urllib.parse import quote, urlsplit, urlunsplit

import subscribers
from digest.editions.cadence import Cadence
from digest.editions.model import Content, Edition
from digest.messages import headers
from digest.messages.model import Reader, Sender
from digest.messages.wording import signed_up, weekday_name
from digest.settings import Mail, Publication
from digest.workflows.parts import Parts

_IN_MAILTO = "@+!$'*.-_~"  # what an address may hold in a mailto without being written in percent (RFC 6068)
PROOF = "proof"  # stands where a token would: the page behind it explains, and changes nothing


def content_for(
    parts: Parts, edition: Edition, *, proof: bool = False, now: datetime | None = None
) -> Content:
    """Everything rendering needs of `edition`, from what is stored and what is configured.

    An edition that is made ready after its send time is dated `now`: that is when readers get it.
    """
    configured = parts.publication(edition.publication)
    return Content(
        publication=edition.publication,
        publication_name=configured.name,
        number=edition.number,
        send_at=max(edition.send_at, now) if now else edition.send_at,
        timezone=configured.timezone,
        language=configured.language,
        cadence_words=cadence_words(parts, configured),
        sender_name=configured.sender[0],
        postal_address=configured.postal_address,
        archive_url=_archive_url(parts, edition),
        site_url=_site_url(configured) or _archive_url(parts, edition),
        items=edition.items,
        subject=edition.subject,
        preheader=edition.preheader,
        intro=edition.intro,
        tagline=configured.tagline,
        calendar_url=f"{base_url(parts)}/e/",
        template=configured.template,
        proof=proof,
        topics=tuple(configured.topics),
        frequencies=configured.frequencies,
    )


def sender_for(parts: Parts, publication: str, *, edition: Edition | None = None) -> Sender:
    """Who the mails of `publication` are from; with `edition`, also the headers that name it."""
    configured = parts.publication(publication)
    mail = parts.settings.mail
    name, address = configured.sender
    email, _ = headers.wire_address(address)
    domain = email.rpartition("@")[2]
    return Sender(
        from_name=name,
        from_email=email,
        reply_to=parseaddr(configured.reply_to or "")[1] or email,
        list_id=f"{publication}.{domain}",
        list_name=configured.name,
        message_domain=domain,
        base_url=base_url(parts),
        envelope_from=mail.envelope_from or email,
        bounce_domain=mail.bounce_domain or None,
        feedback_id=f"{edition.number}:{publication}:digest:{_sender_id(domain)}" if edition else "",
        archive_url=_archive_url(parts, edition) if edition else None,
    )


def reader_for(parts: Parts, publication: str, recipient: subscribers.Recipient) -> Reader:
    """The address of one recipient, and the links that are theirs alone."""
    configured = parts.publication(publication)
    ref, home = recipient.subscription_ref, base_url(parts)

    def token(purpose: subscribers.Purpose) -> str:
        return subscribers.mint(parts.keys, purpose, ref)

    unsubscribe = token(subscribers.Purpose.UNSUBSCRIBE)
    return Reader(
        address=recipient.address,
        unsubscribe_url=f"{home}/u/{unsubscribe}",
        preferences_url=f"{home}/p/{token(subscribers.Purpose.PREFERENCES)}",
        signed_up=signed_up(
            recipient.subscribed_at, language=configured.language, timezone=configured.timezone
        ),
        bounce_token=token(subscribers.Purpose.BOUNCE) if parts.settings.mail.bounce_domain else "",
        unsubscribe_mailto=_mailto(parts.settings.mail, unsubscribe),
    )


def proof_reader(parts: Parts, edition: Edition, address: str) -> Reader:
    """Somebody who only looks: the links lead to pages that explain and change nothing."""
    configured = parts.publication(edition.publication)
    home = base_url(parts)
    return Reader(
        address=address,
        unsubscribe_url=f"{home}/u/{PROOF}",
        preferences_url=f"{home}/p/{PROOF}",
        signed_up=signed_up(edition.cut_at, language=configured.language, timezone=configured.timezone),
    )


def edition_key(edition: Edition) -> str:
    """What identifies an edition in Message-IDs, for ever."""
    return f"{edition.publication}-{edition.number}"


def base_url(parts: Parts) -> str:
    """The public address of the web app in ASCII, as it may stand in a header."""
    return _in_ascii(parts.settings.site.base_url)


@lru_cache(maxsize=8)
def _in_ascii(address: str) -> str:
    url = urlsplit(address)
    host = (url.hostname or "").encode("idna").decode("ascii")
    host = f"[{host}]" if ":" in host else host
    netloc = f"{host}:{url.port}" if url.port else host
    return urlunsplit((url.scheme, netloc, url.path, "", "")).rstrip("/")


def cadence_words(parts: Parts, configured: Publication, *, language: str = "") -> str:
    """How often readers hear from us, where it can be said in a word or two: every Thursday, every day."""
    send = Cadence.parse(configured.send)
    language = language or configured.language
    words = parts.templates.words(language)
    if send.either or len(send.days) < 31 or len(send.months) < 12:
        return ""
    if len(send.weekdays) == 7:
        return words("every_day")
    if len(send.weekdays) == 1:
        (weekday,) = send.weekdays
        return words("every_week", day=weekday_name(weekday, language=language))
    return ""


def _archive_url(parts: Parts, edition: Edition) -> str:
    return f"{base_url(parts)}/a/{edition.publication}/{edition.number}"


def _mailto(mail: Mail, token: str) -> str:
    """Where a mail program may write to unsubscribe (RFC 2369), where mail that comes back is taken in; else ""."""
    mailbox = mail.unsubscribe_mailbox
    if not mailbox and not mail.bounce_domain:
        return ""
    # The token stands in the subject too, as some servers write a mailbox's name in lower case.
    where = mailbox or f"unsub+{token}@{mail.bounce_domain.encode('idna').decode('ascii')}"
    return f"mailto:{quote(where, safe=_IN_MAILTO)}?subject=unsubscribe%20{token}"


def _site_url(configured: Publication) -> str:
    if configured.site_url:
        return configured.site_url
    for source in configured.sources:
        url = urlsplit(source.url)
        if url.scheme in {"http", "https"}:
            return f"{url.scheme}://{url.netloc}/"
    return ""


def _sender_id(domain: str) -> str:
    """A name of 5 to 15 characters that stays the same for the sending domain, as Feedback-ID wants it."""
    short = domain.replace(".", "-")
    return short if 5 <= len(short) <= 15 else hashlib.sha256(domain.encode()).hexdigest()[:12]
