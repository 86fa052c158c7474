"""What every source kind is: the `Source` protocol, its one error, and the way from raw words to a clean `Post`."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin, urlsplit

from digest.errors import DigestError
from digest.posts.clean import excerpt_text, html_to_text, safe_link, strip_controls, title_text
from digest.posts.links import canonical_url, doubts
from digest.posts.model import CallToAction, Event, Fetched, Image, Memory, Post, SourceSpec
from digest.posts.pictures import alt_text, pictures, same_picture

if TYPE_CHECKING:
    from digest.posts.sources.http import Client

LONGEST_ID = 500
LONGEST_BODY = 20_000
_LONGEST_LIST = 20
_LONGEST_NAME = 80
_LONGEST_WORDS = 300
_MOST_EVIDENCE = 40
MOST_DATES = 100
_MOST_WARNINGS = 20
_FARTHEST_AHEAD = 2
_OLDEST_YEAR = 1980
# Names that a blog engine's installer chose, not a person.
_NOBODY = frozenset(
    {"admin", "administrator", "root", "user", "webmaster", "wordpress", "author", "editor", "staff"}
)
_NO_CATEGORY = frozenset({"uncategorized", "uncategorised", "allgemein", "non classé", "sin categoría"})


class SourceError(DigestError):
    """A source could not be read; the message is the sentence staff read.

    `wait_seconds` is how long the source asks us to stay away. `gone` means it said it will never come back.
    `status` is the HTTP status behind it, None when there was no answer to have one.
    """

    def __init__(
        self, message: str, *, wait_seconds: int | None = None, gone: bool = False, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds
        self.gone = gone
        self.status = status


class Source(Protocol):
    """One kind of place that posts come from; `kind` is its name in the configuration."""

    kind: str

    async def fetch(self, spec: SourceSpec, client: Client, memory: Memory, *, now: datetime) -> Fetched:
        """One look at the source. Returns what it has; raises `SourceError` when it could not be read."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPost:
    """One post in a source's own words, before cleaning: HTML where the source has HTML, anything where it lies.

    `base` is what its relative addresses are relative to; the source's own address is used where it is empty.
    `event` has its moments read already; its words and addresses are still the source's own. `aliases` are as
    `Post` has them.
    """

    external_id: str = ""
    url: str = ""
    base: str = ""
    title: str = ""
    summary: str = ""
    body: str = ""
    published: datetime | str | None = None
    updated: datetime | str | None = None
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    language: str | None = None
    image: Image | None = None
    event: Event | None = None
    aliases: tuple[str, ...] = ()


def clean_posts(
    raws: Sequence[RawPost], *, home: str, limit: int, now: datetime
) -> tuple[tuple[Post, ...], tuple[str, ...]]:
    """The posts in `raws`, cleaned, in their order, and what had to be dropped or doubted, in words.

    `home` is the address the source lives at. Of more than `limit` posts the newest are kept. An id that two
    different posts share is nobody's id: their links take its place.
    """
    shared = _shared_ids(raws, home)
    posts: dict[str, Post] = {}
    warnings: list[str] = []
    for number, raw in enumerate(raws, start=1):
        nobodys = raw.external_id.strip() in shared
        post = clean_post(replace(raw, external_id="") if nobodys else raw, home=home, now=now)
        if post is None:
            warnings.append(f"Item {number} has neither a title nor a text nor a link, and was left out.")
        else:
            posts.setdefault(post.external_id, post)
    kept = _newest(tuple(posts.values()), limit)
    if len(kept) < len(posts):
        warnings.append(f"There are {len(posts)} posts; the newest {limit} were read.")
    kept = _warned_of_drafts(kept)
    warnings += [f"“{post.title[:60]}” {warning}." for post in kept for warning in post.warnings]
    return kept, tuple(warnings[:_MOST_WARNINGS])


def clean_post(raw: RawPost, *, home: str, now: datetime) -> Post | None:
    """`raw` as a post that is safe to keep and print; None if there is nothing in it to print."""
    base = raw.base or home
    title, body = title_text(raw.title), html_to_text(raw.body or raw.summary, limit=LONGEST_BODY)
    summary = excerpt_text(raw.summary)
    link = safe_link(raw.url, base=base) if raw.url.strip() else None
    title = title or _first_sentence(summary or body)
    if not title and link is None:
        return None
    published, odd_date = _moment(raw.published, now)
    updated, _ = _moment(raw.updated, now)
    warnings = [odd_date] if odd_date else []
    if link is None:
        link = safe_link(urljoin(home, "/"), base=home) or home
        warnings.append("has no link of its own and leads to the site")
    elif doubts(link, home=home):
        warnings.append(doubts(link, home=home))
    return Post(
        external_id=identity(raw, home=home),
        url=link,
        title=title or link,
        summary=summary,
        body=body,
        published_at=published,
        updated_at=updated,
        author=", ".join(_authors(raw.authors)),
        categories=tuple(_categories(raw.categories)),
        language=language_tag(raw.language),
        image=_image(raw, link),
        event=clean_event(raw.event, base=base) if raw.event else None,
        aliases=tuple(_bounded_id(alias) for alias in raw.aliases if alias.strip()),
        warnings=tuple(warnings),
    )


def clean_event(event: Event, *, base: str) -> Event:
    """`event` with its words as plain text and its addresses absolute, or left out where they are not web addresses."""
    return replace(
        event,
        uid=strip_controls(event.uid)[:LONGEST_ID],
        title=title_text(event.title)[:_LONGEST_WORDS],
        place=title_text(event.place)[:_LONGEST_WORDS],
        register_url=safe_link(event.register_url, base=base) if event.register_url else None,
        cta=_clean_cta(event.cta, base=base) if event.cta else None,
        evidence=tuple(
            replace(e, quote=title_text(e.quote)[:_LONGEST_WORDS]) for e in event.evidence[:_MOST_EVIDENCE]
        ),
        dates=event.dates[:MOST_DATES],
    )


