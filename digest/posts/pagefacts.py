"""What the page of a post tells about itself and about events: canonical address, picture, title, structured data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.posts import jsonld, microdata
from digest.posts.clean import title_text
from digest.posts.links import safe_link
from digest.posts.markup import is_cut, tamed, unmarked
from digest.posts.model import Event, Image, Origin, PageFacts
from digest.posts.pictures import picture
from digest.posts.schemaorg.events import MOST_EVENTS, Told, told
from digest.posts.schemaorg.thing import ARTICLES, EVENTS, short_type

_MOST_METAS = 500
_MOST_WARNINGS = 20
_LONGEST_CONTENT = 2_500
_LONGEST_WARNING = 300
_JSON_LD = re.compile(r"application/(?:[\w.-]+\+)?ld\+json", re.IGNORECASE)
_PICTURE_URLS = ("og:image:secure_url", "og:image")


def read(html: str, *, url: str) -> PageFacts:
    """What `html`, the page at `url` (absolute, after redirects), tells; cleaned, bounded, and never an error.

    Read are the first 2 MB, 50 blocks of JSON-LD (microdata too where extruct is installed) and 200 events. What was
    left out or is doubtful stands in the warnings, in words.
    """
    page = safe_link(url, base=url)
    if page is None:
        return PageFacts(url=url, warnings=("The page has no web address and was not read.",))
    warnings = ["The page is too long to be read whole; only its beginning was."] if is_cut(html) else []
    tree = LexborHTMLParser(tamed(html))
    base = _base(tree, page)
    metas = _metas(tree)
    canonical, doubt = _canonical(tree, metas, page=page, base=base)
    warnings += [doubt] if doubt else []
    pages = tuple(dict.fromkeys((page, *((canonical,) if canonical else ()))))
    data, slips = _structured(tree, pages=pages, base=base)
    kinds = {content.strip().lower() for name, content in metas if name == "og:type"}
    return PageFacts(
        url=url,
        canonical_url=canonical,
        image=_image(metas, base=base),
        title=_title(tree, metas),
        is_article=data.is_article or "article" in kinds,
        events=data.events,
        warnings=tuple(w[:_LONGEST_WARNING] for w in (*warnings, *slips)[:_MOST_WARNINGS]),
    )


def _base(tree: LexborHTMLParser, page: str) -> str:
    """What relative addresses are relative to."""
    for node in tree.css("base[href]")[:1]:
        return safe_link(_attribute(node, "href"), base=page) or page
    return page


def _metas(tree: LexborHTMLParser) -> list[tuple[str, str]]:
    """Names and contents of the page's meta elements, in their order."""
    found = []
    for node in tree.css("meta[content]")[:_MOST_METAS]:
        name = (_attribute(node, "property") or _attribute(node, "name")).strip().lower()
        content = _attribute(node, "content")
        if name and content.strip():
            found.append((name, content))
    return found


def _canonical(
    tree: LexborHTMLParser, metas: list[tuple[str, str]], *, page: str, base: str
) -> tuple[str | None, str]:
    """The address that the page calls its own, if it is one of the same site; else None, and perhaps why."""
    named = [
        _attribute(node, "href")
        for node in tree.css("link[rel][href]")[:_MOST_METAS]
        if "canonical" in _attribute(node, "rel").lower().split()
    ]
    doubt = ""
    for raw in (*named, *(content for name, content in metas if name == "og:url")):
        link = safe_link(raw, base=base)
        if link is None:
            continue
        link = urlunsplit(urlsplit(link)._replace(fragment=""))
        if _site(link) != _site(page):
            doubt = (
                doubt
                or f"The page names a page of another site as its own ({_site(link)[:100]}); it was not believed."
            )
        elif not (_is_root(link) and not _is_root(page)):
            return link, ""
    return None, doubt


