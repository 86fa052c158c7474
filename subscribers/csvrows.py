"""From the bytes of somebody's list to checked rows, one at a time; a row that cannot be used is a problem, not an end.

Encodings (UTF-8, UTF-16 with a mark, and Windows-1252 for lines that are not UTF-8), delimiters, quotes that never
close, lines without end and unknown columns are all met here, so that the import sees only rows it can judge.
"""

from __future__ import annotations

import codecs
import csv
import enum
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import BinaryIO, NamedTuple

from subscribers import addresses
from subscribers.addresses import Address, BadAddress
from subscribers.model import EndedReason, SubscribersError, SuppressionReason

_CHUNK = 256 * 1024
_LONGEST_LINE = 64 * 1024
_LONGEST_RECORD_LINES = 100
_SHOWN = 254


class Format(enum.StrEnum):
    """Whose export a file is; it decides what its columns are called."""

    CSV = "csv"
    MAILCHIMP = "mailchimp"
    LISTMONK = "listmonk"
    MAILPOET = "mailpoet"
    MAILMAN = "mailman"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """A row that was not imported: the line it starts on (from 1), what it gave, and why."""

    line: int
    value: str
    reason: str


class Row(NamedTuple):
    """One person as a file tells of them; `ended` or `suppressed` when the file says that they must not be mailed."""

    line: int
    address: Address
    name: str = ""
    topics: tuple[str, ...] = ()
    frequency: str = ""
    language: str = ""
    consent_at: datetime | None = None
    consent_source: str = ""
    ended: EndedReason | None = None
    ended_at: datetime | None = None
    suppressed: SuppressionReason | None = None
    publication: str = ""


