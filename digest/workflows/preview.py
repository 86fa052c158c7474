"""Preview: an edition exactly as a reader would get it, and what preflight says of it; nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from digest.database import Session
from digest.editions.model import Edition, EditionId, EditionState
from digest.messages import preflight
from digest.messages.model import Finding, SlotName
from digest.messages.personalise import compile_edition
from digest.messages.render import filled
from digest.workflows import inspect, refresh
from digest.workflows.compose import edition_key, proof_reader, sender_for
from digest.workflows.parts import Parts

_SAMPLE_ADDRESS = "reader@example.org"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """One reader's copy with harmless links: `message` is what would go over the wire."""

    subject: str
    html: str
    text: str
    message: bytes
    findings: tuple[Finding, ...]

    @property
    def is_blocked(self) -> bool:
        """Whether something found would stop an approval."""
        return bool(preflight.blocking(self.findings))


def preview(parts: Parts, edition_id: EditionId, *, now: datetime) -> Preview:
    """The edition as it stands: what was approved, or else what approval would keep.

    Its links are judged by what they answered in the last day; nobody is asked. Raises `NoSuchEdition`, and
    `NothingToShow` for one without items.
    """
    with parts.database.reading() as session:
        found = inspect.standing(session, parts, edition_id, now=now)
        edition, rendered, content = found.edition, found.rendered, found.content
        known = (
            *inspect.remembered(session, rendered, content, now=now),
            *_changed(session, parts, edition, now=now),
        )
    reader = proof_reader(parts, edition, _SAMPLE_ADDRESS)
    html, text = filled(
        rendered,
        {
            SlotName.UNSUBSCRIBE_URL: reader.unsubscribe_url,
            SlotName.PREFERENCES_URL: reader.preferences_url,
            SlotName.SIGNED_UP: reader.signed_up,
        },
    )
    sender = sender_for(parts, edition.publication, edition=edition)
    compiled = compile_edition(rendered, sender, edition_key=edition_key(edition), sent_at=edition.send_at)
    return Preview(
        subject=rendered.subject,
        html=html,
        text=text,
        message=compiled.addressed(reader, position_key="preview", now=now).data,
        findings=preflight.ordered((*preflight.check(rendered, content), *known)),
    )


async def checked_preview(parts: Parts, edition_id: EditionId, *, now: datetime) -> Preview:
    """The same once every link and picture was asked whether it answers."""
    trouble = await inspect.ask_links(parts, edition_id, now=now)
    seen = preview(parts, edition_id, now=now)
    return replace(seen, findings=preflight.ordered((*seen.findings, *trouble)))


def _changed(session: Session, parts: Parts, edition: Edition, *, now: datetime) -> list[Finding]:
    """What the sources say of an approved edition's events by now; a draft follows them by itself."""
    if edition.state is not EditionState.APPROVED:
        return []
    return [
        preflight.finding("event-changed", f"{reason}.", "events")
        for reason in refresh.changes(session, parts, edition, now=now).reasons
    ]
