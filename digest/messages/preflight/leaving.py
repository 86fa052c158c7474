"""Every reader can leave, choose, and sees who writes, in both parts; no slot is damaged."""

from __future__ import annotations

import re
from collections.abc import Iterator

from digest.messages.model import Finding, SlotName, slot_marker
from digest.messages.preflight.findings import finding
from digest.messages.preflight.mail import Mail, is_hidden, name_of
from digest.messages.wording import clean

_SLOT = re.compile(r"slot-([A-Za-z0-9]+)-([a-z-]+?)-end")
_LINKS = (
    (SlotName.UNSUBSCRIBE_URL, "unsubscribe-missing", "to unsubscribe"),
    (SlotName.PREFERENCES_URL, "preferences-missing", "to the reader's preferences"),
)


def findings(mail: Mail) -> Iterator[Finding]:
    """What is missing from the HTML part, then from the text part."""
    rendered = mail.rendered
    body = mail.page.body
    seen = body.text(separator=" ") if body else ""
    yield from _part(mail, "HTML", rendered.html, seen, "body.mjml")
    yield from _part(mail, "text", rendered.text, rendered.text, "body.txt")


def _part(mail: Mail, part: str, source: str, seen: str, file: str) -> Iterator[Finding]:
    for name, code, purpose in _LINKS:
        if not _leads_there(mail, name, part):
            yield finding(
                code,
                f"The {part} part has no link {purpose}.",
                part,
                remedy=f"Use slots.{name.value} in {file}.",
            )
    address = " ".join(clean(mail.content.postal_address).split())
    if not address or address not in " ".join(seen.split()):
        yield finding(
            "postal-address-missing",
            f"The {part} part does not print the postal address.",
            part,
            remedy=f"Print publication.postal_address in {file}.",
        )
    nonce = mail.rendered.nonce
    known = {name.value.replace("_", "-") for name in SlotName}
    broken = any(m[1] == nonce and m[2] not in known for m in _SLOT.finditer(source))
    whole = sum(source.count(slot_marker(nonce, name)) for name in SlotName)
    if broken or whole != source.count(f"slot-{nonce}-"):
        yield finding(
            "slot-damaged",
            f"The {part} part has a slot that cannot be filled.",
            part,
            remedy=f"Print slots whole in {file}, without filters.",
        )


def _leads_there(mail: Mail, name: SlotName, part: str) -> bool:
    """Whether a reader can see, read out and follow the link of a slot."""
    marker = slot_marker(mail.rendered.nonce, name)
    if part == "text":
        return marker in mail.rendered.text
    return any(name_of(link) and not is_hidden(link) for link in mail.page.css(f'a[href="{marker}"]'))
