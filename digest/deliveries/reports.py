"""What comes back by mail, read from its header alone: what kind of message it is, and the tokens it carries. Pure.

Nothing in it has authority but a token of ours: not its sender, not its words. The body is never read.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from email import policy
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser

LONGEST_HEADER = 256 * 1024  # bytes; what comes after is not looked at
_LONGEST_FIELD = 8 * 1024
_MOST_TOKENS = 8
_RECIPIENTS = (
    "Delivered-To",
    "X-Original-To",
    "Envelope-To",
    "X-Envelope-To",
    "X-Forwarded-To",
    "To",
    "Cc",
)
_IN_MAILBOX = re.compile(r"\bunsub\+([A-Za-z0-9_-]{16,64})@", re.IGNORECASE)
_IN_SUBJECT = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{16,64}(?![A-Za-z0-9_-])")
_UNSUBSCRIBE = re.compile(r"^\s*(?:re:\s*)?unsubscribe\b", re.IGNORECASE)
_AWAY = re.compile(
    r"^\s*(?:out of (?:the )?office|automatic reply|auto(?:matic)?[- ]?(?:reply|response))\b", re.IGNORECASE
)
# Every header by which a machine says that it answers on somebody's behalf (RFC 3834 section 5, and custom).
_ANSWERED = ("X-Autoreply", "X-Autorespond", "X-Autoresponse", "X-Auto-Reply-From")


class Kind(enum.StrEnum):
    """What a message that came to us is."""

    BOUNCE = "bounce"  # a mail server reports on a message of ours
    COMPLAINT = "complaint"  # a mailbox provider reports that a reader called one spam
    UNSUBSCRIBE = "unsubscribe"
    AUTO_REPLY = "auto-reply"  # nobody wrote it
    REPLY = "reply"  # somebody answers one of our mails
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A message read: its kind, and the words in it that may be unsubscribe tokens, likeliest first."""

    kind: Kind
    tokens: tuple[str, ...] = ()


def read(message: bytes) -> Report:
    """What `message` is; whatever the bytes are, there is an answer."""
    head = _header(message)
    subject = _decoded(head, "Subject")
    kind = _machine(head, subject)
    if kind is not None:
        return Report(kind=kind)
    tokens = _tokens(head, subject)
    if tokens or _UNSUBSCRIBE.match(subject):
        return Report(kind=Kind.UNSUBSCRIBE, tokens=tokens)
    if _first(head, "Return-Path").strip() == "<>":
        return Report(kind=Kind.BOUNCE)
    answers = _first(head, "In-Reply-To") or _first(head, "References")
    return Report(kind=Kind.REPLY if answers else Kind.UNKNOWN)


def _header(message: bytes) -> Message:
    """The header fields; the rest is cut off before anything is parsed, so nothing in it can be deep or long."""
    kept = message[:LONGEST_HEADER].lstrip(b"\r\n")
    ends = [at for mark in (b"\r\n\r\n", b"\n\n") if (at := kept.find(mark)) >= 0]
    return BytesParser(policy=policy.compat32).parsebytes(
        kept[: min(ends, default=len(kept))], headersonly=True
    )


def _machine(head: Message, subject: str) -> Kind | None:
    """What kind of machine wrote it, if one says that it did."""
    described = " ".join(_first(head, "Content-Type").lower().split())
    if described.startswith("multipart/report"):
        if "feedback-report" in described:
            return Kind.COMPLAINT
        if "delivery-status" in described:
            return Kind.BOUNCE
    answered = _first(head, "Auto-Submitted").strip().lower().startswith("auto-replied")
    precedence = _first(head, "Precedence").strip().lower()
    if answered or precedence == "auto_reply" or any(_first(head, name) for name in _ANSWERED):
        return Kind.AUTO_REPLY
    if _first(head, "X-Failed-Recipients"):
        return Kind.BOUNCE
    return Kind.AUTO_REPLY if _AWAY.match(subject) else None


def _tokens(head: Message, subject: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in _RECIPIENTS:
        for value in _all(head, name):
            found.update(dict.fromkeys(_IN_MAILBOX.findall(value)))
    # A mailbox's name may lose its capitals on the way, the subject does not.
    in_subject = _IN_SUBJECT.findall(subject) if _UNSUBSCRIBE.match(subject) else []
    return tuple(dict.fromkeys([*in_subject[:_MOST_TOKENS], *found]))[:_MOST_TOKENS]


def _first(head: Message, name: str) -> str:
    return next(iter(_all(head, name)), "")


def _all(head: Message, name: str) -> list[str]:
    """The values of a field as bounded text; one that is no text of any encoding comes with replacements."""
    return [str(value)[:_LONGEST_FIELD] for value in (head.get_all(name) or [])[:_MOST_TOKENS]]


def _decoded(head: Message, name: str) -> str:
    value = _first(head, name)
    try:
        parts = decode_header(value)
        decoded = [
            text if isinstance(text, str) else text.decode(charset or "ascii", "replace")
            for text, charset in parts
        ]
    except (
        ValueError,
        LookupError,
        MessageError,
    ):  # encoded-words that are none, or in an encoding that nobody has
        return value
    return " ".join("".join(decoded).split())
