"""A rendered edition, and one message ready for the wire."""

from __future__ import annotations

import enum
import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Protocol


class SlotName(enum.StrEnum):
    """The gaps filled per recipient; nothing else varies between two readers' copies."""

    UNSUBSCRIBE_URL = "unsubscribe_url"
    PREFERENCES_URL = "preferences_url"
    SIGNED_UP = "signed_up"


def slot_marker(nonce: str, name: SlotName) -> str:
    """The text that stands where `name` will be filled in; plain ASCII, so that HTML, MJML and CSS leave it be.

    `nonce` is made per render, so a hostile post cannot write a marker that we would fill.
    """
    return f"slot-{nonce}-{name.value.replace('_', '-')}-end"


Span = tuple[int, int]
"""The characters from one place to another in the HTML or the text of a rendering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One item as it is printed, by the characters it takes: a reader's copy keeps them all or has none of them.

    `event` is True for what may be attended, or perhaps may; `news` is False for an event that an earlier edition
    announced, and for the line that counts what was left to the site. `post_id` is None where no post is behind it.
    """

    html: tuple[Span, ...] = ()
    text: tuple[Span, ...] = ()
    post_id: int | None = None
    topics: tuple[str, ...] = ()
    event: bool = False
    news: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """How a rendering may be cut: its pieces, and the parts in both that go when all the pieces in them go.

    `earlier_html` and `earlier_text` are printed in no copy of this edition: they stand over its pieces where a
    later mail brings them to somebody who missed them. `joint` is where in HTML and text this mail takes in such
    pieces of earlier editions, None where its template has no place for them; `template` is that template's name.
    `uncut` counts the items printed without marks, which every copy has.
    """

    pieces: tuple[Piece, ...] = ()
    html_parts: tuple[Span, ...] = ()
    text_parts: tuple[Span, ...] = ()
    earlier_html: str = ""
    earlier_text: str = ""
    joint: Span | None = None
    template: str = ""
    uncut: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What an edition looks like: approved as these bytes, sent as these bytes.

    `html` and `text` hold `slot_marker`s made with `nonce`. `personal` are the (start, end) marker texts around
    parts that only belong in a reader's own copy (preferences, unsubscribe); the web copy leaves them out.
    `dropped` names items that could not be rendered; `more` counts items left to the site for size. `sections` says
    how the HTML and the text may be cut; it is empty in what was approved before there was such a thing.
    """

    subject: str
    preheader: str
    html: str
    text: str
    nonce: str
    personal: tuple[str, str]
    language: str = "en"
    dropped: tuple[str, ...] = ()
    more: int = 0
    sections: Sections = Sections()

    @property
    def fingerprint(self) -> str:
        """A hash of all that staff approved; what is launched must still have it."""
        seen: list[object] = [
            self.subject,
            self.preheader,
            self.html,
            self.text,
            self.nonce,
            self.language,
        ]
        if self.sections != Sections():
            seen.append(asdict(self.sections))
        return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


class Severity(enum.StrEnum):
    """How much a preflight finding matters: blocking stops approval unless overridden by name."""

    BLOCKING = "blocking"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing preflight noticed: a stable `code`, what and where in words, and the remedy."""

    code: str
    severity: Severity
    message: str
    place: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who an edition is from, as its headers say; all values are validated configuration.

    `from_address` may carry a display name; `list_id` is `label.domain`; `message_domain` is the right side of
    our Message-IDs; `base_url` has no trailing slash. `envelope_from` is the bounce address, or
    `bounce_domain` turns on one envelope sender per recipient.
    """

    from_name: str
    from_email: str
    reply_to: str
    list_id: str
    list_name: str
    message_domain: str
    base_url: str
    envelope_from: str
    bounce_domain: str | None = None
    feedback_id: str = ""
    archive_url: str | None = None


class Copy(Protocol):
    """An edition as one reader gets it, or many do, ready to be addressed."""

    def addressed(self, reader: Reader, *, position_key: str, now: datetime | None = None) -> Addressed:
        """The message for `reader`; `position_key` names them within the edition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One recipient as the message needs them: address, and the values of the slots and tokens.

    `unsubscribe_mailto` is the mailto address that stands beside the https one in List-Unsubscribe, if any.
    """

    address: str
    unsubscribe_url: str
    preferences_url: str
    signed_up: str
    bounce_token: str = ""
    # What they chose of the edition, where that is not all of it.
    copy: Copy | None = field(default=None, repr=False, compare=False)
    unsubscribe_mailto: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """One message ready for the wire: CRLF lines, 7-bit clean, not dot-stuffed.

    `smtputf8` is True when the recipient's local part is not ASCII, so the server must offer SMTPUTF8. `dotless`
    says that no line begins with a dot, so nobody needs to look for one.
    """

    mail_from: str
    rcpt_to: str
    message_id: str
    data: bytes = field(repr=False)
    smtputf8: bool = False
    dotless: bool = False
