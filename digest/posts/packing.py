"""Posts made fit for a row: text a database can hold, and pictures and events as JSON and back."""

from __future__ import annotations

import enum
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from digest.posts.model import (
    CallToAction,
    CtaKind,
    Event,
    EventStatus,
    Evidence,
    Image,
    Occurrence,
    Origin,
    PageFacts,
    Post,
    StaffFacts,
    Suggestion,
    Verdict,
)

Packed = dict[str, Any]
_TIMES = frozenset({"at", "starts_at", "ends_at", "opens_at", "closes_at"})


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
        event=clean_event(post.event) if post.event else None,
        aliases=tuple(clean_text(alias) for alias in post.aliases),
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
    return _packed(event) if event else None


def unpack_event(packed: Packed | None) -> Event | None:
    """The event that `pack_event` packed; one packed before a field was added has that field's default."""
    if not packed:
        return None
    values = dict(packed)
    values["status"] = EventStatus(values["status"])
    cta = values.get("cta")
    if cta:
        values["cta"] = CallToAction(**{**cta, "kind": CtaKind(cta.get("kind", CtaKind.REGISTER))})
    values["dates"] = tuple(Occurrence(**_read_times(date)) for date in values.get("dates") or ())
    evidence = values.get("evidence") or ()
    values["evidence"] = tuple(Evidence(**{**e, "origin": Origin(e["origin"])}) for e in evidence)
    return Event(**_read_times(values))


def pack_page(page: PageFacts) -> Packed:
    """`page` as JSON values."""
    return _packed(page)


def unpack_page(packed: Packed | None) -> PageFacts | None:
    """The page facts that `pack_page` packed."""
    if not packed:
        return None
    events = (unpack_event(event) for event in packed["events"])
    return PageFacts(
        **{
            **packed,
            "image": unpack_image(packed["image"]),
            "events": tuple(event for event in events if event),
            "warnings": tuple(packed["warnings"]),
        }
    )


def pack_staff(facts: StaffFacts) -> Packed:
    """`facts` as JSON values."""
    return _packed(facts)


def unpack_staff(packed: Packed | None) -> StaffFacts | None:
    """The facts that `pack_staff` packed."""
    if not packed:
        return None
    values = _read_times(packed)
    values["verdict"] = Verdict(values["verdict"])
    values["status"] = EventStatus(values["status"]) if values["status"] else None
    return StaffFacts(**values)


def pack_suggestions(suggestions: tuple[Suggestion, ...]) -> list[Packed]:
    """`suggestions` as JSON values."""
    return [_packed(suggestion) for suggestion in suggestions]


def unpack_suggestions(packed: list[Packed] | None) -> tuple[Suggestion, ...]:
    """The suggestions that `pack_suggestions` packed."""
    return tuple(Suggestion(**one) for one in packed or ())


def clean_event(event: Event) -> Event:
    """`event` fit for a row, its times in UTC; a date outside the calendar is left out."""
    dates = ((date, _utc(date.starts_at)) for date in event.dates)
    return replace(
        event,
        uid=clean_text(event.uid),
        title=clean_text(event.title),
        starts_at=_utc(event.starts_at),
        ends_at=_utc(event.ends_at),
        opens_at=_utc(event.opens_at),
        closes_at=_utc(event.closes_at),
        place=clean_text(event.place),
        dates=tuple(
            Occurrence(starts_at=start, ends_at=_utc(date.ends_at)) for date, start in dates if start
        ),
        evidence=tuple(
            replace(e, fact=clean_text(e.fact), quote=clean_text(e.quote)) for e in event.evidence
        ),
    )


def _packed(value: Any) -> Packed:
    """A frozen dataclass as JSON values, those inside it too."""
    packed: Packed = _plain(asdict(value))
    return packed


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, enum.Enum) else value


def _read_times(packed: Packed) -> Packed:
    return {
        name: datetime.fromisoformat(value) if name in _TIMES and value else value
        for name, value in packed.items()
    }


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the first or last hours of the calendar
        return None
