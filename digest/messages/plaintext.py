"""The text part: what `body.txt` wrote, with its lines kept short and its blank lines few."""

from __future__ import annotations

import re

from digest.templating import wrap

WIDTH = 78


def tidy(text: str) -> str:
    """`text` with no line over 78 characters but for addresses, and never more than one blank line."""
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        kept = line.rstrip()
        if len(kept) > WIDTH:
            indent = re.match(r" *", kept)
            lines.extend(wrap(kept, WIDTH, indent[0] if indent else "").split("\n"))
        else:
            lines.append(kept)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n") + "\n"
