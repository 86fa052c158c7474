"""Content into Rendered: the only way an edition is made, rendered once and the same for every reader."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from markupsafe import escape

from digest.editions.model import Content, Item
from digest.errors import DigestError
from digest.messages import marks, mjml, plaintext
from digest.messages.arrange import arranged, personal_marks
from digest.messages.context import names_of
from digest.messages.mjml import MjmlError
from digest.messages.model import Rendered, SlotName, slot_marker
from digest.messages.placing import Plan, most_steps, plan, preheader_of, shrunk, subject_of
from digest.messages.sections import sections_of
from digest.messages.theme import theme_of
from digest.messages.wording import clean
from digest.templating import TemplateFault, Templates

MOST_BYTES = 90_000
SLOT_ROOM = 1_500
PROOF_PREFIX = "[TEST]"
_TEMPLATE = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")


class RenderError(DigestError):
    """The edition cannot be rendered at all; no single item is at fault."""


def render(content: Content, templates: Templates, *, nonce: str) -> Rendered:
    """The mail for `content`; equal content and nonce give equal bytes.

    Items that cannot be printed are left out and named in `dropped`. Over 90,000 bytes of HTML the last cards
    become lines, then the tail is left to the site and counted in `more`.
    Raises `RenderError`, `MarksError` or `TemplateFault` when the template itself is at fault.
    """
    if not _TEMPLATE.fullmatch(content.template):
        raise RenderError(
            f'template is "{content.template}"; expected the name of a folder under templates/editions.'
        )
    if not re.fullmatch(r"[A-Za-z0-9]{8,64}", nonce):
        raise RenderError("A render's nonce is 8 to 64 letters and digits.")
    press = _Press(content, templates, nonce)
    chosen, html = _without_culprits(plan(content), press)
    if press.is_too_large(html):
        chosen, html = _fitted(chosen, press)
    subject, preheader = press.headings(chosen)
    page, text = marks.read(html, nonce), marks.read(press.text(chosen), nonce)
    return Rendered(
        subject=subject,
        preheader=preheader,
        html=page.page,
        text=text.page,
        nonce=nonce,
        personal=_comments(nonce),
        language=content.language,
        dropped=chosen.dropped,
        more=chosen.left,
        sections=sections_of(page, text, chosen, template=content.template),
    )


def filled(rendered: Rendered, values: Mapping[SlotName, str]) -> tuple[str, str]:
    """HTML and text with the slots filled for one reader; every slot needs a value."""
    html, text = rendered.html, rendered.text
    for name in SlotName:
        marker = slot_marker(rendered.nonce, name)
        value = clean(values[name])
        html = html.replace(marker, _escaped(value))
        text = text.replace(marker, value)
    return html, text


def web_copy(rendered: Rendered) -> str:
    """The edition as anyone may see it: personal parts left out.

    Raises `RenderError` if a slot would remain, so that no page ever shows a reader's links.
    """
    start, end = (re.escape(mark) for mark in rendered.personal)
    html = re.sub(f"{start}.*?{end}", "", rendered.html, flags=re.DOTALL)
    if rendered.nonce in html:
        raise RenderError("The template uses a slot outside its personal part; the web copy would show it.")
    return html


class _Press:
    """One edition's templates, theme and words, ready to print any plan of it."""

    def __init__(self, content: Content, templates: Templates, nonce: str) -> None:
        self._content = content
        self._templates = templates
        self._nonce = nonce
        self._marks = marks.pattern(nonce)
        self._folder = f"editions/{content.template}"
        if templates.find(f"{self._folder}/body.mjml") is None:
            raise TemplateFault(
                f'There is no template "{content.template}": {self._folder}/body.mjml is missing.'
            )
        self._theme = theme_of(templates, content.template)
        self._words = templates.words(content.language)
        self._last: tuple[Plan, dict[str, Any]] | None = None

    def headings(self, chosen: Plan) -> tuple[str, str]:
        """Subject and preheader; the template's subject.txt has the last word, and is never empty."""
        written = clean(self._render("subject.txt", chosen), limit=200)
        subject = written or subject_of(self._content, chosen, self._words)
        proof = f"{PROOF_PREFIX} " if self._content.proof else ""
        preheader = preheader_of(self._content, chosen).replace(self._nonce, "")
        return proof + (subject.replace(self._nonce, "") or self._content.publication), preheader

    def html(self, chosen: Plan) -> str:
        html = mjml.to_html(self._render("body.mjml", chosen), marks=self._marks)
        for mark, comment in zip(personal_marks(self._nonce), _comments(self._nonce), strict=True):
            html = html.replace(mark, comment)
        return html

    def is_too_large(self, html: str) -> bool:
        """Whether what readers get of `html`, without our marks, would be cut off."""
        return len(marks.read(html, self._nonce).page.encode()) + SLOT_ROOM > MOST_BYTES

    def text(self, chosen: Plan) -> str:
        text = self._render("body.txt", chosen)
        for mark in personal_marks(self._nonce):
            text = text.replace(mark, "")
        return plaintext.tidy(text, marks=self._marks)

    def _render(self, file: str, chosen: Plan) -> str:
        return self._templates.render(f"{self._folder}/{file}", self._names(chosen))

    def _names(self, chosen: Plan) -> dict[str, Any]:
        """What the templates see of a plan, made once for all its files."""
        if self._last is None or self._last[0] is not chosen:
            context = arranged(self._content, chosen, theme=self._theme, words=self._words, nonce=self._nonce)
            self._last = (chosen, names_of(context))
        return self._last[1]


def _without_culprits(chosen: Plan, press: _Press) -> tuple[Plan, str]:
    """The plan and its HTML, without items that break the page; each is tried alone only when the page broke."""
    try:
        press.text(chosen)
        return chosen, press.html(chosen)
    except (MjmlError, TemplateFault) as error:
        culprits = [item for item in chosen.items if not _prints(_only(chosen, [item]), press)]
        rest = _only(chosen, [item for item in chosen.items if item not in culprits])
        if not culprits or not _prints(rest, press):
            raise
        reasons = tuple(
            f"{clean(item.title, limit=80)}: it could not be rendered ({error})" for item in culprits
        )
        rest = replace(rest, dropped=(*chosen.dropped, *reasons))
        return rest, press.html(rest)


def _prints(chosen: Plan, press: _Press) -> bool:
    try:
        press.text(chosen)
        press.html(chosen)
    except (MjmlError, TemplateFault):
        return False
    return True


def _only(chosen: Plan, items: list[Item]) -> Plan:
    """The plan with none but these items."""

    def kept(section: tuple[Item, ...]) -> tuple[Item, ...]:
        return tuple(item for item in section if item in items)

    return replace(
        chosen,
        lead=chosen.lead if chosen.lead in items else None,
        events=kept(chosen.events),
        event_lines=kept(chosen.event_lines),
        cards=kept(chosen.cards),
        brief=kept(chosen.brief),
    )


def _fitted(full: Plan, press: _Press) -> tuple[Plan, str]:
    """The largest plan whose HTML fits, found by halving; the smallest there is when none does."""
    low, high = 1, most_steps(full)
    best = shrunk(full, high)
    html = press.html(best)
    while low < high:
        middle = (low + high) // 2
        tried = shrunk(full, middle)
        page = press.html(tried)
        if press.is_too_large(page):
            low = middle + 1
        else:
            high, best, html = middle, tried, page
    return best, html


def _comments(nonce: str) -> tuple[str, str]:
    return f"<!--personal-{nonce}-begin-->", f"<!--personal-{nonce}-end-->"


def _escaped(value: str) -> str:
    return str(escape(value))
