"""The fast way into the ledger: it writes what the slow one writes, only what is ours, and loses no answer."""

import asyncio
import threading
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from digest.deliveries import store
from digest.deliveries.ledger import Ledger
from digest.deliveries.model import DeliveryState, Outcome, Phase, Reply, Settlement, Verdict
from digest.deliveries.store import LeaseLost
from digest.deliveries.tables import AttemptRow, DeliveryRow
from tests.factories import NOW
from tests.integration.test_ledger import EDITION, claim, counts, freeze, lease

S = DeliveryState
SAID = Reply(code=250, enhanced="2.0.0", text="2.0.0 Ok: queued as 4B1é'; --\\N")


def accepted(position):
    outcome = Outcome(verdict=Verdict.ACCEPTED, phase=Phase.DOT, reply=SAID)
    return Settlement(position=position, before=S.SENDING, state=S.ACCEPTED, outcome=outcome)


def turns(database, owner="a", *, now=NOW, **options):
    return store.turns(database, EDITION, owner, clock=lambda: now, **options)


async def turned(database, results, marks, chunks, **options):
    fast = turns(database, **options)
    try:
        return await fast.commit([accepted(p) for p in results], marks, chunks)
    finally:
        await fast.close()


def rows(database):
    with database.reading() as session:
        kept = session.execute(select(DeliveryRow.__table__).order_by(DeliveryRow.position)).all()
        tries = session.execute(
            select(*(c for c in AttemptRow.__table__.c if c.name != "id")).order_by(AttemptRow.position)
        ).all()
    return kept, tries


@pytest.fixture
def held(database):
    """The first chunk of ten deliveries, claimed by "a"."""
    freeze(database, 10)
    chunk = lease(database, "a")
    claim(database, chunk, "a")
    return chunk


@pytest.mark.parametrize("survives", ["power loss", "crash"])
async def test_both_ways_write_the_same(database, held, survives):
    assert (await turned(database, [], [1, 2, 3], [held.id], survives=survives)).marked == {1, 2, 3}
    assert (await turned(database, [1, 2], [4], [held.id], survives=survives)) == ({4}, {1, 2})
    fast = rows(database)
    with database.transaction() as session:
        session.query(AttemptRow).delete()
        session.query(DeliveryRow).update({"state": "claimed", "attempts": 0})
    with database.transaction() as session:
        store.mark_sending(session, EDITION, [1, 2, 3], "a", now=NOW)
        store.settle(session, EDITION, [accepted(1), accepted(2)], "a", now=NOW)
        store.mark_sending(session, EDITION, [4], "a", now=NOW)
    assert rows(database) == fast


async def test_only_what_is_claimed_and_ours_is_marked(database, held):
    assert (await turned(database, [], [1], [held.id], owner="b")).marked == set()
    assert (await turned(database, [], [1], [])).marked == set()
    assert (await turned(database, [], [1, 99], [held.id])).marked == {1}
    assert (await turned(database, [], [1], [held.id])).marked == set()
    late = NOW + timedelta(seconds=121)
    assert (await turned(database, [], [2], [held.id], now=late)).marked == set()
    assert counts(database) == {S.SENDING: 1, S.CLAIMED: 9}


async def test_an_answer_that_comes_after_the_lease_ran_out_still_counts_as_long_as_nobody_took_over(
    database, held
):
    await turned(database, [], [1], [held.id])
    late = NOW + timedelta(seconds=500)
    assert (await turned(database, [1], [], [held.id], now=late)).settled == {1}
    assert counts(database) == {S.ACCEPTED: 1, S.CLAIMED: 9}


async def test_what_another_worker_took_over_is_left_to_the_slow_way(database, held):
    await turned(database, [], [1], [held.id])
    lease(database, "b", now=NOW + timedelta(seconds=121))
    assert await turned(database, [1], [2], [held.id]) == (set(), set())
    assert counts(database) == {S.UNCERTAIN: 1, S.PENDING: 9}


def ledger(database, held, fast=None, **options):
    return Ledger(
        database,
        EDITION,
        owner="a",
        readers=lambda _session, _ids: {},
        clock=lambda: NOW,
        turns=fast or turns(database),
        chunks=lambda: [held.id],
        **options,
    )


async def test_a_late_answer_is_knowledge_also_when_another_worker_has_the_chunk(database, held):
    await turned(database, [], [1], [held.id])
    lease(database, "b", now=NOW + timedelta(seconds=121))
    books = ledger(database, held)
    running = asyncio.create_task(books.run())
    books.settle(accepted(1))
    with pytest.raises(LeaseLost):
        await books.mark(2)
    books.close()
    await running
    assert counts(database) == {S.ACCEPTED: 1, S.PENDING: 9}


class Away:
    """A fast way whose database goes away, before or after it has written what it was given."""

    def __init__(self, fast, *, written):
        self.fast, self.written, self.away = fast, written, False

    async def commit(self, accepted, marks, chunks):
        gone = OperationalError("turn", {}, Exception("the connection is lost"))
        if self.away and not self.written:
            raise gone
        turned = await self.fast.commit(accepted, marks, chunks)
        if self.away:
            raise gone
        return turned

    async def close(self):
        await self.fast.close()


@pytest.mark.parametrize("written", [False, True])
async def test_when_the_database_goes_away_no_body_starts_and_no_answer_is_lost(database, held, written):
    fast = Away(turns(database), written=written)
    books = ledger(database, held, fast)
    running = asyncio.create_task(books.run())
    await books.mark(1)
    await books.mark(2)
    fast.away = True
    books.settle(accepted(1))
    with pytest.raises(OperationalError):
        await books.mark(3)
    with pytest.raises(OperationalError):
        await books.mark(4)
    books.settle(accepted(2))  # its server answered only now
    books.close()
    await running
    assert counts(database) == {
        S.ACCEPTED: 2,
        **({S.PENDING: 1, S.CLAIMED: 7} if written else {S.CLAIMED: 8}),
    }


async def test_answers_that_nobody_can_write_down_in_time_are_an_error_that_is_heard(database, held):
    fast = Away(turns(database), written=False)
    books = ledger(database, held, fast, patience=0.0)
    running = asyncio.create_task(books.run())
    await books.mark(1)
    fast.away = True
    books.settle(accepted(1))
    with pytest.raises(OperationalError):
        await books.flush()
    with database.transaction() as session:
        session.connection().exec_driver_sql("ALTER TABLE delivery_attempts RENAME TO hidden")
    books.close()
    with pytest.raises(Exception, match="delivery_attempts"):
        await running
    with database.transaction() as session:
        session.connection().exec_driver_sql("ALTER TABLE hidden RENAME TO delivery_attempts")
    assert counts(database) == {S.SENDING: 1, S.CLAIMED: 9}


async def test_somebody_else_who_writes_just_now_is_waited_for(database, held):
    if not database.is_sqlite:
        pytest.skip("only SQLite has one writer at a time")
    begun, done = threading.Event(), threading.Event()

    def write():
        with database.transaction() as session:
            session.execute(select(DeliveryRow.position).limit(1))
            begun.set()
            done.wait(5)

    other = threading.Thread(target=write)
    other.start()
    begun.wait(5)
    fast = turns(database)
    waiting = asyncio.create_task(fast.commit([], [1], [held.id]))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    done.set()
    assert (await waiting).marked == {1}
    await fast.close()
    other.join()
