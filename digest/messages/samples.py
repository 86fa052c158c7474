"""Made-up editions that show every part of a template: for checking templates and for looking at them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from digest.editions.model import Content, Item, ItemKind, Section
from digest.posts.model import CallToAction, CtaKind, Event, EventStatus, Image, Occurrence

SITE = "https://www.example.org"
_ZONE = ZoneInfo("Europe/London")
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
    "link": "https://news.example.org/p/sample",
    "address": "a•••@e•••.org",
    "postal_address": "Example Organisation, 1 Example Street, Example City",
    "everybody": True,
    "most": 300,
    "hours": 1,
    "asked_at": _AT,
    "cadence": "every Thursday",
    "confirm_url": "https://news.example.org/c/sample",
    "preferences_url": "https://news.example.org/p/sample",
    "unsubscribe_url": "https://news.example.org/u/sample",
    "latest": {"title": "The river wall holds and 10 more", "url": "https://news.example.org/a/weekly/42"},
}


def contents(template: str) -> tuple[Content, ...]:
    """Sample editions that between them use every part of a template: usual, bare, right to left, dates only."""
    return (
        usual(template),
        _content(template, items=(_post(1, "A single story", Section.CARDS),)),
        arabic(template),
        dates(template),
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
            _online(3, "Reading a flood map, with three who drew one", days=12),
            _event(4, "Choir evening at the old pump house", days=13, status=EventStatus.CANCELLED),
            _maybe(5, "Volunteers’ supper"),
            _again(_event(6, "Walk along the upper reservoir", days=2, place="Reservoir car park")),
            _again(_series(7, "Well keepers’ round", days=5, more=11)),
            _again(_event(8, "Summer school", days=90, whole_days=3, place="Exampleton")),
            _post(11, "Three new footpaths open at Easter", Section.CARDS, picture=(800, 450)),
            _post(12, "What the well keepers learnt this winter", Section.CARDS, picture=None),
            _post(13, "Un mot de nos voisins", Section.CARDS, picture=(600, 600), language="fr"),
            _post(14, "Minutes of the February meeting", Section.BRIEF),
            _post(15, "The library’s new hours", Section.BRIEF),
        ),
    )


def arabic(template: str) -> Content:
    """A proof of an edition from right to left, with an item in another language."""
    titles = {
        1: "سور النهر يصمد، ومعه الوادي كلّه",
        2: "يوم مفتوح في محطة المياه",
        3: "قراءة خريطة الفيضانات مع من رسموها",
        4: "أمسية غنائية في المضخة القديمة",
        5: "عشاء المتطوعين",
        6: "نزهة على ضفاف الخزان الأعلى",
        7: "جولة حرّاس الآبار",
        8: "المدرسة الصيفية",
        11: "ثلاثة دروب جديدة تُفتح في العيد",
        12: "ما تعلّمه حرّاس الآبار هذا الشتاء",
        14: "محضر اجتماع فبراير",
        15: "مواعيد المكتبة الجديدة",
    }
    told = "جملتان لا أكثر: ماذا حدث، ولماذا قد يهمّ القارئ في الوادي…"
    items = (
        replace(
            item, title=titles.get(item.position, item.title), excerpt=told if item.excerpt else "", topics=()
        )
        for item in usual(template).items
    )
    return _content(
        template,
        items=tuple(items),
        language="ar",
        timezone="Africa/Cairo",
        publication_name="موجز الأسبوع",
        tagline="ما نشرناه هذا الأسبوع، وأين تلتقون بنا.",
        intro="صباح الخير،\n\nأقبل الربيع ومعه **ثلاثة مواعيد**.",
        proof=True,
    )


def dates(template: str) -> Content:
    """An edition of nothing but dates, with every state of an event among them and more than it has room for."""
    shown = (
        _event(21, "Repair café", days=0, place="Old School"),
        _event(22, "First aid for cyclists", days=2, place="Fire station", closes=1),
        _tickets(23, "Spring concert of the valley orchestra", days=2),
        _event(24, "Pottery for beginners", days=20, place="Kiln Yard 2", opens=6),
        _event(25, "Exhibition: maps of the valley", days=-4, whole_days=30, place="Town hall"),
        _event(26, "Bread baking", days=21, place="Mill Lane 4", full=True),
        _event(27, "Debate: who owns the water?", days=22, place="Town hall", closes=-1),
        _event(28, "Night walk", days=23, place="Lookout", status=EventStatus.POSTPONED),
        _tickets(29, "Puppet theatre", days=24, full=True),
        _event(30, "Open rehearsal", days=25, place="Pump house", register=False),
        replace(_event(31, "Harvest supper", days=0), event=Event(uid="31", title="Harvest supper")),
    )
    again = (_again(_event(n, f"Guided tour {n - 39}", days=n - 10, place="Mill")) for n in range(40, 50))
    return _content(template, items=(*shown, *again), cadence_words="every Thursday")


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
        "calendar_url": "https://news.example.org/calendar/sample/",
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
        source="Example Organisation",
        published_at=_AT - timedelta(hours=7 * number),
        language=language,
    )


def _event(
    number: int,
    title: str,
    *,
    days: int,
    place: str = "",
    whole_days: int = 0,
    status: EventStatus = EventStatus.SCHEDULED,
    full: bool = False,
    register: bool = True,
    opens: int | None = None,
    closes: int | None = None,
) -> Item:
    """An event so many days after the edition, at six in the evening unless it lasts `whole_days`."""
    day = _AT.date() + timedelta(days=days)
    starts = datetime.combine(day, time(0 if whole_days else 18), tzinfo=_ZONE).astimezone(UTC)
    event = Event(
        uid=f"{number}@example.org",
        title=title,
        starts_at=starts,
        ends_at=starts + (timedelta(days=whole_days) if whole_days else timedelta(hours=2)),
        all_day=bool(whole_days),
        timezone=_ZONE.key,
        place=place,
        register_url=f"{SITE}/register/{number}" if register else None,
        status=status,
        full=full,
        opens_at=None if opens is None else _AT + timedelta(days=opens),
        closes_at=None if closes is None else _AT + timedelta(days=closes),
        key=f"event{number}",
    )
    return Item(
        post_id=number,
        title=title,
        url=f"{SITE}/events/{number}",
        kind=ItemKind.EVENT,
        section=Section.EVENTS,
        position=number,
        event=event,
    )


def _online(number: int, title: str, *, days: int) -> Item:
    join = CallToAction(url=f"{SITE}/join/{number}", kind=CtaKind.JOIN)
    return _changed(_event(number, title, days=days), online=True, timezone="America/New_York", cta=join)


def _tickets(number: int, title: str, *, days: int, full: bool = False) -> Item:
    sale = CallToAction(url=f"{SITE}/tickets/{number}", kind=CtaKind.TICKETS)
    return _changed(_event(number, title, days=days, place="Pump house", full=full), cta=sale)


def _series(number: int, title: str, *, days: int, more: int) -> Item:
    item = _event(number, title, days=days, place="Village well")
    assert item.event
    assert item.event.starts_at
    weeks = (item.event.starts_at + timedelta(weeks=n) for n in range(1, more + 1))
    return _changed(item, dates=tuple(Occurrence(starts_at=at) for at in weeks))


def _again(item: Item) -> Item:
    return replace(item, repeat=True)


def _changed(item: Item, **facts: object) -> Item:
    assert item.event
    return replace(item, event=replace(item.event, **facts))  # type: ignore[arg-type]


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
