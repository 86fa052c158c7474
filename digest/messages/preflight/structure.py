"""How the mail is built, as somebody hears it: headings, language, tables that only lay out, sections with something in."""

from __future__ import annotations

from collections.abc import Iterator

from selectolax.lexbor import LexborNode

from digest.messages.model import Finding
from digest.messages.preflight.findings import finding
from digest.messages.preflight.mail import Mail, attribute, is_hidden, own_address
from digest.templating import direction

_HEADINGS = "h1, h2, h3, h4, h5, h6"
_NO_TABLE = frozenset({"presentation", "none"})


def findings(mail: Mail) -> Iterator[Finding]:
    """What somebody who listens to the mail, or jumps through it, would stumble over."""
    yield from _headings(mail)
    yield from _sections(mail)
    yield from _language(mail)
    plain = [node for node in mail.page.css("table") if attribute(node, "role").lower() not in _NO_TABLE]
    if plain:
        count = "One table has" if len(plain) == 1 else f"{len(plain)} tables have"
        yield finding("table-role", f'{count} no role="presentation".', "HTML")


def _headings(mail: Mail) -> Iterator[Finding]:
    levels = [
        (int(str(node.tag)[1]), _words(node)) for node in mail.page.css(_HEADINGS) if not is_hidden(node)
    ]
    main = sum(1 for level, _ in levels if level == 1)
    if main != 1:
        count = "no heading" if not main else f"{main} headings"
        yield finding("heading-main", f"The mail has {count} of the first level.", "HTML")
    before = 0
    for level, words in levels:
        if level > before + 1 and (before or level > 2):
            yield finding(
                "heading-skip",
                f"The heading “{words}” is of level {level} and follows one of level {before or 'none'}.",
                "HTML",
            )
        before = level


def _sections(mail: Mail) -> Iterator[Finding]:
    """A heading of the second level without a link of its own, and nothing to read or follow before the next."""
    open_heading, filled = "", True
    for node in mail.page.css(f"{_HEADINGS}, a[href]"):
        level = int(str(node.tag)[1]) if node.tag != "a" else 0
        if level in {1, 2}:
            if not filled:
                yield _empty(open_heading)
            open_heading, filled = _words(node), level == 1 or node.css_first("a[href]") is not None
        elif level or not own_address(attribute(node, "href"), mail):
            filled = True
    if not filled:
        yield _empty(open_heading)


def _empty(heading: str) -> Finding:
    return finding("empty-section", f"Nothing stands under the heading “{heading}”.", "HTML")


def _language(mail: Mail) -> Iterator[Finding]:
    content = mail.content
    wanted = direction(content.language)
    body = mail.page.body
    wrapper = body.css_first("[role=article], div, table") if body else None
    for node, where in ((mail.page.css_first("html"), "html"), (wrapper, "the wrapper in the body")):
        lang = attribute(node, "lang") if node else ""
        way = attribute(node, "dir") if node else ""
        if lang.lower() != content.language.lower() or way != wanted:
            yield finding(
                "language-missing",
                f'On {where} stand lang="{lang}" and dir="{way}"; expected "{content.language}" and "{wanted}".',
                "HTML",
            )


def _words(node: LexborNode) -> str:
    return " ".join(node.text().split())[:80]
