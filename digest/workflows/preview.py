"""Preview: an edition exactly as a reader would get it, and what preflight says of it; nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from digest.database import Session
from digest.editions.frequency import Frequency, period_start
from digest.editions.model import Edition, EditionId, EditionState
from digest.errors import DigestError
from digest.messages import preflight
from digest.messages.model import Finding, Rendered, SlotName
from digest.messages.personalise import compile_edition
from digest.messages.render import filled
from digest.messages.sections import assembled
from digest.workflows import inspect, refresh
from digest.workflows.chosen import Selection, Wishes
from digest.workflows.compose import edition_key, proof_reader, sender_for
from digest.workflows.parts import Parts

_SAMPLE_ADDRESS = "reader@example.org"


class NothingChosen(DigestError):
    """The edition holds nothing of what somebody with these wishes chose, so they get no mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Whose copy is looked at: what they chose, of the configured topics and frequencies; None for this edition alone."""

    topics: tuple[str, ...] = ()
    events_only: bool = False
    frequency: Frequency | None = None


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


def preview(parts: Parts, edition_id: EditionId, *, now: datetime, wanted: Wanted | None = None) -> Preview:
    """The edition as it stands: what was approved, or else what approval would keep; or the copy of what is `wanted`.

    Its links are judged by what they answered in the last day; nobody is asked, and findings are of the whole edition.
    Raises `NoSuchEdition`, `NothingToShow` for one without items, `NothingChosen` where nobody with these wishes gets a
    mail, and `DigestError` for a topic or a frequency that is not configured.
    """
    with parts.database.reading() as session:
        found = inspect.standing(session, parts, edition_id, now=now)
        edition, rendered, content = found.edition, found.rendered, found.content
        known = (
            *inspect.remembered(session, rendered, content, now=now),
            *_changed(session, parts, edition, now=now),
        )
        copy = _copy(session, parts, edition, rendered, wanted, now=now) if wanted else rendered
    reader = proof_reader(parts, edition, _SAMPLE_ADDRESS)
    html, text = filled(
        copy,
        {
            SlotName.UNSUBSCRIBE_URL: reader.unsubscribe_url,
            SlotName.PREFERENCES_URL: reader.preferences_url,
            SlotName.SIGNED_UP: reader.signed_up,
        },
    )
    sender = sender_for(parts, edition.publication, edition=edition)
    compiled = compile_edition(copy, sender, edition_key=edition_key(edition), sent_at=edition.send_at)
    return Preview(
        subject=rendered.subject,
        html=html,
        text=text,
        message=compiled.addressed(reader, position_key="preview", now=now).data,
        findings=preflight.ordered((*preflight.check(rendered, content), *known)),
    )


async def checked_preview(
    parts: Parts, edition_id: EditionId, *, now: datetime, wanted: Wanted | None = None
) -> Preview:
    """The same once every link and picture was asked whether it answers."""
    trouble = await inspect.ask_links(parts, edition_id, now=now)
    seen = preview(parts, edition_id, now=now, wanted=wanted)
    return replace(seen, findings=preflight.ordered((*seen.findings, *trouble)))


def _copy(
    session: Session, parts: Parts, edition: Edition, rendered: Rendered, wanted: Wanted, *, now: datetime
) -> Rendered:
    """What a reader with these wishes gets, who had the first edition of the last period before this one's."""
    configured = parts.publication(edition.publication)
    for topic in wanted.topics:
        if topic not in configured.topics:
            known = ", ".join(configured.topics) or "none"
            raise DigestError(f'"{topic}" is not a topic of {edition.publication}; its topics are: {known}.')
    if wanted.frequency is not None and wanted.frequency not in configured.frequencies:
        known = ", ".join(configured.frequencies)
        raise DigestError(
            f'"{wanted.frequency}" is not how often readers may get {edition.publication}; they may choose: {known}.'
        )
    selection = Selection(session, parts, edition, rendered, now=now)
    wishes = Wishes(topics=frozenset(wanted.topics), events_only=wanted.events_only)
    missed = _missed(selection, wanted.frequency, edition, configured.timezone, now=now)
    chosen = selection.chosen(session, wishes, missed)
    if chosen is None:
        raise NothingChosen(
            f"Edition {edition.id} holds nothing of what these readers chose, so they get no mail with it."
        )
    return assembled(rendered, chosen.kept, chosen.earlier)


def _missed(
    selection: Selection, frequency: Frequency | None, edition: Edition, timezone: str, *, now: datetime
) -> int:
    """How many of the latest editions such a reader was not sent: all but the first of the period before this one."""
    at = edition.launched_at or max(edition.send_at, now)
    start = period_start(frequency, at, timezone) if frequency else None
    if frequency is None or start is None:
        return 0
    launched = [one.launched_at for one in selection.earlier if one.launched_at]
    before = [at for at in launched if at < start]
    if not before:
        return len(launched)
    since = period_start(frequency, before[0], timezone)
    first = min(at for at in before if since is None or at >= since)
    return sum(at > first for at in launched)


def _changed(session: Session, parts: Parts, edition: Edition, *, now: datetime) -> list[Finding]:
    """What the sources say of an approved edition's events by now; a draft follows them by itself."""
    if edition.state is not EditionState.APPROVED:
        return []
    return [
        preflight.finding("event-changed", f"{reason}.", "events")
        for reason in refresh.changes(session, parts, edition, now=now).reasons
    ]
