"""A series is one post however its dates come and go; two series never become one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.posts.identity import keys_of, match
from digest.posts.model import Post
from tests.factories import post, source

CALENDAR = source(kind="events-calendar", url="https://www.example.org")


@dataclass
class Memory:
    """What a store remembers between looks: the keys, and which post each leads to."""

    known: dict[str, int | None] = field(default_factory=dict)
    posts: int = 0

    def look(self, *posts: Post) -> list[int]:
        """The post that each one told is, as recording does it."""
        keys = [keys_of(CALENDAR, one) for one in posts]
        asked = {key for one in keys for key in one.all()}
        matched = match(posts, keys, {key: lead for key, lead in self.known.items() if key in asked})
        made = {owner: self.posts - owner for owner in matched.owners if owner < 0}
        self.posts += len(made)
        self.known.update({key: made.get(owner, owner) for key, owner in matched.keys.items()})
        self.known.update(dict.fromkeys(matched.shared))
        return [made.get(owner, owner) for owner in matched.owners]


def series(*dates: str, name: str = "yoga", **changes) -> Post:
    """A series whose id is that of its last date, under the page of its first."""
    return post(
        **{
            "external_id": dates[-1],
            "aliases": dates[:-1],
            "url": f"https://www.example.org/event/{dates[0]}",
            "title": name,
            "published_at": None,
            **changes,
        }
    )


@pytest.fixture
def memory() -> Memory:
    return Memory()


def test_a_series_whose_next_date_has_passed_is_the_same_post(memory):
    assert memory.look(series("a", "b", "c")) == memory.look(series("b", "c", "d")) == [1]
    assert memory.look(series("d")) == [1]


def test_a_single_date_that_becomes_a_series_is_the_same_post(memory):
    assert memory.look(series("a")) == memory.look(series("a", "b")) == memory.look(series("b", "c")) == [1]


def test_a_series_of_which_one_date_is_left_is_the_same_post(memory):
    assert (
        memory.look(series("a", "b")) == memory.look(series("a", url="https://www.example.org/else")) == [1]
    )


def test_a_series_under_another_title_is_the_same_post(memory):
    assert memory.look(series("a", "b")) == memory.look(series("b", "c", name="Yoga for all")) == [1]


def test_two_series_side_by_side_are_two_posts_and_stay_so(memory):
    yoga, choir = series("y1", "y2"), series("c1", "c2", name="choir")
    assert memory.look(yoga, choir) == [1, 2]
    assert memory.look(series("c2", "c3", name="choir"), series("y2", "y3")) == [2, 1]


def test_a_series_with_nothing_in_common_with_a_known_one_is_new(memory):
    memory.look(series("a", "b"))
    assert memory.look(series("c", "d")) == [2]


def test_an_alias_that_two_posts_of_one_look_have_leads_nowhere(memory):
    memory.look(series("both", "a"))
    assert memory.look(series("both", "a"), series("both", "b", name="choir")) == [1, 2]
    assert memory.look(series("both", "c", name="another")) == [3]


def test_an_alias_that_is_another_posts_id_leads_nowhere(memory):
    first, other = series("b", "a"), series("b", name="choir")
    assert memory.look(first, other) == [1, 2]
    assert memory.look(series("b", "z", name="choir")) == [2]


def test_aliases_that_lead_to_different_posts_lead_nowhere(memory):
    memory.look(series("a", "b"), series("c", "d", name="choir"))
    both = series("a", "c", "new", name="both", url="https://www.example.org/event/both")
    assert memory.look(both) == [3]


def test_two_ids_that_one_post_has_had_are_two_posts_once_they_stand_apart(memory):
    memory.look(series("a"))
    memory.look(series("a", "b"))
    apart = (series("a"), series("b", name="apart"))
    assert memory.look(*apart) == memory.look(*apart) == [1, 2]
    assert memory.look(series("b", name="apart")) == [2]


def test_a_series_that_is_divided_becomes_two_posts_and_neither_takes_the_other(memory):
    memory.look(series("a1", "b1", "a2", "b2"))
    assert memory.look(series("a1", "a2"), series("b1", "b2", name="b")) == [2, 1]
    for _again in range(2):
        owners = memory.look(series("a2", "a3"), series("b2", "b3", name="b"))
        assert len(set(owners)) == 2


def test_the_id_a_date_had_alone_is_surer_than_a_series_it_once_went_along_with(memory):
    memory.look(series("a", "b"))
    memory.look(series("a"), series("b", name="apart"))
    apart = memory.look(series("b", name="apart"))
    assert memory.look(series("b", "c", name="apart")) == apart


def test_an_alias_at_another_source_says_nothing(memory):
    memory.look(series("a", "b"))
    elsewhere = source(kind="events-calendar", url="https://elsewhere.example.net")
    keys = keys_of(elsewhere, series("b", "c"))
    assert not {key for key in keys.all() if key in memory.known}


def test_a_post_without_aliases_has_no_keys_for_them():
    plain = keys_of(CALENDAR, post())
    assert plain.by_alias == () and len(plain.own()) == 3
    assert len(keys_of(CALENDAR, replace(post(), aliases=("x", "x", "y"))).by_alias) == 2


WINDOWS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12)


@given(steps=WINDOWS, count=st.integers(1, 3), by_last=st.booleans(), order=st.randoms(use_true_random=False))
def test_series_keep_their_posts_while_dates_come_and_go(steps, count, by_last, order):
    """Each look drops some first dates and adds some last ones, but one date at least is shown twice in a row."""
    memory, begin, end = Memory(), 0, 2
    first: dict[int, int] = {}
    for drop, add in [(0, 0), *steps]:
        begin = min(begin + drop, end - 1)
        end += add
        shown = list(range(count))
        order.shuffle(shown)
        told = []
        for number in shown:
            dates = [f"{number}-{n}" for n in range(begin, end)]
            dates = dates if by_last else [*dates[1:], dates[0]]
            told.append(series(*dates, name=f"series {number} {begin if drop else ''}"))
        owners = memory.look(*told)
        assert len(set(owners)) == count
        for number, owner in zip(shown, owners, strict=True):
            assert first.setdefault(number, owner) == owner


@given(
    st.lists(
        st.lists(st.frozensets(st.integers(0, 12), min_size=1, max_size=5), min_size=1, max_size=4),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_a_calendar_does_different_series_of_one_look_stay_different(looks):
    memory = Memory()
    for number, groups in enumerate(looks):
        apart: list[list[int]] = []
        used: set[int] = set()
        for group in groups:
            if rest := sorted(group - used):
                apart.append(rest)
                used |= set(rest)
        told = [series(*(str(n) for n in dates), name=f"{number} {dates}") for dates in apart]
        owners = memory.look(*told)
        assert len(set(owners)) == len(apart)
        known = memory.posts
        assert memory.look(*told) == owners
        assert memory.posts == known
