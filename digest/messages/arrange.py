"""Content into the names templates use: items cleaned, events stated in words, each section in its order."""

from __future__ import annotations

import re
from dataclasses import dataclass

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from digest.editions.model import Content, Item, ItemKind
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
from digest.messages.placing import (
    PREHEADER,
    SHORT,
    SUBJECT,
    TITLE,
    Plan,
    absolute,
    preheader_of,
    showable,
    subject_of,
    title_of,
)
from digest.messages.theme import Theme
from digest.messages.wording import (
    clean,
    day_short,
    day_words,
    event_when,
    event_zone,
    tile_parts,
)
from digest.posts.model import EventStatus, Image
from digest.templating import Words, direction, regional

COLUMN = 536
EXCERPT, INTRO = 2000, 8000
_TALLEST = 420
_IN_LINKS = (('"', "%22"), ("<", "%3C"), (">", "%3E"), ("{", "%7B"), ("}", "%7D"))
_INTRO_TAGS = {"p", "br", "strong", "em", "a", "ul", "ol", "li", "blockquote"}
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable(
    ["heading", "lheading", "image", "fence", "code", "hr"]
)


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
            value if absolute(value) or value.startswith("mailto:") else None
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
            site_url=content.site_url if absolute(content.site_url) else "",
            cadence=self._text(content.cadence_words, SHORT),
        )

    def edition(self, chosen: Plan) -> EditionView:
        content = self.content
        return EditionView(
            number=content.number,
            date=day_words(content.send_at, language=content.language, timezone=content.timezone),
            subject=self._text(subject_of(content, chosen, self.words), SUBJECT),
            preheader=self._text(preheader_of(content, chosen), PREHEADER),
            intro=intro_html(content.intro.replace(self.nonce, "")),
            intro_text=intro_text(content.intro.replace(self.nonce, "")),
            web_url=content.archive_url if absolute(content.archive_url) else "",
            more=chosen.left,
            proof=content.proof,
        )

    def item(self, item: Item, *, column: int = 144) -> ItemView:
        language = item.language if item.language and item.language != self.content.language else ""
        title = self._text(title_of(item), TITLE)
        return ItemView(
            title=title,
            url=self._link(item.url),
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
            url=self._link(image.url), alt="" if _file_name(alt) else alt, width=width, height=height
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
            if event.cta and absolute(event.cta.url):
                label, url = self._text(event.cta.label, 40) or words("register"), event.cta.url
            elif event.register_url and absolute(event.register_url):
                label, url = words("register"), event.register_url
        return ButtonView(label=label, url=self._link(url), name=f"{label}: {title}")

    def _text(self, text: str, limit: int) -> str:
        # The nonce is made after the posts were written; should it stand in one all the same, it goes.
        return clean(text.replace(self.nonce, ""), limit=limit)

    def _link(self, url: str) -> str:
        for character, code in _IN_LINKS:
            url = url.replace(character, code)
        return url.replace(self.nonce, "")


def _file_name(alt: str) -> bool:
    return bool(re.fullmatch(r"\S+\.(?:jpe?g|png|gif|webp|svg|avif)", alt, re.IGNORECASE)) or bool(
        re.fullmatch(r"(?:IMG|DSC|DSCN|image|photo|screenshot)[-_ ]?\d+", alt, re.IGNORECASE)
    )
