"""What a person decides of uncertain deliveries, on both databases: also after the edition's end, and never silently."""

from __future__ import annotations

import email
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

import subscribers
from digest.deliveries import store as deliveries
from digest.deliveries.model import DeliveryState, Phase, Verdict
from digest.editions.model import EditionState, ItemKind, Section
from digest.errors import DigestError
from digest.workflows import control, expire, look
from digest.workflows.parts import Parts
from tests import factories, sending
from tests.factories import NOW
from tests.mailing import smtp
from tests.smtp_server import ACCEPT_AND_DROP, RecordingServer, Step, recording_server

E = EditionState
HOUR = timedelta(hours=1)


@dataclass
class Relay:
    """A mail server that takes a message to `lost` and never says so; `parts` send through it."""

    parts: Parts
    server: RecordingServer
    lost: set[str] = field(default_factory=set)

    def copies(self, address: str) -> list[str]:
        """The Message-ID of each copy that the server took for `address`."""
        mine = [m for m in self.server.messages if m.rcpt == address]
        return [str(email.message_from_bytes(m.data)["Message-ID"]) for m in mine]


@pytest.fixture
def relay(database) -> Iterator[Relay]:
    lost = {"b@example.net", "c@example.net"}

    def script(step: Step) -> str | None:
        return ACCEPT_AND_DROP if step.name == "dot" and step.rcpt in lost else None

    with recording_server(script) as server:
        parts = sending.parts(database, transport=smtp(server.port), mail={"lanes": 1}, lateness="12h")
        sending.subscribe(parts, "a@example.net", "b@example.net", "c@example.net")
        yield Relay(parts=parts, server=server, lost=lost)


def uncertain(relay: Relay, **edition):
    """An edition that was sent; what became of the copies for b and c nobody knows."""
    launched = sending.launched(relay.parts, **edition)
    sending.send(relay.parts)
    assert sending.counts(relay.parts, launched) == {"accepted": 1, "uncertain": 2}
    assert sending.state(relay.parts, launched).state is E.SENT
    relay.lost.clear()
    return launched


def inviting(hours: int):
    """A part of a draft: an event that begins so many hours after the launch."""
    starts = NOW + hours * HOUR
    happening = factories.event(starts_at=starts, ends_at=starts + HOUR)
    item = factories.item(
        post_id=None, kind=ItemKind.EVENT, section=Section.EVENTS, event=happening, title=happening.title
    )
    return {"items": 0, "extra": (item,)}


def test_a_retry_after_the_end_sends_once_more_under_the_same_message_id_and_ends_again(relay):
    edition = uncertain(relay)
    later = NOW + HOUR
    assert control.resolve(relay.parts, edition.id, as_="retry", now=later) == 2
    again = sending.state(relay.parts, edition)
    assert (again.state, again.reason, again.finished_at) == (E.SENDING, control.SENT_AGAIN, None)
    sending.send(relay.parts, now=later)
    ended = sending.state(relay.parts, edition)
    assert (ended.state, ended.reason, ended.finished_at) == (E.SENT, "", later)
    assert ended.launched_at == NOW
    assert sending.counts(relay.parts, edition) == {"accepted": 3}
    first, second = relay.copies("b@example.net")
    assert first == second
    assert len(relay.copies("a@example.net")) == 1


def test_one_address_is_retried_alone_and_the_others_stay_uncertain(relay):
    edition = uncertain(relay)
    assert control.resolve(relay.parts, edition.id, as_="retry", address="B@example.net", now=NOW + HOUR) == 1
    sending.send(relay.parts, now=NOW + HOUR)
    assert sending.counts(relay.parts, edition) == {"accepted": 2, "uncertain": 1}
    assert len(relay.copies("c@example.net")) == 1
    with pytest.raises(DigestError, match=r"Nobody is known by the address z@example\.net"):
        control.resolve(relay.parts, edition.id, as_="retry", address="z@example.net", now=NOW + HOUR)


