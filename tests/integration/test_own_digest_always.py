"""Whatever readers do and servers say: every chosen post reaches its reader once, none twice, and no mail is empty."""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import subscribers
from digest.database import Base, Database
from digest.deliveries.model import Verdict
from tests import mailroom, sending
from tests.mailroom import TOPICS, Mailroom

START = datetime(2026, 11, 5, 9, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
READERS = ("ada@a.example", "ben@b.example", "cy@c.example")
TOPIC_SETS = st.sets(st.sampled_from(sorted(TOPICS)), max_size=2).map(sorted).map(tuple)
STORIES = st.lists(st.tuples(TOPIC_SETS, st.booleans()), min_size=1, max_size=3)


@dataclass
class Reader:
    """What a reader wants, and the first edition they have not had, by its place in the order of launches."""

    ref: subscribers.SubscriptionRef
    owed_from: int
    topics: tuple[str, ...] = ()
    events_only: bool = False
    frequency: str = ""
    paused_until: datetime | None = None

    def wants(self, topics, *, is_event):
        return (is_event or not self.events_only) and (
            not self.topics or not topics or bool(set(self.topics) & set(topics))
        )


class Readers(RuleBasedStateMachine):
    """Weeks go by; between two editions readers sign up, choose, pause, leave and come back."""

    @initialize()
    def open(self):
        self.home = tempfile.TemporaryDirectory()
        self.database = Database(f"sqlite:///{Path(self.home.name) / 'digest.db'}")
        for metadata in (Base.metadata, subscribers.metadata):
            metadata.create_all(self.database.engine)
        self.out = Mailroom()
        self.parts = mailroom.installation(self.database, self.out, template="letter")
        self.now = START
        self.readers: dict[str, Reader] = {}
        self.editions: list[list[tuple[int, tuple[str, ...], bool]]] = []
        self.numbers = 0
        self.seen = dict.fromkeys(READERS, 0)
        self.had_in = dict.fromkeys(READERS, "")

    def teardown(self):
        if hasattr(self, "database"):
            self.database.dispose()
            self.home.cleanup()

    @rule(
        address=st.sampled_from(READERS),
        topics=TOPIC_SETS,
        events_only=st.booleans(),
        frequency=st.sampled_from(["", "every", "monthly"]),
        weeks=st.integers(0, 3),
    )
    def choose(self, address, topics, events_only, frequency, weeks):
        until = self.now + weeks * WEEK - timedelta(days=1) if weeks else None
        wishes = {"topics": topics, "events_only": events_only, "frequency": frequency, "paused_until": until}
        reader = self.readers.get(address)
        if reader is None:
            # A day before the next edition and days after the last one.
            ref = mailroom.subscribe(self.parts, address, now=self.now - timedelta(days=1), **wishes)
            reader = self.readers[address] = Reader(ref=ref, owed_from=len(self.editions))
        else:
            mailroom.choose(self.parts, reader.ref, now=self.now - timedelta(days=1), **wishes)
        reader.topics, reader.events_only, reader.frequency = topics, events_only, frequency
        reader.paused_until = until

    @rule(address=st.sampled_from(READERS))
    def leave(self, address):
        if self.readers.pop(address, None) is None:
            return
        with self.database.transaction() as session:
            subscribers.end(
                session,
                keys=self.parts.keys,
                address=address,
                publication="weekly",
                reason=subscribers.EndedReason.MANUAL,
                now=self.now - timedelta(days=2),
            )

    @rule(
        stories=STORIES,
        says=st.fixed_dictionaries({}, optional=dict.fromkeys(READERS, st.sampled_from(list(Verdict)))),
    )
    def edition(self, stories, says):
        if self.now > START + 11 * WEEK:
            return
        told = [(self.numbers + n, topics, event) for n, (topics, event) in enumerate(stories)]
        self.numbers += len(told)
        self.editions.append(told)
        mailroom.edition(
            self.parts,
            [(n, topics) for n, topics, _ in told],
            now=self.now,
            events=[n for n, _, event in told if event],
            begins=timedelta(days=200),
        )
        self.out.says = dict(says)
        sending.send(self.parts, now=self.now)
        for address, reader in self.readers.items():
            self.check(address, reader, says.get(address, Verdict.ACCEPTED))
        self.now += WEEK

    def check(self, address, reader, verdict):
        month = f"{self.now.astimezone(ZoneInfo('Europe/London')):%Y-%m}"
        owed = [
            n
            for told in self.editions[reader.owed_from :]
            for n, topics, event in told
            if reader.wants(topics, is_event=event)
        ]
        paused = reader.paused_until is not None and reader.paused_until > self.now
        waits = reader.frequency == "monthly" and self.had_in[address] == month
        mails = self.out.stories(address)[self.seen[address] :]
        self.seen[address] += len(mails)
        if paused or waits or not owed or verdict in {Verdict.REFUSED, Verdict.DEFERRED}:
            assert mails == []
            return
        assert mails == [sorted(owed)]
        reader.owed_from, self.had_in[address] = len(self.editions), month

    @invariant()
    def nothing_comes_twice(self):
        for address in READERS if hasattr(self, "out") else ():
            stories = [n for mail in self.out.stories(address) for n in mail]
            assert len(stories) == len(set(stories))


TestReaders = Readers.TestCase
TestReaders.settings = settings(
    max_examples=12,
    stateful_step_count=16,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
