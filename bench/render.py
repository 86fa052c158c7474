"""How long an edition of 20 posts and 10 events takes from content to the mail: `python -m bench.render`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from digest.editions.model import Content, Item, ItemKind, Section
from digest.messages.model import Reader, Rendered, Sender
from digest.messages.personalise import compile_edition
from digest.messages.preflight import check
from digest.messages.render import render
from digest.posts.model import Event, Image
from digest.templating import Templates

POSTS = 20
EVENTS = 10
TEMPLATES = ("weekly", "letter", "bulletin")
ROUNDS = 50
NOW = datetime(2026, 3, 5, 9, 0, tzinfo=UTC)


def main() -> None:
    templates = Templates()
    print(f"{POSTS} posts and {EVENTS} events, median of {ROUNDS}")
    print(
        f"{'template':<10}{'content to HTML and text':>26}{'preflight':>12}{'bytes on the wire':>19}{'HTML':>10}"
    )
    for name in TEMPLATES:
        content = _content(name)
        rendered = render(content, templates, nonce="bench00000000000")
        press = _median(partial(render, content, templates, nonce="bench00000000000"))
        preflight = _median(partial(check, rendered, content))
        wire = _median(partial(_on_the_wire, rendered))
        size = len(rendered.html.encode())
        print(f"{name:<10}{press:>23.1f} ms{preflight:>9.1f} ms{wire:>16.2f} ms{size:>8,} B")


def _median(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


def _on_the_wire(rendered: Rendered) -> bytes:
    """What approval costs once, and one reader's copy of it."""
    sender = Sender(
        from_name="The Weekly Brief",
        from_email="brief@example.org",
        reply_to="brief@example.org",
        list_id="weekly.example.org",
        list_name="The Weekly Brief",
        message_domain="example.org",
        base_url="https://news.example.org",
        envelope_from="brief@example.org",
    )
    reader = Reader(
        address="reader@example.net",
        unsubscribe_url="https://news.example.org/u/token",
        preferences_url="https://news.example.org/p/token",
        signed_up="1 March 2026",
    )
    compiled = compile_edition(rendered, sender, edition_key="bench-1", sent_at=NOW)
    return compiled.addressed(reader, position_key="1", now=NOW).data


def _content(template: str) -> Content:
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
    events = tuple(
        Item(
            post_id=100 + number,
            title=f"Evening {number} at the mill",
            url=f"https://www.example.org/events/{number}",
            kind=ItemKind.EVENT,
            section=Section.EVENTS,
            position=100 + number,
            excerpt="Bread, boats and a brass band.",
            repeat=number > 3,
            event=Event(
                uid=str(number),
                title=f"Evening {number} at the mill",
                starts_at=NOW + timedelta(days=7 + number),
                ends_at=NOW + timedelta(days=7 + number, hours=2),
                timezone="Europe/London",
                place="Mill Lane 4, Exampleton",
                register_url=f"https://www.example.org/register/{number}",
                key=f"key{number}",
            ),
        )
        for number in range(EVENTS)
    )
    return Content(
        publication="bench",
        publication_name="The Weekly Brief",
        number=1,
        send_at=NOW,
        timezone="Europe/London",
        language="en",
        cadence_words="every Thursday",
        sender_name="Example Organisation",
        postal_address="1 Example Street, Example City",
        archive_url="https://news.example.org/a/bench/1",
        site_url="https://www.example.org",
        items=(*items, *events),
        calendar_url="https://news.example.org/e/",
        template=template,
    )


if __name__ == "__main__":
    main()
