"""Text that a spreadsheet would run as a formula, made harmless in a file and made whole again from one. Pure.

A spreadsheet takes a cell for a formula when it begins with one of these signs; behind an apostrophe it is text. One
apostrophe is put before every such text, and before a text that already has apostrophes there, so that taking one
away gives back exactly what was.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def done(text: str) -> str:
    """The text as a file may hold it."""
    return f"'{text}" if _FORMULA.match(text) else text


def undone(text: str) -> str:
    """The text that `done` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
