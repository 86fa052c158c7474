"""Past editions as anybody may see them: what was mailed, never what is being prepared, and nothing personal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from digest.editions import store as editions
from digest.editions.model import Edition, EditionState
from digest.messages import render
from digest.messages.model import Rendered
from digest.messages.wording import day_words
from digest.settings import Publication
from digest.workflows.parts import Parts

_PUBLIC = frozenset({EditionState.SENDING, EditionState.PAUSED, EditionState.SENT})
_LISTED = 100  # each is read with its items
_LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One line of the archive: when mailing began, and that day in the publication's words."""

    number: int
    subject: str
    sent_at: datetime
    day: str


def published(parts: Parts, publication: str) -> list[Published]:
    """The latest editions of `publication` that have gone out, newest first; raises `DigestError` for none of ours."""
    known = parts.publication(publication)
    with parts.database.reading() as session:
        found = editions.list_editions(session, publication, _LISTED, states=_PUBLIC)
    return [
        _line(edition, known) for edition in sorted(found, key=lambda edition: edition.number, reverse=True)
    ]


def web_copy(parts: Parts, publication: str, number: int) -> str | None:
    """The HTML of an edition that has gone out, without a personal link; None when there is no such edition."""
    if publication not in parts.settings.publications or not 0 < number <= _LARGEST:
        return None
    with parts.database.reading() as session:
        edition = editions.by_number(session, publication, number)
        if edition is None or edition.state not in _PUBLIC:
            return None
        rendered = editions.snapshot(session, edition.id, Rendered)
    return render.web_copy(rendered) if rendered else None


def _line(edition: Edition, known: Publication) -> Published:
    at = edition.launched_at or edition.send_at
    day = day_words(at, language=known.language, timezone=known.timezone, pattern="long")
    return Published(number=edition.number, subject=edition.subject, sent_at=at, day=day)
