"""Which column holds what, in our own files and in other programs' exports, and the person that a record tells of."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parseaddr

from subscribers import addresses
from subscribers.csvfile import defused
from subscribers.csvfile.lines import cells
from subscribers.csvfile.model import Format, Notes, Row, shown
from subscribers.model import EndedReason, SubscribersError, SuppressionReason

_NAMES = {
    "email": ("email", "e_mail", "email_address", "mail"),
    "name": ("name", "full_name", "display_name"),
    "first_name": ("first_name", "fname"),
    "last_name": ("last_name", "lname"),
    "topics": ("topics", "tags"),
    "frequency": ("frequency",),
    "language": ("language", "lang"),
    "consent_at": ("consent_at",),
    "consent_source": ("consent_source",),
    "state": ("state", "status"),
    "ended_at": ("ended_at",),
    "reason": ("reason",),
    "suppressed": ("suppressed",),
    "publication": ("publication",),
}


COLUMNS: dict[Format, dict[str, tuple[str, ...]]] = {
    Format.CSV: _NAMES,
    Format.MAILCHIMP: {
        "email": _NAMES["email"],
        "first_name": _NAMES["first_name"],
        "last_name": _NAMES["last_name"],
        "topics": ("tags",),
        "language": ("language",),
        "consent_at": ("confirm_time", "optin_time"),
        "ended_at": ("unsub_time",),
        "cleaned_at": ("clean_time",),
    },
    Format.LISTMONK: {
        "email": _NAMES["email"],
        "name": _NAMES["name"],
        "state": ("status",),
        "consent_at": ("created_at",),
        "attributes": ("attributes",),
    },
    Format.MAILPOET: {
        "email": _NAMES["email"],
        "first_name": _NAMES["first_name"],
        "last_name": _NAMES["last_name"],
        "topics": ("tags",),
        "state": ("list_status", "global_status", "subscriber_status", "status"),
        "consent_at": (
            "confirmation_time",
            "confirmed_at",
            "subscription_time",
            "last_subscribed_at",
            "subscribed_at",
            "created_at",
        ),
    },
    Format.MAILMAN: {"email": _NAMES["email"], "name": _NAMES["name"]},
}


_CONFIRMED = {"", "confirmed", "subscribed", "enabled", "active", "inactive"}


_ENDED = {
    "ended": EndedReason.UNSUBSCRIBED,
    "unsubscribed": EndedReason.UNSUBSCRIBED,
    "unsubscribed-all": EndedReason.UNSUBSCRIBED_ALL,
    "disabled": EndedReason.MANUAL,
}


_SUPPRESSED = {
    "cleaned": SuppressionReason.HARD_BOUNCE,
    "bounced": SuppressionReason.HARD_BOUNCE,
    "complained": SuppressionReason.COMPLAINED,
    "spam": SuppressionReason.COMPLAINED,
    "blocklisted": SuppressionReason.MANUAL,
    "blacklisted": SuppressionReason.MANUAL,
    "suppressed": SuppressionReason.MANUAL,
}


_PENDING = {"requested", "pending", "unconfirmed"}


_MOST_TOPICS = 50
# "2023-01-02 03:04:05.123 +0000 UTC" is how listmonk writes a time.
_GO_TIME = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) ([+-]\d{4})(?: [A-Z+-][A-Za-z0-9+-]*)?$")


class Unusable(Exception):
    """Why a row cannot be used."""


@dataclass(slots=True)
class Parser:
    """Knows where each column is."""

    format: Format
    places: dict[str, tuple[int, ...]]
    headless: bool
    # Where address and name stand if there is nothing else, as in most files; -1 without names.
    _simple: tuple[int, int] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        there = {column: len(places) for column, places in self.places.items()}
        if self.format is not Format.MAILMAN and there in ({"email": 1, "name": 1}, {"email": 1}):
            self._simple = (self.places["email"][0], self.places.get("name", (-1,))[0])

    def given(self, fields: Sequence[str]) -> str:
        """What a report shows of a row: its address, else the first thing in it."""
        return self._at(fields, "email") or next((f for f in fields if f.strip()), "")

    def row(self, line: int, fields: Sequence[str]) -> Row:
        """The person a record tells of; raises `BadAddress` or `Unusable`."""
        if self._simple and max(self._simple) < len(fields):
            where, called = self._simple
            name = fields[called] if called >= 0 else ""
            return Row(line, addresses.parse(defused.undone(fields[where])), defused.undone(name))
        address = self._at(fields, "email")
        name = self._at(fields, "name")
        if self.format is Format.MAILMAN and "<" in address:
            alias, bare = parseaddr(address)
            address, name = bare or address, name or alias
        if not name:
            name = f"{self._at(fields, 'first_name')} {self._at(fields, 'last_name')}".strip()
        ended, suppressed = self._fate(fields)
        language, topics = _attributes(self._at(fields, "attributes"))
        return Row(
            line,
            addresses.parse(address),
            name,
            _topics(self._at(fields, "topics")) or topics,
            self._at(fields, "frequency"),
            self._at(fields, "language") or language,
            _moment(self._at(fields, "consent_at"), "consent_at"),
            self._at(fields, "consent_source"),
            ended,
            _moment(self._at(fields, "ended_at"), "ended_at") if ended else None,
            suppressed,
            self._at(fields, "publication").strip(),
        )

    def _fate(self, fields: Sequence[str]) -> tuple[EndedReason | None, SuppressionReason | None]:
        if bar := self._at(fields, "suppressed").strip().lower():
            if bar in set(SuppressionReason) - {SuppressionReason.ERASED}:
                return None, SuppressionReason(bar)
            return None, _SUPPRESSED.get(bar, SuppressionReason.MANUAL)
        if self._at(fields, "cleaned_at"):
            return None, SuppressionReason.HARD_BOUNCE
        state = self._state(fields)
        if self.format is Format.MAILCHIMP and not state and self._at(fields, "ended_at"):
            state = "unsubscribed"
        if state in _CONFIRMED:
            return None, None
        if state in _PENDING:
            raise Unusable("they never confirmed; they can sign up themselves.")
        if state in _SUPPRESSED:
            return None, _SUPPRESSED[state]
        if state not in _ENDED:
            raise Unusable(
                f'the state "{shown(state)}" is not known; expected confirmed, ended or suppressed.'
            )
        reason = self._at(fields, "reason").strip().lower()
        return (EndedReason(reason) if reason in set(EndedReason) else _ENDED[state]), None

    def _state(self, fields: Sequence[str]) -> str:
        """What a row says of a person's state; of several columns, the one that says least for mailing them."""
        places = self.places.get("state", ())
        given = [fields[place].strip().lower() for place in places if place < len(fields)]
        return min(given, key=_mildness, default="")

    def _at(self, fields: Sequence[str], column: str) -> str:
        for place in self.places.get(column, ()):
            if place < len(fields) and fields[place]:
                return defused.undone(fields[place])
        return ""


