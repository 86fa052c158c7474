"""Content into the names templates use: items cleaned, events stated in words, each section in its order."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from digest.editions.model import Content, Item, ItemKind, Section
from digest.messages.context import (
    ButtonView,
    Context,
    EditionView,
    EventView,
    ItemView,
    PictureView,
    PublicationView,
    SlotsView,
)
from digest.messages.model import SlotName, slot_marker
from digest.messages.theme import Theme
from digest.messages.wording import (
    clean,
    day_short,
    day_words,
    event_is_over,
    event_when,
    event_zone,
    shorten,
    tile_parts,
)
from digest.posts.model import EventStatus, Image
from digest.templating import Words, direction, regional

COLUMN = 536
EVENT_PANELS = 3
TITLE, EXCERPT, SHORT, INTRO, SUBJECT, PREHEADER = 300, 2000, 160, 8000, 150, 200
_TALLEST = 420
_UNSHOWABLE = (".svg", ".avif", ".heic", ".tif", ".tiff", ".bmp", ".ico")
_INTRO_TAGS = {"p", "br", "strong", "em", "a", "ul", "ol", "li", "blockquote"}
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable(
    ["heading", "lheading", "image", "fence", "code", "hr"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which item is printed where; `left` counts those left to the site, `dropped` says who is not printed and why."""

    lead: Item | None = None
    events: tuple[Item, ...] = ()
    event_lines: tuple[Item, ...] = ()
    cards: tuple[Item, ...] = ()
    brief: tuple[Item, ...] = ()
    left: int = 0
    dropped: tuple[str, ...] = ()

    @property
    def items(self) -> tuple[Item, ...]:
        """Every item printed, in reading order."""
        lead = (self.lead,) if self.lead else ()
        return (*lead, *self.events, *self.event_lines, *self.cards, *self.brief)


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
    events = sorted((i for i in kept if i.section is Section.EVENTS), key=_starts)
    cards = [*leads[1:], *(i for i in kept if i.section is Section.CARDS)]
    return Plan(
        lead=leads[0] if leads else None,
        events=tuple(events[:EVENT_PANELS]),
        event_lines=tuple(events[EVENT_PANELS:]),
        cards=tuple(cards),
        brief=tuple(i for i in kept if i.section is Section.BRIEF),
        dropped=tuple(dropped),
    )


def shrunk(full: Plan, steps: int) -> Plan:
    """The plan made smaller by `steps`: the last card falls to "in brief" first, then the tail is left to the site."""
    cards = len(full.cards) - min(steps, len(full.cards))
    brief = (*full.cards[cards:], *full.brief)
    rest = steps - (len(full.cards) - cards)
    lines = len(brief) - min(rest, len(brief))
    rest -= len(brief) - lines
    events = len(full.event_lines) - min(rest, len(full.event_lines))
    left = len(brief) - lines + len(full.event_lines) - events
    return replace(
        full, cards=full.cards[:cards], brief=brief[:lines], event_lines=full.event_lines[:events], left=left
    )


def most_steps(full: Plan) -> int:
    """How often `shrunk` can still take something away."""
    return 2 * len(full.cards) + len(full.brief) + len(full.event_lines)


def arranged(content: Content, chosen: Plan, *, theme: Theme, words: Words, nonce: str) -> Context:
    """The names that the templates of one edition see."""
    view = _Viewer(content=content, words=words, nonce=nonce)
    start, end = personal_marks(nonce)
    return Context(
        publication=view.publication(),
        edition=view.edition(chosen),
        lead=view.item(chosen.lead, column=COLUMN) if chosen.lead else None,
        events=tuple(view.item(i) for i in chosen.events),
        event_lines=tuple(view.item(i) for i in chosen.event_lines),
        cards=tuple(view.item(i) for i in chosen.cards),
        brief=tuple(view.item(i) for i in chosen.brief),
        slots=SlotsView(
            unsubscribe_url=slot_marker(nonce, SlotName.UNSUBSCRIBE_URL),
            preferences_url=slot_marker(nonce, SlotName.PREFERENCES_URL),
            signed_up=slot_marker(nonce, SlotName.SIGNED_UP),
            personal=Markup(start),  # noqa: S704  made of our own nonce only
            end_personal=Markup(end),  # noqa: S704
        ),
        theme=theme,
        language=content.language,
        direction=direction(content.language),
        timezone=content.timezone,
        word=words,
    )


