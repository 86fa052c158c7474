"""From the bytes of a file to the fields of each record, whatever its encoding, line ends and quotes."""

from __future__ import annotations

import codecs
import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from subscribers.csvfile.model import Notes, RowProblem, shown

_CHUNK = 256 * 1024


_LONGEST_LINE = 64 * 1024


_LONGEST_RECORD_LINES = 100
_ESCAPED = re.compile(r'\\"(?=[^,;\t\r])')  # not one that ends its field


class Lines:
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


def records(
    lines: Lines, *, delimiter: str, escaped: bool = False
) -> Iterator[tuple[int, list[str]] | RowProblem]:
    """The fields of each record with the line it starts on. Each is parsed alone, so no quote can swallow a file.

    Without a delimiter a line is one field, quotes and all. With `escaped` a quotation mark inside a field has a
    backslash before it instead of a second one.
    """
    nothing = "\r \t" + delimiter
    for number, line in lines:
        if len(line) > _LONGEST_LINE:
            yield RowProblem(
                line=number, value=shown(line[:60]), reason="the line is too long to be a person."
            )
        elif not delimiter:
            if line.strip():
                yield number, [line.strip()]
        elif '"' in line:
            yield _quoted(lines, number, _ESCAPED.sub('""', line) if escaped else line, delimiter)
        elif line.strip(nothing):
            yield number, line.rstrip("\r").split(delimiter)


def _quoted(lines: Lines, number: int, line: str, delimiter: str) -> tuple[int, list[str]] | RowProblem:
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


def cells(head: str, delimiter: str) -> list[str]:
    """The fields of a first line, whatever its quotes."""
    try:
        return next(csv.reader((head.rstrip("\r"),), delimiter=delimiter), [])
    except csv.Error:
        return head.split(delimiter)


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
