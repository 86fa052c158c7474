"""The posts of the made-up organisation: words and pictures of our own."""

from __future__ import annotations

from dataclasses import dataclass

NAME = "Saltmarsh Trust"
TAGLINE = "What we learned on the coast this week, and where you can lend a hand."
LANGUAGE = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One post of the site; `hours_ago` is its age when the demo starts."""

    slug: str
    title: str
    category: str
    author: str
    hours_ago: int
    paragraphs: tuple[str, ...]
    picture: str = ""
    alt: str = ""


STORIES = (
    Story(
        slug="the-tide-came-back-to-oxley-creek",
        title="The tide came back to Oxley Creek",
        category="Restoration",
        author="Marit Hale",
        hours_ago=5,
        picture="creek.png",
        alt="A creek winding through green marsh towards a low evening sun",
        paragraphs=(
            (
                "At six minutes past four on Tuesday the last shovel of clay came out of the old sea wall, and for the "
                "first time in a hundred and forty years the tide ran up Oxley Creek."
            ),
            (
                "Thirty neighbours stood on the bank to watch. Within an hour there were mullet at the second bend. "
                "The survey team will count what follows them every month for the next five years, and we will print "
                "every number here, the disappointing ones too."
            ),
        ),
    ),
    Story(
        slug="why-we-stopped-planting-reeds",
        title="Why we stopped planting reeds",
        category="Research",
        author="Tomas Adeyemi",
        hours_ago=29,
        picture="reeds.png",
        alt="Tall reeds in front of pale hills",
        paragraphs=(
            (
                "For three springs we planted reeds by hand, twelve thousand of them. Then we compared the plots we had "
                "planted with the plots we had merely left alone."
            ),
            (
                "The ones we left alone did better. It is a humbling graph, and it saves us eleven working days a year "
                "that now go into keeping the channels open."
            ),
        ),
    ),
    Story(
        slug="events/winter-count",
        title="REGISTER NOW: Winter count on the mudflats",
        category="Events",
        author="Marit Hale",
        hours_ago=40,
        paragraphs=(
            (
                "Every January we count what winters on the flats, and every January we are two pairs of eyes short. "
                "No experience is needed, only warm socks and a morning."
            ),
        ),
    ),
    Story(
        slug="a-warmer-winter-for-the-lookout",
        title="A warmer winter for the lookout",
        category="Community",
        author="Priya Raman",
        hours_ago=52,
        picture="lookout.png",
        alt="A wooden lookout on stilts under a night sky",
        paragraphs=(
            (
                "The lookout at Gull Point has a stove again. Forty-one households chipped in, and the harbour school "
                "built the bench that runs along the seaward window."
            ),
            "It is open to everyone from first light until the evening boat. Bring tea, and leave the door on the latch.",
        ),
    ),
    Story(
        slug="listening-posts-what-the-night-recordings-tell-us",
        title="Listening posts: what the night recordings tell us",
        category="Research",
        author="Tomas Adeyemi",
        hours_ago=75,
        picture="night.png",
        alt="Three birds crossing a large moon above dark water",
        paragraphs=(
            (
                "Nine small recorders have been listening on the mudflats since August. They have heard seventy-three "
                "species, two foxes, and one very long argument between curlews."
            ),
            (
                "The recordings show that birds feed on the flats all night when the lamps on the causeway are off, and "
                "leave within minutes when they are on."
            ),
        ),
    ),
    Story(
        slug="what-your-gifts-paid-for-this-quarter",
        title="What your gifts paid for this quarter",
        category="Organisation",
        author="Priya Raman",
        hours_ago=99,
        paragraphs=(
            (
                "You gave 48,210 between July and September. Two thirds went into the creek, a fifth into the schools "
                "programme, and the rest kept the lights on. The full accounts are one page long and anyone may read them."
            ),
        ),
    ),
    Story(
        slug="field-notes-the-first-sea-lavender",
        title="Field notes: the first sea lavender",
        category="Field notes",
        author="Marit Hale",
        hours_ago=120,
        paragraphs=(
            (
                "One plant, eleven centimetres tall, on the north side of the new channel. Nobody planted it. "
                "We have put a small stake beside it and have agreed not to stand there."
            ),
        ),
    ),
)

NEXT_STORY = Story(
    slug="minutes-of-the-shore-meeting",
    title="Minutes of the shore meeting",
    category="Community",
    author="Priya Raman",
    hours_ago=0,
    paragraphs=(
        "Twenty-six of us met in the net loft. We agreed on three things and wrote down a fourth for next time.",
    ),
)

READERS = tuple(
    f"{first}.{last}@readers.example"
    for last in ("moss", "reed", "ford", "hythe", "wold")
    for first in ("ada", "bela", "chidi", "dunya", "eamon", "farah", "goran", "hana", "ines", "jonas")
)
