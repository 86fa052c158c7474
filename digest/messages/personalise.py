"""A rendered edition becomes each reader's message: encoded once, and per reader only joined.

Every slot stands alone on its line between soft breaks, so a value is put in without encoding the rest again.
"""

from __future__ import annotations

import hashlib
import html
import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from digest.errors import DigestError
from digest.messages import headers, quoted
from digest.messages.dkim import Prepared, Signer
from digest.messages.headers import Unmailable
from digest.messages.model import Addressed, Reader, Rendered, Sender, SlotName, slot_marker

__all__ = ["Compiled", "NoUnsubscribeSlot", "Unmailable", "compile_edition"]

_VARYING = ("Date", "Message-ID", "To", "List-Unsubscribe")
_ONE_CLICK = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
_Piece = bytes | tuple[SlotName, bool]  # the flag: as HTML


class NoUnsubscribeSlot(DigestError):
    """The mail has no place for the unsubscribe link, so readers could not leave; it is not sent."""

    def __init__(self, part: str) -> None:
        super().__init__(
            f"The {part} has no place for the unsubscribe link, so readers could not leave; add it to the template."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """An edition ready to be addressed: its fixed header lines, and the body in pieces with slots between.

    `signing` is there when its messages are signed.
    """

    sender: Sender
    edition_key: str
    sent_at: datetime
    head: bytes = field(repr=False)
    body: tuple[_Piece, ...] = field(repr=False)
    signing: Prepared | None = None

    def addressed(self, reader: Reader, *, position_key: str, now: datetime | None = None) -> Addressed:
        """The message for `reader`, dated `now` (the edition's time unless given).

        `position_key` names the recipient within the edition: the same key gives the same Message-ID again.
        Raises `Unmailable` for an address that cannot be written to.
        """
        if reader.copy is not None and reader.copy is not self:
            return reader.copy.addressed(reader, position_key=position_key, now=now)
        address, smtputf8 = headers.wire_address(reader.address)
        message_id = message_id_for(
            f"{self.edition_key}/{position_key}", self.sender.message_domain, self.edition_key
        )
        at = now or self.sent_at
        mailto = (reader.unsubscribe_mailto,) if reader.unsubscribe_mailto else ()
        varying = (
            headers.date(at)
            + headers.token("Message-ID", message_id)
            + f"To: {address}\r\n".encode()
            + headers.uri("List-Unsubscribe", reader.unsubscribe_url, *mailto)
        )
        values = {
            SlotName.UNSUBSCRIBE_URL: reader.unsubscribe_url,
            SlotName.PREFERENCES_URL: reader.preferences_url,
            SlotName.SIGNED_UP: reader.signed_up,
        }
        filled: dict[tuple[SlotName, bool], bytes] = {}
        for name, value in values.items():
            escaped = html.escape(value)
            filled[name, True] = plain = quoted.alone(escaped)
            filled[name, False] = plain if escaped == value else quoted.alone(value)
        signatures = self.signing.sign(varying, filled, at=at) if self.signing else b""
        body = [piece if isinstance(piece, bytes) else filled[piece] for piece in self.body]
        return Addressed(
            mail_from=envelope_sender(self.sender, reader.bounce_token),
            rcpt_to=address,
            message_id=message_id,
            data=b"".join((signatures, varying, _ONE_CLICK, self.head, b"\r\n", *body)),
            smtputf8=smtputf8,
            dotless=True,
        )


def compile_edition(
    rendered: Rendered, sender: Sender, *, edition_key: str, sent_at: datetime, signer: Signer | None = None
) -> Compiled:
    """Encode `rendered` once for all its readers.

    `edition_key` identifies the edition for ever, in ASCII letters, digits and hyphens. With `signer` every message
    is signed. Raises `NoUnsubscribeSlot` when the HTML or the text would leave readers without a way out.
    """
    head = fixed_headers(sender, subject=rendered.subject, language=rendered.language)
    head += headers.uri("List-Archive", sender.archive_url) if sender.archive_url else b""
    head += _list_headers(sender)
    boundary = f"=_{rendered.fingerprint[:24]}"
    parts = {"text": ("plain", rendered.text), "HTML": ("html", rendered.html)}
    body: list[_Piece] = []
    for part, (subtype, content) in parts.items():
        shown = content.replace(rendered.personal[0], "").replace(rendered.personal[1], "")
        pieces = _pieces(shown, rendered.nonce, as_html=subtype == "html")
        if (SlotName.UNSUBSCRIBE_URL, subtype == "html") not in pieces:
            raise NoUnsubscribeSlot(part)
        body += [part_start(boundary, subtype), *pieces]
    body.append(f"\r\n--{boundary}--\r\n".encode())
    head += multipart_headers(boundary)
    signing = (
        signer.prepare(
            sent_from=sending_address(sender), fixed=_ONE_CLICK + head, varying=_VARYING, body=body
        )
        if signer
        else None
    )
    return Compiled(
        sender=sender,
        edition_key=edition_key,
        sent_at=sent_at,
        head=head,
        body=tuple(body),
        signing=signing,
    )


def fixed_headers(sender: Sender, *, subject: str, language: str) -> bytes:
    """The header lines that every message of ours has, whoever it goes to."""
    lines = [
        headers.mailbox("From", sender.from_name, sending_address(sender)),
        headers.unstructured("Subject", subject or sender.list_name),
        headers.token("Auto-Submitted", "auto-generated"),
        headers.token("X-Auto-Response-Suppress", "All"),
        headers.token("Content-Language", language),
    ]
    if sender.reply_to:
        lines.insert(1, headers.mailbox("Reply-To", "", headers.wire_address(sender.reply_to)[0]))
    return b"".join(lines)


def sending_address(sender: Sender) -> str:
    """The address in From, with its domain in ASCII."""
    return headers.wire_address(sender.from_email)[0]


def multipart_headers(boundary: str) -> bytes:
    """What opens a message of text and HTML; a boundary with "=_" in it cannot occur in quoted-printable."""
    return f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'.encode()


def part_start(boundary: str, subtype: str) -> bytes:
    """The lines between the parts, up to the first octet of the part's content."""
    return (
        f"\r\n--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode()


def envelope_sender(sender: Sender, bounce_token: str) -> str:
    """Where bounces go: one address per recipient where a bounce domain is set, never the empty one."""
    if sender.bounce_domain and bounce_token:
        return f"b+{bounce_token}@{headers.wire_address(f'b@{sender.bounce_domain}')[0].partition('@')[2]}"
    return headers.wire_address(sender.envelope_from or sender.from_email)[0]


def message_id_for(key: str, domain: str, prefix: str) -> str:
    """A Message-ID that is always the same for `key` and tells nobody whom it was for."""
    return f"<{_named(prefix)}.{hashlib.sha256(key.encode()).hexdigest()[:24]}@{domain}>"


@lru_cache(maxsize=64)
def _named(prefix: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", prefix)[:40]


def _list_headers(sender: Sender) -> bytes:
    lines = headers.mailbox("List-Id", sender.list_name, sender.list_id) if sender.list_name else b""
    lines = lines or headers.token("List-Id", f"<{sender.list_id}>")
    lines += headers.token("Precedence", "bulk")
    if sender.feedback_id:
        lines += headers.token("Feedback-ID", sender.feedback_id)
    return lines


def _pieces(content: str, nonce: str, *, as_html: bool) -> list[_Piece]:
    """The content encoded, cut where a slot's value will stand."""
    names = {slot_marker(nonce, name): name for name in SlotName}
    found = re.split("(" + "|".join(re.escape(marker) for marker in names) + ")", content)
    pieces: list[_Piece] = []
    for index, text in enumerate(found):
        if text in names:
            pieces.append((names[text], as_html))
            continue
        encoded = quoted.encode(text)
        # A soft break sets the next value at the start of its own line; after a real line end it is there already.
        last = index == len(found) - 1
        at_start = encoded.endswith(b"\r\n") or not encoded
        pieces.append(encoded if last or at_start else encoded + b"=\r\n")
    return pieces
