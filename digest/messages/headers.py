"""Header lines written octet by octet, because a library that folds them for us breaks one-click unsubscribing.

Python's email package turns a List-Unsubscribe longer than 75 characters into encoded-words, in which no mailbox
provider finds the address. So structured headers are written here; only free text is encoded by the library.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta
from email.header import Header
from email.utils import format_datetime
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from digest.errors import DigestError

_FOLD = 76
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+( [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_ASCII_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
)
_TOKEN = re.compile(r"[!-~]+")
_URI = re.compile(r"[!#-+\--;=?-\[\]-~]+")  # a token without <>,"\
_BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c")
_DROPPED = frozenset({"Cs", "Co"})


class Unmailable(DigestError):
    """An address that no message can be sent to; the sentence never contains it."""


def clean(text: str) -> str:
    """`text` on one line: line ends and controls become spaces, bidirectional overrides vanish, spaces collapse."""
    kept = (
        " " if unicodedata.category(c) in {"Zl", "Zp", "Cc"} else c
        for c in text
        if c not in _BIDI and unicodedata.category(c) not in _DROPPED
    )
    return " ".join("".join(kept).split())


def unstructured(name: str, text: str) -> bytes:
    """A header of free text, such as Subject: plain where it can be, else encoded-words."""
    text = clean(text)
    if text.isascii() and "=?" not in text:
        folded = _fold_words(f"{name}: ", text.split(" "))
        if folded is not None:
            return folded
    return f"{name}: {_encoded(text, name)}\r\n".encode("ascii")


def mailbox(name: str, display: str, address: str) -> bytes:
    """A header of one mailbox, such as From; `address` is already ASCII."""
    phrase = _phrase(clean(display), name)
    if not phrase:
        return f"{name}: {address}\r\n".encode("ascii")
    last = phrase.rpartition("\r\n")[2]
    used = len(last) + (len(name) + 2 if last is phrase or "\r\n" not in phrase else 0)
    gap = " " if used + len(address) + 3 <= _FOLD else "\r\n "
    return f"{name}: {phrase}{gap}<{address}>\r\n".encode("ascii")


def token(name: str, value: str) -> bytes:
    """A header whose value is printable ASCII written as it is, at any length; raises ValueError otherwise."""
    if not all(_TOKEN.fullmatch(part) for part in value.split(" ")) or len(name) + 2 + len(value) > 998:
        raise ValueError(f"{name} cannot carry this value: expected printable ASCII, at most 998 octets")
    return f"{name}: {value}\r\n".encode("ascii")


def uri(name: str, *addresses: str) -> bytes:
    """A header of addresses in angle brackets, each whole on a line of its own and never encoded."""
    for address in addresses:
        if not _URI.fullmatch(address):
            raise ValueError(f"{name} needs an ASCII address without spaces or brackets")
        if len(name) + 5 + len(address) > 998:
            raise ValueError(f"{name} cannot carry this address: expected at most 998 octets")
    folded = ",\r\n ".join(f"<{address}>" for address in addresses)
    return f"{name}: {folded}\r\n".encode("ascii")


def date(moment: datetime) -> bytes:
    """The Date header, with a numeric zone; `moment` must be aware."""
    if moment.tzinfo is None:
        raise ValueError("a Date without its zone")
    return _date(moment.replace(microsecond=0), moment.utcoffset())


@lru_cache(maxsize=64)
def _date(moment: datetime, _offset: timedelta | None) -> bytes:
    """One instant is equal in all zones, and written differently in each."""
    return f"Date: {format_datetime(moment)}\r\n".encode("ascii")


def wire_address(address: str) -> tuple[str, bool]:
    """`address` as SMTP takes it, and whether it needs SMTPUTF8; raises `Unmailable`.

    A domain that is not ASCII becomes its A-label, so only a local part that is not ASCII needs the extension.
    """
    if _ASCII_ADDRESS.fullmatch(address) and ".." not in address and len(address) <= 254:
        local = address.partition("@")[0]
        if not local.startswith(".") and not local.endswith("."):
            return address, False
    if address.isascii():
        raise Unmailable("the address is not one that mail can be sent to")
    try:
        valid = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise Unmailable("the address is not one that mail can be sent to") from None
    return f"{valid.local_part}@{valid.ascii_domain}", not valid.local_part.isascii()


def _phrase(display: str, header: str) -> str:
    if not display:
        return ""
    if display.isascii() and len(display) <= 50 and "=?" not in display:
        if _ATOMS.fullmatch(display):
            return display
        escaped = display.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return _encoded(display, header)


def _encoded(text: str, header: str) -> str:
    return Header(text or " ", charset="utf-8", header_name=header, maxlinelen=_FOLD).encode(linesep="\r\n")


def _fold_words(prefix: str, words: list[str]) -> bytes | None:
    """The words folded at spaces, or None when one is too long for a line."""
    lines, line = [], prefix + words[0]
    for word in words[1:]:
        if len(line) + 1 + len(word) > _FOLD:
            lines.append(line)
            line = ""
        line += f" {word}"
    lines.append(line)
    if any(len(line) > _FOLD for line in lines):
        return None
    return ("\r\n".join(lines) + "\r\n").encode("ascii")
