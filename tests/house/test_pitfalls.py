"""The table of feeds' pitfalls names tests that exist, and leaves none of them out."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
OF_EVENTS = {31, 34}
_ROW = re.compile(r"^\| (\d+) \| [^|]+ \| `([\w/.]+)` \| (.+) \|$", re.MULTILINE)


def test_every_pitfall_that_concerns_posts_is_shown_by_a_test_that_exists() -> None:
    rows = _ROW.findall((TESTS / "README.md").read_text(encoding="utf-8"))
    assert [int(number) for number, _, _ in rows] == [n for n in range(1, 37) if n not in OF_EVENTS]
    missing = [
        f"{file}: {name}"
        for _, file, names in rows
        for name in re.findall(r"`(\w+)`", names)
        if f"def {name}(" not in (TESTS / file).read_text(encoding="utf-8")
    ]
    assert not missing, "tests/README.md names tests that are not there"