def test_deciding_twice_does_once(relay):
    edition = uncertain(relay)
    decided = [control.resolve(relay.parts, edition.id, as_="retry", now=NOW + HOUR) for _ in range(2)]
    sending.send(relay.parts, now=NOW + HOUR)
    decided.append(control.resolve(relay.parts, edition.id, as_="retry", now=NOW + HOUR))
    assert decided == [2, 0, 0]
    assert sending.state(relay.parts, edition).state is E.SENT
    assert len(relay.copies("b@example.net")) == 2


def test_what_is_accepted_by_decision_moves_no_edition_whatever_its_age(relay):
    edition = uncertain(relay)
    assert control.resolve(relay.parts, edition.id, as_="accepted", now=NOW + 1_000 * HOUR) == 2
    assert sending.state(relay.parts, edition).state is E.SENT
    assert sending.counts(relay.parts, edition) == {"accepted": 3}
    assert len(relay.server.messages) == 3


def test_a_retry_that_is_lost_again_is_uncertain_again(relay):
    edition = uncertain(relay)
    relay.lost.add("b@example.net")
    control.resolve(relay.parts, edition.id, as_="retry", now=NOW + HOUR)
    sending.send(relay.parts, now=NOW + HOUR)
    assert sending.counts(relay.parts, edition) == {"accepted": 2, "uncertain": 1}
    (one,) = look.listed(relay.parts, edition.id, state=DeliveryState.UNCERTAIN)
    assert [(tried.at, tried.outcome) for tried in one.attempts] == [
        (NOW, Verdict.UNCERTAIN),
        (NOW + HOUR, Verdict.UNCERTAIN),
    ]


def test_whoever_left_in_the_meantime_is_not_retried(relay):
    edition = uncertain(relay)
    with relay.parts.database.transaction() as session:
        subscribers.end(
            session,
            keys=relay.parts.keys,
            address="b@example.net",
            publication="weekly",
            reason=subscribers.EndedReason.UNSUBSCRIBED,
            now=NOW + HOUR,
        )
    control.resolve(relay.parts, edition.id, as_="retry", now=NOW + HOUR)
    sending.send(relay.parts, now=NOW + HOUR)
    assert sending.counts(relay.parts, edition) == {"accepted": 2, "skipped": 1}
    assert len(relay.copies("b@example.net")) == 1


def test_a_newer_edition_wins_and_that_is_said(relay):
    older = uncertain(relay)
    newer = sending.launched(relay.parts, now=NOW + HOUR)
    sending.send(relay.parts, now=NOW + HOUR)
    said = f"Edition {newer.id} of weekly went out after edition {older.id}"
    with pytest.raises(control.Overtaken, match=said):
        control.resolve(relay.parts, older.id, as_="retry", anyway=True, now=NOW + HOUR)
    assert sending.counts(relay.parts, older) == {"accepted": 1, "uncertain": 2}
    assert sending.state(relay.parts, older).state is E.SENT


def test_past_the_lateness_limit_a_person_must_insist_and_then_it_goes_out_once(relay):
    edition = uncertain(relay)
    late = NOW + 13 * HOUR
    with pytest.raises(control.TooLate, match=r"launched at .* UTC, longer ago than weekly may be late"):
        control.resolve(relay.parts, edition.id, as_="retry", now=late)
    assert sending.counts(relay.parts, edition) == {"accepted": 1, "uncertain": 2}
    assert control.resolve(relay.parts, edition.id, as_="retry", anyway=True, now=late) == 2
    sending.send(relay.parts, now=late)
    assert sending.counts(relay.parts, edition) == {"accepted": 3}


def test_no_invitation_is_retried_after_its_event_unless_a_person_insists(relay):
    edition = uncertain(relay, **inviting(4))
    with pytest.raises(control.EventBegun, match="has begun; retry it with --anyway, or leave it"):
        control.resolve(relay.parts, edition.id, as_="retry", now=NOW + 4 * HOUR)
    control.resolve(relay.parts, edition.id, as_="retry", anyway=True, now=NOW + 5 * HOUR)
    assert expire.expire(relay.parts, now=NOW + 5 * HOUR) == 0
    sending.send(relay.parts, now=NOW + 5 * HOUR)
    assert sending.counts(relay.parts, edition) == {"accepted": 3}


