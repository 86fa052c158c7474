"""Made-up editions that show every part of a template: for checking templates and for looking at them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from digest.editions.model import Content, Item, ItemKind, Section
from digest.posts.model import Event, EventStatus, Image

SITE = "https://www.example.org"
_AT = datetime(2026, 3, 5, 9, 0, tzinfo=UTC)

NOTICE = {
    "publication": "The Weekly Brief",
    "number": 42,
    "subject_line": "The river wall holds and 10 more",
    "reason": "31 new posts at once.",
    "automatic": False,
    "items": [{"title": "The river wall holds", "url": f"{SITE}/posts/1"}],
    "send_at": _AT,
    "timezone": "Europe/London",
    "edition": 12,
    "base_url": "https://news.example.org",
    "postal_address": "Example Organisation, 1 Example Street, Example City",
}


def contents(template: str) -> tuple[Content, ...]:
    """Sample editions that between them use every part of a template: usual, bare, right to left, a proof."""
    return (
        usual(template),
        _content(template, items=(_post(1, "A single story", Section.CARDS),)),
        _content(template, items=usual(template).items, language="ar", timezone="Africa/Cairo", proof=True),
    )


def usual(template: str) -> Content:
    """An edition with something in every section."""
    return _content(
        template,
        intro="Good morning,\n\nspring is here, and so are **three dates** to keep. [All of them](https://www.example.org/events).",
        tagline="What we published this week, and where you can meet us.",
        cadence_words="every Thursday",
        items=(
            _post(1, "The river wall holds, and the valley with it", Section.LEAD, picture=(1200, 640)),
            _event(2, "Open day at the water works", days=9, place="Mill Lane 4, Exampleton"),
            _event(3, "Online talk: reading a flood map", days=16, online=True),
            _event(4, "Choir evening", days=20, status=EventStatus.CANCELLED),
            _event(5, "Summer school", days=90, all_day=True, place="Exampleton"),
            _maybe(6, "Volunteers’ supper"),
            _post(7, "Three new footpaths open at Easter", Section.CARDS, picture=(800, 450)),
            _post(8, "What the well keepers learnt this winter", Section.CARDS, picture=None),
            _post(9, "Un mot de nos voisins", Section.CARDS, picture=(600, 600), language="fr"),
            _post(10, "Minutes of the February meeting", Section.BRIEF),
            _post(11, "The library’s new hours", Section.BRIEF),
        ),
    )


def _content(template: str, **changes: object) -> Content:
    known: dict[str, object] = {
        "publication": "sample",
        "publication_name": "The Weekly Brief",
        "number": 42,
        "send_at": _AT,
        "timezone": "Europe/London",
        "language": "en",
        "cadence_words": "",
        "sender_name": "Example Organisation",
        "postal_address": "Example Organisation, 1 Example Street, Example City",
        "archive_url": "https://news.example.org/a/sample/42",
        "site_url": SITE,
        "items": (),
        "template": template,
        **changes,
    }
    return Content(**known)  # type: ignore[arg-type]


def _post(
    number: int,
    title: str,
    section: Section,
    *,
    picture: tuple[int, int] | None = None,
    language: str | None = None,
) -> Item:
    image = None
    if picture:
        image = Image(
            url=f"{SITE}/pictures/{number}.jpg",
            alt=f"Picture to “{title}”",
            width=picture[0],
            height=picture[1],
        )
    return Item(
        post_id=number,
        title=title,
        url=f"{SITE}/posts/{number}",
        section=section,
        position=number,
        excerpt="Two sentences, no more. They say what happened and why a reader in the valley may want to know it…",
        image=image,
        topics=("analysis",),
        author="Jo Writer",
        language=language,
    )


def _event(
    number: int,
    title: str,
    *,
    days: int,
    place: str = "",
    online: bool = False,
    all_day: bool = False,
    status: EventStatus = EventStatus.SCHEDULED,
) -> Item:
    starts = _AT + timedelta(days=days, hours=9)
    event = Event(
        uid=f"{number}@example.org",
        title=title,
        starts_at=starts,
        ends_at=starts + timedelta(days=3 if all_day else 0, hours=2),
        all_day=all_day,
        timezone="Europe/London",
        place=place,
        online=online,
        register_url=f"{SITE}/register/{number}",
        status=status,
    )
    return Item(
        post_id=number,
        title=f"REGISTER NOW: {title}",
        url=f"{SITE}/events/{number}",
        kind=ItemKind.EVENT,
        section=Section.EVENTS,
        position=number,
        event=event,
    )


def _maybe(number: int, title: str) -> Item:
    return Item(
        post_id=number,
        title=title,
        url=f"{SITE}/events/{number}",
        kind=ItemKind.MAYBE,
        section=Section.EVENTS,
        position=number,
        excerpt="Bring a dish.",
    )
