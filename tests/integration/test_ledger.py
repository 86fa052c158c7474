"""The ledger and the postman on both databases: everybody once, whatever dies when."""

import asyncio
import sys
import textwrap
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Integer as Int
from sqlalchemy import literal, select, text

from digest.deliveries import stock, store
from digest.deliveries.job import Job
from digest.deliveries.ledger import Skip
from digest.deliveries.model import (
    DeliveryState,
    NoticeState,
    Outcome,
    Phase,
    Reply,
    Settlement,
    Verdict,
)
from digest.deliveries.pace import Pace
from digest.deliveries.postman import Postman
from digest.deliveries.store import LeaseLost
from digest.errors import BadMove
from tests.factories import NOW
from tests.mailing import compiled, reader, smtp
from tests.smtp_server import ACCEPT_AND_DROP, DROP, recording_server

S = DeliveryState
EDITION = 12


def audience(count):
    """The subscribers 1001, 1002 … as a SELECT of one column."""
    people = (
        select(literal(1001, Int).label("subscriber_id")).where(literal(count, Int) > 0).cte(recursive=True)
    )
    following = select(people.c.subscriber_id + 1).where(people.c.subscriber_id < literal(1000 + count, Int))
    return select(people.union_all(following).c.subscriber_id)


def freeze(database, count, edition=EDITION):
    with database.transaction() as session:
        return store.freeze(session, edition, audience(count), now=NOW)


def counts(database, edition=EDITION):
    with database.reading() as session:
        return {state: n for state, n in store.counts(session, edition).items() if n}


def lease(database, owner, *, now=NOW, seconds=120):
    with database.transaction() as session:
        return store.lease(session, [EDITION], owner, now=now, lease_seconds=seconds)


def claim(database, chunk, owner, *, limit=1000, now=NOW):
    with database.transaction() as session:
        return store.claim(session, chunk, owner, limit=limit, now=now)


def mark(database, positions, owner, *, now=NOW):
    with database.transaction() as session:
        return store.mark_sending(session, EDITION, positions, owner, now=now)


def settle(database, owner, *results, now=NOW):
    with database.transaction() as session:
        store.settle(session, EDITION, results, owner, now=now)


def accepted(position):
    outcome = Outcome(verdict=Verdict.ACCEPTED, phase=Phase.DOT)
    return Settlement(position=position, before=S.SENDING, state=S.ACCEPTED, outcome=outcome)


def deferred(position, *, until, before=S.SENDING):
    outcome = Outcome(verdict=Verdict.DEFERRED, phase=Phase.DOT, reply=Reply(code=451, text="451 later"))
    return Settlement(
        position=position,
        before=before,
        state=S.PENDING,
        not_before=until,
        outcome=outcome,
        reason="451 later",
    )


# --- the store ------------------------------------------------------------------------------------------------


def test_freezing_numbers_the_audience_and_cuts_it_into_chunks(database):
    assert freeze(database, 1_201) == 1_201
    with database.reading() as session:
        assert [(c.first, c.last) for c in store.chunks(session, EDITION)] == [
            (1, 500),
            (501, 1000),
            (1001, 1201),
        ]
    assert counts(database) == {S.PENDING: 1_201}


def test_an_edition_holds_each_subscriber_once(database):
    freeze(database, 3)
    with pytest.raises(Exception, match=r"(?i)unique"), database.transaction() as session:
        session.execute(
            text("INSERT INTO deliveries (edition_id, position, subscriber_id, state, attempts, reason) "
                 "VALUES (12, 99, 1001, 'pending', 0, '')")
        )  # fmt: skip


def test_a_state_that_is_none_is_refused_by_the_database(database):
    freeze(database, 1)
    with pytest.raises(Exception, match=r"(?i)check"), database.transaction() as session:
        session.execute(text("UPDATE deliveries SET state = 'delivered'"))


def test_an_audience_of_nobody_leaves_nothing_to_do(database):
    assert freeze(database, 0) == 0
    with database.reading() as session:
        assert not store.unsettled(session, EDITION)


def test_a_chunk_belongs_to_one_worker_until_its_lease_runs_out(database):
    freeze(database, 10)
    assert lease(database, "a") is not None
    assert lease(database, "b") is None
    assert lease(database, "b", now=NOW + timedelta(seconds=121)) is not None


