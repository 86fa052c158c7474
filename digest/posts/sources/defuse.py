"""XML from a stranger, made safe to parse: no entities, no hidden encodings, bounded in entries and nesting."""

from __future__ import annotations

import codecs
import re

from digest.posts.sources.base import SourceError
from digest.posts.sources.http import Response

MOST_ENTRIES = 5_000
# The parser's time grows with the square of the nesting.
_DEEPEST = 10_000
_ENTRY = re.compile(rb"<(?:[\w.-]+:)?(?:item|entry)[\s/>]", re.IGNORECASE)
_DECLARED = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([\w.:-]+)[\"']", re.IGNORECASE)


def defused(response: Response, where: str) -> tuple[bytes, str]:
    """The body of `response` without what could blow up in a parser, and the content type to read it by.

    Raises `SourceError`, naming `where`, for a document that no parser should be given.
    """
    body, content_type = response.body, response.headers.get("content-type", "application/xml")
    for mark, codec in (
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
        (b"<\0", "utf-16-le"),
        (b"\0<", "utf-16-be"),
    ):
        if body.startswith(mark):
            text = re.sub(r"^\s*<\?xml[^>]{0,300}\?>", "", body.decode(codec, "replace").lstrip("\ufeff"))
            body, content_type = text.encode("utf-8", "replace"), "application/xml; charset=utf-8"
            break
    stated = re.search(r"charset=[\"']?([\w.:-]+)", content_type, re.IGNORECASE)
    declared = _DECLARED.search(body[:1000])
    for name in (stated[1] if stated else "", declared[1].decode("ascii", "replace") if declared else ""):
        if name and not _keeps_ascii(name):
            raise SourceError(f"{where} is written in {name}, in which no feed is read.")
    if len(_ENTRY.findall(body)) > MOST_ENTRIES:
        raise SourceError(f"{where} has more than {MOST_ENTRIES:,} entries, which is refused.")
    if _too_deep(body):
        raise SourceError(f"{where} nests its elements too deeply, which is refused.")
    # Entity declarations are how a small document becomes a huge one; feeds in use need none.
    start = re.search(rb"<\w", body)
    head, rest = (body[: start.start()], body[start.start() :]) if start else (body, b"")
    return re.sub(rb"<!ENTITY[^>]*>", b"", head, flags=re.IGNORECASE) + rest, content_type


def _keeps_ascii(encoding: str) -> bool:
    try:
        probe = b"+ADw-<item/>"  # in UTF-7 this is two tags
        return probe.decode(encoding) == probe.decode("ascii") or encoding.lower().startswith(
            ("utf-16", "utf-32")
        )
    except (LookupError, UnicodeError, ValueError):
        return True  # an unknown name is ignored by the parser too


def _too_deep(body: bytes) -> bool:
    if body.count(b"<") <= _DEEPEST:
        return False
    first, *others = body.split(b"<![CDATA[")
    outside = first + b"".join(part.partition(b"]]>")[2] for part in others)
    depth = 0
    for tag in re.finditer(rb"<(/?)[A-Za-z_][^<>]*?(/?)>", outside):
        depth += 0 if tag[2] else -1 if tag[1] else 1
        if depth > _DEEPEST:
            return True
    return False
