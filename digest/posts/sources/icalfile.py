"""An iCalendar file as blocks of lines, forgiving what writers of calendars get wrong (RFC 5545 §3.1, §3.4).

Nothing is interpreted here but the few lines that say which blocks belong together and which are long over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from icalendar.parser import Contentline, unescape_backslash

from digest.posts.sources.http import Response

LONGEST_LINE = 200_000
_MOST_LINES = 2_000
# What is read of an event; everything else it carries (alarms, attendees, extensions) is not for readers.
_OF_EVENTS = frozenset(
    {"UID", "SEQUENCE", "DTSTAMP", "DTSTART", "DTEND", "DURATION", "RRULE", "EXRULE", "RDATE", "EXDATE"}
    | {"RECURRENCE-ID", "SUMMARY", "DESCRIPTION", "X-ALT-DESC", "LOCATION", "URL", "STATUS", "CLASS"}
    | {"CATEGORIES", "ORGANIZER", "ATTACH", "IMAGE", "CONFERENCE", "CREATED", "LAST-MODIFIED"}
    | {"X-GOOGLE-CONFERENCE", "X-MICROSOFT-SKYPETEAMSMEETINGURL", "X-MICROSOFT-CDO-ALLDAYEVENT"}
)
_LINE = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]{0,60})[;:]")
_COMPONENT = re.compile(r"V[A-Z]{1,20}|STANDARD|DAYLIGHT|X-[A-Z0-9-]{1,40}")
_FOLD = re.compile(rb"(?:\r\n|\n|\r)[ \t]")
_BREAK = re.compile(r"\r\n|\n|\r")


@dataclass(slots=True, kw_only=True)
class Block:
    """The lines of one VEVENT, by name, as they stand in the file but unfolded; `cancelled` by its METHOD."""

    lines: dict[str, list[str]] = field(default_factory=dict)
    cancelled: bool = False

    def line(self, name: str) -> str:
        """The first line of that name, whole, or ""."""
        return next(iter(self.lines.get(name, ())), "")

    def text(self, name: str) -> str:
        """The first value of that name as text, its escapes undone, or ""."""
        return text_of(self.line(name))

    @property
    def sequence(self) -> int:
        """Which revision this is; 0 unless it says."""
        digits = raw_value(self.line("SEQUENCE"))
        return int(digits) if re.fullmatch(r"[0-9]{1,9}", digits) else 0

    @property
    def repeats(self) -> bool:
        """Whether it stands for several dates, or for one of several."""
        return not self.lines.keys().isdisjoint({"RRULE", "RDATE", "RECURRENCE-ID", "EXRULE"})


@dataclass(slots=True, kw_only=True)
class CalendarFile:
    """What one file holds: its events, the text of its time zones, and the calendar's own properties by name.

    `whole` is False where the file broke off.
    """

    events: list[Block] = field(default_factory=list)
    zones: list[str] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)
    whole: bool = True

    def text(self, name: str) -> str:
        """The calendar's own property of that name as text, or ""."""
        return text_of(self.properties.get(name, ""))


def read_file(response: Response) -> CalendarFile | None:
    """The calendar in `response`, or None if there is none in it, whatever its content type says."""
    if response.is_web_page:
        return None
    text = _decoded(response)
    if re.match(r"\s*BEGIN:VCALENDAR\s", text, re.IGNORECASE) is None:
        return None
    return _Reader().read(text)


def raw_value(line: str) -> str:
    """The value of a line whose value holds no colon: a number, a date, a word."""
    return line.rpartition(":")[2].strip()


def text_of(line: str) -> str:
    """The value of `line` as text, or "" if it cannot be told from its parameters."""
    return str(unescape_backslash(parts(line)[1])).strip()


def parts(line: str) -> tuple[Mapping[str, str], str]:
    """The parameters of `line`, several values of one joined by commas, and its value with escapes still in it."""
    try:
        _name, parameters, value = Contentline(line).raw_parts()
    except ValueError:
        return {}, line.partition(":")[2]
    found = {
        str(key).upper(): given if isinstance(given, str) else ",".join(map(str, given))
        for key, given in parameters.items()
    }
    return found, str(value)


