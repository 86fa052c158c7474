"""Approve a draft: render it once, check it, and keep these bytes as the ones that will be sent."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from digest.database import Session
from digest.editions import store as editions
from digest.editions.model import Edition, EditionId, EditionState
from digest.errors import DigestError
from digest.messages import preflight
from digest.messages.model import Finding
from digest.messages.render import render
from digest.workflows import inspect
from digest.workflows.compose import content_for
from digest.workflows.parts import Parts

log = structlog.get_logger()


class NotApproved(DigestError):
    """Preflight found something that must be mended, or overridden by its name, before an edition goes out.

    `findings` are those that block, `found` everything there is to look at.
    """

    def __init__(
        self, edition_id: EditionId, findings: tuple[Finding, ...], *, found: tuple[Finding, ...] = ()
    ) -> None:
        self.findings = findings
        self.found = found or findings
        named = "; ".join(f"{finding.code}: {finding.message}" for finding in findings)
        super().__init__(f"Edition {edition_id} was not approved. {named}")


def approve(
    parts: Parts, edition_id: EditionId, *, by: str, overrides: Sequence[str] = (), now: datetime
) -> Edition:
    """Approve a draft in the name of `by`; what is rendered now is what every reader will get.

    `overrides` are the codes of blocking findings to accept. Raises `NotApproved` with those that are left, and
    `BadMove` when the edition is not a draft.
    """
    with parts.database.transaction() as session:
        edition = editions.lock(session, edition_id)
        approved = edition.move_to(EditionState.APPROVED, at=now, reason=_overridden(overrides))
        content = content_for(parts, edition)
        rendered = render(content, parts.templates, nonce=secrets.token_hex(8))
        links = inspect.remembered(session, rendered, content, now=now)
        found = preflight.ordered((*preflight.check(rendered, content), *links))
        blocking = preflight.blocking(found, overridden=frozenset(overrides))
        if blocking:
            raise NotApproved(edition_id, blocking, found=found)
        approved = replace(
            approved,
            subject=edition.subject or rendered.subject,
            preheader=edition.preheader or rendered.preheader,
            approved_by=by,
            approved_at=now,
            fingerprint=rendered.fingerprint,
        )
        editions.save_snapshot(session, edition_id, rendered)
        editions.save(session, approved)
    log.info("edition.approved", edition=edition_id, fingerprint=rendered.fingerprint[:12])
    return approved


def reopen(session: Session, edition: Edition, *, now: datetime, reason: str = "") -> Edition:
    """What every edit of an edition starts with: an approved one is a draft again, since its bytes will change.

    The edition must be locked by the caller's transaction. Raises `BadMove` once it has been launched.
    """
    if edition.state is EditionState.DRAFT:
        return edition
    draft = replace(
        edition.move_to(EditionState.DRAFT, at=now, reason=reason),
        approved_by="",
        approved_at=None,
        fingerprint="",
    )
    editions.save(session, draft)
    return draft


def _overridden(overrides: Sequence[str]) -> str:
    return f"approved in spite of: {', '.join(sorted(overrides))}" if overrides else ""
