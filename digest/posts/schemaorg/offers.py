"""How to take part: the address to register at, what is done there, and when registration opens, closes or is full."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from digest.posts.hosts import is_meeting, is_sign_up, link_kind
from digest.posts.links import canonical_url, safe_link
from digest.posts.model import CallToAction, CtaKind
from digest.posts.schemaorg.thing import Graph, Thing, short_type
from digest.posts.schemaorg.when import Clock, Moment, read_moment

_MOST_OFFERS = 100
_SOLD_OUT = frozenset({"soldout", "outofstock", "discontinued"})
_ACTIONS = {
    "registeraction": CtaKind.REGISTER,
    "rsvpaction": CtaKind.REGISTER,
    "reserveaction": CtaKind.REGISTER,
    "buyaction": CtaKind.TICKETS,
    "orderaction": CtaKind.TICKETS,
    "joinaction": CtaKind.JOIN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How to take part, in the terms of `Event`, each with the words that said so; `doubts` as `Span` has them."""

    cta: CallToAction | None = None
    cta_quote: str = ""
    full: bool = False
    full_quote: str = ""
    opens_at: datetime | None = None
    opens_quote: str = ""
    closes_at: datetime | None = None
    closes_quote: str = ""
    doubts: tuple[str, ...] = ()


def way(event: Thing, graph: Graph, *, joins: tuple[str, ...], clock: Clock, pages: tuple[str, ...]) -> Way:
    """How to take part in `event`.

    `joins` are the addresses at which it happens. `pages` are those of the page that is read: an address that only
    leads back there is no registration. Registration is full when every offer is, closed when the last closes, and
    opens when the first does.
    """
    offers = _offers(event, graph)
    cta, quote = next(_ctas(event, offers, graph, joins=joins, pages=pages), (None, ""))
    states = [" ".join(offer.links("availability")) for offer in offers]
    sold = [
        short_type(state.split()[0], ours=True).lower() in _SOLD_OUT if state else False for state in states
    ]
    left = event.text("remainingattendeecapacity")
    on_sale = [offer for offer, gone in zip(offers, sold, strict=True) if not gone] or offers
    opens, opens_quote, odd_opening = _edge(on_sale, clock, ("validfrom", "availabilitystarts"), last=False)
    closes, closes_quote, odd_closing = _edge(on_sale, clock, ("validthrough", "availabilityends"), last=True)
    doubts = tuple(dict.fromkeys((*odd_opening, *odd_closing)))
    if opens and closes and closes <= opens:
        opens = closes = None
        doubts += ("closes registration before it opens",)
    return Way(
        cta=cta,
        cta_quote=quote,
        full=(bool(offers) and all(sold)) or left in {"0", "0.0"},
        full_quote=states[0] if offers and all(sold) else f"remainingAttendeeCapacity {left}",
        opens_at=opens,
        opens_quote=opens_quote,
        closes_at=closes,
        closes_quote=closes_quote,
        doubts=doubts,
    )


def _offers(event: Thing, graph: Graph) -> list[Thing]:
    """The single offers, those inside an aggregate in place of it where it lists them."""
    found: list[Thing] = []
    for value in event.all("offers", "offer")[:_MOST_OFFERS]:
        offer = graph.resolve(value)
        if isinstance(offer, Thing):
            inside = [graph.resolve(one) for one in offer.all("offers")]
            found += [one for one in inside if isinstance(one, Thing)] or [offer]
    return found[:_MOST_OFFERS]


def _ctas(
    event: Thing, offers: list[Thing], graph: Graph, *, joins: tuple[str, ...], pages: tuple[str, ...]
) -> Iterator[tuple[CallToAction, str]]:
    """The ways in, the best first: what the page calls an action, then offers, then where it happens."""
    for raw, kind in _wishes(event, offers, graph, joins):
        link = None if "{" in raw else safe_link(raw, base=pages[0])  # a template is for machines to fill in
        if link and not _leads_back(link, pages):
            yield CallToAction(url=link, kind=kind), raw


def _wishes(
    event: Thing, offers: list[Thing], graph: Graph, joins: tuple[str, ...]
) -> Iterator[tuple[str, CtaKind]]:
    joining: list[tuple[str, CtaKind]] = []
    for value in event.all("potentialaction"):
        action = graph.resolve(value)
        if not isinstance(action, Thing):
            continue
        kind = next((_ACTIONS[name] for name in action.kinds if name in _ACTIONS), None)
        for link in action.links("target", "url") if kind else ():
            if kind is CtaKind.JOIN:
                joining.append((link, kind))
            elif kind:
                yield link, kind
    dear = any(_price(offer) > 0 for offer in offers)
    for offer in offers:
        for link in offer.links("url"):
            if is_meeting(link) and not is_sign_up(link):
                joining.append((link, CtaKind.JOIN))
            else:
                sells = dear or link_kind(link) is CtaKind.TICKETS
                yield link, CtaKind.TICKETS if sells else CtaKind.REGISTER
    yield from joining
    for link in joins:
        yield link, CtaKind.REGISTER if is_sign_up(link) else CtaKind.JOIN
    for link in event.links("url"):
        known = link_kind(link)
        if known in {CtaKind.TICKETS, CtaKind.REGISTER}:
            yield link, CtaKind.TICKETS if dear else known
        elif is_meeting(link):
            yield link, CtaKind.REGISTER if is_sign_up(link) else CtaKind.JOIN


def _leads_back(link: str, pages: tuple[str, ...]) -> bool:
    here = {canonical_url(page) for page in pages}
    root = canonical_url(safe_link("/", base=pages[0]) or pages[0])
    return canonical_url(link) in here | {root}


def _price(offer: Thing) -> float:
    specified = [one for one in offer.all("pricespecification") if isinstance(one, Thing)]
    prices = list(offer.texts("price", "lowprice", "highprice"))
    prices += [text for one in specified for text in one.texts("price", "minprice", "maxprice")]
    return max((_amount(price) for price in prices), default=0.0)


def _amount(raw: str) -> float:
    digits = "".join(c for c in raw[:30] if c.isascii() and (c.isdigit() or c in ".,")).strip(".,")
    try:
        return float(digits.replace(",", ".") if digits.count(",") + digits.count(".") < 2 else digits[:1])
    except ValueError:
        return 0.0


def _edge(
    offers: list[Thing], clock: Clock, names: tuple[str, ...], *, last: bool
) -> tuple[datetime | None, str, tuple[str, ...]]:
    """When the first of the offers opens or the last closes; None where one of them does not say."""
    found: list[tuple[datetime, str]] = []
    doubts: list[str] = []
    for offer in offers:
        raw = next(iter(offer.texts(*names)), "")
        moment: Moment | None = read_moment(raw) if raw else None
        at = clock.at(moment, end_of_day=last) if moment else None
        if raw and at is None:
            doubts.append(f"has a registration date that cannot be used ({raw[:40]})")
        if at is not None:
            found.append((at, raw))
    if not found or len(found) < len(offers):
        return None, "", tuple(doubts)
    at, raw = max(found) if last else min(found)
    return at, raw, tuple(doubts)
