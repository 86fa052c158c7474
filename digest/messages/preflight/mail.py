"""The rendered mail as every check sees it: parsed once, with its style sheets and what only Word reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.editions.model import Content
from digest.messages.model import Rendered
from digest.messages.preflight.css import Rule, Sheet, declarations, sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One rendered edition and what it was made of; `for_word` is the markup inside conditional comments."""

    rendered: Rendered
    content: Content
    page: LexborHTMLParser
    sheets: tuple[Sheet, ...]
    for_word: str

    @property
    def rules(self) -> Iterator[Rule]:
        """Every rule of every style sheet."""
        return (rule for one in self.sheets for rule in one.rules)

    @property
    def own(self) -> str:
        """How addresses of this service begin: the pages of editions, calendars and readers."""
        return self.content.archive_url.rpartition("/a/")[0]


def mail_of(rendered: Rendered, content: Content) -> Mail:
    """`rendered` made ready to be looked at."""
    page = LexborHTMLParser(rendered.html)
    sheets = tuple(
        sheet(node.text(), (node.attributes.get("media") or "").strip()) for node in page.css("style")
    )
    return Mail(
        rendered=rendered,
        content=content,
        page=page,
        sheets=sheets,
        for_word=_for_word(page),
    )


def attribute(node: LexborNode, name: str) -> str:
    """An attribute's value, empty where it is missing or has none."""
    return node.attributes.get(name) or ""


def name_of(link: LexborNode) -> str:
    """What a screen reader calls a link, a button or a picture."""
    label = attribute(link, "aria-label")
    pictures = " ".join(attribute(image, "alt") for image in link.css("img"))
    return " ".join((label or f"{link.text()} {pictures}").split())


def is_hidden(node: LexborNode) -> bool:
    """Whether a style of its own, or of what it stands in, hides the element."""
    at: LexborNode | None = node
    while at is not None:
        style = declarations(attribute(at, "style")) if at.is_element_node else {}
        if style.get("display") == "none" or style.get("visibility") == "hidden":
            return True
        at = at.parent
    return False


def own_address(url: str, mail: Mail) -> bool:
    """Whether an address is one that this service answers itself, or a gap that becomes one."""
    own = mail.own
    return f"slot-{mail.rendered.nonce}-" in url or bool(own and (url == own or url.startswith(f"{own}/")))


def _for_word(page: LexborHTMLParser) -> str:
    """What stands in comments that begin with a condition, one after the other as Word reads it."""
    root = page.root
    nodes = root.traverse(include_text=False) if root else iter(())
    said = (node.comment_content or "" for node in nodes if node.is_comment_node)
    return "".join(one.partition("]>")[2].removesuffix("<![endif]") for one in said if one.startswith("[if"))
