"""What must hold before an edition may be approved, and what staff should look at; nothing here uses the network."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from html import unescape
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.editions.model import Content, ItemKind
from digest.messages.model import Finding, Rendered, Severity, SlotName, slot_marker
from digest.messages.placing import showable, title_of
from digest.messages.render import MOST_BYTES
from digest.messages.wording import clean, event_is_over

CLIPPED_AT = 102_400
LONGEST_SUBJECT = 100
_LOADERS = "link[href], script, iframe, object, embed, audio, video, source, form"
_SLOT = re.compile(r"slot-([A-Za-z0-9]+)-([a-z-]+?)-end")
_URL_IN_CSS = re.compile(r"url\(|@import|@font-face", re.IGNORECASE)


def check(rendered: Rendered, content: Content) -> tuple[Finding, ...]:
    """Every finding, the blocking ones first; codes are stable, so that an override can name one."""
    page = LexborHTMLParser(rendered.html)
    found = [
        *_leaving(rendered, content),
        *_size(rendered),
        *_third_parties(rendered, content, page),
        *_items(rendered, content),
        *_pictures(page),
        *_links(page),
        *_headers(rendered, content),
    ]
    order = list(Severity)
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def blocking(
    findings: tuple[Finding, ...], *, overridden: frozenset[str] = frozenset()
) -> tuple[Finding, ...]:
    """The findings that stop an approval, but for those overridden by their code."""
    return tuple(f for f in findings if f.severity is Severity.BLOCKING and f.code not in overridden)


def _leaving(rendered: Rendered, content: Content) -> Iterator[Finding]:
    """Every reader can leave, and knows who writes, in both parts; no slot is damaged."""
    marker = slot_marker(rendered.nonce, SlotName.UNSUBSCRIBE_URL)
    address = " ".join(clean(content.postal_address).split())
    parts = (("HTML", rendered.html, "body.mjml"), ("text", rendered.text, "body.txt"))
    for part, body, file in parts:
        linked = f'href="{marker}"' in body if part == "HTML" else marker in body
        if not linked:
            yield _blocking(
                "unsubscribe-missing",
                f"The {part} part has no link to unsubscribe.",
                part,
                f"Use slots.unsubscribe_url in {file}.",
            )
        seen = unescape(re.sub(r"<[^>]+>", " ", body)) if part == "HTML" else body
        if not address or address not in " ".join(seen.split()):
            yield _blocking(
                "postal-address-missing",
                f"The {part} part does not print the postal address.",
                part,
                f"Print publication.postal_address in {file}.",
            )
        known = {name.value.replace("_", "-") for name in SlotName}
        broken = [m[0] for m in _SLOT.finditer(body) if m[1] == rendered.nonce and m[2] not in known]
        whole = sum(body.count(slot_marker(rendered.nonce, name)) for name in SlotName)
        begun = body.count(f"slot-{rendered.nonce}-")
        if broken or whole != begun:
            yield _blocking(
                "slot-damaged",
                f"The {part} part has a slot that cannot be filled.",
                part,
                f"Print slots whole in {file}, without filters.",
            )


def _size(rendered: Rendered) -> Iterator[Finding]:
    size = len(rendered.html.encode())
    if size > CLIPPED_AT:
        yield _blocking(
            "too-large",
            f"The HTML has {size:,} bytes; Gmail cuts a mail off after {CLIPPED_AT:,}, and with it the way to unsubscribe.",
            "HTML",
            "Take items out or shorten the note.",
        )
    elif size > MOST_BYTES:
        yield _warning(
            "large", f"The HTML has {size:,} bytes; {MOST_BYTES:,} is the goal.", "HTML", "Take items out."
        )


def _third_parties(rendered: Rendered, content: Content, page: LexborHTMLParser) -> Iterator[Finding]:
    """Opening the mail loads nothing but the pictures of its items and the logo."""
    loaders = {str(node.tag) for node in page.css(_LOADERS)}
    styles = " ".join(
        [
            *(n.text() for n in page.css("style")),
            *(n.attributes.get("style") or "" for n in page.css("[style]")),
        ]
    )
    if loaders or _URL_IN_CSS.search(styles) or page.css("[background]"):
        what = ", ".join(sorted(loaders)) or "a style that loads something"
        yield _blocking(
            "third-party",
            f"The mail loads more than pictures when it is opened: {what}.",
            "HTML",
            "Remove it from the template.",
        )
    wanted = {i.image.url for i in content.items if i.image}
    tiny = [
        n
        for n in page.css("img")
        if (n.attributes.get("width") or "") in {"0", "1"} and n.attributes.get("src") not in wanted
    ]
    if tiny:
        yield _blocking(
            "tracking-pixel",
            f"A picture of one pixel is in the template: {tiny[0].attributes.get('src')}.",
            "HTML",
            "Remove it; this mail promises not to track.",
        )


def _items(rendered: Rendered, content: Content) -> Iterator[Finding]:
    if not content.items:
        yield _blocking("no-items", "The edition has no items.", "items", "Add one, or skip this edition.")
    elif len(rendered.dropped) >= len(content.items):
        yield _blocking(
            "no-items", "None of the items could be printed.", "items", "See why each was left out."
        )
    for reason in rendered.dropped:
        yield _warning("item-dropped", f"Left out: {reason}.", "items", "Mend the item or take it out.")
    for item in content.items:
        event = item.event if item.kind is ItemKind.EVENT else None
        if event and event_is_over(event, now=content.send_at, timezone=content.timezone):
            yield _warning(
                "past-event", f"{title_of(item)} is over when the mail is sent.", "events", "Take it out."
            )
        if item.image and not showable(item.image.url):
            yield _warning(
                "picture-format",
                f"The picture of {title_of(item)} cannot be shown in mail and is left out.",
                item.image.url,
                "Use a JPEG or PNG at an https address.",
            )
    titles = Counter(title_of(item).casefold() for item in content.items)
    for title in (t for t, n in titles.items() if n > 1 and t):
        yield _warning(
            "duplicate-title", f'Two items are called "{title}".', "items", "Take one of them out."
        )
    if rendered.more:
        yield _note(
            "left-to-site", f"{rendered.more} items are left to the site to keep the mail small.", "items"
        )


def _pictures(page: LexborHTMLParser) -> Iterator[Finding]:
    for image in page.css("img"):
        source, alt = image.attributes.get("src") or "", image.attributes.get("alt")
        if alt is None:
            yield _warning(
                "alt-missing", "A picture has no alt text.", source, 'Add alt="" or say what it shows.'
            )
        elif not alt and not image.css_matches(".thumb img, .logo-dark"):
            yield _note("alt-empty", "A large picture has no alt text and counts as decoration.", source)
        if urlsplit(source).scheme == "http":
            yield _warning(
                "picture-not-https", "A picture is not at an https address.", source, "Use its https address."
            )


def _links(page: LexborHTMLParser) -> Iterator[Finding]:
    named: dict[str, set[str]] = {}
    for link in page.css("a[href]"):
        if link.attributes.get("aria-hidden") != "true":
            named.setdefault(_name(link).casefold(), set()).add(link.attributes["href"] or "")
    for name, targets in named.items():
        if not name:
            yield _warning("link-without-text", "A link has no words.", min(targets), "Say where it leads.")
        elif len(targets) > 1:
            yield _warning(
                "duplicate-link-text",
                f'{len(targets)} links are called "{name}" and lead to different places.',
                min(targets),
                "Give each its own words.",
            )
    for scheme in sorted(
        {urlsplit(target).scheme for targets in named.values() for target in targets if ":" in target}
    ):
        if scheme not in {"http", "https", "mailto", "tel"}:
            yield _blocking(
                "link-scheme", f"A link begins with {scheme}:.", "HTML", "Use web addresses only."
            )


def _headers(rendered: Rendered, content: Content) -> Iterator[Finding]:
    if not rendered.subject.strip():
        yield _blocking("subject-empty", "The subject is empty.", "subject", "Write one.")
    elif len(rendered.subject) > LONGEST_SUBJECT:
        yield _warning(
            "subject-long",
            f"The subject has {len(rendered.subject)} characters; inboxes show about 60.",
            "subject",
            "Shorten it.",
        )
    if not content.subject.strip():
        yield _note("subject-made", "The subject was made from the first title.", "subject")
    if not rendered.preheader:
        yield _warning(
            "preheader-empty", "Inboxes have no line to show after the subject.", "preheader", "Write one."
        )


def _name(link: LexborNode) -> str:
    """What a screen reader calls the link."""
    label = link.attributes.get("aria-label")
    pictures = " ".join(image.attributes.get("alt") or "" for image in link.css("img"))
    return " ".join((label or f"{link.text()} {pictures}").split())


def _blocking(code: str, message: str, place: str, remedy: str) -> Finding:
    return Finding(code=code, severity=Severity.BLOCKING, message=message, place=place, remedy=remedy)


def _warning(code: str, message: str, place: str, remedy: str) -> Finding:
    return Finding(code=code, severity=Severity.WARNING, message=message, place=place, remedy=remedy)


def _note(code: str, message: str, place: str) -> Finding:
    return Finding(code=code, severity=Severity.NOTE, message=message, place=place)
