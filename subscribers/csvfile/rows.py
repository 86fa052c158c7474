"""From the bytes of somebody's list to checked rows, one at a time; a row that cannot be used is a problem, not an end.

Encodings (UTF-8, UTF-16 with a mark, and Windows-1252 for lines that are not UTF-8), delimiters, quotes that never
close, lines without end and unknown columns are all met here, so that the import sees only rows it can judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from subscribers.addresses import BadAddress
from subscribers.csvfile.columns import Unusable, delimiter_of, parser_of
from subscribers.csvfile.lines import Lines, records
from subscribers.csvfile.model import Format, Notes, Row, RowProblem, shown


def read(stream: BinaryIO, format: Format, *, notes: Notes) -> Iterator[Row | RowProblem]:
    """The rows of a file, in its order; raises `SubscribersError` when no column holds addresses."""
    lines = Lines(stream, notes)
    first = next(lines, None)
    while first is not None and not first[1].strip():
        first = next(lines, None)
    if first is None:
        return
    number, head = first
    delimiter = delimiter_of(head, format)
    parser = parser_of(head, delimiter, format, notes)
    if parser.headless:
        lines.push_back([(number, head)])
    whole_lines = format is Format.MAILMAN and parser.headless
    for record in records(
        lines, delimiter="" if whole_lines else delimiter, escaped=format is Format.MAILPOET
    ):
        if isinstance(record, RowProblem):
            yield record
            continue
        line, fields = record
        try:
            yield parser.row(line, fields)
        except BadAddress as error:
            yield RowProblem(line=line, value=shown(parser.given(fields)), reason=error.reason)
        except Unusable as error:
            yield RowProblem(line=line, value=shown(parser.given(fields)), reason=str(error))
