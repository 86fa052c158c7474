"""The table of what mail servers do names tests that exist, and leaves no row of the requirements out."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
OPTIONAL = {"G9", "G11"}
ROWS = {"G": 14, "H": 27, "I": 7}
_ROW = re.compile(r"^\| ([GHI]\d+) \| [^|]+ \| `([\w/.]+)` \| (.+) \|$", re.MULTILINE)


def test_every_row_on_the_conversation_with_mail_servers_is_shown_by_a_test_that_exists() -> None:
    rows = _ROW.findall((TESTS / "README.md").read_text(encoding="utf-8"))
    wanted = [f"{letter}{number}" for letter, last in ROWS.items() for number in range(1, last + 1)]
    assert [row for row, _, _ in rows] == [row for row in wanted if row not in OPTIONAL]
    missing = [
        f"{row}: {file}: {name}"
        for row, file, names in rows
        for name in re.findall(r"`(\w+)`", names)
        if f"def {name}(" not in (TESTS / file).read_text(encoding="utf-8")
    ]
    assert not missing, "tests/README.md names tests that are not there"


def test_every_row_of_replies_is_in_the_table_of_times() -> None:
    times = (TESTS / "golden" / "attempts.txt").read_text(encoding="utf-8")
    told = set(re.findall(r"^(H\d+)  ", times, re.MULTILINE))
    assert {f"H{number}" for number in range(1, 23)} <= told