def identity(raw: RawPost, *, home: str) -> str:
    """The source's own id for `raw`; without one its link, and without that a hash of what else there is."""
    given = strip_controls(raw.external_id.encode("utf-8", "ignore").decode("utf-8")).strip()
    if not given and raw.url.strip():
        given = safe_link(raw.url, base=raw.base or home) or ""
    if not given:
        given = "hash:" + _hash(f"{raw.title}\x1f{raw.published}" if raw.title else raw.summary or raw.body)
    return _bounded_id(given)


def language_tag(raw: str | None) -> str | None:
    """`raw` ("en_US", "EN-gb ") as a BCP 47 tag ("en-US", "en-GB"), or None if it is not one."""
    text = (raw or "").strip().replace("_", "-")
    if not re.fullmatch(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}", text):
        return None
    first, *rest = text.split("-")
    parts = [p.upper() if len(p) == 2 else p.title() if len(p) == 4 else p.lower() for p in rest]
    return "-".join([first.lower(), *parts])


def _shared_ids(raws: Sequence[RawPost], home: str) -> set[str]:
    """The ids that stand on posts with different addresses."""
    often = {name for name, times in Counter(raw.external_id.strip() for raw in raws).items() if times > 1}
    addresses: dict[str, set[str]] = {}
    for raw in raws:
        if raw.external_id.strip() in often:
            address = canonical_url(safe_link(raw.url, base=home) or raw.url)
            addresses.setdefault(raw.external_id.strip(), set()).add(address)
    return {name for name, found in addresses.items() if len(found) > 1}


def _bounded_id(given: str) -> str:
    return given if len(given) <= LONGEST_ID else "hash:" + _hash(given)


def _clean_cta(cta: CallToAction, *, base: str) -> CallToAction | None:
    url = safe_link(cta.url, base=base)
    return replace(cta, label=title_text(cta.label)[:_LONGEST_NAME], url=url) if url else None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _moment(raw: datetime | str | None, now: datetime) -> tuple[datetime | None, str]:
    """`raw` as a moment in UTC (a time without a zone is taken as UTC), or None and perhaps what is odd about it."""
    if raw is None or raw == "":
        return None, ""
    moment = _parsed(raw) if isinstance(raw, str) else raw
    if moment is None:
        return None, f"has a date that cannot be read ({title_text(str(raw))[:40]})"
    try:
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (OverflowError, ValueError):
        return None, "has a date outside the calendar"
    if moment.year > now.year + _FARTHEST_AHEAD or moment.year < _OLDEST_YEAR:
        return None, f"is dated {moment.year}, which is not believed"
    return moment, ""


def _parsed(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return read(text.strip())
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _first_sentence(text: str) -> str:
    match = re.match(r".{20,140}?[.!?…。](?=\s|$)", text)
    return match[0] if match else title_text(text if len(text) <= 100 else text[:100].rsplit(" ", 1)[0] + "…")


def _authors(names: Iterable[str]) -> list[str]:
    """Names of people: no mail address is ever printed, and no engine's default account."""
    found = []
    for name in names:
        text = title_text(name)
        named = re.search(r"\(([^()@]{2,})\)", text) if "@" in text else None
        text = named[1] if named else re.sub(r"\S*@\S*", "", text)
        text = text.strip(" \"'<>,;")[:_LONGEST_NAME]
        if text and text.lower() not in _NOBODY and not text.startswith(("http://", "https://")):
            found.append(text)
    return list(dict.fromkeys(found))[:5]


def _categories(raw: Iterable[str]) -> list[str]:
    found: dict[str, str] = {}
    for joined in raw:
        for name in title_text(joined).split("|"):
            text = name.strip()[:_LONGEST_NAME]
            if text and text.lower() not in _NO_CATEGORY:
                found.setdefault(text.casefold(), text)
    return list(found.values())[:_LONGEST_LIST]


def _image(raw: RawPost, link: str) -> Image | None:
    """The picture the source named, else the first one worth showing in its text; with alt text from the text."""
    base = raw.base or link
    alt = alt_text(raw.image.alt, url=raw.image.url) if raw.image else ""
    if raw.image and alt:
        return replace(raw.image, alt=alt)
    inside = pictures(raw.body, base=base) or pictures(raw.summary, base=base)
    if raw.image is None:
        return inside[0] if inside else None
    return replace(
        raw.image, alt=next((i.alt for i in inside if i.alt and same_picture(i.url, raw.image.url)), "")
    )


def _newest(posts: tuple[Post, ...], limit: int) -> tuple[Post, ...]:
    """The `limit` newest posts in their own order; one without a date counts as new, for nothing says it is old."""
    if len(posts) <= limit:
        return posts
    ranked = sorted(posts, key=lambda p: p.published_at or datetime.max.replace(tzinfo=UTC), reverse=True)
    kept = {post.external_id for post in ranked[:limit]}
    return tuple(post for post in posts if post.external_id in kept)


def _warned_of_drafts(posts: tuple[Post, ...]) -> tuple[Post, ...]:
    """A link of the form ?p=123 among links that have names is usually one to an unpublished draft."""
    plain = Counter(bool(re.fullmatch(r"(?:page_id|p)=\d+", urlsplit(post.url).query)) for post in posts)
    if not plain[True] or not plain[False]:
        return posts
    return tuple(
        replace(post, warnings=(*post.warnings, "has a link of the kind drafts have (?p=…)"))
        if re.fullmatch(r"(?:page_id|p)=\d+", urlsplit(post.url).query)
        else post
        for post in posts
    )
