"""Several machines on one PostgreSQL: chunks are handed out with the launch, and handed on when a worker dies."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import inspect, text

import subscribers
from digest import migrate
from digest.database import Database
from digest.deliveries import store as deliveries
from digest.deliveries.job import LEASE_SECONDS
from digest.deliveries.store import freezing
from digest.engine import queue
from digest.workflows.sending import Sending
from tests import sending, working
from tests.conftest import _postgres_database
from tests.smtp_server import recording_server

CHUNK = 20
JOBS = "digest_engine.procrastinate_jobs"


@pytest.fixture
def url(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database of the kind that several machines share, as `digest migrate` leaves it; chunks are small."""
    monkeypatch.setattr(freezing, "CHUNK", CHUNK)
    for url in _postgres_database(postgres_url, template="template0"):
        database = Database(url)
        migrate.upgrade(database)
        database.dispose()
        yield url


def readers(database: Database, count: int, *publications: str) -> list[str]:
    addresses = [f"reader{n}@readers.example" for n in range(1, count + 1)]
    consent = subscribers.Consent(text="Yes.", source="form", at=working.present())
    keys = subscribers.Keys((sending.publishing.SECRET,))
    with database.transaction() as session:
        for publication in publications or ("weekly",):
            for address in addresses:
                subscribers.add(
                    session,
                    keys=keys,
                    address=address,
                    publication=publication,
                    consent=consent,
                    now=consent.at,
                )
    return addresses


def jobs(database: Database) -> Counter[str]:
    with database.reading() as session:
        rows = session.execute(text(f"SELECT status::text, count(*) FROM {JOBS} GROUP BY status"))
        return Counter(dict(list(rows)))


async def test_what_is_launched_is_handed_out_in_the_same_transaction(url: str) -> None:
    parts = working.parts(url, 9)
    readers(parts.database, 1)
    edition = working.approved(parts)
    with pytest.raises(ZeroDivisionError), parts.database.transaction() as session:
        assert parts.engine is not None
        parts.engine.offer(session, edition.id, [1, 2, 3])
        raise ZeroDivisionError
    assert jobs(parts.database) == {}
    with parts.database.transaction() as session:
        parts.engine.offer(session, edition.id, [1, 2, 3])
    with parts.database.transaction() as session:
        parts.engine.offer(session, edition.id, [2, 3, 4])
    assert jobs(parts.database) == {"todo": 4}, "what waits already is not doubled"
    with parts.database.transaction() as session:
        assert parts.engine.has_work(session, edition.id)
        parts.engine.forget(session, edition.id)
        assert not parts.engine.has_work(session, edition.id)
    parts.database.dispose()


async def test_two_workers_share_an_edition_and_it_starts_at_once(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with recording_server() as server:
        here, there, desk = (working.parts(url, server.port) for _ in range(3))
        addresses = readers(desk.database, 5 * CHUNK)
        edition = working.approved(desk)
        async with working.at_work(here, there):
            await working.until(lambda: ears(desk.database) == 2)
            began = asyncio.get_running_loop().time()
            await asyncio.to_thread(working.launch.launch, desk, edition.id, now=working.present())
            launching = asyncio.get_running_loop().time() - began
            first = await working.until(lambda: bool(server.messages))
            await working.until(lambda: working.is_sent(desk, edition))
        assert Counter(m.rcpt for m in server.messages) == Counter(addresses)
        assert jobs(desk.database) == {}, "nothing is left behind"
        assert first < 10, "in a second where nothing else is going on"
        with capsys.disabled():
            print(f"\nlaunched in {launching:.3f} s; the first message came {first:.3f} s later")
        desk.database.dispose()


def ears(database: Database) -> int:
    """How many workers listen for what is handed out."""
    with database.reading() as session:
        return session.scalar(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
            )
        )


