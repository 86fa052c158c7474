"""Optional: real feeds collected by another parser's authors, and what that parser made of them.

Runs where DIGEST_CORPORA names a directory with feeds/gofeed in it; `pytest -s` prints the score.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from digest.posts.clean import safe_link, title_text
from digest.posts.model import Post
from digest.posts.sources.base import RawPost, SourceError, clean_posts
from digest.posts.sources.http import Response
from digest.posts.sources.jsonbody import list_at, read_json
from digest.posts.sources.jsonfeed import _raw
from digest.posts.sources.xmlfeed import parse_feed

GOFEED = Path(os.environ.get("DIGEST_CORPORA", "")) / "feeds" / "gofeed"
URL = "https://example.org/feed"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
# Where we differ on purpose. (file, field) → why ours is better for a digest.
EXPLAINED = {
    ("feed_item_updated_-_rss_channel_item_updated_atom", "published"): (
        "The item states only when it was updated; that date is the best there is for the order of posts."
    ),
    ("feed_item_guid_-_atom03_feed_entry_id", "link"): (
        "The entry has no link, but its id is a web address; a post that leads there beats one that leads nowhere."
    ),
    ("feed_item_guid_-_atom10_feed_entry_id", "link"): (
        "The entry has no link, but its id is a web address; a post that leads there beats one that leads nowhere."
    ),
}

pytestmark = pytest.mark.skipif(
    not os.environ.get("DIGEST_CORPORA") or not GOFEED.is_dir(), reason="DIGEST_CORPORA names no corpora"
)


def _raws(path: Path) -> tuple[RawPost, ...]:
    response = Response(url=URL, status=200, headers={}, body=path.read_bytes())
    if path.suffix != ".json":
        return parse_feed(response).raws
    feed = read_json(response, expected="a JSON Feed")
    return tuple(_raw(item, feed, "", URL) for item in list_at(feed, "items"))


def test_nothing_in_the_corpus_crashes_and_nothing_is_lost():
    read, refused, lost = 0, [], []
    for path in sorted(
        p for p in GOFEED.rglob("*") if p.suffix in {".xml", ".json"} and "_expected" not in p.name
    ):
        if path.suffix == ".json" and path.with_suffix(".xml").exists():
            continue  # what another parser made of the .xml
        try:
            raws = _raws(path)
        except SourceError as error:
            refused.append(str(error))
            continue
        posts, warnings = clean_posts(raws, home=URL, limit=1000, now=NOW)
        left_out = sum("left out" in warning for warning in warnings)
        same = len({(raw.external_id, raw.url, raw.title) for raw in raws})
        if len(posts) + left_out < min(same, len(raws)):
            lost.append(path.name)
        read += 1
    print(
        f"\ngofeed: {read} documents read, {len(refused)} refused in a sentence, 0 crashed, {len(lost)} lost a post"
    )
    assert read > 300 and not lost
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in refused)


def test_the_translations_agree_field_by_field():
    agreed, differed = Counter[str](), {}
    for expected_path in sorted((GOFEED / "translator").rglob("*.json")):
        feed_path = expected_path.with_suffix(".xml")
        if "_expected" in expected_path.name:
            feed_path = expected_path.with_name(expected_path.name.replace("_expected", ""))
        if not feed_path.exists() or feed_path == expected_path:
            continue
        expected = json.loads(expected_path.read_text(encoding="utf-8")).get("items") or []
        if not expected:
            continue
        raws = _raws(feed_path)
        assert len(raws) == len(expected), feed_path.name
        for raw, theirs in zip(raws, expected, strict=True):
            post = next(iter(clean_posts([raw], home=URL, limit=1, now=NOW)[0]), None)
            for name, ours, wanted in _fields(raw, post, theirs):
                if ours == wanted:
                    agreed[name] += 1
                else:
                    differed[feed_path.stem, name] = (ours, wanted)
    total = agreed.total() + len(differed)
    print(f"\ngofeed translator: {agreed.total()} of {total} fields agree {dict(agreed)}")
    for (file, name), (ours, wanted) in differed.items():
        print(
            f"  {file} {name}: ours {ours!r}, theirs {wanted!r}: {EXPLAINED.get((file, name), 'NOT EXPLAINED')}"
        )
    assert agreed.total() > 40
    assert set(differed) == set(EXPLAINED)


def _fields(raw: RawPost, post: Post | None, theirs: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """(field, ours, theirs) for what either side states; text is compared after the same cleaning."""
    people = theirs.get("authors") or [theirs.get("author") or {}]
    names = [name for name in (person.get("name", "") for person in people) if name]
    link = theirs.get("link") or ""
    fields = [
        ("title", post.title if post and raw.title else "", title_text(theirs.get("title") or "")),
        ("link", post.url if post and raw.url else "", (safe_link(link, base=URL) or "") if link else ""),
        ("published", _second(raw.published), (theirs.get("publishedParsed") or "")[:19]),
        ("updated", _second(raw.updated), (theirs.get("updatedParsed") or "")[:19]),
        ("authors", [name for name in raw.authors if name], names),
        ("categories", list(raw.categories), theirs.get("categories") or []),
    ]
    return [field for field in fields if field[1] or field[2]]


def _second(moment: datetime | str | None) -> str:
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return str(moment)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S") if moment else ""
