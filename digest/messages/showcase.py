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
        Sample(name="bare", shows="one story and no introduction", content=_bare(usual)),
        Sample(
            name="event-only",
            shows="dates in each of their states, no story",
            content=samples.dates(template),
        ),
        Sample(name="busy", shows="forty stories", content=_busy(usual)),
        Sample(
            name="right-to-left",
            shows="an edition in Arabic with an item in French",
            content=replace(samples.arabic(template), proof=False),
        ),
        Sample(name="proof", shows="a proof for staff", content=replace(usual, proof=True)),
    )


def _bare(usual: Content) -> Content:
    story = next(item for item in usual.items if item.section is Section.CARDS and item.image is None)
    return replace(usual, items=(story,), intro="", tagline="", cadence_words="", archive_url="")


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
