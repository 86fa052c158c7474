"""Tell staff what happened to an edition: one queued notice per address, each told exactly once."""

from __future__ import annotations

from datetime import datetime
from email.utils import parseaddr

import structlog

from digest.database import Session
from digest.deliveries import store
from digest.editions.model import Edition
from digest.messages.notice import notice
from digest.templating import TemplateFault
from digest.workflows.parts import Parts

log = structlog.get_logger()


def tell(
    session: Session,
    parts: Parts,
    publication: str,
    kind: str,
    edition: Edition,
    *,
    now: datetime,
    reason: str = "",
    occasion: str = "",
) -> int:
    """Queue the notice `kind` about `edition` to each member of staff, in the caller's transaction.

    `kind` names a folder under templates/notices: draft-ready, skipped, held, trouble. A second call for the same
    edition, kind and `occasion` queues nothing. `reason` stands in for the edition's own. Returns how many were queued; a
    template that cannot be used is logged, for it must not undo what the notice is about.
    """
    configured = parts.publication(publication)
    recipients = {
        _key(kind, edition, mailbox, occasion): parseaddr(mailbox)[1] for mailbox in configured.staff
    }
    told = store.told(session, list(recipients))
    untold = {key: address for key, address in recipients.items() if key not in told}
    if not untold:
        return 0
    context = {
        "publication": configured.name,
        "number": edition.number,
        "edition": edition.id,
        "subject_line": edition.subject,
        "reason": reason or edition.reason or edition.hold,
        "automatic": configured.goes_out_by_itself(held=bool(edition.hold)),
        "items": [{"title": item.title, "url": item.url} for item in edition.items],
        "send_at": edition.send_at,
        "timezone": configured.timezone,
        "base_url": parts.settings.site.base_url,
        "postal_address": configured.postal_address,
    }
    try:
        made = notice(parts.templates, kind, context, language=configured.language)
    except TemplateFault as fault:
        log.error("notice.failed", edition=edition.id, kind=kind, error=str(fault))
        return 0
    return sum(
        store.enqueue_notice(
            session,
            key=key,
            publication=publication,
            recipient=address,
            subject=made.subject,
            html=made.html,
            text=made.text,
            now=now,
        )
        for key, address in untold.items()
    )


def _key(kind: str, edition: Edition, mailbox: str, occasion: str) -> str:
    what = f"{kind}:{occasion}" if occasion else kind
    return f"{what}:{edition.id}:{parseaddr(mailbox)[1].lower()}"
