"""Content into the names templates use: items cleaned, events stated in words, each section in its order."""

from __future__ import annotations

import re
from dataclasses import dataclass

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from digest.editions.model import Content, Item, ItemKind
from digest.messages.context import (
    Context,
    EditionView,
    ItemView,
    PictureView,
    PublicationView,
    SlotsView,
)
from digest.messages.eventcard import Cards
from digest.messages.marks import DATES, STORIES, count_marks, earlier_marks, item_marks, part_marks
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
from digest.messages.wording import Pen, clean, day_and_month, day_words
from digest.posts.model import Image
from digest.templating import Words, direction, regional

COLUMN = 560
EXCERPT, INTRO = 2000, 8000
_TALLEST = 420
_INTRO_TAGS = {"p", "br", "strong", "em", "a", "ul", "ol", "li", "blockquote"}
_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")  # BCP 47, as far as it stands in feeds
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable(
    ["heading", "lheading", "image", "fence", "code", "hr"]
)


def arranged(content: Content, chosen: Plan, *, theme: Theme, words: Words, nonce: str) -> Context:
    """The names that the templates of one edition see."""
    pen = Pen(nonce=nonce)
    cards = Cards(
        now=content.send_at,
        timezone=content.timezone,
        language=content.language,
        words=words,
        pen=pen,
        calendar_url=content.calendar_url,
    )
    numbers = {id(item): number for number, item in enumerate(chosen.items)}
    view = _Viewer(content=content, words=words, pen=pen, cards=cards, numbers=numbers)
    return Context(
        publication=view.publication(),
        edition=view.edition(chosen),
        lead=view.item(chosen.lead, column=COLUMN) if chosen.lead else None,
        events=tuple(view.item(i, among_events=True) for i in chosen.events),
        event_lines=tuple(view.item(i, among_events=True) for i in chosen.event_lines),
        cards=tuple(view.item(i) for i in chosen.cards),
        brief=tuple(view.item(i) for i in chosen.brief),
        slots=_slots(nonce),
        theme=theme,
        language=content.language,
        direction=direction(content.language),
        timezone=content.timezone,
        word=words,
    )


def _slots(nonce: str) -> SlotsView:
    personal, end_personal = (Markup(mark) for mark in personal_marks(nonce))  # noqa: S704  our own nonce only
    part, end_part = part_marks(nonce)
    stories, end_stories = count_marks(nonce, STORIES)
    dates, end_dates = count_marks(nonce, DATES)
    earlier, end_earlier = earlier_marks(nonce)
    return SlotsView(
        unsubscribe_url=slot_marker(nonce, SlotName.UNSUBSCRIBE_URL),
        preferences_url=slot_marker(nonce, SlotName.PREFERENCES_URL),
        signed_up=slot_marker(nonce, SlotName.SIGNED_UP),
        personal=personal,
        end_personal=end_personal,
        part=part,
        end_part=end_part,
        more=stories,
        end_more=end_stories,
        more_events=dates,
        end_more_events=end_dates,
        earlier=earlier,
        end_earlier=end_earlier,
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
    pen: Pen
    cards: Cards
    numbers: dict[int, int]

    def publication(self) -> PublicationView:
        content = self.content
        return PublicationView(
            name=self.pen.text(content.publication_name, SHORT),
            tagline=self.pen.text(content.tagline, EXCERPT),
            sender_name=self.pen.text(content.sender_name, SHORT),
            postal_address=self.pen.text(content.postal_address, EXCERPT),
            site_url=content.site_url if absolute(content.site_url) else "",
            cadence=self.pen.text(content.cadence_words, SHORT),
        )

    def edition(self, chosen: Plan) -> EditionView:
        content = self.content
        return EditionView(
            number=content.number,
            date=day_words(content.send_at, language=content.language, timezone=content.timezone),
            subject=self.pen.text(subject_of(content, chosen, self.words), SUBJECT),
            preheader=self.pen.text(preheader_of(content, chosen), PREHEADER),
            intro=intro_html(content.intro.replace(self.pen.nonce, "")),
            intro_text=intro_text(content.intro.replace(self.pen.nonce, "")),
            web_url=content.archive_url if absolute(content.archive_url) else "",
            more=chosen.left,
            more_events=len(chosen.beyond),
            proof=content.proof,
        )

    def item(self, item: Item, *, column: int = 120, among_events: bool = False) -> ItemView:
        known = item.language if item.language and _TAG.fullmatch(item.language) else ""
        language = known if known != self.content.language else ""
        title = self.pen.text(title_of(item), TITLE)
        begin, end = item_marks(self.pen.nonce, self.numbers[id(item)])
        return ItemView(
            begin=begin,
            end=end,
            title=title,
            url=self.pen.link(item.url),
            excerpt=self.pen.text(item.excerpt, EXCERPT),
            author=self.pen.text(item.author, SHORT),
            topic=self.pen.text(item.topics[0].replace("-", " ").capitalize(), SHORT) if item.topics else "",
            source=self.pen.text(item.source, SHORT),
            date=self._published(item),
            language=language,
            direction=direction(language) if language else "",
            picture=self._picture(item.image, column) if item.image else None,
            event=self.cards.view(item, title=title)
            if among_events or item.kind is not ItemKind.POST
            else None,
        )

    def _published(self, item: Item) -> str:
        if item.published_at is None:
            return ""
        region = regional(self.content.language, self.content.timezone)
        return day_and_month(item.published_at, self.content.timezone, region=region)

    def _picture(self, image: Image, column: int) -> PictureView | None:
        if not showable(image.url):
            return None
        width, height = column, None
        if image.width and image.height and image.width > 0 and image.height > 0:
            width = min(column, image.width, max(1, _TALLEST * image.width // image.height))
            height = max(1, round(width * image.height / image.width))
        alt = self.pen.text(image.alt, SHORT)
        return PictureView(
            url=self.pen.link(image.url), alt="" if _file_name(alt) else alt, width=width, height=height
        )


def _file_name(alt: str) -> bool:
    return bool(re.fullmatch(r"\S+\.(?:jpe?g|png|gif|webp|svg|avif)", alt, re.IGNORECASE)) or bool(
        re.fullmatch(r"(?:IMG|DSC|DSCN|image|photo|screenshot)[-_ ]?\d+", alt, re.IGNORECASE)
    )
