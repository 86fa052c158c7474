"""The limits as rows on both databases: shared by workers, kept over their deaths, and a domain that wants rest."""

import asyncio
from datetime import timedelta
from typing import cast

import pytest

from digest.database import Database
from digest.deliveries import store
from digest.deliveries.model import DeliveryState, Outcome, Phase, Reply, Scope, Verdict
from digest.deliveries.pace import DAY, Pace
from digest.deliveries.rates import GO, Rates
from digest.editions.model import EditionState
from digest.settings import Mail
from digest.workflows import deliver
from tests import sending
from tests.factories import NOW
from tests.integration.test_ledger import EDITION, counts, freeze, heard, job, postman
from tests.mailing import reader, smtp
from tests.smtp_server import recording_server

S = DeliveryState
BUSY = Outcome(
    verdict=Verdict.DEFERRED,
    phase=Phase.DOT,
    scope=Scope.DESTINATION,
    reply=Reply(code=421, enhanced="4.7.0", text="[TSS04] Messages deferred"),
)
TAKEN = Outcome(verdict=Verdict.ACCEPTED, phase=Phase.DOT)


class Clock:
    """A clock that only a test moves; `back` sets it back, while time goes on."""

    def __init__(self):
        self.passed = 0.0
        self.wrong = 0.0

    def __call__(self):
        return NOW + timedelta(seconds=self.passed + self.wrong)


def rates(database, clock, **limits):
    return Rates(database, Pace(**limits), clock=clock, passed=lambda: clock.passed)


async def sent(clock, times, *workers, domain="example.net"):
    """When each of the first messages goes, in seconds: the workers take turns, and the first to be ready goes on."""
    at = []
    while len(at) < times:
        leaves = [await one.leave(domain) for one in workers]
        at += [round(clock.passed, 2) for leave in leaves if leave is GO]
        if GO not in leaves:
            clock.passed += min(max(leave.wait, 0.001) for leave in leaves)
    return at[:times]


def rows(database):
    with database.transaction() as session:
        return store.open_books(session, ["second", "minute", "day", "warm-up", "domain example.net"])


async def test_without_limits_no_row_is_touched():
    nowhere = Rates(cast("Database", None), Pace(), clock=lambda: NOW)
    assert [await nowhere.ready(), await nowhere.leave("example.net")] == [GO, GO]
    await nowhere.heard(TAKEN, "example.net")
    await nowhere.close()


async def test_a_second_is_shared_by_two_workers(database):
    clock = Clock()
    at = await sent(clock, 60, rates(database, clock, per_second=10), rates(database, clock, per_second=10))
    assert all(later - one >= 1.0 for one, later in zip(at, at[10:], strict=False))
    assert at[-1] < 60 / 10 * 1.05 + 1.5


async def test_a_minute_is_shared_and_both_get_some(database):
    clock = Clock()
    first, second = (rates(database, clock, per_minute=10) for _ in range(2))
    assert await sent(clock, 25, first, second) == pytest.approx([0.0] * 10 + [61.0] * 10 + [122.0] * 5)
    clock.passed += 200
    leaves = [await one.leave("example.net") for one in (first, second)]
    assert leaves == [GO, GO]


async def test_a_day_goes_on_tomorrow_whoever_asks(database):
    clock = Clock()
    assert await sent(clock, 5, rates(database, clock, per_day=5)) == [0.0] * 5
    restarted = rates(database, clock, per_day=5)
    waits = await restarted.ready()
    assert 86_400 <= waits.wait <= 86_460
    assert waits.reason == "the limit of 5 messages a day is reached"
    assert (await sent(clock, 1, restarted))[0] == pytest.approx(waits.wait, abs=0.01)


async def test_what_a_dead_worker_had_in_hand_is_lost_for_its_window_and_no_longer(database):
    clock = Clock()
    dead = rates(database, clock, per_minute=4)
    await asyncio.gather(*(dead.ready() for _lane in range(4)))  # takes leave for one, and sends nothing
    assert await sent(clock, 4, rates(database, clock, per_minute=4)) == pytest.approx([0.0] * 3 + [61.0])


async def test_what_a_worker_did_not_need_is_given_back_when_it_ends(database):
    clock = Clock()
    polite = rates(database, clock, per_minute=4)
    await asyncio.gather(*(polite.ready() for _lane in range(4)))
    await polite.close()
    assert await sent(clock, 4, rates(database, clock, per_minute=4)) == [0.0] * 4


