"""An edition's states: every pair of the table, allowed or refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from digest.editions.model import ENDED, TRANSITIONS, Edition, EditionState
from digest.errors import BadMove

NOW = datetime(2026, 3, 26, 8, tzinfo=UTC)
ALLOWED = {
    ("draft", "approved"),
    ("draft", "cancelled"),
    ("draft", "skipped"),
    ("approved", "draft"),
    ("approved", "sending"),
    ("approved", "cancelled"),
    ("approved", "failed"),
    ("sending", "sent"),
    ("sending", "paused"),
    ("sent", "sending"),
    ("paused", "sending"),
    ("paused", "cancelled"),
}
PAIRS = [(one, other) for one in EditionState for other in EditionState]


def edition(state: EditionState, **fields) -> Edition:
    return Edition(id=12, publication="weekly", number=3, state=state, cut_at=NOW, send_at=NOW, **fields)


@pytest.mark.parametrize(("before", "after"), PAIRS, ids=[f"{a}-{b}" for a, b in PAIRS])
def test_every_move_is_allowed_or_refused_as_the_design_draws_it(before, after):
    if (before.value, after.value) in ALLOWED:
        assert edition(before).move_to(after, at=NOW, reason="because").reason == "because"
        return
    with pytest.raises(BadMove, match=f"Edition 12 is {before}; it cannot become {after}"):
        edition(before).move_to(after, at=NOW)


def test_every_state_stands_in_the_table():
    assert set(TRANSITIONS) == set(EditionState)


def test_from_the_draft_every_state_can_be_reached():
    reached, edge = {EditionState.DRAFT}, [EditionState.DRAFT]
    while edge:
        new = TRANSITIONS[edge.pop()] - reached
        reached |= new
        edge.extend(new)
    assert reached == set(EditionState)


@pytest.mark.parametrize("end", ["sent", "skipped", "cancelled", "failed"])
def test_an_ended_edition_knows_when_it_ended_and_moves_no_more_by_itself(end):
    state = EditionState(end)
    assert state in ENDED
    before = next(one for one, after in TRANSITIONS.items() if state in after)
    assert edition(before).move_to(state, at=NOW).finished_at == NOW
    assert TRANSITIONS[state] == (frozenset({EditionState.SENDING}) if end == "sent" else frozenset())


def test_an_edition_of_which_something_is_sent_once_more_has_not_ended_until_that_is_done():
    later = NOW + timedelta(hours=1)
    sent = edition(EditionState.SENDING, launched_at=NOW).move_to(EditionState.SENT, at=NOW)
    again = sent.move_to(EditionState.SENDING, at=later, reason="once more")
    assert (again.launched_at, again.finished_at) == (NOW, None)
    assert again.move_to(EditionState.SENT, at=later).finished_at == later


def test_resuming_keeps_the_moment_of_the_launch():
    sending = edition(EditionState.APPROVED).move_to(EditionState.SENDING, at=NOW)
    later = NOW + timedelta(hours=1)
    resumed = sending.move_to(EditionState.PAUSED, at=later).move_to(EditionState.SENDING, at=later)
    assert resumed.launched_at == NOW
    assert resumed.finished_at is None


def test_the_reason_of_a_pause_ends_with_it():
    paused = edition(EditionState.SENDING).move_to(EditionState.PAUSED, at=NOW, reason="The relay is down.")
    assert paused.move_to(EditionState.SENDING, at=NOW).reason == ""
