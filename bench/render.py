"""How long an edition of 20 posts takes from content to the mail: `python -m bench.render`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

from digest.editions.model import Content, Item, Section
from digest.messages.preflight import check
from digest.messages.render import render
from digest.posts.model import Image
from digest.templating import Templates

POSTS = 20
ROUNDS = 50


def main() -> None:
    content, templates = _content(), Templates()
    rendered = render(content, templates, nonce="bench00000000000")
    press = _median(lambda: render(content, templates, nonce="bench00000000000"))
    preflight = _median(lambda: check(rendered, content))
    print(f"render  {POSTS} posts: {press:6.1f} ms -> {len(rendered.html.encode()):,} bytes of HTML")
    print(f"check   {POSTS} posts: {preflight:6.1f} ms")


def _median(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


def _content() -> Content:
    picture = Image(url="https://www.example.org/a.jpg", alt="A hill at dusk", width=800, height=450)
    items = tuple(
        Item(
            post_id=number,
            title=f"Report {number}: what the river carried past the village this spring",
            url=f"https://www.example.org/posts/{number}",
            section=Section.CARDS if number else Section.LEAD,
            position=number,
            excerpt="The national process has been led from the capital. A new programme ties it to the valleys. "
            * 2,
            image=picture,
        )
        for number in range(POSTS)
    )
    return Content(
        publication="bench",
        publication_name="The Weekly Brief",
        number=1,
        send_at=datetime(2026, 3, 5, 9, 0, tzinfo=UTC),
        timezone="Europe/London",
        language="en",
        cadence_words="every Thursday",
        sender_name="Example Organisation",
        postal_address="1 Example Street, Example City",
        archive_url="https://news.example.org/a/bench/1",
        site_url="https://www.example.org",
        items=items,
    )


if __name__ == "__main__":
    main()