def test_claims_come_in_pages_and_never_twice(database):
    freeze(database, 10)
    chunk = lease(database, "a")
    pages = [[d.position for d in claim(database, chunk, "a", limit=4)] for _ in range(4)]
    assert pages == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10], []]


def test_only_the_owner_of_a_lease_claims_marks_and_settles(database):
    freeze(database, 2)
    chunk = lease(database, "a")
    claim(database, chunk, "a")
    with pytest.raises(LeaseLost):
        claim(database, chunk, "b")
    assert mark(database, [1, 2], "b") == set()
    assert mark(database, [1, 2], "a") == {1, 2}
    settle(database, "b", deferred(2, until=None))
    assert counts(database) == {S.SENDING: 2}


def test_a_worker_that_wakes_up_too_late_may_not_start_a_body(database):
    freeze(database, 2)
    claim(database, lease(database, "a"), "a")
    later = NOW + timedelta(seconds=200)
    assert mark(database, [1], "a", now=later) == set()
    chunk = lease(database, "b", now=later)
    assert [d.position for d in claim(database, chunk, "b", now=later)] == [1, 2]
    assert mark(database, [1, 2], "a", now=later) == set()


def test_what_a_dead_worker_was_sending_is_uncertain_and_the_rest_goes_back(database):
    freeze(database, 5)
    claim(database, lease(database, "a"), "a", limit=3)
    mark(database, [1], "a")
    with database.transaction() as session:
        assert store.recover(session, now=NOW + timedelta(seconds=60)) == 0
        assert store.recover(session, now=NOW + timedelta(seconds=121)) == 1
    assert counts(database) == {S.PENDING: 4, S.UNCERTAIN: 1}
    with database.reading() as session:
        (evidence,) = store.attempts(session, EDITION, 1001)
    assert (evidence.outcome, evidence.phase) == (Verdict.UNCERTAIN, Phase.BODY)


def test_an_acceptance_that_comes_after_the_lease_was_lost_is_still_known(database):
    freeze(database, 2)
    claim(database, lease(database, "a"), "a")
    mark(database, [1, 2], "a")
    lease(database, "b", now=NOW + timedelta(seconds=121))
    settle(database, "a", accepted(1), deferred(2, until=None), now=NOW + timedelta(seconds=122))
    assert counts(database) == {S.ACCEPTED: 1, S.UNCERTAIN: 1}


def test_a_chunk_of_deferred_deliveries_is_due_when_the_first_of_them_is(database):
    freeze(database, 2)
    chunk = lease(database, "a")
    claim(database, chunk, "a")
    mark(database, [1, 2], "a")
    soon, late = NOW + timedelta(minutes=15), NOW + timedelta(hours=2)
    settle(database, "a", deferred(1, until=late), deferred(2, until=soon))
    with database.transaction() as session:
        assert store.release(session, chunk, "a", now=NOW) is False
    assert lease(database, "a", now=soon - timedelta(seconds=1)) is None
    chunk = lease(database, "a", now=soon)
    assert [d.position for d in claim(database, chunk, "a", now=soon)] == [2]


def test_a_chunk_is_finished_when_everything_in_it_is_settled(database):
    freeze(database, 1)
    chunk = lease(database, "a")
    claim(database, chunk, "a")
    mark(database, [1], "a")
    settle(database, "a", accepted(1))
    with database.transaction() as session:
        assert store.release(session, chunk, "a", now=NOW) is True
        assert not store.unsettled(session, EDITION)


def test_a_move_that_the_table_does_not_have_is_refused_whole(database):
    freeze(database, 2)
    claim(database, lease(database, "a"), "a")
    mark(database, [1], "a")
    with pytest.raises(BadMove):
        settle(database, "a", accepted(1), Settlement(position=2, before=S.CLAIMED, state=S.ACCEPTED))
    assert counts(database) == {S.SENDING: 1, S.CLAIMED: 1}