async def test_a_lower_limit_in_one_worker_counts_what_the_others_sent(database):
    clock = Clock()
    await sent(clock, 10, rates(database, clock, per_minute=20))
    lower, higher = rates(database, clock, per_minute=8), rates(database, clock, per_minute=20)
    assert (await lower.ready()).wait == pytest.approx(61)
    assert await higher.ready() is GO


async def test_a_clock_set_back_costs_a_window_and_breaks_no_limit(database):
    clock = Clock()
    worker = rates(database, clock, per_minute=4, per_second=2)
    before = await sent(clock, 4, worker)
    clock.wrong = -7_200.0
    after = await sent(clock, 8, worker)
    at = before + after
    assert all(later - one >= 60 for one, later in zip(at, at[4:], strict=False))
    assert after[0] <= clock.passed and after[-1] < 200


async def test_a_domain_gets_its_share_and_the_others_do_not_wait(database):
    clock = Clock()
    worker = rates(database, clock, per_domain=3, domains={"big.example": 6, "own.example": 0})
    leaves = [await worker.leave("small.example") for _ in range(5)]
    assert leaves[:3] == [GO] * 3
    assert [leave.until for leave in leaves[3:]] == [
        NOW + timedelta(seconds=65),
        NOW + timedelta(seconds=85),
    ]
    assert leaves[3].reason == "waits its turn: small.example gets 3 messages a minute"
    assert [await worker.leave("big.example") for _ in range(6)] == [GO] * 6
    assert [await worker.leave("own.example") for _ in range(20)] == [GO] * 20


async def test_a_warm_up_begins_with_the_first_message_and_grows_each_day(database):
    clock = Clock()
    limits = {"per_day": 16, "warm_up": 4 * DAY, "warm_up_from": 1}
    at = await sent(clock, 7, rates(database, clock, **limits))
    assert [round(moment / DAY, 2) for moment in at[:3]] == [0.0, 1.0, 1.0]
    assert rows(database)["warm-up"].at == pytest.approx(NOW.timestamp(), abs=1)
    for _day in range(6):
        clock.passed += DAY
    assert (await rates(database, clock, **limits).leave("example.net")) is GO


async def test_a_domain_that_wants_rest_gets_longer_and_longer_and_one_probe(database):
    clock = Clock()
    worker, other = rates(database, clock), rates(database, clock)
    for times, minutes in enumerate((5, 15, 60, 240, 240)):
        assert await worker.leave("yahoo.example") is GO, times
        if times:
            assert (
                await worker.leave("yahoo.example")
            ).reason == "waits until yahoo.example takes mail again"
        await worker.heard(BUSY, "yahoo.example")
        await worker.heard(BUSY, "yahoo.example")  # was on the wire as well: no second offence
        held = await worker.leave("yahoo.example")
        assert timedelta(0) <= held.until - clock() - timedelta(minutes=minutes) < timedelta(seconds=5)
        assert held.reason == "yahoo.example asked us to wait: 421 [TSS04] Messages deferred"
        assert await worker.leave("other.example") is GO
        await other.look()
        assert (await other.leave("yahoo.example")).until == held.until
        clock.passed += minutes * 60
    assert await worker.leave("yahoo.example") is GO
    await worker.heard(TAKEN, "yahoo.example")
    assert [await worker.leave("yahoo.example") for _ in range(3)] == [GO] * 3
    with database.reading() as session:
        assert store.back_offs(session) == {}


async def test_greylisting_of_one_address_and_a_single_421_hold_no_domain(database):
    worker = rates(database, Clock())
    for reply, phase in (
        (Reply(code=451, enhanced="4.7.1", text="greylisted"), Phase.RCPT),
        (Reply(code=451, enhanced="4.7.1", text="greylisted"), Phase.RCPT),
        (Reply(code=421, text="closing"), Phase.RCPT),
    ):
        await worker.heard(Outcome(verdict=Verdict.DEFERRED, phase=phase, reply=reply), "example.net")
        assert await worker.leave("example.net") is GO
    await worker.heard(
        Outcome(verdict=Verdict.DEFERRED, phase=Phase.RCPT, reply=Reply(code=421, text="closing")),
        "example.net",
    )
    assert (await worker.leave("example.net")).until is not None