def personal_marks(nonce: str) -> tuple[str, str]:
    """The words that templates put around personal parts; rendering turns them into comments."""
    return f"personal-{nonce}-begin", f"personal-{nonce}-end"


def subject_of(content: Content, chosen: Plan, words: Words) -> str:
    """The subject line, from the content or else from its items; never empty."""
    asked = clean(content.subject, limit=SUBJECT)
    titles = [title_of(item) for item in chosen.items]
    if asked or not titles:
        return (
            asked
            or clean(f"{content.publication_name} {content.number}", limit=SUBJECT)
            or str(content.number)
        )
    first, others = shorten(titles[0], 60), len(titles) - 1 + chosen.left
    return words("subject", first=first, count=others) if others else first


def preheader_of(content: Content, chosen: Plan) -> str:
    """The preview line: what was asked for, else the lead's excerpt, else the titles after the first."""
    lead = clean(chosen.lead.excerpt, limit=PREHEADER) if chosen.lead else ""
    others = " · ".join(shorten(title_of(item), 80) for item in chosen.items[1:4])
    return clean(content.preheader, limit=PREHEADER) or clean(lead or others or content.tagline, limit=120)


def title_of(item: Item) -> str:
    """The title as printed: an event's own name, without the "Register now" that the post put before it."""
    own = clean(item.event.title, limit=TITLE) if item.event and item.kind is not ItemKind.POST else ""
    return own or clean(item.title, limit=TITLE)


def intro_html(text: str) -> Markup:
    """Staff's Markdown as HTML that mail can carry: no headings, pictures, markup or relative links."""
    html = _MARKDOWN.render(clean(text, limit=INTRO, keep_lines=True))
    kept = nh3.clean(
        html,
        tags=_INTRO_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
        attribute_filter=lambda _tag, _name, value: (
            value if _absolute(value) or value.startswith("mailto:") else None
        ),
    )
    return Markup(kept.strip())  # noqa: S704  nh3 has just reduced it to the tags above


