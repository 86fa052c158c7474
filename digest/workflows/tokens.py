"""The links readers hold, as they arrive: mail programs and people add to their ends."""

from __future__ import annotations

# What mail programs and people add to the end of a link that they break or copy; no token ends so.
_FRAYED = "/.,;:!?)>]}'\"\u201d\u2019 \t\r\n"


def mended(token: str) -> str:
    """`token` without what was added to its end on the way."""
    return token.strip(_FRAYED)
