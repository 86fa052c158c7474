"""Posts made fit for a row: text a database can hold, and pictures and events as JSON and back."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from digest.posts.model import CallToAction, Event, EventStatus, Image, Post

Packed = dict[str, Any]
_TIMES = ("starts_at", "ends_at")


def storable(post: Post) -> Post:
    """`post` without what a database cannot hold (NUL, lone surrogates), its times in UTC."""
    return replace(
        post,
        external_id=clean_text(post.external_id),
        url=clean_text(post.url),
        title=clean_text(post.title),
        summary=clean_text(post.summary),
        body=clean_text(post.body),
        published_at=_utc(post.published_at),
        updated_at=_utc(post.updated_at),
        author=clean_text(post.author),
        categories=tuple(clean_text(c) for c in post.categories),
        language=clean_text(post.language) if post.language else None,
        image=replace(post.image, url=clean_text(post.image.url), alt=clean_text(post.image.alt))
        if post.image
        else None,
        event=_cleaned_event(post.event) if post.event else None,
        warnings=tuple(clean_text(w) for w in post.warnings),
    )


def clean_text(text: str) -> str:
    """`text` without NUL and with lone surrogates replaced."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def pack_image(image: Image | None) -> Packed | None:
    """`image` as JSON values."""
    return asdict(image) if image else None


def unpack_image(packed: Packed | None) -> Image | None:
    """The image that `pack_image` packed."""
    return Image(**packed) if packed else None


def pack_event(event: Event | None) -> Packed | None:
    """`event` as JSON values; times keep their offset."""
    if event is None:
        return None
    packed = asdict(event)
    packed["status"] = event.status.value
    for name in _TIMES:
        packed[name] = packed[name].isoformat() if packed[name] else None
    return packed


def unpack_event(packed: Packed | None) -> Event | None:
    """The event that `pack_event` packed."""
    if not packed:
        return None
    values = dict(packed)
    values["status"] = EventStatus(values["status"])
    values["cta"] = CallToAction(**values["cta"]) if values["cta"] else None
    for name in _TIMES:
        values[name] = datetime.fromisoformat(values[name]) if values[name] else None
    return Event(**values)


def _cleaned_event(event: Event) -> Event:
    return replace(
        event,
        uid=clean_text(event.uid),
        title=clean_text(event.title),
        starts_at=_utc(event.starts_at),
        ends_at=_utc(event.ends_at),
        place=clean_text(event.place),
        evidence=clean_text(event.evidence),
    )


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the first or last hours of the calendar
        return None
