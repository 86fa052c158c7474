"""One finding of a known kind, and all kinds as a table."""

from __future__ import annotations

from digest.messages.model import Finding, Severity
from digest.messages.preflight.kinds import KINDS


def finding(
    code: str, message: str, place: str = "", *, remedy: str = "", severity: Severity | None = None
) -> Finding:
    """A finding of the kind `code`; its remedy and severity are the kind's own unless others are given."""
    kind = KINDS[code]
    return Finding(
        code=code,
        severity=severity or kind.severity,
        message=message,
        place=place,
        remedy=remedy or kind.remedy,
    )


def table() -> str:
    """Every kind as the rows of a Markdown table, those that block first: docs/staff.md holds it."""
    order = list(Severity)
    rows = [
        f"| `{kind.code}` | {kind.severity.value} | {kind.meaning} | {kind.remedy} |"
        for kind in sorted(KINDS.values(), key=lambda one: order.index(one.severity))
    ]
    return "\n".join(["| code | severity | what it means | what to do |", "|---|---|---|---|", *rows])
