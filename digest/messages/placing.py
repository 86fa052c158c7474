"""Which item is printed where in an edition, and what the mail is called in the inbox."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from digest.editions.model import Content, Item, ItemKind, Section
from digest.messages.wording import clean, shorten
from digest.posts.happenings import plain_title
from digest.posts.model import EventStatus
from digest.posts.timing import as_of, is_over
from digest.templating import Words

EVENT_PANELS, EVENT_LINES = 4, 12
TITLE, SHORT, SUBJECT, PREHEADER = 300, 160, 150, 200
_UNSHOWABLE = (".svg", ".avif", ".heic", ".tif", ".tiff", ".bmp", ".ico")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which item is printed where.

    `left` counts the stories left to the site, `beyond` are the events left to it; `dropped` says who is not
    printed and why.
    """

    lead: Item | None = None
    events: tuple[Item, ...] = ()
    event_lines: tuple[Item, ...] = ()
    cards: tuple[Item, ...] = ()
    brief: tuple[Item, ...] = ()
    left: int = 0
    beyond: tuple[Item, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def items(self) -> tuple[Item, ...]:
        """Every item printed, in reading order."""
        lead = (self.lead,) if self.lead else ()
        return (*lead, *self.events, *self.event_lines, *self.cards, *self.brief)

    @property
    def news(self) -> tuple[Item, ...]:
        """Every item printed that no earlier edition announced, in reading order."""
        return tuple(item for item in self.items if not item.repeat)


def plan(content: Content) -> Plan:
    """Where each item of `content` goes; events that are over and items without a usable link or title do not."""
    kept, dropped = [], []
    for item in sorted(content.items, key=lambda entry: entry.position):
        reason = _unprintable(item, content)
        if reason:
            dropped.append(
                f"{clean(item.title, limit=SHORT) or item.url or 'an item without a title'}: {reason}"
            )
        else:
            kept.append(item)
    leads = [i for i in kept if i.section is Section.LEAD]
    events = sorted((i for i in kept if i.section is Section.EVENTS), key=lambda i: _starts(i, content))
    panels = [i for i in events if not i.repeat][:EVENT_PANELS]
    lines, beyond = _lines([i for i in events if i not in panels])
    cards = [*leads[1:], *(i for i in kept if i.section is Section.CARDS)]
    return Plan(
        lead=leads[0] if leads else None,
        events=tuple(panels),
        event_lines=lines,
        beyond=beyond,
        cards=tuple(cards),
        brief=tuple(i for i in kept if i.section is Section.BRIEF),
        dropped=tuple(dropped),
    )


def shrunk(full: Plan, steps: int) -> Plan:
    """The plan made smaller by `steps`: the last card falls to "in brief" first, then the tail is left to the site.

    When nothing but panels is left, they become lines and then go to the site too, the latest first.
    """
    cards = len(full.cards) - min(steps, len(full.cards))
    brief = (*full.cards[cards:], *full.brief)
    rest = steps - (len(full.cards) - cards)
    lines = len(brief) - min(rest, len(brief))
    rest -= len(brief) - lines
    events = len(full.event_lines) - min(rest, len(full.event_lines))
    rest -= len(full.event_lines) - events
    panels = len(full.events) - min(rest, len(full.events))
    rest -= len(full.events) - panels
    late = full.events[panels:]
    kept = (*late, *full.event_lines[:events])
    left_over = len(kept) - min(rest, len(kept))
    return replace(
        full,
        cards=full.cards[:cards],
        brief=brief[:lines],
        events=full.events[:panels],
        event_lines=kept[:left_over],
        left=len(brief) - lines,
        beyond=(*kept[left_over:], *full.event_lines[events:], *full.beyond),
    )


def most_steps(full: Plan) -> int:
    """How often `shrunk` can still take something away."""
    return 2 * len(full.cards) + len(full.brief) + len(full.event_lines) + 2 * len(full.events)


def subject_of(content: Content, chosen: Plan, words: Words) -> str:
    """The subject line, from the content or else from its items; never empty."""
    asked = clean(content.subject, limit=SUBJECT)
    titles = [title_of(item) for item in chosen.news]
    if asked or not titles:
        return (
            asked
            or clean(f"{content.publication_name} {content.number}", limit=SUBJECT)
            or str(content.number)
        )
    first, others = shorten(titles[0], 60), len(titles) - 1 + chosen.left
    others += sum(not item.repeat for item in chosen.beyond)
    return words("subject", first=first, count=others) if others else first


def preheader_of(content: Content, chosen: Plan) -> str:
    """The preview line: what was asked for, else the lead's excerpt, the titles after the first, or its excerpt."""
    lead = clean(chosen.lead.excerpt, limit=PREHEADER) if chosen.lead else ""
    others = " · ".join(shorten(title_of(item), 80) for item in chosen.news[1:4])
    first = clean(chosen.news[0].excerpt, limit=PREHEADER) if chosen.news else ""
    asked = clean(content.preheader, limit=PREHEADER)
    return asked or clean(lead or others or first or content.tagline, limit=120)


def title_of(item: Item) -> str:
    """The title as printed; an event's without the "Register now" before it, and its own name where that is all."""
    if item.kind is ItemKind.POST:
        return clean(item.title, limit=TITLE)
    own = item.event.title if item.event else ""
    return clean(plain_title(item.title) or plain_title(own) or item.title, limit=TITLE)


def showable(url: str) -> bool:
    """Whether mail readers can show the picture at `url`, as far as its address tells."""
    return absolute(url) and not urlsplit(url).path.lower().endswith(_UNSHOWABLE)


def absolute(url: str) -> bool:
    """Whether `url` is a web address that may be printed."""
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and clean(url) == url
            and " " not in url
        )
    except ValueError:
        return False


def _lines(events: list[Item]) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """The events that get a line, in the order given, and those left to the site: news and what is off stay longest."""
    news = [i for i in events if not i.repeat or (i.event and i.event.status is not EventStatus.SCHEDULED)]
    rest = [i for i in events if i not in news]
    kept = [*news, *rest][:EVENT_LINES]
    return tuple(i for i in events if i in kept), tuple(i for i in events if i not in kept)


def _unprintable(item: Item, content: Content) -> str:
    if not clean(item.title, limit=TITLE):
        return "it has no title"
    if not absolute(item.url):
        return "its link is not a web address"
    facts = item.event if item.kind is ItemKind.EVENT else None
    if facts and is_over(facts, now=content.send_at, timezone=content.timezone):
        return "the event is over when the mail is sent"
    return ""


def _starts(item: Item, content: Content) -> tuple[bool, float]:
    """By the next date; what has none comes last."""
    event = item.event if item.kind is ItemKind.EVENT else None
    at = as_of(event, now=content.send_at, timezone=content.timezone).starts_at if event else None
    return (at is None, at.timestamp() if at else 0.0)
