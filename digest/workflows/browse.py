"""Past editions as anybody may see them: what was mailed, never what is being prepared, and nothing personal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from digest.database import Session
from digest.editions import store as editions
from digest.editions.model import Edition, EditionState
from digest.messages import atom, render
from digest.messages.atom import Entry, Feed, Story
from digest.messages.model import Rendered
from digest.messages.wording import day_words
from digest.settings import Publication
from digest.workflows.compose import base_url, sender_for
from digest.workflows.parts import Parts

_PUBLIC = frozenset({EditionState.SENDING, EditionState.PAUSED, EditionState.SENT})
_LISTED = 100  # each is read with its items
_IN_FEED = 20
_LOOKED_AT = 10  # numbers on each side; those that were cancelled or skipped are passed over
_LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One line of the archive: when mailing began, and that day in the publication's words."""

    number: int
    subject: str
    sent_at: datetime
    day: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFile:
    """The bytes of a feed, and when its newest edition went out."""

    body: bytes
    changed_at: datetime | None


def published(parts: Parts, publication: str) -> list[Published]:
    """The latest editions of `publication` that have gone out, newest first; raises `DigestError` for none of ours."""
    known = parts.publication(publication)
    with parts.database.reading() as session:
        found = editions.list_editions(session, publication, _LISTED, states=_PUBLIC)
    return [
        _line(edition, known) for edition in sorted(found, key=lambda edition: edition.number, reverse=True)
    ]


def feed(parts: Parts, publication: str) -> FeedFile:
    """The latest editions of `publication` for feed readers; raises `DigestError` for none of ours."""
    known, home = parts.publication(publication), base_url(parts)
    with parts.database.reading() as session:
        found = editions.list_editions(session, publication, _IN_FEED, states=_PUBLIC)
    made = Feed(
        list_id=sender_for(parts, publication).list_id,
        title=known.name,
        author=known.sender[0],
        language=known.language,
        page_url=f"{home}/a/{publication}/",
        feed_url=f"{home}/a/{publication}/feed",
        entries=tuple(_entry(edition, home) for edition in sorted(found, key=_newest_first)),
    )
    return FeedFile(body=atom.document(made), changed_at=made.changed_at)


def web_copy(parts: Parts, publication: str, number: int) -> str | None:
    """The HTML of an edition that has gone out, without a personal link; None when there is no such edition.

    Above what was mailed stand links to the editions before and after it.
    """
    if publication not in parts.settings.publications or not 0 < number <= _LARGEST:
        return None
    with parts.database.reading() as session:
        edition = _gone_out(session, publication, number)
        if edition is None:
            return None
        rendered = editions.snapshot(session, edition.id, Rendered)
        older = _neighbour(session, publication, number, step=-1)
        newer = _neighbour(session, publication, number, step=1)
    if rendered is None:
        return None
    known = parts.publication(publication)
    context = {
        "language": known.language,
        "archive": f"{urlsplit(base_url(parts)).path}/a/{publication}/",
        "masthead": known.name,
        "older": older,
        "newer": newer,
    }
    head = parts.templates.render("pages/edition-head.html", context)
    bar = parts.templates.render("pages/edition-bar.html", context)
    return _between(render.web_copy(rendered), head=head, bar=bar)


def _newest_first(edition: Edition) -> int:
    return -edition.number


def _entry(edition: Edition, home: str) -> Entry:
    return Entry(
        number=edition.number,
        title=edition.subject,
        summary=edition.preheader or "",
        url=f"{home}/a/{edition.publication}/{edition.number}",
        at=edition.launched_at or edition.send_at,
        stories=tuple(Story(title=item.title, url=item.url, excerpt=item.excerpt) for item in edition.items),
    )


def _gone_out(session: Session, publication: str, number: int) -> Edition | None:
    edition = editions.by_number(session, publication, number)
    return edition if edition and edition.state in _PUBLIC else None


def _neighbour(session: Session, publication: str, number: int, *, step: int) -> Edition | None:
    """The nearest edition before or after that has gone out."""
    for other in range(number + step, number + step * (_LOOKED_AT + 1), step):
        edition = editions.by_number(session, publication, other) if other > 0 else None
        if edition is None:
            return None
        if edition.state in _PUBLIC:
            return edition
    return None


def _between(page: str, *, head: str, bar: str) -> str:
    """The page with `head` at the end of its head and `bar` at the start of its body."""
    page = re.sub(r"(?i)</head>", lambda found: head + found[0], page, count=1)
    return re.sub(r"(?i)<body\b[^>]*>", lambda found: found[0] + bar, page, count=1)


def _line(edition: Edition, known: Publication) -> Published:
    at = edition.launched_at or edition.send_at
    day = day_words(at, language=known.language, timezone=known.timezone, pattern="long")
    return Published(number=edition.number, subject=edition.subject, sent_at=at, day=day)
