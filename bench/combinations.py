"""What 500 different wishes among a million readers cost over one and the same: `python -m bench.combinations`.

Options: `--readers N`, and `--check` to fail above 15 percent. Counted is this process's own time for what is done for
each reader but for SQL and SMTP: their copy, their links, their message; and for making the copies.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import subscribers
from digest import logs, migrate, wiring
from digest.deliveries.ledger import Skip
from digest.editions import store as editions
from digest.editions.model import Edition, EditionState, Item
from digest.messages.model import Rendered
from digest.messages.personalise import Compiled, compile_edition
from digest.messages.render import render
from digest.settings import load
from digest.workflows.chosen import Selection
from digest.workflows.compose import content_for, edition_key, reader_for, sender_for
from digest.workflows.own import Copies
from digest.workflows.parts import Parts

NOW = datetime(2026, 3, 5, 9, 0, tzinfo=UTC)
TOPICS, CHOSEN, STORIES, COMBINATIONS = 12, 5, 24, 500
BATCH = 64
MOST = 1.15
_CONFIG = """[site]
base_url = "https://news.example.org"
database = "sqlite:///{home}/digest.db"
secret = "a secret for the bench only, not for use"
[publications.weekly]
name = "The Weekly Brief"
from = "The Weekly Brief <brief@example.org>"
postal_address = "1 Example Street, Example City"
cut_off = "wed 15:00"
send = "thu 09:00"
"""


def main(words: Sequence[str]) -> int:
    """Print both figures and their ratio; the exit code is 1 when it is more than 15 percent and that was asked."""
    options = argparse.ArgumentParser(prog="python -m bench.combinations")
    options.add_argument("--readers", type=int, default=1_000_000)
    options.add_argument("--check", action="store_true")
    asked = options.parse_args(words)
    # Of equally many topics with equally many stories each, so that all copies are about as long.
    wishes = list(itertools.islice(itertools.combinations(_topics(), CHOSEN), COMBINATIONS))
    with tempfile.TemporaryDirectory() as home:
        parts, edition, rendered = _installation(Path(home))
        _measured(parts, edition, rendered, wishes[:1], readers=BATCH)
        one, size = _measured(parts, edition, rendered, wishes[:1], readers=asked.readers)
        many, sizes = _measured(parts, edition, rendered, wishes, readers=asked.readers)
        parts.database.dispose()
    print(f"{asked.readers:,} readers, {STORIES} stories of {TOPICS} topics, {CHOSEN} chosen by each")
    for count, seconds, length in ((1, one, size), (COMBINATIONS, many, sizes)):
        each = seconds / asked.readers * 1e6
        print(f"{count:>4} combinations {seconds:>9.1f} s {each:>8.1f} us a message {length:>8,} B each")
    print(f"ratio {many / one:.3f}")
    return 1 if asked.check and many / one > MOST else 0


def _topics() -> list[str]:
    return [f"topic-{number}" for number in range(TOPICS)]


def _installation(home: Path) -> tuple[Parts, Edition, Rendered]:
    logs.set_up(level="ERROR")
    listed = "\n".join(f'{topic} = ["{topic}"]' for topic in _topics())
    (home / "digest.toml").write_text(
        f"{_CONFIG.format(home=home)}[publications.weekly.topics]\n{listed}\n", encoding="utf-8"
    )
    parts = wiring.build(load(home / "digest.toml", environ={}), home=home)
    migrate.upgrade(parts.database)
    items = tuple(
        Item(
            post_id=None,
            title=f"What the river carried past the village, part {number}",
            url=f"https://www.example.org/stories/{number}",
            position=number,
            excerpt="Two sentences, no more. They say what happened and why a reader may want to know it. "
            * 2,
            topics=(f"topic-{number % TOPICS}",),
        )
        for number in range(STORIES)
    )
    with parts.database.transaction() as session:
        editions.ensure_publication(session, "weekly", now=NOW)
        edition = editions.create(
            session,
            publication="weekly",
            state=EditionState.DRAFT,
            cut_at=NOW,
            send_at=NOW,
            slot=None,
            items=items,
            subject="What is new",
        )
    edition = replace(edition, launched_at=NOW)
    return parts, edition, render(content_for(parts, edition), parts.templates, nonce="bench00000000000")


def _measured(
    parts: Parts,
    edition: Edition,
    rendered: Rendered,
    wishes: Sequence[tuple[str, ...]],
    *,
    readers: int,
) -> tuple[float, int]:
    """The seconds that so many messages take, and how long one is on average."""
    compiled = partial(
        compile_edition,
        sender=sender_for(parts, edition.publication, edition=edition),
        edition_key=edition_key(edition),
        sent_at=NOW,
    )
    whole: Compiled = compiled(rendered)
    octets = 0
    with parts.database.reading() as session:
        copies = Copies(
            Selection(session, parts, edition, rendered, now=NOW), everybodys=whole, compiled=compiled
        )
        start = time.process_time()
        for first in range(0, readers, BATCH):
            batch = {
                n: _recipient(n, wishes[n % len(wishes)]) for n in range(first, min(first + BATCH, readers))
            }
            for number, copy in copies.of(session, batch).items():
                if isinstance(copy, Skip):
                    raise SystemExit(f"Nobody should be left out here: {copy.reason}.")
                reader = replace(reader_for(parts, "weekly", batch[number]), copy=copy)
                octets += len(whole.addressed(reader, position_key=str(number), now=NOW).data)
        return time.process_time() - start, octets // readers


def _recipient(number: int, topics: tuple[str, ...]) -> subscribers.Recipient:
    return subscribers.Recipient(
        subscriber_id=number,
        address=f"reader{number}@example.net",
        name="",
        subscription_ref=subscribers.SubscriptionRef(subscriber_id=number, list_id=1),
        subscribed_at=NOW - timedelta(days=10),
        source="form",
        topics=topics,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
