"""Parse, normalise and compare mail addresses.

Syntax is email-validator's judgement, the one library besides SQLAlchemy that this package stands on: knowing
what an address is (IDNA, SMTPUTF8, bidirectional and unsafe characters) is its whole work. Nine addresses in ten
are plain ASCII, and a regular expression that accepts nothing the library would refuse spares them the trip.

The names reserved for examples and tests (.example, .test, .invalid, example.org) are accepted, so that demos and
tests can use them; .local, .localhost, .onion and .arpa are refused, as no mail reaches them from here.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from email_validator import EmailNotValidError, validate_email

from subscribers.model import SubscribersError

_LONGEST = 254
_ATOM = r"[a-z0-9_!#$%&'*+\-/=?^`{|}~]++"
_LABEL = r"(?=[^.]{1,63}(?:\.|\Z))[a-z0-9]++(?:-[a-z0-9]++)*+"
# Matched in lower case; possessive, so that no text takes long.
_PLAIN = re.compile(
    rf"(?=.{{6,{_LONGEST}}}\Z)(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*+@"
    rf"(?:{_LABEL}\.)+(?!(?:arpa|local|localhost|onion|invalid|test)\Z)(?=[^.]*[a-z]\Z){_LABEL}\Z",
    re.ASCII,
)
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_EDGES = " \t\u00a0\ufeff"

# Mailboxes that machines and whole teams read (RFC 2142 and custom): nobody consents for them by being in a list.
ROLES = frozenset(
    {
        "abuse",
        "do-not-reply",
        "donotreply",
        "hostmaster",
        "listserv",
        "mailer-daemon",
        "majordomo",
        "no-reply",
        "nobody",
        "noc",
        "noreply",
        "postmaster",
        "root",
        "security",
        "spam",
        "usenet",
        "uucp",
    }
)


class BadAddress(SubscribersError):
    """The text is not an address that can be mailed; `reason` says why without repeating it."""

    def __init__(self, text: str, reason: str) -> None:
        self.reason = reason
        super().__init__(f'"{_printable(text)}" is not an address that can be mailed: {reason}')


class Address(NamedTuple):
    """An address in the form its owner wrote (`text`), and the key that says whether two are the same."""

    text: str
    key: str

    @property
    def is_role(self) -> bool:
        """Whether it is a mailbox for a duty rather than a person."""
        return self.key.partition("@")[0] in ROLES


def parse(text: str) -> Address:
    """The address in `text`; raises `BadAddress` with the reason when it is none.

    Two addresses with one key are one mailbox: the domain is compared in ASCII and lower case, the local part
    without regard to case or to full-width forms, and nothing is stripped from it.
    """
    text = text.strip(_EDGES)
    key = text.lower()
    # Some letters outside ASCII have a lower case inside it.
    if text.isascii() and _PLAIN.match(key):
        return Address(text, key)
    return _parse_with_care(text)


def wire_form(address: str, key: str) -> str:
    """The address for SMTP: its own local part, its domain in ASCII as the key has it."""
    if address.isascii():
        return address
    return f"{address.rpartition('@')[0]}@{key.rpartition('@')[2]}"


def masked(address: str) -> str:
    """An address as a page may show it: enough for its owner to recognise, useless to anybody else."""
    local, _, domain = address.rpartition("@")
    if not local:
        return ""
    name, dot, rest = domain.rpartition(".")
    return f"{local[0]}•••@{name[:1]}•••{dot}{rest}"


def _parse_with_care(text: str) -> Address:
    if not text:
        raise BadAddress(text, "it is empty.")
    if len(text) > _LONGEST:
        raise BadAddress(text, f"it is longer than {_LONGEST} characters.")
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in text):
        raise BadAddress(text, "it holds a control or invisible character.")
    text = text.translate(_FULL_WIDTH)
    try:
        # .invalid is refused without a switch to allow it; .example has the same length and the same syntax.
        checked = validate_email(
            re.sub(r"(?i)\.invalid\Z", ".example", text),
            check_deliverability=False,
            allow_smtputf8=True,
            strict=True,
            test_environment=True,
        )
    except EmailNotValidError as error:
        raise BadAddress(text, str(error)) from None
    domain = checked.ascii_domain.lower()
    if text.lower().endswith(".invalid"):
        domain = domain.removesuffix("example") + "invalid"
    if "." not in domain:
        raise BadAddress(text, "The part after the @-sign is not valid. It should have a period.")
    local = checked.local_part if text.isascii() else unicodedata.normalize("NFC", text.rpartition("@")[0])
    if len(local.encode()) > 64:
        raise BadAddress(text, "The part before the @-sign is longer than 64 bytes.")
    shown = f"{local}@{text.rpartition('@')[2]}"
    return Address(shown, f"{unicodedata.normalize('NFKC', local).casefold()}@{domain}")


def _printable(text: str) -> str:
    cleaned = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:_LONGEST])
    return cleaned + ("…" if len(text) > _LONGEST else "")