async def test_books_of_domains_that_nobody_writes_to_are_forgotten(database):
    clock = Clock()
    worker = rates(database, clock, per_domain=5)
    await worker.leave("rare.example")
    clock.passed += 1_000
    await worker.leave("other.example")
    with database.transaction() as session:
        assert store.forget_books(session, "domain ", before=2e12) == 1


# --- the postman ----------------------------------------------------------------------------------------------


async def test_a_domain_that_wants_rest_blocks_nobody_else_and_its_mail_waits(database):
    freeze(database, 40)

    def script(step):
        busy = step.name == "rcpt" and step.rcpt.endswith("@busy.example")
        return "421 4.7.0 [TSS04] Messages deferred" if busy else None

    def some(_session, ids):
        domain = lambda n: "busy.example" if n <= 1020 else "fine.example"  # noqa: E731
        return {n: reader(address=f"r{n}@{domain(n)}") for n in ids}

    async with recording_server(script) as server:
        ran = await postman(database, server.port, lanes=4).run(job(readers=some))
    assert (ran.settled, ran.pause, ran.wait_seconds) == (20, "", 0)
    assert counts(database) == {S.ACCEPTED: 20, S.PENDING: 20}
    with database.reading() as session:
        last = store.delivery(session, EDITION, 1020)
        tries = sum(len(store.attempts(session, EDITION, n)) for n in range(1001, 1021))
        (chunk,) = store.chunks(session, EDITION)
    assert (last.attempts, last.reason[:35]) == (0, "busy.example asked us to wait: 421 ")
    assert timedelta(minutes=5) <= last.not_before - NOW < timedelta(minutes=7)
    assert tries <= 4, "only what was on the wire already met the refusal"
    assert chunk.first == 1


async def test_two_postmen_share_the_day(database):
    freeze(database, 60)
    async with recording_server() as server:
        both = [postman(database, server.port, owner=o, pace=Pace(per_day=25)).run(job()) for o in "ab"]
        ran = await asyncio.gather(*both)
        again = await postman(database, server.port, owner="c", pace=Pace(per_day=25)).run(job())
    assert len(server.messages) == 25
    assert counts(database) == {S.ACCEPTED: 25, S.PENDING: 35}
    assert max(one.wait_seconds for one in ran) > 86_000 < again.wait_seconds
    assert again.settled == 0


async def test_a_domain_with_a_limit_is_mailed_in_turns(database):
    freeze(database, 12)
    clock = Clock()

    def one_domain(_session, ids):
        return {n: reader(address=f"r{n}@slow.example") for n in ids}

    async with recording_server() as server:
        me = postman(database, server.port, clock=clock, pace=Pace(per_domain=6))
        at = []
        for _turn in range(40):
            ran = await me.run(job(readers=one_domain))
            at += [clock.passed] * ran.settled
            clock.passed += 5
            if len(at) == 12:
                break
    assert max(heard(server).values()) == 1 and len(server.messages) == 12
    assert at == [0.0] * 6 + [65.0, 75.0, 85.0, 95.0, 105.0, 115.0]


# --- what people see ------------------------------------------------------------------------------------------


async def test_an_edition_that_a_full_day_holds_says_until_when_and_goes_on_by_itself(database):
    async with recording_server() as server:
        parts = sending.parts(database, transport=smtp(server.port), mail={"max_per_day": 3})
        sending.subscribe(parts, *sending.addresses(5))
        edition = sending.launched(parts)
        await deliver.deliver(parts, now=lambda: NOW, until_done=True)
        held = sending.state(parts, edition)
        assert (held.state, len(server.messages)) == (EditionState.SENDING, 3)
        again = "the limit of 3 messages a day is reached; sending goes on at 2026-11-20 "
        assert again in held.reason.replace("The", "the")
        await deliver.deliver(parts, now=lambda: NOW + timedelta(hours=24, minutes=3), until_done=True)
    assert len(server.messages) == 5
    ended = sending.state(parts, edition)
    assert (ended.state, ended.reason) == (EditionState.SENT, "")


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"warm_up": "14d"}, "warm_up grows to max_per_day, which must be set"),
        ({"warm_up": "14d", "max_per_day": 40}, "not below warm_up_from"),
        ({"domains": {"yahoo": 5}}, '"yahoo" is no recipient domain'),
    ],
)
def test_limits_that_make_no_sense_are_refused_at_the_start(keys, sentence):
    with pytest.raises(ValueError, match=sentence):
        Mail(**keys)