def is_long_over(block: Block, now: datetime) -> bool:
    """Whether a block that does not repeat ended days ago in every zone; False where that takes a closer look."""
    if block.repeats or "DURATION" in block.lines:
        return False
    day = raw_value(block.line("DTEND") or block.line("DTSTART"))[:8]
    return re.fullmatch(r"[0-9]{8}", day) is not None and day < f"{now - timedelta(days=3):%Y%m%d}"


def _decoded(response: Response) -> str:
    """The body as unfolded text; a fold may stand inside a character, so it is undone before decoding."""
    if response.body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _FOLD.sub(b"", response.text().encode("utf-8", "replace")).decode()
    body = _FOLD.sub(b"", response.body.removeprefix(b"\xef\xbb\xbf"))
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        stated = re.search(
            r"charset=[\"']?([\w.:-]+)", response.headers.get("content-type", ""), re.IGNORECASE
        )
    for encoding in (stated[1] if stated else "", "windows-1252"):
        try:
            if encoding.lower() not in {"utf-8", "utf8", ""}:
                return body.decode(encoding)
        except (LookupError, ValueError):
            continue
    return body.decode("utf-8", "replace")


class _Reader:
    """Goes down the lines once, and knows how deep in components it is."""

    def __init__(self) -> None:
        self.file = CalendarFile()
        self.open: list[str] = []
        self.cancels = False
        self.block = Block()
        self.zone: list[str] = []

    def read(self, text: str) -> CalendarFile:
        for name, line in _lines(text):
            if name == "BEGIN":
                self._begin(raw_value(line).upper())
            elif name == "END":
                self._end(raw_value(line).upper())
            elif self.open == ["VCALENDAR"]:
                self.file.properties.setdefault(name, line)
                self.cancels |= name == "METHOD" and raw_value(line).upper() == "CANCEL"
            elif self.open == ["VCALENDAR", "VEVENT"] and name in _OF_EVENTS:
                held = self.block.lines.setdefault(name, [])
                if len(held) < _MOST_LINES:
                    held.append(line)
            elif "VTIMEZONE" in self.open and len(self.zone) < _MOST_LINES:
                self.zone.append(line)
        self.file.whole = not self.open
        return self.file

    def _begin(self, name: str) -> None:
        if _COMPONENT.fullmatch(name) is None:
            return  # "Begin: 10 am" in a text that was broken into lines
        if name == "VCALENDAR":
            self.open, self.cancels = [], False
        elif name in {"VEVENT", "VTIMEZONE"}:
            # One that was never closed ends where the next begins; what it held is doubtful, and counted.
            del self.open[1:]
        if len(self.open) < 10:
            self.open.append(name)
        if name == "VEVENT":
            self.block = Block(cancelled=self.cancels)
        elif name == "VTIMEZONE":
            self.zone = []
        if "VTIMEZONE" in self.open:
            self.zone.append(f"BEGIN:{name}")

    def _end(self, name: str) -> None:
        if name not in self.open:
            return
        if "VTIMEZONE" in self.open:
            self.zone.append(f"END:{name}")
        del self.open[self.open.index(name) :]
        if name == "VEVENT":
            self.file.events.append(self.block)
        elif name == "VTIMEZONE":
            self.file.zones.append("\r\n".join(self.zone))


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Each property's name and line; a line that starts like none goes on where the one before it stopped."""
    name, held = "", ""
    for line in _BREAK.split(text):
        match = _LINE.match(line)
        if match is None:
            if line.strip() and len(held) < LONGEST_LINE:
                held = f"{held}\\n{line.strip()}"
            continue
        if name:
            yield name, held
        name, held = match[1].upper(), line.strip()[:LONGEST_LINE]
    if name:
        yield name, held