def intro_text(text: str) -> str:
    """Staff's Markdown for the text part: as typed, but with links written out behind their words."""
    return re.sub(
        r"\[([^\[\]\n]{1,200})\]\((\S{1,1000}?)\)", r"\1 (\2)", clean(text, limit=INTRO, keep_lines=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Viewer:
    content: Content
    words: Words
    nonce: str

    def publication(self) -> PublicationView:
        content = self.content
        return PublicationView(
            name=self._text(content.publication_name, SHORT),
            tagline=self._text(content.tagline, EXCERPT),
            sender_name=self._text(content.sender_name, SHORT),
            postal_address=self._text(content.postal_address, EXCERPT),
            site_url=content.site_url if _absolute(content.site_url) else "",
            cadence=self._text(content.cadence_words, SHORT),
        )

    def edition(self, chosen: Plan) -> EditionView:
        content = self.content
        return EditionView(
            number=content.number,
            date=day_words(content.send_at, language=content.language, timezone=content.timezone),
            subject=subject_of(content, chosen, self.words),
            preheader=self._text(preheader_of(content, chosen), PREHEADER),
            intro=intro_html(content.intro.replace(self.nonce, "")),
            intro_text=intro_text(content.intro.replace(self.nonce, "")),
            web_url=content.archive_url if _absolute(content.archive_url) else "",
            more=chosen.left,
            proof=content.proof,
        )

    def item(self, item: Item, *, column: int = 144) -> ItemView:
        language = item.language if item.language and item.language != self.content.language else ""
        title = self._text(title_of(item), TITLE)
        return ItemView(
            title=title,
            url=_link(item.url),
            excerpt=self._text(item.excerpt, EXCERPT),
            author=self._text(item.author, SHORT),
            topic=self._text(item.topics[0].replace("-", " ").capitalize(), SHORT) if item.topics else "",
            language=language,
            direction=direction(language) if language else "",
            picture=self._picture(item.image, column) if item.image else None,
            event=self._event(item, title) if item.kind is not ItemKind.POST else None,
        )

    def _picture(self, image: Image, column: int) -> PictureView | None:
        if not showable(image.url):
            return None
        width, height = column, None
        if image.width and image.height and image.width > 0 and image.height > 0:
            width = min(column, image.width, max(1, _TALLEST * image.width // image.height))
            height = max(1, round(width * image.height / image.width))
        alt = self._text(image.alt, SHORT)
        return PictureView(
            url=_link(image.url), alt="" if _file_name(alt) else alt, width=width, height=height
        )

    def _event(self, item: Item, title: str) -> EventView:
        """What may be said of the event; a maybe has no date and one link, "Details and registration"."""
        event, content, words = item.event, self.content, self.words
        known = item.kind is ItemKind.EVENT and event is not None
        status = ""
        if known and event and event.status is not EventStatus.SCHEDULED:
            status = words(event.status.value)
        button = None if status else self._button(item, title, known=known)
        if not known or event is None:
            return EventView(when=(), short="", month="", day="", place="", status="", button=button)
        zone = event_zone(event, content.timezone)
        region = regional(content.language, content.timezone)
        month, day = tile_parts(event.starts_at, zone, region=region) if event.starts_at else ("", "")
        place = self._text(event.place, SHORT)
        online = words("online") if event.online else ""
        return EventView(
            when=event_when(event, language=content.language, timezone=content.timezone, words=words),
            short=day_short(event.starts_at, zone, region=region) if event.starts_at else "",
            month=month,
            day=day,
            place=" · ".join(part for part in (online, place) if part),
            status=status,
            button=button,
        )

    def _button(self, item: Item, title: str, *, known: bool) -> ButtonView:
        event, words = item.event, self.words
        label, url = words("details_and_registration"), item.url
        if known and event:
            label = words("event_details")
            if event.cta and _absolute(event.cta.url):
                label, url = self._text(event.cta.label, 40) or words("register"), event.cta.url
            elif event.register_url and _absolute(event.register_url):
                label, url = words("register"), event.register_url
        return ButtonView(label=label, url=_link(url), name=f"{label}: {title}")

    def _text(self, text: str, limit: int) -> str:
        # The nonce is made after the posts were written; should it stand in one all the same, it goes.
        return clean(text.replace(self.nonce, ""), limit=limit)


def showable(url: str) -> bool:
    """Whether mail readers can show the picture at `url`, as far as its address tells."""
    return _absolute(url) and not urlsplit(url).path.lower().endswith(_UNSHOWABLE)


def _unprintable(item: Item, content: Content) -> str:
    if not clean(item.title, limit=TITLE):
        return "it has no title"
    if not _absolute(item.url):
        return "its link is not a web address"
    facts = item.event if item.kind is ItemKind.EVENT else None
    if facts and event_is_over(facts, now=content.send_at, timezone=content.timezone):
        return "the event is over when the mail is sent"
    return ""


def _starts(item: Item) -> tuple[bool, float]:
    at = item.event.starts_at if item.event and item.kind is ItemKind.EVENT else None
    return (at is None, at.timestamp() if at else 0.0)


def _absolute(url: str) -> bool:
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


def _link(url: str) -> str:
    return (
        url.replace('"', "%22")
        .replace("<", "%3C")
        .replace(">", "%3E")
        .replace("{", "%7B")
        .replace("}", "%7D")
    )


def _file_name(alt: str) -> bool:
    return bool(re.fullmatch(r"\S+\.(?:jpe?g|png|gif|webp|svg|avif)", alt, re.IGNORECASE)) or bool(
        re.fullmatch(r"(?:IMG|DSC|DSCN|image|photo|screenshot)[-_ ]?\d+", alt, re.IGNORECASE)
    )
