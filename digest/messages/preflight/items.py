"""What is in the edition: items that are missing, doubled, or not as they should be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from digest.editions.model import Content, Item, Section
from digest.messages.model import Finding
from digest.messages.placing import showable, title_of
from digest.messages.preflight.findings import finding
from digest.messages.preflight.mail import Mail
from digest.posts.links import canonical_url


def findings(mail: Mail) -> Iterator[Finding]:
    """No items, left out ones, pictures mail cannot show, and what stands there twice."""
    content, rendered = mail.content, mail.rendered
    if not content.items:
        yield finding("no-items", "The edition has no items.", "items")
    elif len(rendered.dropped) >= len(content.items):
        yield finding(
            "no-items", "None of the items could be printed.", "items", remedy="See why each was left out."
        )
    for reason in rendered.dropped:
        yield finding("item-dropped", f"Left out: {reason}.", "items")
    yield from _pictures(content)
    yield from _doubles(content)
    if rendered.more:
        yield finding(
            "left-to-site", f"{rendered.more} items are left to the site to keep the mail small.", "items"
        )


def _pictures(content: Content) -> Iterator[Finding]:
    for item in content.items:
        if item.image and not showable(item.image.url):
            yield finding(
                "picture-format",
                f"The picture of {title_of(item)} cannot be shown in mail and is left out.",
                item.image.url,
            )
        elif item.section is Section.LEAD and not item.image:
            yield finding("lead-without-picture", f"The lead, {title_of(item)}, has no picture.", item.url)


def _doubles(content: Content) -> Iterator[Finding]:
    titles: dict[str, list[Item]] = defaultdict(list)
    pages: dict[str, list[Item]] = defaultdict(list)
    for item in content.items:
        titles[title_of(item).casefold()].append(item)
        pages[canonical_url(item.url)].append(item)
    for title, same in titles.items():
        if title and len(same) > 1 and not _on_their_own_days(same):
            yield finding("duplicate-title", f'{_count(same)} items are called "{title}".', "items")
    for same in pages.values():
        if len({title_of(item).casefold() for item in same}) > 1:
            named = " and ".join(f'"{title_of(item)}"' for item in same[:3])
            yield finding("duplicate-post", f"{named} lead to the same page.", same[0].url)


def _on_their_own_days(same: list[Item]) -> bool:
    """Whether all are events, each with a date of its own: a course that is held twice."""
    starts = [item.event.starts_at for item in same if item.event and item.event.starts_at]
    return len(starts) == len(same) == len(set(starts))


def _count(items: list[Item]) -> str:
    return "Two" if len(items) == 2 else str(len(items))