def test_evidence_is_kept_of_every_try(database):
    freeze(database, 2)
    chunk = lease(database, "a")
    for n, result in enumerate((deferred(1, until=NOW), accepted(1)), start=1):
        claim(database, chunk, "a", limit=1)
        mark(database, [1], "a")
        settle(database, "a", result, now=NOW + timedelta(minutes=n))
    claim(database, chunk, "a")
    mark(database, [2], "a")
    settle(database, "a", accepted(2))
    with database.reading() as session:
        tries = store.attempts(session, EDITION, 1001)
        assert [(a.outcome, a.code, a.at) for a in tries] == [
            (Verdict.DEFERRED, 451, NOW + timedelta(minutes=1)),
            (Verdict.ACCEPTED, None, NOW + timedelta(minutes=2)),
        ]
        assert [a.outcome for a in store.attempts(session, EDITION, 1002)] == [Verdict.ACCEPTED]
        assert store.delivery(session, EDITION, 1001).attempts == 2
        assert store.delivery(session, EDITION, 9) is None


def test_giving_up_retries_leaves_those_not_yet_tried(database):
    freeze(database, 3)
    chunk = lease(database, "a")
    claim(database, chunk, "a", limit=1)
    mark(database, [1], "a")
    settle(database, "a", deferred(1, until=NOW + timedelta(hours=1)))
    with database.transaction() as session:
        store.release(session, chunk, "a", now=NOW)
        assert (
            store.fail_pending(session, EDITION, "a newer edition went out", only_retries=True, now=NOW) == 1
        )
    assert counts(database) == {S.PENDING: 2, S.FAILED: 1}


def test_a_person_settles_what_is_uncertain(database):
    freeze(database, 3)
    claim(database, lease(database, "a"), "a")
    mark(database, [1, 2, 3], "a")
    with database.transaction() as session:
        store.recover(session, now=NOW + timedelta(hours=1))
        assert not store.unsettled(session, EDITION)
        assert store.resolve(session, EDITION, S.ACCEPTED, subscriber_id=1001, now=NOW) == 1
        assert store.resolve(session, EDITION, S.PENDING, now=NOW) == 2
        assert store.unsettled(session, EDITION)
    assert counts(database) == {S.ACCEPTED: 1, S.PENDING: 2}
    assert len(claim(database, lease(database, "b"), "b")) == 2


def notice(database, key):
    with database.transaction() as session:
        return store.enqueue_notice(
            session,
            key=key,
            publication="weekly",
            recipient="a@example.org",
            subject="s",
            html="",
            text="t",
            now=NOW,
        )


def test_a_notice_is_queued_once_for_ever(database):
    assert notice(database, "held:1:a")
    assert not notice(database, "held:1:a")
    with database.transaction() as session:
        (waiting,) = store.due_notices(session, now=NOW, lease_seconds=900)
        store.settle_notice(session, waiting.id, NoticeState.ACCEPTED)
        assert store.due_notices(session, now=NOW + timedelta(days=1), lease_seconds=900) == []
    assert not notice(database, "held:1:a")


def test_a_notice_in_the_hands_of_a_dead_worker_comes_back(database):
    notice(database, "held:1:a")
    with database.transaction() as session:
        assert len(store.due_notices(session, now=NOW, lease_seconds=900)) == 1
    with database.transaction() as session:
        assert store.due_notices(session, now=NOW + timedelta(seconds=899), lease_seconds=900) == []
        assert len(store.due_notices(session, now=NOW + timedelta(seconds=900), lease_seconds=900)) == 1


def test_a_deferred_notice_waits_for_its_time(database):
    notice(database, "x")
    with database.transaction() as session:
        (waiting,) = store.due_notices(session, now=NOW, lease_seconds=900)
        later = NOW + timedelta(minutes=15)
        store.settle_notice(session, waiting.id, NoticeState.QUEUED, reason="451", not_before=later)
        assert store.due_notices(session, now=later - timedelta(seconds=1), lease_seconds=9) == []
        assert store.due_notices(session, now=later, lease_seconds=9)[0].attempts == 1


def test_one_instance_at_a_time_may_send(database):
    with database.transaction() as session:
        assert store.armed(session) is None
        store.arm(session, "production", now=NOW)
        assert store.armed(session) == "production"
        store.arm(session, "staging", now=NOW)
        assert store.armed(session) == "staging"


# --- the postman ----------------------------------------------------------------------------------------------


def address(subscriber_id):
    return f"r{subscriber_id}@d{subscriber_id % 50}.example"


def readers(_session, subscriber_ids):
    return {n: reader(address=address(n), bounce_token=f"t{n}") for n in subscriber_ids}


