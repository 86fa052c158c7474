"""Events: what a reader would be told too late or without ground, and what staff may know better."""

from __future__ import annotations

from collections.abc import Iterator

from digest.editions.model import Content, Item, ItemKind
from digest.messages.model import Finding
from digest.messages.placing import title_of
from digest.messages.preflight.findings import finding
from digest.messages.preflight.mail import Mail
from digest.posts.model import Event
from digest.posts.timing import is_over

DISAGREEMENT = "disagreement"
_LONGEST_SENTENCE = 300


def findings(mail: Mail) -> Iterator[Finding]:
    """Past, undated and doubtful events, and the sentences of possible ones that seem to tell a date."""
    for item in mail.content.items:
        if item.kind is ItemKind.MAYBE:
            yield from _maybe(item)
        elif item.kind is ItemKind.EVENT:
            yield from _event(item, item.event, mail.content)


def _event(item: Item, event: Event | None, content: Content) -> Iterator[Finding]:
    title = title_of(item)
    if event is None or event.starts_at is None:
        yield finding("event-undated", f"{title} has no date.", item.url)
        return
    if is_over(event, now=content.send_at, timezone=content.timezone):
        yield finding("past-event", f"{title} is over when the mail is sent.", "events")
    if event.floating:
        zone = event.timezone or content.timezone
        yield finding(
            "event-zone-assumed", f"{title}: the source names no zone; its time is taken as {zone}.", item.url
        )
    for evidence in event.evidence:
        if evidence.fact == DISAGREEMENT:
            said = evidence.quote.rstrip(".") or "its sources do not agree"
            yield finding("event-disagreement", f"{title}: {said}.", item.url)


def _maybe(item: Item) -> Iterator[Finding]:
    title = title_of(item)
    yield finding("maybe-event", f"{title} may be an event; it is printed with a link and no date.", item.url)
    for suggestion in item.suggestions:
        sentence = suggestion.sentence[:_LONGEST_SENTENCE]
        yield finding(
            "event-suggestion", f"{title}: its text says: “{sentence}” ({suggestion.phrase})", item.url
        )