@dataclass(slots=True)
class Notes:
    """What is worth telling about a file as a whole."""

    not_utf8: int = 0
    unknown_columns: tuple[str, ...] = ()

    def sentences(self) -> tuple[str, ...]:
        """The notes in words."""
        said = []
        if self.not_utf8:
            said.append(
                f"{self.not_utf8} lines were not UTF-8 and were read as Windows-1252; check accented names."
            )
        if self.unknown_columns:
            said.append(f"These columns were passed over: {', '.join(self.unknown_columns)}.")
        return tuple(said)


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
    },
    Format.MAILPOET: {
        "email": _NAMES["email"],
        "first_name": _NAMES["first_name"],
        "last_name": _NAMES["last_name"],
        "topics": ("tags",),
        "state": ("list_status", "global_status", "subscriber_status", "status"),
        "consent_at": (
            "confirmed_at",
            "confirmation_time",
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


def read(stream: BinaryIO, format: Format, *, notes: Notes) -> Iterator[Row | RowProblem]:
    """The rows of a file, in its order; raises `SubscribersError` when no column holds addresses."""
    lines = _Lines(stream, notes)
    first = next(lines, None)
    while first is not None and not first[1].strip():
        first = next(lines, None)
    if first is None:
        return
    number, head = first
    delimiter = _delimiter(head, COLUMNS[format])
    parser = _parser(head, delimiter, format, notes)
    if parser.headless:
        lines.push_back([(number, head)])
    whole_lines = format is Format.MAILMAN and parser.headless
    for record in _records(lines, delimiter="" if whole_lines else delimiter):
        if isinstance(record, RowProblem):
            yield record
            continue
        line, fields = record
        try:
            yield parser.row(line, fields)
        except BadAddress as error:
            yield RowProblem(line=line, value=shown(parser.given(fields)), reason=error.reason)
        except _Unusable as error:
            yield RowProblem(line=line, value=shown(parser.given(fields)), reason=str(error))


def shown(value: str) -> str:
    """Text from a file as a report may show it: one line, printable, bounded."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value[:_SHOWN])
    return text + ("…" if len(value) > _SHOWN else "")


class _Unusable(Exception):
    """Why a row cannot be used."""


@dataclass(slots=True)
class _Parser:
    """Knows where each column is."""

    format: Format
    places: dict[str, tuple[int, ...]]
    headless: bool
    plain: bool = field(init=False)  # nothing but address and name, as most files have it

    def __post_init__(self) -> None:
        self.plain = set(self.places) <= {"email", "name"} and self.format is not Format.MAILMAN

    def given(self, fields: Sequence[str]) -> str:
        return self._at(fields, "email") or next((f for f in fields if f.strip()), "")

    def row(self, line: int, fields: Sequence[str]) -> Row:
        address = self._at(fields, "email")
        name = self._at(fields, "name")
        if self.plain:
            return Row(line, addresses.parse(address), name)
        if self.format is Format.MAILMAN and "<" in address:
            alias, bare = parseaddr(address)
            address, name = bare or address, name or alias
        if not name:
            name = f"{self._at(fields, 'first_name')} {self._at(fields, 'last_name')}".strip()
        ended, suppressed = self._fate(fields)
        return Row(
            line,
            addresses.parse(address),
            name,
            _topics(self._at(fields, "topics")),
            self._at(fields, "frequency"),
            self._at(fields, "language"),
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
        state = self._at(fields, "state").strip().lower()
        if self.format is Format.MAILCHIMP and not state and self._at(fields, "ended_at"):
            state = "unsubscribed"
        if state in _CONFIRMED:
            return None, None
        if state in _PENDING:
            raise _Unusable("they never confirmed; they can sign up themselves.")
        if state in _SUPPRESSED:
            return None, _SUPPRESSED[state]
        if state not in _ENDED:
            raise _Unusable(
                f'the state "{shown(state)}" is not known; expected confirmed, ended or suppressed.'
            )
        reason = self._at(fields, "reason").strip().lower()
        return (EndedReason(reason) if reason in set(EndedReason) else _ENDED[state]), None

    def _at(self, fields: Sequence[str], column: str) -> str:
        for place in self.places.get(column, ()):
            if place < len(fields) and fields[place]:
                return fields[place]
        return ""


class _Lines:
    """The lines of a file with their numbers, decoded; memory is bounded by the longest line allowed."""

    def __init__(self, stream: BinaryIO, notes: Notes) -> None:
        self._waiting: deque[tuple[int, str]] = deque()
        self._read = self._numbered(stream)
        self._notes = notes

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        if self._waiting:
            return self._waiting.popleft()
        return next(self._read)

    def push_back(self, lines: Sequence[tuple[int, str]]) -> None:
        """Give lines back, to be read again."""
        self._waiting.extendleft(reversed(lines))

    def _numbered(self, stream: BinaryIO) -> Iterator[tuple[int, str]]:
        number, rest, too_long = 0, b"", False
        for chunk in _chunks(stream):
            head, newline, tail = chunk.rpartition(b"\n")
            if not newline:
                rest += b"" if too_long else chunk
                if len(rest) > _LONGEST_LINE:
                    rest, too_long = rest[: _LONGEST_LINE + 1].decode("ascii", "replace").encode(), True
                continue
            block = b"\n".join([rest, *head.split(b"\n", 1)[1:]]) if too_long else rest + head
            for line in self._decoded(block):
                number += 1
                yield number, line
            rest, too_long = tail, False
        if rest:
            yield number + 1, self._decoded(rest)[0]

    def _decoded(self, block: bytes) -> list[str]:
        try:
            return block.decode().split("\n")
        except UnicodeDecodeError:
            return [self._guessed(line) for line in block.split(b"\n")]

    def _guessed(self, line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError:
            self._notes.not_utf8 += 1
            return line.decode("cp1252", errors="replace")


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The file in UTF-8 as far as its first bytes tell, with lines ended by a line feed."""
    head = stream.read(_CHUNK)
    utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    decoder = codecs.getincrementaldecoder("utf-16")(errors="replace") if utf16 else None
    old_mac = b"\r" in head and b"\n" not in head
    chunk = head.removeprefix(codecs.BOM_UTF8)
    while chunk:
        if decoder:
            chunk = decoder.decode(chunk).encode(errors="replace")
        yield chunk.replace(b"\r", b"\n") if old_mac else chunk
        chunk = stream.read(_CHUNK)


def _records(lines: _Lines, *, delimiter: str) -> Iterator[tuple[int, list[str]] | RowProblem]:
    """The fields of each record with the line it starts on. Each is parsed alone, so no quote can swallow a file.

    Without a delimiter a line is one field, quotes and all.
    """
    for number, line in lines:
        if len(line) > _LONGEST_LINE:
            yield RowProblem(
                line=number, value=shown(line[:60]), reason="the line is too long to be a person."
            )
        elif not delimiter:
            if line.strip():
                yield number, [line.strip()]
        elif '"' in line:
            yield _quoted(lines, number, line, delimiter)
        elif line.strip("\r \t" + delimiter):
            yield number, line.rstrip("\r").split(delimiter)


def _quoted(lines: _Lines, number: int, line: str, delimiter: str) -> tuple[int, list[str]] | RowProblem:
    record, taken = line.rstrip("\r"), list[tuple[int, str]]()
    while True:
        try:
            # A second line that arrives as a row of its own shows that the quotes of the first are closed.
            rows = list(csv.reader((record, "."), delimiter=delimiter))
        except csv.Error as error:
            return RowProblem(line=number, value=shown(record[:60]), reason=f"it is not valid CSV: {error}.")
        if len(rows) > 1:
            return number, rows[0]
        following = next(lines, None)
        if following is not None:
            taken.append(following)
        if following is None or len(taken) > _LONGEST_RECORD_LINES or len(record) > _LONGEST_LINE:
            lines.push_back(taken)
            return RowProblem(line=number, value=shown(line[:60]), reason="a quotation mark is never closed.")
        record += "\n" + following[1].rstrip("\r")


def _delimiter(head: str, columns: dict[str, tuple[str, ...]]) -> str:
    """The delimiter under which the first line names most columns we know, then has most columns."""
    known = {name for names in columns.values() for name in names}

    def fit(delimiter: str) -> tuple[int, int]:
        cells = _cells(head, delimiter)
        return sum(_column_name(cell) in known for cell in cells), len(cells)

    return max(",;\t", key=fit)


def _parser(head: str, delimiter: str, format: Format, notes: Notes) -> _Parser:
    cells = _cells(head, delimiter)
    names = [_column_name(cell) for cell in cells]
    places = {
        column: tuple(names.index(name) for name in known if name in names)
        for column, known in COLUMNS[format].items()
        if any(name in names for name in known)
    }
    if "email" in places:
        used = {place for several in places.values() for place in several}
        notes.unknown_columns = tuple(
            shown(cell)[:60] for i, cell in enumerate(cells) if i not in used and cell.strip()
        )
        return _Parser(format, places, headless=False)
    where = next((i for i, cell in enumerate(cells) if "@" in cell), None)
    if where is None:
        raise SubscribersError(
            f'No column holds addresses: the first line is "{shown(head[:100].strip())}"; '
            f'expected a column named "{COLUMNS[format]["email"][0]}".'
        )
    places = {"email": (0 if format is Format.MAILMAN else where,)}
    if len(cells) == 2 and format is not Format.MAILMAN:
        places["name"] = (1 - where,)
    return _Parser(format, places, headless=True)


def _cells(head: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader((head.rstrip("\r"),), delimiter=delimiter), [])
    except csv.Error:
        return head.split(delimiter)


def _column_name(cell: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", cell.strip("\ufeff ").lower()).strip("_")


def _topics(text: str) -> tuple[str, ...]:
    return tuple(part.strip(' "') for part in re.split(r"[,;|]", text) if part.strip(' "')) if text else ()


def _moment(text: str, column: str) -> datetime | None:
    """A time in ISO 8601, or with a space for the T; without an offset it is UTC."""
    text = text.strip()
    if not text:
        return None
    try:
        given = datetime.fromisoformat(text)
        return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except (ValueError, OverflowError):
        expected = "expected a date such as 2026-11-19 or 2026-11-19T09:00:00Z"
        raise _Unusable(f'{column} is "{shown(text)[:40]}"; {expected}.') from None
