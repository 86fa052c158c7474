"""MJML source in, mail HTML out; the one module that knows the MJML engine."""

from __future__ import annotations

import re
from html import escape, unescape

import css_inline
from mjml import mjml2html

from digest.errors import DigestError

_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_LABEL = re.compile(r'aria-label="[^"]*" aria-roledescription="email"')
_COMMENT = re.compile(r"<!--(?!\[if|<!\[endif|>).*?-->", re.DOTALL)
_SPACES = re.compile(r">[^\S\n]+(?=</?mj)")
_INLINE_STYLE = re.compile(r'<mj-style\s+inline="inline"\s*>(.*?)</mj-style>', re.DOTALL)


class MjmlError(DigestError):
    """The MJML engine refused the source."""


def to_html(source: str, *, marks: re.Pattern[str] | None = None) -> str:
    """The mail for an MJML document: styles inlined, no web fonts, comments for Outlook kept, all others gone.

    The engine ignores `inline="inline"` on mj-style, so those rules are taken out and inlined afterwards.
    Words that match `marks` may stand where text may not, between the rows of a table; they come back as comments.
    Raises `MjmlError`; what the engine accepts silently is refused earlier, by `messages.check`.
    """
    rules: list[str] = []

    def take(match: re.Match[str]) -> str:
        rules.append(match[1])
        return ""

    bare = _INLINE_STYLE.sub(take, _COMMENT.sub("", source)).strip()
    # The engine takes a line break between elements of the head, but no spaces without one.
    bare = _SPACES.sub(">\n", bare)
    try:
        html = _labelled(mjml2html(bare, disable_comments=True, fonts={}))
    except (ValueError, TypeError, UnicodeError, OSError) as error:
        raise MjmlError(f"The MJML is not valid: {error}.") from error
    if marks:
        html = marks.sub(r"<!--\g<0>-->", html)
    inliner = css_inline.CSSInliner(
        inline_style_tags=False,
        keep_style_tags=True,
        load_remote_stylesheets=False,
        extra_css="\n".join(rules),
    )
    try:
        return inliner.inline(html)
    except (css_inline.InlineError, ValueError) as error:
        raise MjmlError(f"The styles of the template are not valid: {error}.") from error


def _labelled(html: str) -> str:
    """The page with its title as the label of the mail: the engine writes joiners and marks in it as numbers."""
    title = _TITLE.search(html)
    label = escape(unescape(title[1])) if title else ""
    return _LABEL.sub(lambda _: f'aria-label="{label}" aria-roledescription="email"', html, count=1)