def test_a_retry_still_waiting_when_the_event_begins_is_given_up_with_the_reason(relay):
    edition = uncertain(relay, **inviting(4))
    control.resolve(relay.parts, edition.id, as_="retry", now=NOW + HOUR)
    assert expire.expire(relay.parts, now=NOW + 4 * HOUR) == 2
    with relay.parts.database.reading() as session:
        listed = deliveries.listed(session, edition.id, state=DeliveryState.FAILED, limit=9)
    assert {delivery.reason for delivery, _ in listed} == {"an event in it has begun"}
    sending.send(relay.parts, now=NOW + 4 * HOUR)
    assert sending.state(relay.parts, edition).state is E.SENT


def test_a_paused_edition_stays_paused_until_its_resume(relay):
    edition = sending.launched(relay.parts)
    with relay.parts.database.transaction() as session:
        chunk = deliveries.lease(session, [edition.id], "dead", now=NOW, lease_seconds=60)
        assert chunk is not None
        deliveries.claim(session, chunk, "dead", limit=2, now=NOW)
        deliveries.mark_sending(session, edition.id, [1], "dead", now=NOW)
    with relay.parts.database.transaction() as session:
        deliveries.recover(session, now=NOW + HOUR)
    control.pause(relay.parts, edition.id, now=NOW + HOUR)
    assert control.resolve(relay.parts, edition.id, as_="retry", now=NOW + HOUR) == 1
    sending.send(relay.parts, now=NOW + HOUR)
    assert sending.state(relay.parts, edition).state is E.PAUSED
    assert sending.counts(relay.parts, edition) == {"pending": 3}


@pytest.mark.parametrize("state", ["draft", "cancelled"])
def test_what_nobody_was_mailed_or_what_was_called_off_is_not_retried(relay, state):
    if state == "draft":
        edition = sending.draft(relay.parts)
    else:
        edition = sending.launched(relay.parts)
        control.pause(relay.parts, edition.id, now=NOW)
        control.cancel(relay.parts, edition.id, now=NOW)
    with pytest.raises(DigestError, match=f"is {state}; only of one that is sending, paused or sent"):
        control.resolve(relay.parts, edition.id, as_="retry", now=NOW)


def test_an_edition_resumed_in_spite_of_an_event_goes_on_through_a_full_day(database):
    with recording_server() as server:
        parts = sending.parts(
            database, transport=smtp(server.port), mail={"lanes": 1, "max_per_day": 1}, lateness="7d"
        )
        sending.subscribe(parts, "a@example.net", "b@example.net", "c@example.net")
        edition = sending.launched(parts, **inviting(4))
        expire.expire(parts, now=NOW + 4 * HOUR)
        control.resume(parts, edition.id, anyway=True, now=NOW + 5 * HOUR)
        for hours in (5, 30, 55):
            sending.send(parts, now=NOW + hours * HOUR)
            expire.expire(parts, now=NOW + hours * HOUR)
            now = sending.state(parts, edition)
            assert now.state is (E.SENT if hours == 55 else E.SENDING), now.reason
    assert sum(m.rcpt.endswith("@example.net") for m in server.messages) == 3


def test_uncertain_deliveries_are_listed_with_their_evidence_and_no_address_whole_unless_asked_for(relay):
    edition = uncertain(relay)
    found = look.listed(relay.parts, edition.id, state=DeliveryState.UNCERTAIN)
    assert [(one.position, one.address, one.since) for one in found] == [
        (2, "b•••@e•••.net", NOW),
        (3, "c•••@e•••.net", NOW),
    ]
    (tried,) = found[0].attempts
    assert (tried.phase, tried.outcome) == (Phase.DOT, Verdict.UNCERTAIN)
    assert found[0].reason.startswith("the server's answer never came")
    (only,) = look.listed(
        relay.parts, edition.id, state=DeliveryState.UNCERTAIN, after=2, whole_addresses=True
    )
    assert only.address == "c@example.net"
    assert len(look.listed(relay.parts, edition.id, limit=2)) == 2
    with relay.parts.database.transaction() as session:
        subscribers.erase(session, keys=relay.parts.keys, address="c@example.net", now=NOW + HOUR)
    assert [one.address for one in look.listed(relay.parts, edition.id)][2] == ""
