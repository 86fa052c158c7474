"""A sample edition of the made-up organisation, for looking at a template without any data of one's own."""

from __future__ import annotations

from datetime import datetime, timedelta

from digest.demo.stories import NAME, STORIES, TAGLINE, Story
from digest.editions.model import Content, Item, Section
from digest.posts.model import Image

SITE = "https://saltmarsh.example"


def sample_content(*, template: str, language: str, now: datetime) -> Content:
    """An edition with a lead, cards and a brief, dated `now` (aware)."""
    return Content(
        publication="sample",
        publication_name=f"The {NAME} Brief",
        number=42,
        send_at=now,
        timezone="Europe/London",
        language=language,
        cadence_words="every Thursday",
        sender_name=NAME,
        postal_address="2 Harbour Row, Oxley Creek",
        archive_url=f"{SITE}/a/sample/42",
        site_url=SITE,
        tagline=TAGLINE,
        template=template,
        items=tuple(_item(story, place, now) for place, story in enumerate(STORIES)),
    )


def _item(story: Story, place: int, now: datetime) -> Item:
    section = Section.LEAD if place == 0 else Section.CARDS if place < 4 else Section.BRIEF
    return Item(
        post_id=place + 1,
        title=story.title,
        url=f"{SITE}/{story.slug}/",
        section=section,
        position=place,
        excerpt=story.paragraphs[0],
        image=Image(url=f"{SITE}/pictures/{story.picture}", alt=story.alt, width=1200, height=600)
        if story.picture
        else None,
        author=story.author,
        source=NAME,
        published_at=now - timedelta(hours=story.hours_ago),
        topics=(story.category,),
    )
