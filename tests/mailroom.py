"""Readers with wishes, editions with topics, and a way out that keeps what was mailed: for tests of own copies."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import subscribers
from digest.database import Database
from digest.deliveries.model import Outcome, Phase, Reply, Scope, Verdict
from digest.deliveries.transports.base import BeforeBody
from digest.editions.model import Edition, Item, ItemKind, Section
from digest.messages.model import Addressed
from digest.posts import store as posts
from digest.posts.model import Fetched
from digest.workflows import approve, launch
from digest.workflows.parts import Parts
from tests import factories, publishing, sending
from tests.factories import NOW

TOPICS = {"water": ["Water"], "land": ["Land"], "people": ["People"]}
STORY = re.compile(r"Story number (\d+)\b")


class Mailroom:
    """A transport that keeps what it accepted, as (address, message); `says` holds what becomes of an address."""

    name = "mailroom"

    def __init__(self) -> None:
        self.accepted: list[tuple[str, bytes]] = []
        self.says: dict[str, Verdict] = {}

    def lane(self) -> Mailroom:
        return self

    async def open(self) -> None:
        """Nothing is opened."""

    async def close(self) -> None:
        """Nothing is closed."""

    async def send(self, mail: Addressed, *, before_body: BeforeBody, following: Any = None) -> Outcome:
        del following
        verdict = self.says.get(mail.rcpt_to, Verdict.ACCEPTED)
        if verdict is Verdict.REFUSED:
            return Outcome(verdict=verdict, phase=Phase.RCPT, scope=Scope.UNKNOWN, reply=Reply(code=550))
        if verdict is Verdict.DEFERRED:
            return Outcome(verdict=verdict, phase=Phase.RCPT, scope=Scope.UNKNOWN, reply=Reply(code=450))
        await before_body()
        self.accepted.append((mail.rcpt_to, mail.data))
        return Outcome(verdict=verdict, phase=Phase.DOT, reply=Reply(code=250))

    def of(self, address: str) -> list[str]:
        """What one reader was mailed, HTML and text together, oldest first."""
        return [read(data) for to, data in self.accepted if to == address]

    def stories(self, address: str) -> list[list[int]]:
        """The numbers of the stories in each of one reader's mails."""
        return [sorted({int(n) for n in STORY.findall(body)}) for body in self.of(address)]


def installation(database: Database, mailroom: Mailroom, **weekly: Any) -> Parts:
    """A publication with three topics, mailed with every edition or monthly."""
    offered: dict[str, Any] = {"topics": TOPICS, "frequencies": ["every", "monthly"], "lateness": "7d"}
    return sending.parts(database, transport=mailroom, **(offered | weekly))


def read(data: bytes) -> str:
    """Both parts of a message as people read them."""
    message = email.message_from_bytes(data, policy=email.policy.default)
    parts = [message.get_body(preferencelist=(kind,)) for kind in ("html", "plain")]
    return "\n".join(part.get_content() for part in parts if part is not None)


def edition(
    parts: Parts,
    stories: Iterable[tuple[int, Sequence[str]]],
    *,
    now: datetime,
    events: Collection[int] = (),
    begins: timedelta = timedelta(days=14),
) -> Edition:
    """An edition launched at `now` of stories with these numbers and topics; `events` begin that much later."""
    told = dict(stories)
    made = [
        factories.post(
            external_id=f"story-{n}",
            url=f"https://www.example.org/stories/{n}",
            title=f"Story number {n}",
            event=factories.event(starts_at=now + begins, ends_at=now + begins + timedelta(hours=2))
            if n in events
            else None,
        )
        for n in told
    ]
    with parts.database.transaction() as session:
        new = posts.record(session, publishing.spec(parts), Fetched(posts=tuple(made)), now=now).new
        kept = posts.posts(session, new)
    numbers = {one.post.title: one for one in kept.values()}
    items = tuple(
        _item(place, numbers[f"Story number {n}"], told[n], event=n in events) for place, n in enumerate(told)
    )
    draft = sending.draft(parts, items=0, extra=items, send_at=now, subject="What is new")
    approve.approve(parts, draft.id, by="Ada", now=now)
    return launch.launch(parts, draft.id, now=now)


def subscribe(
    parts: Parts, address: str, *, now: datetime = NOW - timedelta(days=1), **wishes: Any
) -> subscribers.SubscriptionRef:
    """Somebody confirmed at `now`, with what they chose."""
    consent = subscribers.Consent(text="Mail me the weekly brief.", source="form", at=now)
    with parts.database.transaction() as session:
        added = subscribers.add(
            session, keys=parts.keys, address=address, publication="weekly", consent=consent, now=now
        )
        found = subscribers.recipients(
            session, keys=parts.keys, publication="weekly", subscriber_ids=[added.subscriber_id]
        )[added.subscriber_id]
        assert isinstance(found, subscribers.Recipient)
        subscribers.choose(session, keys=parts.keys, ref=found.subscription_ref, now=now, **wishes)
    return found.subscription_ref


def choose(parts: Parts, ref: subscribers.SubscriptionRef, *, now: datetime, **wishes: Any) -> None:
    """The reader chooses anew."""
    with parts.database.transaction() as session:
        assert subscribers.choose(session, keys=parts.keys, ref=ref, now=now, **wishes) is not None


def _item(place: int, stored: Any, topics: Sequence[str], *, event: bool) -> Item:
    return factories.item(
        post_id=stored.id,
        title=stored.post.title,
        url=stored.post.url,
        position=place,
        topics=tuple(topics),
        kind=ItemKind.EVENT if event else ItemKind.POST,
        section=Section.EVENTS if event else Section.CARDS,
        event=stored.post.event,
    )
