"""Whatever feeds, staff and machines do: a post reaches a sent edition at most once, and one that stayed up does."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule

from digest.database import Base, Database
from digest.editions import store as editions
from digest.editions.model import EditionState
from digest.posts import store as posts
from digest.posts.model import Fetched, Post
from digest.workflows import close
from tests import publishing

START = datetime(2026, 3, 2, 12, tzinfo=ZoneInfo("Europe/London"))
APPROVED, SENDING, SENT = EditionState.APPROVED, EditionState.SENDING, EditionState.SENT
ENDS = {
    "sent": (APPROVED, SENDING, SENT),
    "sent after a pause": (APPROVED, SENDING, EditionState.PAUSED, SENDING, SENT),
    "cancelled as a draft": (EditionState.CANCELLED,),
    "cancelled after approval": (APPROVED, EditionState.CANCELLED),
    "cancelled before anybody was mailed": (APPROVED, SENDING, EditionState.PAUSED, EditionState.CANCELLED),
    "failed": (APPROVED, EditionState.FAILED),
}
_names = itertools.count(1)


class SinceTheLastSend(RuleBasedStateMachine):
    """A site with two feeds, a publication that reads both, and everything that happens between two sends.

    `site` is what the site has, by the post's true name, which stands in its body and nowhere else. A guid and a
    link are never both changed between two looks: then no system could know the post again.
    """

    alive = Bundle("alive")
    vanished = Bundle("vanished")

    def __init__(self) -> None:
        super().__init__()
        self.database = Database("sqlite://")  # in memory: thousands of short transactions, nothing to lose
        Base.metadata.create_all(self.database.engine)
        self.parts = publishing.parts(
            self.database,
            staff=[],
            sources=[
                {"kind": "rss", "url": publishing.FEED},
                {"kind": "rss", "url": "https://www.example.org/category/news/feed"},
            ],
        )
        self.now = START
        self.site: dict[str, Post] = {}
        self.down: set[str] = set()
        self.rekeyed: set[str] = set()
        self.old: set[str] = set()
        self.open: list[int] = []

    def teardown(self) -> None:
        try:
            self._everything_that_stayed_up_was_sent()
        finally:
            self.database.dispose()

    # --- the site ---------------------------------------------------------------------------------------------

    @initialize(existing=st.integers(0, 6), first_edition=st.integers(0, 3))
    def begin(self, existing: int, first_edition: int) -> None:
        names = [self._write(days=-days) for days in range(existing)]
        self.old = set(names[first_edition:])
        told = tuple(self.site[name] for name in names)
        publishing.start(self.parts, now=self.now, existing=told, first_edition=first_edition)

    @rule(target=alive, days=st.sampled_from([0, 0, 0, -3, -400, 400, None]))
    def a_post_appears(self, days: int | None) -> str:
        return self._write(days=days)

    @rule(name=alive, days=st.sampled_from([-1000, -1, 0, 1, 1000, None]))
    def it_gets_another_date(self, name: str, days: int | None) -> None:
        date = None if days is None else self.now + timedelta(days=days)
        self.site[name] = replace(self.site[name], published_at=date)

    @rule(name=alive, words=st.text("abc", min_size=1, max_size=3))
    def it_is_edited(self, name: str, words: str) -> None:
        self.site[name] = replace(self.site[name], title=f"Edited {words}", summary=words)

    @rule(name=alive)
    def it_gets_another_guid(self, name: str) -> None:
        if name not in self.rekeyed:
            self.rekeyed.add(name)
            self.site[name] = replace(
                self.site[name], external_id=f"https://www.example.org/?p={next(_names)}"
            )

    @rule(name=alive)
    def it_gets_another_link(self, name: str) -> None:
        if name not in self.rekeyed:
            self.rekeyed.add(name)
            self.site[name] = replace(self.site[name], url=f"https://www.example.org/moved/{next(_names)}/")

    @rule(guids=st.booleans())
    def the_whole_site_is_migrated(self, guids: bool) -> None:
        for name in sorted(self.site):
            if guids:
                self.it_gets_another_guid(name)
            else:
                self.it_gets_another_link(name)

    @rule(name=alive, spelling=st.sampled_from(["http://www.example.org", "https://WWW.example.org:443"]))
    def its_link_is_written_otherwise(self, name: str, spelling: str) -> None:
        post = self.site[name]
        path = post.url.split("example.org", 1)[1].removeprefix(":443")
        self.site[name] = replace(post, url=f"{spelling}{path}")

    @rule(target=vanished, name=consumes(alive))
    def it_vanishes(self, name: str) -> str:
        self.down.add(name)
        return name

    @rule(target=alive, name=consumes(vanished))
    def it_returns(self, name: str) -> str:
        self.down.discard(name)
        return name

    # --- looking and sending ----------------------------------------------------------------------------------

    @rule(feed=st.integers(0, 1), order=st.randoms(use_true_random=False), twice=st.booleans())
    def we_look(self, feed: int, order, twice: bool) -> None:
        self._look(feed, order=order, twice=twice)

    @rule(feed=st.integers(0, 1))
    def we_look_and_the_feed_is_empty_for_a_moment(self, feed: int) -> None:
        self._record(feed, ())

    @rule()
    def the_cut_off_passes(self) -> None:
        self._cut_off()
        self._no_two_editions_under_way_hold_the_same_post()

    @rule()
    def somebody_cuts_by_hand(self) -> None:
        edition = close.cut(self.parts, "weekly", now=self.now)
        if edition.state is EditionState.DRAFT:
            self.open.append(edition.id)
        self._no_two_editions_under_way_hold_the_same_post()

    @rule(end=st.sampled_from(sorted(ENDS)))
    def the_oldest_open_edition_ends(self, end: str) -> None:
        if self.open:
            publishing.move(self.parts, self.open.pop(0), *ENDS[end], now=self.now)
            self._no_post_was_sent_twice_and_no_old_one_at_all()

    @rule(end=st.sampled_from(sorted(ENDS)))
    def a_whole_week_passes(self, end: str) -> None:
        self._look(0)
        self.the_cut_off_passes()
        self.the_oldest_open_edition_ends(end)

    # --- what must hold ---------------------------------------------------------------------------------------

    def _no_post_was_sent_twice_and_no_old_one_at_all(self) -> None:
        sent = self._sent()
        assert len(sent) == len(set(sent)), sent
        assert not self.old & set(sent)

    def _no_two_editions_under_way_hold_the_same_post(self) -> None:
        with self.database.reading() as session:
            under_way = editions.list_editions(session, "weekly", 10_000, states=editions.OPEN)
        held = [item.post_id for edition in under_way for item in edition.items]
        assert len(held) == len(set(held))

    def _everything_that_stayed_up_was_sent(self) -> None:
        """Two more looks and cut-offs with every edition sent: nothing that is up may be left over."""
        for _ in range(2):
            self._look(0)
            while self.open:
                publishing.move(self.parts, self.open.pop(0), *ENDS["sent"], now=self.now)
            self._cut_off()
        while self.open:
            publishing.move(self.parts, self.open.pop(0), *ENDS["sent"], now=self.now)
        self._no_post_was_sent_twice_and_no_old_one_at_all()
        up = set(self.site) - self.down - self.old
        assert up <= set(self._sent())

    # --- helpers ----------------------------------------------------------------------------------------------

    def _write(self, *, days: int | None) -> str:
        name = f"post {next(_names)}"
        self.site[name] = Post(
            external_id=f"https://www.example.org/?p={next(_names)}",
            url=f"https://www.example.org/{name.replace(' ', '/')}/",
            title="A title that many posts have",
            body=name,
            published_at=None if days is None else self.now + timedelta(days=days),
        )
        return name

    def _look(self, feed: int, *, order=None, twice: bool = False) -> None:
        told = [post for name, post in self.site.items() if name not in self.down]
        if order is not None:
            order.shuffle(told)
        self._record(feed, (*told, *told) if twice else tuple(told))
        self.rekeyed &= self.down

    def _record(self, feed: int, told: tuple[Post, ...]) -> None:
        source = publishing.spec(self.parts, index=feed)
        with self.database.transaction() as session:
            recorded = posts.record(session, source, Fetched(posts=told), now=self.now)
            editions.offer(session, "weekly", source.key, recorded.new, now=self.now)
        self.now += timedelta(minutes=20)

    def _cut_off(self) -> None:
        self.now = close.next_window(self.parts.publication("weekly"), now=self.now).cut_at + timedelta(
            days=6
        )
        made = close.close_due(self.parts, now=self.now - timedelta(days=6))
        self.open.extend(e.id for e in made if e.state is EditionState.DRAFT)

    def _sent(self) -> list[str]:
        """The true names of the posts in sent editions, as often as they stand there."""
        with self.database.reading() as session:
            sent = editions.list_editions(session, "weekly", 10_000, states=frozenset({SENT}))
            ids = [item.post_id for edition in sent for item in edition.items if item.post_id is not None]
            found = posts.posts(session, ids)
        return [found[post_id].post.body for post_id in ids]


TestSinceTheLastSend = SinceTheLastSend.TestCase
TestSinceTheLastSend.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
