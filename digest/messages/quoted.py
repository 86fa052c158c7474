"""Quoted-printable as the wire wants it: short lines, nothing at a line's start that a server would change."""

from __future__ import annotations

_LIMIT = 75  # of 76; the last column is for the soft break
_PLAIN = {byte: bytes([byte]) for byte in (*range(33, 61), *range(62, 127), 0x20, 0x09)}
_ENCODED = [_PLAIN.get(byte, b"=%02X" % byte) for byte in range(256)]
_SOFT = b"=\r\n"


def encode(text: str) -> bytes:
    """`text` as quoted-printable UTF-8 with CRLF line ends, to be put at the start of a line.

    No line is longer than 76 octets, no line starts with a dot or with "From ", and no white space ends one, so
    that no server on the way has a reason to touch it.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return b"\r\n".join(_line(line.encode("utf-8", "replace")) for line in lines)


def alone(value: str) -> bytes:
    """`value` encoded to stand alone between two soft breaks."""
    if (
        len(value) <= _LIMIT
        and value.isascii()
        and value.isprintable()
        and "=" not in value
        and value[:1] not in ".F"
    ):
        return value.encode("ascii") + _SOFT
    return encode(value) + _SOFT


def _line(line: bytes) -> bytes:
    out: list[bytes] = []
    width = 0
    last = len(line) - 1
    for index, byte in enumerate(line):
        piece = _ENCODED[byte]
        if byte in b" \t" and index == last:
            piece = b"=%02X" % byte
        if width + len(piece) > _LIMIT:
            out.append(_SOFT)
            width = 0
        if width == 0 and (byte == 0x2E or (byte == 0x46 and line[index : index + 5] == b"From ")):
            piece = b"=%02X" % byte
        out.append(piece)
        width += len(piece)
    return b"".join(out)
