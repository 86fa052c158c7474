"""How large the mail is, and where Gmail would cut it off."""

from __future__ import annotations

import html
from collections.abc import Iterator

from digest.messages.model import Finding
from digest.messages.placing import title_of
from digest.messages.preflight.findings import finding
from digest.messages.preflight.mail import Mail
from digest.messages.render import MOST_BYTES, SLOT_ROOM

# Gmail clips at about 102 kB, by others' measurements between 99.5 and 105 kB depending on the encoding.
CLIPPED_AT = 102_400
LARGEST_STYLE = 8_000
_QUOTED_LINE = 75
_AS_IS = bytes(byte for byte in range(127) if byte != 0x3D)


def findings(mail: Mail) -> Iterator[Finding]:
    """Too large, near it, or large only as it is encoded for the way; and styles that Gmail would drop."""
    body = mail.rendered.html.encode()
    size = len(body) + SLOT_ROOM
    encoded = encoded_size(body) + SLOT_ROOM
    if size > CLIPPED_AT:
        yield finding(
            "too-large",
            f"The HTML has {size:,} bytes with each reader's own links; Gmail cuts a mail off after {CLIPPED_AT:,}, "
            f"and with it the way to unsubscribe: {clipped_in(mail, body, CLIPPED_AT)}.",
            "HTML",
        )
    elif size > MOST_BYTES:
        yield finding("large", f"The HTML has {size:,} bytes; {MOST_BYTES:,} is the goal.", "HTML")
    elif encoded > CLIPPED_AT:
        at = CLIPPED_AT * len(body) // encoded
        yield finding(
            "large-encoded",
            f"The HTML has {size:,} bytes, but {encoded:,} as it is encoded for the way; a reader that counts those "
            f"would cut it off: {clipped_in(mail, body, at)}.",
            "HTML",
        )
    for number, sheet in enumerate(mail.sheets, start=1):
        length = len(sheet.text.encode())
        if length > LARGEST_STYLE:
            yield finding(
                "style-large",
                f"Block {number} of the styles has {length:,} bytes; Gmail drops one of more than {LARGEST_STYLE:,}.",
                "HTML",
            )
        if not sheet.is_whole:
            yield finding(
                "style-broken",
                f"Block {number} of the styles has a bracket too few or too many.",
                "HTML",
            )


def encoded_size(body: bytes) -> int:
    """About how many bytes `body` has as quoted-printable: three for each that is not plain, and the soft breaks."""
    odd = len(body.translate(None, _AS_IS))
    size = len(body) + 2 * odd
    return size + 3 * (size // _QUOTED_LINE)


def clipped_in(mail: Mail, body: bytes, at: int) -> str:
    """In words, which title stands where a mail would be cut off after `at` bytes, and how many follow."""
    places = []
    for item in mail.content.items:
        title = title_of(item)
        place = body.rfind(html.escape(title, quote=False).encode()) if title else -1
        if place >= 0:
            places.append((place, title))
    places.sort()
    shown = [title for place, title in places if place < at]
    after = len(places) - len(shown)
    if not shown:
        return "before the first item"
    rest = f", and {after} more would be hidden" if after else ", the last item"
    return f"within or after “{shown[-1]}”{rest}"
