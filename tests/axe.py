"""The rules of axe-core asked of a page that is open in a browser."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.browser import Page

_PROGRAM = (Path(__file__).parent / "vendor/axe-core/axe.min.js").read_text(encoding="utf-8")
# WCAG 2.2 on levels A and AA, and what its authors call good practice.
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_ASK = """axe.run(document, {runOnly: {type: "tag", values: %s}, resultTypes: ["violations"]}).then(found =>
  found.violations.flatMap(rule => rule.nodes.map(node =>
    ({rule: rule.id, impact: rule.impact || "minor", where: node.html, why: node.failureSummary || ""}))))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Barrier:
    """One element that breaks one rule; `impact` is axe's: minor, moderate, serious or critical."""

    rule: str
    impact: str
    where: str
    why: str


def barriers(page: Page) -> list[Barrier]:
    """What stands in a reader's way on the page, as far as rules can tell."""
    if page.run("typeof axe") == "undefined":
        page.run(f"{_PROGRAM}; 0")
    found = page.run(_ASK % json.dumps(_RULES))
    return [Barrier(**one) for one in found]
