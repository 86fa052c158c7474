"""What must hold before an edition may be approved, and what staff should look at; nothing here uses the network."""

from __future__ import annotations

from collections.abc import Iterable

from digest.editions.model import Content
from digest.messages.model import Finding, Rendered, Severity
from digest.messages.preflight import (
    addresses,
    contrast,
    copies,
    events,
    headers,
    items,
    leaving,
    pictures,
    size,
    structure,
    support,
    targets,
    textpart,
)
from digest.messages.preflight.addresses import CheckedLink, link_findings, links
from digest.messages.preflight.findings import finding, table
from digest.messages.preflight.kinds import KINDS
from digest.messages.preflight.mail import mail_of

__all__ = [
    "KINDS",
    "CheckedLink",
    "blocking",
    "check",
    "finding",
    "link_findings",
    "links",
    "ordered",
    "table",
]
_CHECKS = (
    leaving,
    size,
    items,
    events,
    pictures,
    addresses,
    headers,
    contrast,
    structure,
    targets,
    support,
    textpart,
    copies,
)


def check(rendered: Rendered, content: Content) -> tuple[Finding, ...]:
    """Every finding, the blocking ones first; codes are stable, so that an override can name one."""
    mail = mail_of(rendered, content)
    return ordered(found for one in _CHECKS for found in one.findings(mail))


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings with the blocking ones first, then warnings, then notes, each in the order they were made."""
    order = list(Severity)
    return tuple(sorted(findings, key=lambda found: order.index(found.severity)))


def blocking(
    findings: tuple[Finding, ...], *, overridden: frozenset[str] = frozenset()
) -> tuple[Finding, ...]:
    """The findings that stop an approval, but for those overridden by their code."""
    return tuple(f for f in findings if f.severity is Severity.BLOCKING and f.code not in overridden)
