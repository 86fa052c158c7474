"""The text part: what `body.txt` wrote, with its lines kept short and its blank lines few."""

from __future__ import annotations

import re

from digest.templating import wrap

WIDTH = 78


def tidy(text: str, *, marks: re.Pattern[str] | None = None) -> str:
    """`text` with no line over 78 characters but for addresses, and never more than one blank line.

    A line of nothing but `marks` takes no room: they end up behind the last words before them, so that the blank
    lines between two things belong to the second.
    """
    lines: list[str] = []
    first = ""
    for line in text.replace("\r\n", "\n").split("\n"):
        kept = line.rstrip()
        if marks and marks.search(kept) and not marks.sub("", kept).strip():
            said = next((n for n in range(len(lines) - 1, -1, -1) if lines[n]), None)
            if said is None:
                first += kept.strip()
            else:
                lines[said] += kept.strip()
        elif len(kept) > WIDTH:
            indent = re.match(r" *", kept)
            lines.extend(wrap(kept, WIDTH, indent[0] if indent else "").split("\n"))
        else:
            lines.append(kept)
    return first + re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n") + "\n"
