"""Approve a draft: render it once, check it, and keep these bytes as the ones that will be sent."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from digest.editions import store as editions
from digest.editions.model import Edition, EditionId, EditionState
from digest.errors import DigestError
from digest.messages import preflight
from digest.messages.model import Finding
from digest.messages.render import render
from digest.workflows import inspect, refresh
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
    """Approve a draft in the name of `by`; what is rendered now, of events as they are known now, is what readers get.

    `overrides` are the codes of blocking findings to accept. Raises `NotApproved` with those that are left, and
    `BadMove` when the edition is not a draft.
    """
    with parts.database.transaction() as session:
        # Kept whatever comes of the approval: nothing may be left to say.
        edition = editions.lock(session, edition_id)
        if edition.state is EditionState.DRAFT:
            refresh.refresh(session, parts, edition, now=now)
    with parts.database.transaction() as session:
        edition = editions.lock(session, edition_id)
        approved = edition.move_to(EditionState.APPROVED, at=now, reason=_overridden(overrides))
        content = content_for(parts, edition, now=now)
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


def _overridden(overrides: Sequence[str]) -> str:
    return f"approved in spite of: {', '.join(sorted(overrides))}" if overrides else ""