def delimiter_of(head: str, format: Format) -> str:
    """The delimiter under which the first line names most columns we know, then has most columns."""
    known = {name for names in COLUMNS[format].values() for name in names}

    def fit(delimiter: str) -> tuple[int, int]:
        names = [_column_name(cell) for cell in cells(head, delimiter)]
        return sum(name in known for name in names), len(names)

    return max(",;\t", key=fit)


def parser_of(head: str, delimiter: str, format: Format, notes: Notes) -> Parser:
    """Who can read the records under this first line; raises `SubscribersError` when no column holds addresses."""
    titles = cells(head, delimiter)
    names = [_column_name(cell) for cell in titles]
    places = {
        column: tuple(names.index(name) for name in known if name in names)
        for column, known in COLUMNS[format].items()
        if any(name in names for name in known)
    }
    if "email" in places:
        used = {place for several in places.values() for place in several}
        notes.unknown_columns = tuple(
            shown(cell)[:60] for i, cell in enumerate(titles) if i not in used and cell.strip()
        )
        return Parser(format, places, headless=False)
    where = next((i for i, cell in enumerate(titles) if "@" in cell), None)
    if where is None:
        raise SubscribersError(
            f'No column holds addresses: the first line is "{shown(head[:100].strip())}"; '
            f'expected a column named "{COLUMNS[format]["email"][0]}".'
        )
    places = {"email": (0 if format is Format.MAILMAN else where,)}
    if len(titles) == 2 and format is not Format.MAILMAN:
        places["name"] = (1 - where,)
    return Parser(format, places, headless=True)


def _column_name(cell: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", cell.strip("\ufeff ").lower()).strip("_")


def _mildness(state: str) -> int:
    """Higher the more a state lets somebody be mailed; a word that is not known is between."""
    ranks: tuple[Collection[str], ...] = (_SUPPRESSED, _ENDED, _PENDING)
    return next(
        (rank for rank, states in enumerate(ranks) if state in states), 4 if state in _CONFIRMED else 3
    )


def _attributes(text: str) -> tuple[str, tuple[str, ...]]:
    """Language and topics, where a JSON object of attributes names them."""
    try:
        found = json.loads(text) if text.startswith("{") else {}
    except (ValueError, RecursionError):
        return "", ()
    language = found.get("language") or found.get("lang") or ""
    topics = found.get("topics") or found.get("tags") or ()
    several = topics if isinstance(topics, list) else [topics] if isinstance(topics, str) else []
    return (
        language if isinstance(language, str) else "",
        tuple(one for one in several[:_MOST_TOPICS] if isinstance(one, str)),
    )


def _topics(text: str) -> tuple[str, ...]:
    return tuple(part.strip(' "') for part in re.split(r"[,;|]", text) if part.strip(' "')) if text else ()


def _moment(text: str, column: str) -> datetime | None:
    """A time in ISO 8601, with a space for the T, or as Go prints it; without an offset it is UTC."""
    text = text.strip()
    if not text:
        return None
    try:
        given = datetime.fromisoformat(_GO_TIME.sub(r"\1\2", text))
        return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except (ValueError, OverflowError):
        expected = "expected a date such as 2026-11-19 or 2026-11-19T09:00:00Z"
        raise Unusable(f'{column} is "{shown(text)[:40]}"; {expected}.') from None
