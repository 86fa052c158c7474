"""Mail somebody the link to their preferences: the same answer, and the same work, whoever asks for whomever."""

from __future__ import annotations

import ipaddress
from datetime import datetime

import structlog

import subscribers
from digest.workflows.parts import Parts
from digest.workflows.writing import draft, post, spoken
from subscribers import BadAddress, Limit, Purpose, Shown, SubscriptionState

log = structlog.get_logger()
_HOUR = 3600
_OF_ONE_NETWORK, _IN_ALL = 30, 3_000  # an hour; more is no reader who lost a mail
_NOBODY = "nobody"


def mail_link(parts: Parts, *, address: str, publication: str, ip: str, now: datetime) -> None:
    """Mail the link to whoever gets mail at this address; to one address at most once an hour.

    `publication` is in whose name it is written where they get that one; `ip` is where the question came from, ""
    if unknown. Nothing tells the one who asks what came of it.
    """
    if not parts.settings.publications:
        return
    try:
        wanted = subscribers.parse_address(address)
    except BadAddress:
        return
    with parts.database.transaction() as session:
        limits = [
            Limit(name=f"link to/{wanted.key}", most=1, seconds=_HOUR),
            Limit(name=f"link from/{network(ip)}", most=_OF_ONE_NETWORK if ip else 0, seconds=_HOUR),
            Limit(name="link", most=_IN_ALL, seconds=_HOUR),
        ]
        reached = subscribers.take(session, keys=parts.keys, limits=limits, now=now)
        shown = subscribers.show(session, keys=parts.keys, address=wanted.text)
        slug, token = _chosen(parts, shown, publication)
        own = shown.subscriber.language if shown.subscriber else ""
        made = draft(
            parts,
            slug,
            "my-link",
            {"link": f"{parts.settings.site.base_url}/p/{token}"},
            language=spoken(parts, own, slug),
        )
        if reached or token == _NOBODY or shown.subscriber is None:
            if reached and not reached.name.startswith("link to/"):
                log.warning("link.limit_reached", limit=reached.name.partition("/")[0])
            return
        key = f"my-link:{shown.subscriber.id}:{int(now.timestamp())}"
        post(session, made, publication=slug, to=wanted.text, key=key, now=now)
    log.info("link.mailed", subscriber=shown.subscriber.id)


def network(ip: str) -> str:
    """The network an address is counted with, IPv4 /24 or IPv6 /48; "" for what is no address."""
    try:
        known = ipaddress.ip_address(ip)
    except ValueError:
        return ""
    mapped = known.ipv4_mapped if isinstance(known, ipaddress.IPv6Address) else known
    wide = f"{mapped}/24" if mapped else f"{known}/48"
    return str(ipaddress.ip_network(wide, strict=False))


def _chosen(parts: Parts, shown: Shown, publication: str) -> tuple[str, str]:
    """The publication in whose name to write, and a token of a subscription to it; `_NOBODY` where there is none."""
    mine = {
        one.publication: one
        for one in shown.subscriptions
        if one.state is SubscriptionState.CONFIRMED and one.publication in parts.settings.publications
    }
    if not mine or shown.suppressed:
        fallback = publication if publication in parts.settings.publications else ""
        return fallback or next(iter(parts.settings.publications)), _NOBODY
    slug = publication if publication in mine else next(iter(mine))
    return slug, subscribers.mint(parts.keys, Purpose.PREFERENCES, mine[slug].ref)
