"""Contrast of every piece of text in the HTML that was really made: light, dark, and turned dark by the mail program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import css_inline
from selectolax.lexbor import LexborHTMLParser

from digest.messages.model import Finding
from digest.messages.preflight import colours
from digest.messages.preflight.css import Rule, declarations, selectors
from digest.messages.preflight.findings import finding
from digest.messages.preflight.mail import Mail
from digest.messages.preflight.painting import DARK, LIGHT, Painted, painted

# WCAG 2.2, success criterion 1.4.3; 24 px, or 18.66 px in bold, count as large.
TEXT, LARGE_TEXT = 4.5, 3.0
_COLOURING = frozenset(
    {"color", "background", "background-color", "display", "visibility", "opacity", "font-size"}
)
_OUTLOOK = ("[data-ogsc]", "[data-ogsb]")
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """One way in which readers see the mail: what it is called, and its text with the colours it has there."""

    code: str
    name: str
    said: tuple[Painted, ...]


def findings(mail: Mail) -> Iterator[Finding]:
    """Each pair of colours that is too close, with the words it stands on, in each scheme."""
    seen = schemes(mail)
    for scheme in seen:
        yield from _faint(scheme)
    unknown = {one.unknown for scheme in seen for one in scheme.said if one.unknown}
    for value in sorted(unknown):
        yield finding("contrast-unknown", f"The colour {value[:60]} cannot be judged.", "HTML")


def schemes(mail: Mail) -> list[Scheme]:
    """The mail as light, as its own dark styles make it, as Outlook's do, and with every colour turned round."""
    rules = [rule for rule in mail.rules if _colours(rule)]
    always = [rule for rule in rules if rule.is_plain and not _for_outlook(rule)]
    dark = [rule for rule in rules if rule.is_dark]
    outlook = [rule for rule in rules if _for_outlook(rule)]
    light = painted(_styled(mail, always) if always else mail.page, LIGHT)
    found = [Scheme(code="contrast", name="in light", said=light)]
    if dark:
        said = painted(_styled(mail, [*always, *dark]), DARK)
        found.append(Scheme(code="contrast-dark", name="in dark mode", said=said))
    if outlook and not _same(outlook, dark):
        said = painted(_styled(mail, [*always, *outlook], outlook=True), LIGHT)
        found.append(Scheme(code="contrast-dark", name="in Outlook's dark mode", said=said))
    turned = tuple(one.turned() for one in light)
    found.append(Scheme(code="contrast-forced-dark", name="turned dark by the mail program", said=turned))
    return found


def _faint(scheme: Scheme) -> Iterator[Finding]:
    pairs: dict[tuple[str, str, float], list[str]] = {}
    for one in scheme.said:
        wanted = LARGE_TEXT if one.is_large else TEXT
        if not one.unknown and colours.ratio(one.ink, one.ground) < wanted:
            pairs.setdefault((one.ink, one.ground, wanted), []).append(one.words)
    for (ink, ground, wanted), words in pairs.items():
        told = list(dict.fromkeys(words))
        named = ", ".join(f"“{one}”" for one in told[:_NAMED])
        more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
        yield finding(
            scheme.code,
            f"{named}{more}: {ink} on {ground} is {colours.ratio(ink, ground):.1f}:1 {scheme.name}; "
            f"{wanted:g}:1 can be read.",
            "HTML",
        )


def _colours(rule: Rule) -> bool:
    return bool(rule.body) and not _COLOURING.isdisjoint(declarations(rule.body))


def _for_outlook(rule: Rule) -> bool:
    return any(mark in rule.selector for mark in _OUTLOOK)


def _same(outlook: Sequence[Rule], dark: Sequence[Rule]) -> bool:
    """Whether Outlook's rules say what the others say, but for those that colour no text: the page and its logos."""
    ours, others = _bare(outlook), _bare(dark)
    return ours <= others and not any("color" in declarations(body) for _, body in others - ours)


def _bare(rules: Sequence[Rule]) -> set[tuple[str, str]]:
    """What rules say, whoever they say it to."""
    said = set()
    for rule in rules:
        for selector in selectors(rule):
            words = selector
            for mark in _OUTLOOK:
                words = words.replace(mark, "")
            said.add((" ".join(words.split()), rule.body))
    return said


def _styled(mail: Mail, rules: Sequence[Rule], *, outlook: bool = False) -> LexborHTMLParser:
    """The page with these rules applied as a browser would: by weight, then by order, but after its own styles."""
    html = mail.rendered.html
    if outlook:
        page = LexborHTMLParser(html)
        root = page.css_first("html")
        if root is not None:
            for name in ("data-ogsc", "data-ogsb"):
                root.attrs[name] = ""
        html = page.html or html
    sheet = "\n".join(f"{rule.selector} {{ {rule.body} }}" for rule in rules)
    try:
        inliner = css_inline.CSSInliner(
            inline_style_tags=False, keep_style_tags=False, load_remote_stylesheets=False, extra_css=sheet
        )
        return LexborHTMLParser(inliner.inline(html))
    except (css_inline.InlineError, ValueError):
        return mail.page
