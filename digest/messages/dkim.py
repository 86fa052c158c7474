"""DKIM signatures (RFC 6376, RFC 8463) over exactly the bytes that are sent; what all readers share is reckoned once.

Both canonicalisations are relaxed. They work line by line, so an edition's pieces are brought into that form once.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

# Each that a message has is signed, and each is named once more than it stands there, so that none can be added.
SIGNED = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
)
_SIGNED = {name.lower().encode(): name for name in SIGNED}
_WIDTH = 78  # RFC 5322 section 2.1.1
_VALUE_WIDTH = 72
_SPACES = re.compile(rb"[ \t]+")
_FOLD = re.compile(rb"\r\n(?=[ \t])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A private key and the selector its public half has in DNS; `sign` signs a SHA-256 digest."""

    algorithm: str
    selector: str
    sign: Callable[[bytes], bytes] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """The keys that every message gets a signature of; for `domain`, or else for the domain the message is from."""

    keys: tuple[Key, ...]
    domain: str = ""

    def prepare(
        self, *, sent_from: str, fixed: bytes, varying: Sequence[str], body: Iterable[Hashable]
    ) -> Prepared:
        """Reckon what the signatures of an edition's messages share.

        `fixed` are the header lines they have in common, `varying` the names of the signed others. `body` is its
        pieces, each of whole lines, the last one of bytes; whatever is not bytes is filled in per message.
        """
        lines = {name: line for name, line in _relaxed_fields(fixed) if name in _SIGNED}
        present = [_SIGNED[name] for name in _SIGNED if name in lines]
        domain = self.domain or sent_from.rpartition("@")[2].lower()
        openings = [_opening(key, domain, (*present, *varying, *SIGNED)) for key in self.keys]
        shared, rest = _shared([_relaxed(piece) if isinstance(piece, bytes) else piece for piece in body])
        return Prepared(
            seals=tuple(
                _Seal(sign=key.sign, raw=raw, relaxed=line.removesuffix(b"\r\n"))
                for key, raw in zip(self.keys, openings, strict=True)
                for _, line in _relaxed_fields(raw)
            ),
            fields=hashlib.sha256(b"".join(line for name in _SIGNED if (line := lines.get(name)))),
            shared=hashlib.sha256(shared),
            rest=tuple(rest),
        )

    def sign(self, head: bytes, body: bytes, *, sent_from: str, at: datetime) -> bytes:
        """The signatures of a message on its own, as header lines; the message follows them as it is."""
        prepared = self.prepare(sent_from=sent_from, fixed=head, varying=(), body=(body,))
        return prepared.sign(b"", {}, at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seal:
    """One key, and its header line up to where messages differ: as it is sent and as it is signed."""

    sign: Callable[[bytes], bytes] = field(repr=False)
    raw: bytes
    relaxed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The part of the work that is the same for every message of an edition."""

    seals: tuple[_Seal, ...]
    fields: Any = field(repr=False)
    shared: Any = field(repr=False)
    rest: tuple[Hashable, ...] = field(repr=False)

    def sign(self, varying: bytes, filled: Mapping[Any, bytes], *, at: datetime) -> bytes:
        """The signatures of one message, as header lines to stand before all others.

        `varying` are its own signed header lines, in the order that was prepared; `filled` says what stands in the
        gaps of the body, each value on lines of its own; `at` is the time of signing.
        """
        body = self.shared.copy()
        body.update(b"".join(p if isinstance(p, bytes) else _relaxed(filled[p]) for p in self.rest))
        stamp = b"t=%d; bh=%s;" % (int(at.timestamp()), b64encode(body.digest()))
        fields = self.fields.copy()
        fields.update(b"".join(line for _, line in _relaxed_fields(varying)))
        signatures = []
        for seal in self.seals:
            digest = fields.copy()
            digest.update(b"%s %s b=" % (seal.relaxed, stamp))
            value = b64encode(seal.sign(digest.digest()))
            lines = (value[n : n + _VALUE_WIDTH] for n in range(0, len(value), _VALUE_WIDTH))
            signatures.append(b"%s %s\r\n b=%s\r\n" % (seal.raw, stamp, b"\r\n ".join(lines)))
        return b"".join(signatures)


def _relaxed_fields(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each header's name in lower case, and the header as RFC 6376 section 3.4.2 wants it, with its CRLF."""
    for line in _FOLD.sub(b"", block).removesuffix(b"\r\n").split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name := name.rstrip().lower():
            yield name, b"%s:%s\r\n" % (name, b" ".join(value.split()))


def _relaxed(lines: bytes) -> bytes:
    """Whole lines of a body as RFC 6376 section 3.4.4 wants them; mostly they are so already."""
    if b"  " not in lines and b"\t" not in lines and b" \r\n" not in lines:
        return lines
    return _SPACES.sub(b" ", lines).replace(b" \r\n", b"\r\n")


def _shared(pieces: list[Hashable]) -> tuple[bytes, list[Hashable]]:
    """The body without empty lines at its end, divided where the first gap is."""
    last = pieces[-1]
    assert isinstance(last, bytes)
    kept = last.rstrip(b"\r\n")
    pieces[-1] = kept + b"\r\n" if kept else b""
    first_gap = next((n for n, piece in enumerate(pieces) if not isinstance(piece, bytes)), len(pieces))
    return b"".join(p for p in pieces[:first_gap] if isinstance(p, bytes)), pieces[first_gap:]


def _opening(key: Key, domain: str, names: Sequence[str]) -> bytes:
    """The header up to its time of signing, on lines of at most 78 octets; RFC 6376 section 3.5 lets h= fold."""
    words = [f"a={key.algorithm};", "c=relaxed/relaxed;", f"d={domain};", f"s={key.selector};"]
    words += [f"h={names[0]}:", *(f"{name}:" for name in names[1:-1]), f"{names[-1]};"]
    lines, line = [], "DKIM-Signature: v=1;"
    for word in words:
        gap = "" if line.endswith(":") else " "
        if len(line) + len(gap) + len(word) > _WIDTH:
            lines.append(line)
            line, gap = "", " "
        line += gap + word
    return ("\r\n".join([*lines, line]) + "\r\n").encode("ascii")
