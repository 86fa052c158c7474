"""Write to a reader about what they did: made in their language, queued in the transaction of what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import structlog

from digest.database import Session
from digest.deliveries import store
from digest.locales import Locale, UnknownLocaleError
from digest.messages.notice import Notice, notice
from digest.templating import TemplateFault
from digest.workflows.parts import Parts

log = structlog.get_logger()
FALLBACK = "en"


def spoken(parts: Parts, own: str, publication: str) -> str:
    """The language to speak to a reader in: their own, the publication's, or English, the first there are words for."""
    known = parts.settings.publications.get(publication)
    for tag in (own, known.language if known else ""):
        if tag and parts.templates.words(tag).own:
            return tag
    return FALLBACK


def languages(parts: Parts) -> dict[str, str]:
    """Every language there are words for, by tag, each with its own name for itself."""
    named = {}
    for path in (path for root in parts.templates.roots for path in Path(root, "words").glob("*.toml")):
        try:
            named[path.stem] = Locale.of(path.stem).get_display_name() or path.stem
        except (UnknownLocaleError, ValueError):
            continue
    return dict(sorted(named.items(), key=lambda one: one[1].casefold()))


def draft(
    parts: Parts, publication: str, kind: str, context: Mapping[str, object], *, language: str
) -> Notice | None:
    """The notice `kind` of templates/notices, made but not sent; None, and a line in the log, for a broken template."""
    configured = parts.publication(publication)
    known = {
        "publication": configured.name,
        "postal_address": configured.postal_address,
        "base_url": parts.settings.site.base_url,
        "timezone": configured.timezone,
        **context,
    }
    try:
        return notice(parts.templates, kind, known, language=language)
    except TemplateFault as fault:
        log.error("notice.failed", kind=kind, error=str(fault))
        return None


def post(
    session: Session, made: Notice | None, *, publication: str, to: str, key: str, now: datetime
) -> bool:
    """Queue a notice to the address `to`; False where it could not be made, or its `key` was ever queued before.

    The key is in the Message-ID, so it names nobody by address.
    """
    if made is None:
        return False
    return store.enqueue_notice(
        session,
        key=key,
        publication=publication,
        recipient=to,
        subject=made.subject,
        html=made.html,
        text=made.text,
        now=now,
    )