def job(**changes):
    return Job(
        **{
            "edition_id": EDITION,
            "compiled": compiled(),
            "readers": readers,
            "permitted": lambda _address: True,
            "going": lambda: True,
            **changes,
        }
    )


def postman(database, port, owner="a", **changes):
    return Postman(
        **{
            "database": database,
            "transport": smtp(port, command_timeout=5, dot_timeout=5),
            "owner": owner,
            "clock": lambda: NOW,
            "stop": asyncio.Event(),
            "pace": Pace(),
            "lanes": 4,
            "pauses": (0.0, 0.0),
            **changes,
        }
    )


def heard(server):
    return Counter(one.rcpt for one in server.messages)


async def test_a_thousand_recipients_get_one_message_each(database):
    freeze(database, 1_000)
    done = []
    async with recording_server() as server:
        ran = await postman(database, server.port, lanes=8).run(job(), progress=done.append)
    assert (ran.settled, ran.pause) == (1_000, "")
    assert heard(server) == {address(n): 1 for n in range(1001, 2001)}
    assert counts(database) == {S.ACCEPTED: 1_000}
    assert done[-1] == 1_000
    with database.reading() as session:
        assert not store.unsettled(session, EDITION)


async def test_one_refused_recipient_is_one_refused_recipient(database):
    freeze(database, 20)

    def script(step):
        return "550 5.1.1 no such user" if step.name == "rcpt" and step.rcpt == address(1007) else None

    async with recording_server(script) as server:
        await postman(database, server.port).run(job())
    assert len(server.messages) == 19
    assert counts(database) == {S.ACCEPTED: 19, S.REFUSED: 1}
    with database.reading() as session:
        refused = store.delivery(session, EDITION, 1007)
        (evidence,) = store.attempts(session, EDITION, 1007)
    assert (refused.state, refused.reason) == (S.REFUSED, "550 5.1.1 no such user")
    assert (evidence.phase, evidence.code, evidence.enhanced) == (Phase.RCPT, 550, "5.1.1")


async def test_whoever_must_not_be_mailed_is_skipped_with_the_reason(database):
    freeze(database, 4)

    def some(_session, ids):
        found = readers(_session, ids)
        return {n: Skip(reason="unsubscribed") if n == 1002 else one for n, one in found.items() if n != 1003}

    async with recording_server() as server:
        await postman(database, server.port).run(job(readers=some, permitted=lambda a: a != address(1004)))
    assert heard(server) == {address(1001): 1}
    with database.reading() as session:
        reasons = [store.delivery(session, EDITION, n).reason for n in (1002, 1003, 1004)]
    assert reasons == ["unsubscribed", "erased", "not on mail.only"]


async def test_an_address_that_cannot_be_written_to_harms_nobody_else(database):
    freeze(database, 3)

    def some(_session, ids):
        return {n: reader(address="x y@z" if n == 1002 else address(n)) for n in ids}

    async with recording_server() as server:
        await postman(database, server.port).run(job(readers=some))
    assert counts(database) == {S.ACCEPTED: 2, S.REFUSED: 1}
    assert len(server.messages) == 2


async def test_an_unsubscription_in_mid_send_holds_for_the_very_next_message_that_was_not_asked_for_just_now(
    database, monkeypatch
):
    monkeypatch.setattr(stock, "FRESH_SECONDS", 0.0)
    freeze(database, 10)
    gone = set()

    def some(_session, ids):
        return {n: Skip(reason="unsubscribed") if n in gone else reader(address=address(n)) for n in ids}

    def script(step):
        if step.name == "rcpt" and step.rcpt == address(1001):
            gone.update(range(1002, 1011))

    async with recording_server(script) as server:
        await postman(database, server.port, lanes=1).run(job(readers=some))
    assert heard(server) == {address(1001): 1}
    assert counts(database) == {S.ACCEPTED: 1, S.SKIPPED: 9}


async def test_who_leaves_while_their_message_waits_for_a_slow_server_does_not_get_it(database, monkeypatch):
    """The envelope has gone ahead, behind the message before; the server waits for a message that never comes."""
    freeze(database, 4)
    gone = set()

    def some(_session, ids):
        return {n: Skip(reason="unsubscribed") if n in gone else reader(address=address(n)) for n in ids}

    def script(step):
        if step.name == "dot" and step.rcpt == address(1001):
            gone.add(1002)
            monkeypatch.setattr(stock, "FRESH_SECONDS", 0.0)

    async with recording_server(script) as server:
        await postman(database, server.port, lanes=1).run(job(readers=some))
    assert heard(server) == {address(n): 1 for n in (1001, 1003, 1004)}
    assert counts(database) == {S.ACCEPTED: 3, S.SKIPPED: 1}


