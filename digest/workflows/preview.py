"""Preview: an edition exactly as a reader would get it, and what preflight says of it; nothing is changed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from digest.editions import store as editions
from digest.editions.model import Content, EditionId
from digest.errors import DigestError
from digest.messages import preflight
from digest.messages.model import Finding, Rendered, SlotName
from digest.messages.personalise import compile_edition
from digest.messages.render import filled, render
from digest.templating import Templates
from digest.workflows.compose import content_for, edition_key, proof_reader, sender_for
from digest.workflows.parts import Parts

_SAMPLE_ADDRESS = "reader@example.org"


class NothingToShow(DigestError):
    """An edition without items has no mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """One reader's copy with harmless links: `message` is what would go over the wire."""

    subject: str
    html: str
    text: str
    message: bytes
    findings: tuple[Finding, ...]


def preview(parts: Parts, edition_id: EditionId, *, now: datetime) -> Preview:
    """The edition as it stands: what was approved, or else what approval would keep.

    Raises `NoSuchEdition`, and `NothingToShow` for one without items.
    """
    with parts.database.reading() as session:
        edition = editions.get(session, edition_id)
        if not edition.items:
            raise NothingToShow(f"Edition {edition_id} is {edition.state}; there is no mail to show.")
        approved = editions.snapshot(session, edition_id, Rendered) if edition.fingerprint else None
    content = content_for(parts, edition)
    rendered = approved or render(content, parts.templates, nonce=secrets.token_hex(8))
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
        findings=preflight.check(rendered, content),
    )


def sample(content: Content, templates: Templates) -> tuple[str, str]:
    """HTML and text of made-up content, for looking at a template."""
    rendered = render(content, templates, nonce=secrets.token_hex(8))
    link = f"{content.archive_url.rpartition('/a/')[0]}/u/proof"
    return filled(
        rendered,
        {
            SlotName.UNSUBSCRIBE_URL: link,
            SlotName.PREFERENCES_URL: link,
            SlotName.SIGNED_UP: f"{content.send_at:%d %B %Y}",
        },
    )