def _structured(tree: LexborHTMLParser, *, pages: tuple[str, ...], base: str) -> tuple[Told, list[str]]:
    """What JSON-LD and microdata say; where both tell of one event, JSON-LD is heard."""
    scripts = [
        unmarked(node.text(deep=True) or "")
        for node in tree.css("script[type]")
        if _JSON_LD.match(_attribute(node, "type").strip())
    ]
    things, slips = jsonld.things(scripts)
    first = told(things, pages=pages, base=base, origin=Origin.JSON_LD)
    items, has_article = _items(tree)
    more, more_slips = microdata.things(items, base=base)
    second = told(more, pages=pages, base=base, origin=Origin.MICRODATA)
    known = {(event.title.casefold(), event.starts_at) for event in first.events}
    known |= {(event.uid, None) for event in first.events if event.uid}
    events: tuple[Event, ...] = first.events + tuple(
        event
        for event in second.events
        if (event.title.casefold(), event.starts_at) not in known and (event.uid, None) not in known
    )
    both = Told(events=events[:MOST_EVENTS], is_article=first.is_article or has_article)
    return both, [*slips, *first.warnings, *more_slips, *second.warnings]


def _items(tree: LexborHTMLParser) -> tuple[list[str], bool]:
    """The HTML of the events in microdata, the outermost ones, and whether the page as a whole is an article in it."""
    events, articles = list[str](), 0
    for node in tree.css("[itemscope][itemtype]")[:_MOST_METAS]:
        types = {short_type(name).lower() for name in _attribute(node, "itemtype").split()[:10]}
        if types & ARTICLES and not node.attributes.get("itemprop"):
            articles += 1
        if types & EVENTS and len(events) <= microdata.MOST_ITEMS and not _inside_event(node):
            events.append(unmarked(node.html or ""))
    return events, articles == 1  # several are teasers of other pages


def _inside_event(node: LexborNode) -> bool:
    parent, steps = node.parent, 0
    while parent is not None and steps < 100:
        if any(short_type(name).lower() in EVENTS for name in _attribute(parent, "itemtype").split()[:10]):
            return True
        parent, steps = parent.parent, steps + 1
    return False


def _image(metas: list[tuple[str, str]], *, base: str) -> Image | None:
    """The first picture that the page offers for sharing and that is worth showing, one over https before others."""
    found = [image for group in _groups(metas) for image in _pictures(group, base=base)]
    return next((image for image in found if image.url.startswith("https:")), found[0] if found else None)


def _groups(metas: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """The pictures as Open Graph writes them, what is said of one after its address; then that of the other cards."""
    groups: list[dict[str, str]] = []
    cards: dict[str, str] = {}
    for name, content in metas:
        if name.startswith("og:image"):
            if not groups or (name in {"og:image", "og:image:url"} and "og:image" in groups[-1]):
                groups.append({})
            key = "og:image" if name == "og:image:url" else name
            groups[-1].setdefault(key, content)
        elif name in {"twitter:image", "twitter:image:src"}:
            cards.setdefault("og:image", content)
        elif name == "twitter:image:alt":
            cards.setdefault("og:image:alt", content)
    return [*groups[:10], cards]


def _pictures(group: dict[str, str], *, base: str) -> list[Image]:
    found = [
        picture(
            group[name],
            base=base,
            alt=group.get("og:image:alt", ""),
            width=group.get("og:image:width"),
            height=group.get("og:image:height"),
        )
        for name in _PICTURE_URLS
        if name in group
    ]
    return [image for image in found if image is not None]


def _title(tree: LexborHTMLParser, metas: list[tuple[str, str]]) -> str:
    shared = next((title for name, raw in metas if name == "og:title" and (title := title_text(raw))), "")
    if shared:
        return shared
    node = tree.css_first("head > title")
    return title_text(unmarked(node.text(deep=True) or "")) if node is not None else ""


def _attribute(node: LexborNode, name: str) -> str:
    return unmarked(node.attributes.get(name) or "")[:_LONGEST_CONTENT]


def _site(link: str) -> str:
    return (urlsplit(link).hostname or "").removeprefix("www.")


def _is_root(link: str) -> bool:
    parts = urlsplit(link)
    return parts.path in {"", "/"} and not parts.query