@pytest.mark.parametrize(
    ("step", "answer", "state", "kept"),
    [
        ("mail", DROP, S.PENDING, 0),
        ("rcpt", DROP, S.PENDING, 0),
        ("data", DROP, S.PENDING, 0),
        ("body", DROP, S.UNCERTAIN, 0),
        ("dot", DROP, S.UNCERTAIN, 0),
        ("dot", ACCEPT_AND_DROP, S.UNCERTAIN, 1),
    ],
)
async def test_a_lost_connection_is_uncertain_only_after_the_body_began(database, step, answer, state, kept):
    freeze(database, 8)
    hit = address(1005)

    def script(now):
        return answer if now.name == step and now.rcpt == hit and now.connection <= 2 else None

    if step == "mail":  # there the recipient is not known yet: the very first connection is lost
        script = lambda now: answer if now.name == "mail" and now.connection == 1 else None  # noqa: E731
        hit = address(1001)
    async with recording_server(script) as server:
        await postman(database, server.port, lanes=1).run(job())
    assert counts(database) == {S.ACCEPTED: 7, state: 1}
    assert heard(server)[hit] == kept
    assert max(heard(server).values()) == 1


async def test_a_message_that_a_server_put_off_is_sent_later_and_once(database):
    freeze(database, 5)
    clock = [NOW]
    script = lambda step: "451 4.7.1 greylisted" if step.name == "rcpt" and clock[0] == NOW else None  # noqa: E731
    async with recording_server(script) as server:
        man = postman(database, server.port, clock=lambda: clock[0])
        await man.run(job())
        assert counts(database) == {S.PENDING: 5}
        assert (await man.run(job())).settled == 0
        clock[0] = NOW + timedelta(minutes=20)
        await man.run(job())
    assert heard(server) == {address(n): 1 for n in range(1001, 1006)}
    assert counts(database) == {S.ACCEPTED: 5}


async def test_a_login_that_is_refused_pauses_with_nobody_blamed(database):
    freeze(database, 50)
    async with recording_server(login=("us", "right")) as server:
        man = postman(database, server.port)
        wrong = replace(man, transport=smtp(server.port, username="us", password="wrong"))
        ran = await wrong.run(job())
        assert ran.pause.startswith("The mail server refused our login")
        assert counts(database) == {S.PENDING: 50}
        right = replace(man, transport=smtp(server.port, username="us", password="right"))
        assert (await right.run(job(fresh=False))).settled == 50
    assert heard(server) == {address(n): 1 for n in range(1001, 1051)}


async def test_a_relay_that_is_not_there_pauses_after_three_tries(database):
    freeze(database, 5)
    async with recording_server() as server:
        port = server.port
    ran = await postman(database, port).run(job())
    assert "cannot be reached" in ran.pause
    assert counts(database) == {S.PENDING: 5}


async def test_a_lane_that_the_relay_does_not_want_retires_and_the_others_finish(database):
    freeze(database, 60)

    def script(step):
        return "421 4.3.2 too many connections" if step.name == "greeting" and step.connection > 1 else None

    async with recording_server(script) as server:
        man = postman(database, server.port, lanes=3, pauses=(0.05, 0.2))
        ran = await man.run(job())
    assert ran.pause == ""
    assert heard(server) == {address(n): 1 for n in range(1001, 1061)}


async def test_five_domains_that_refuse_the_content_pause_the_edition(database):
    freeze(database, 100)
    script = lambda step: "554 5.7.1 rejected as spam" if step.name == "dot" else None  # noqa: E731
    async with recording_server(script) as server:
        ran = await postman(database, server.port).run(job())
    assert "refused for the same reason: 554 5.7.1 rejected as spam" in ran.pause
    found = counts(database)
    assert found[S.REFUSED] <= 5 + 4
    assert sum(found.values()) == 100
    assert server.messages == []


