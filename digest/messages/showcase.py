"""The states in which a template is looked at and checked: a usual edition, a bare one, one of events only, and more."""

from __future__ import annotations

from dataclasses import dataclass, replace

from digest.editions.model import Content, Item, ItemKind, Section
from digest.messages import samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One state of an edition: its name as files carry it, a sentence on what it shows, and the edition."""

    name: str
    shows: str
    content: Content


def showcase(template: str) -> tuple[Sample, ...]:
    """Every state of the edition template `template`, the usual one first; between them they use all of it."""
    usual = samples.usual(template)
    return (
        Sample(name="usual", shows="something in every section", content=usual),
        Sample(name="bare", shows="one story, no introduction", content=_bare(usual)),
        Sample(name="event-only", shows="dates and no story", content=_events_only(usual)),
        Sample(name="busy", shows="forty stories, more than a mail holds in full", content=_busy(usual)),
        Sample(
            name="right-to-left",
            shows="an edition in Arabic with items in other languages",
            content=_arabic(usual),
        ),
        Sample(name="proof", shows="a proof for staff", content=replace(usual, proof=True)),
    )


def _bare(usual: Content) -> Content:
    story = next(item for item in usual.items if item.section is Section.CARDS and item.image is None)
    return replace(usual, items=(story,), intro="", tagline="", cadence_words="", archive_url="")


def _events_only(usual: Content) -> Content:
    events = tuple(item for item in usual.items if item.kind is not ItemKind.POST)
    return replace(usual, items=events, intro="")


def _busy(usual: Content) -> Content:
    stories = [item for item in usual.items if item.kind is ItemKind.POST]
    rest = tuple(item for item in usual.items if item.kind is not ItemKind.POST)
    many = tuple(_numbered(stories[n % len(stories)], n) for n in range(40))
    return replace(usual, items=(*many, *rest))


def _numbered(story: Item, number: int) -> Item:
    """One of forty stories, the first of which leads and every third is a line."""
    section = Section.LEAD if number == 0 else Section.BRIEF if number % 3 == 0 else Section.CARDS
    return replace(
        story,
        post_id=1000 + number,
        title=f"{story.title}, part {number + 1}",
        url=f"{story.url}-{number}",
        section=section,
        position=number,
    )


def _arabic(usual: Content) -> Content:
    items = tuple(
        item if item.language else _translated(item, _TITLES[place % len(_TITLES)])
        for place, item in enumerate(usual.items)
    )
    return replace(
        usual,
        items=items,
        language="ar",
        timezone="Africa/Cairo",
        publication_name="نشرة الوادي",
        sender_name="جمعية الوادي",
        tagline="ما نشرناه هذا الأسبوع، وأين يمكنكم لقاؤنا.",
        cadence_words="كل خميس",
        intro="صباح الخير،\n\nحلّ الربيع، ومعه **ثلاثة مواعيد** ننتظركم فيها. [كل المواعيد](https://www.example.org/events).",
        postal_address="جمعية الوادي، ١ شارع النهر، القاهرة",
    )


def _translated(item: Item, title: str) -> Item:
    event = replace(item.event, title=title, place=_PLACE if item.event.place else "") if item.event else None
    return replace(
        item,
        title=title,
        excerpt=_EXCERPT if item.excerpt else "",
        image=replace(item.image, alt=f"صورة: {title}") if item.image else None,
        event=event,
        topics=("تحليل",) if item.topics else (),
        author="",
    )


_EXCERPT = "جملتان لا أكثر. تقولان ما حدث، ولماذا قد يهمّ ذلك قارئًا في الوادي…"
_PLACE = "شارع الطاحونة ٤، القاهرة"
_TITLES = (
    "سدّ النهر يصمد، والوادي معه",
    "يوم مفتوح في محطة المياه",
    "حديث عبر الإنترنت: كيف نقرأ خريطة الفيضان",
    "أمسية الجوقة",
    "المدرسة الصيفية",
    "عشاء المتطوعين",
    "ثلاثة مسارات جديدة للمشاة",
    "ما تعلّمه حرّاس الآبار هذا الشتاء",
    "محضر اجتماع شباط",
    "مواعيد المكتبة الجديدة",
    "رسالة من المعلمين",
    "سوق الربيع",
    "حديقة المدرسة",
    "جولة في الوادي",
)