async def test_an_edition_launched_later_does_not_wait_for_a_big_one(url: str) -> None:
    with recording_server() as server:
        worker, desk = (working.parts(url, server.port, others=("daily",)) for _ in range(2))
        readers(desk.database, 15 * CHUNK)
        readers(desk.database, CHUNK, "daily")
        async with working.at_work(worker):
            big = working.launched(desk)
            await working.until(lambda: len(server.messages) > CHUNK)
            small = working.launched(desk, "daily")
            await working.until(lambda: working.is_sent(desk, small))
            assert not working.is_sent(desk, big), "the small one overtook it"
            await working.until(lambda: working.is_sent(desk, big))
        assert len(server.messages) == 16 * CHUNK
        desk.database.dispose()


async def test_what_a_dead_worker_had_in_hand_is_handed_on(url: str) -> None:
    with recording_server() as server:
        worker, desk = (working.parts(url, server.port) for _ in range(2))
        addresses = readers(desk.database, CHUNK + 1)
        edition = working.launched(desk)
        with desk.database.transaction() as session:  # as a worker leaves it that took both chunks and died
            chunk = deliveries.lease(
                session, [edition.id], "the dead", now=working.present(), lease_seconds=LEASE_SECONDS
            )
            assert chunk
            deliveries.claim(session, chunk, "the dead", limit=50, now=working.present())
            deliveries.mark_sending(session, edition.id, [1, 2], "the dead", now=working.present())
            session.execute(text("SET LOCAL search_path TO digest_engine, public"))
            session.execute(
                text(
                    "WITH dead AS (INSERT INTO digest_engine.procrastinate_workers (last_heartbeat)"
                    f" VALUES (now() - interval '{queue.STALLED_SECONDS + 1} seconds') RETURNING id)"
                    f" UPDATE {JOBS} SET status = 'doing', worker_id = dead.id FROM dead"
                )
            )
            session.execute(text("UPDATE delivery_chunks SET lease_until = now() WHERE owner = 'the dead'"))
        async with working.at_work(worker):
            await working.until(lambda: working.is_sent(desk, edition))
        assert sending.counts(desk, edition) == {"accepted": CHUNK - 1, "uncertain": 2}
        assert Counter(m.rcpt for m in server.messages) == Counter(addresses[2:])
        desk.database.dispose()


async def test_who_meets_a_live_lease_comes_back_after_it(url: str) -> None:
    parts = working.parts(url, 9)
    readers(parts.database, 3)
    edition = working.launched(parts)
    now = working.present()
    with parts.database.transaction() as session:
        chunk = deliveries.lease(session, [edition.id], "another", now=now, lease_seconds=LEASE_SECONDS)
    assert chunk
    mine = Sending(parts, edition, now=working.present, progress=lambda _settled: None)
    assert await mine.deliver_chunk(chunk.id) == now + timedelta(seconds=LEASE_SECONDS)
    with parts.database.transaction() as session:
        deliveries.fail_pending(session, edition.id, "enough", now=now)
        deliveries.release(session, chunk, "another", now=now)
    assert await mine.deliver_chunk(chunk.id) is None, "nothing is left in it"
    parts.database.dispose()


def test_no_lease_outlives_the_patience_with_a_silent_worker() -> None:
    assert LEASE_SECONDS < queue.STALLED_SECONDS
    assert 3 * queue.HEARTBEAT_SECONDS < queue.STALLED_SECONDS
    assert queue.STALLED_SECONDS + queue._SWEEP_SECONDS < 60, "a dead worker's chunks go on within a minute"


def test_the_queue_goes_as_it_came(url: str) -> None:
    database = Database(url)
    assert "digest_engine" in inspect(database.engine).get_schema_names()
    from alembic import command

    config = migrate._config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, _before_the_queue())
    assert "digest_engine" not in inspect(database.engine).get_schema_names()
    migrate.upgrade(database)
    assert "digest_engine" in inspect(database.engine).get_schema_names()
    database.dispose()


def _before_the_queue() -> str:
    from alembic.script import ScriptDirectory

    (made,) = [
        script
        for script in ScriptDirectory.from_config(migrate._config()).walk_revisions()
        if "engine" in (script.doc or "")
    ]
    assert isinstance(made.down_revision, str)
    return made.down_revision