async def test_a_stop_finishes_what_is_on_the_wire_and_releases_the_rest(database):
    freeze(database, 200)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def script(step):
        if step.name == "dot" and step.message == 20:
            loop.call_soon_threadsafe(stop.set)

    async with recording_server(script) as server:
        await postman(database, server.port, stop=stop).run(job())
        found = counts(database)
        assert set(found) == {S.ACCEPTED, S.PENDING}
        assert found[S.ACCEPTED] == len(server.messages) < 200
        assert sum(found.values()) == 200
        await postman(database, server.port).run(job())
    assert heard(server) == {address(n): 1 for n in range(1001, 1201)}


async def test_a_run_that_is_broken_off_leaves_at_most_a_message_per_lane_uncertain(database):
    freeze(database, 200)
    reached = asyncio.Event()
    loop = asyncio.get_running_loop()

    def script(step):
        if step.name == "dot" and step.message == 30:
            loop.call_soon_threadsafe(reached.set)

    async with recording_server(script) as server:
        running = asyncio.create_task(postman(database, server.port, lanes=4).run(job()))
        await reached.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        with database.transaction() as session:
            store.recover(session, now=NOW + timedelta(minutes=5))
        found = counts(database)
        assert found.get(S.UNCERTAIN, 0) <= 4
        assert sum(found.values()) == 200
        await postman(database, server.port, owner="b", clock=lambda: NOW + timedelta(minutes=6)).run(job())
    assert max(heard(server).values()) == 1
    found = counts(database)
    assert set(found) <= {S.ACCEPTED, S.UNCERTAIN}
    assert len(server.messages) >= found[S.ACCEPTED]


async def test_a_pause_by_a_person_stops_a_run_between_messages(database):
    freeze(database, 400)
    going = [True]

    def script(step):
        if step.name == "dot" and step.message == 10:
            going[0] = False

    async with recording_server(script) as server:
        slow = Pace(per_second=100)
        await postman(database, server.port, lanes=2, pace=slow).run(job(going=lambda: going[0]))
    found = counts(database)
    assert set(found) == {S.ACCEPTED, S.PENDING}
    assert found[S.ACCEPTED] == len(server.messages) < 400


async def test_a_daily_limit_ends_the_run_and_says_when_to_come_back(database):
    freeze(database, 30)
    async with recording_server() as server:
        ran = await postman(database, server.port, pace=Pace(per_day=10)).run(job())
    assert len(server.messages) == 10
    assert ran.pause == ""
    assert 86_000 < ran.wait_seconds < 86_500
    assert counts(database) == {S.ACCEPTED: 10, S.PENDING: 20}


async def test_two_postmen_at_once_send_each_message_once(database):
    freeze(database, 1_600)
    async with recording_server() as server:
        ran = await asyncio.gather(
            *(postman(database, server.port, owner=owner).run(job()) for owner in ("a", "b"))
        )
    assert sum(one.settled for one in ran) == 1_600
    assert heard(server) == {address(n): 1 for n in range(1001, 2601)}
    assert counts(database) == {S.ACCEPTED: 1_600}


KILLED = textwrap.dedent(
    """
    import asyncio, sys
    from digest.database import Database
    from tests.integration.test_ledger import job, postman

    asyncio.run(postman(Database(sys.argv[1]), int(sys.argv[2]), owner="doomed").run(job()))
    """
)


async def test_a_worker_that_is_killed_leaves_no_duplicate_and_loses_nobody(database, database_url):
    freeze(database, 300)
    processes = []

    def script(step):
        if step.name == "dot" and step.message == 40:
            processes[0].kill()

    async with recording_server(script) as server:
        processes.append(
            await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, database_url, str(server.port))
        )
        assert await asyncio.wait_for(processes[0].wait(), 60) == -9
        later = NOW + timedelta(minutes=5)
        with database.transaction() as session:
            assert store.recover(session, now=later) == 1
        uncertain = counts(database).get(S.UNCERTAIN, 0)
        assert uncertain <= 4
        await postman(database, server.port, owner="b", clock=lambda: later).run(job())
    assert max(heard(server).values()) == 1
    found = counts(database)
    assert found == {S.ACCEPTED: 300 - uncertain} | ({S.UNCERTAIN: uncertain} if uncertain else {})
    assert 300 - uncertain <= len(server.messages) <= 300
