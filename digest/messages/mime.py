"""Notices and proofs on the wire: a message to one person, with the same care for headers as an edition."""

from __future__ import annotations

import hashlib
from datetime import datetime

from digest.messages import headers, quoted
from digest.messages.dkim import Signer
from digest.messages.model import Addressed, Sender
from digest.messages.personalise import (
    envelope_sender,
    fixed_headers,
    message_id_for,
    multipart_headers,
    part_start,
    sending_address,
)


def build_notice(
    subject: str,
    html: str,
    text: str,
    sender: Sender,
    to: str,
    *,
    now: datetime,
    message_id: str,
    language: str = "en",
    unsubscribe_url: str = "",
    signer: Signer | None = None,
) -> Addressed:
    """A message that is not an edition, marked as sent by a machine.

    `message_id` is the key it is made from, the same on every try. An empty `html` makes it text alone. With an
    `unsubscribe_url` it carries List-Unsubscribe for one click (RFC 8058), else no list headers. With `signer` it is
    signed. Raises `Unmailable` for an address that cannot be written to.
    """
    address, smtputf8 = headers.wire_address(to)
    identity = message_id_for(message_id, sender.message_domain, "notice")
    opening, body = _alternative(html, text) if html else _plain(text)
    head = (
        headers.date(now)
        + headers.token("Message-ID", identity)
        + f"To: {address}\r\n".encode()
        + (_one_click(unsubscribe_url) if unsubscribe_url else b"")
        + fixed_headers(sender, subject=subject, language=language)
        + opening
    )
    signatures = signer.sign(head, body, sent_from=sending_address(sender), at=now) if signer else b""
    return Addressed(
        mail_from=envelope_sender(sender, ""),
        rcpt_to=address,
        message_id=identity,
        data=signatures + head + b"\r\n" + body,
        smtputf8=smtputf8,
    )


def _one_click(url: str) -> bytes:
    return headers.uri("List-Unsubscribe", url) + headers.token(
        "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"
    )


def _plain(text: str) -> tuple[bytes, bytes]:
    """The header lines that say what it is, and the body."""
    opening = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    return opening + b"Content-Transfer-Encoding: quoted-printable\r\n", quoted.encode(text) + b"\r\n"


def _alternative(html: str, text: str) -> tuple[bytes, bytes]:
    boundary = f"=_{hashlib.sha256((text + html).encode('utf-8', 'replace')).hexdigest()[:24]}"
    parts = (("plain", text), ("html", html))
    body = b"".join(part_start(boundary, subtype) + quoted.encode(content) for subtype, content in parts)
    return multipart_headers(boundary), body + f"\r\n--{boundary}--\r\n".encode()
