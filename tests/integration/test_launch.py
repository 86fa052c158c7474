"""Launching and delivering, on both databases: once, complete, and never stale."""

import asyncio
import email
import email.policy
import errno
import os
import threading
from datetime import timedelta

import pytest

import subscribers
from digest.deliveries import store as deliveries
from digest.deliveries.transports.outbox import Outbox
from digest.editions import store as editions
from digest.editions.model import EditionState
from digest.errors import BadMove
from digest.posts import store as posts
from digest.workflows import approve, control, deliver, launch, recover
from tests import sending
from tests.factories import NOW
from tests.mailing import smtp
from tests.smtp_server import DROP, recording_server

E = EditionState
HOUR = timedelta(hours=1)


@pytest.fixture
def parts(database):
    return sending.parts(database)


def approved(parts, **fields):
    edition = sending.draft(parts, **fields)
    return approve.approve(parts, edition.id, by="Ada", now=NOW)


# --- launch ---------------------------------------------------------------------------------------------------


def test_a_launch_freezes_the_audience_and_accounts_for_everybody(parts):
    sending.subscribe(parts, *sending.addresses(5))
    with parts.database.transaction() as session:
        subscribers.suppress(
            session,
            keys=parts.keys,
            address="reader2@d2.example",
            reason=subscribers.SuppressionReason.HARD_BOUNCE,
            now=NOW,
        )
    edition = sending.launched(parts)
    assert (edition.state, edition.launched_at) == (E.SENDING, NOW)
    with parts.database.reading() as session:
        audience = deliveries.audience(session, edition.id)
        assert set(editions.placed(session, "weekly")) == {item.post_id for item in edition.items}
    assert (audience.candidates, audience.enqueued) == (5, 4)
    assert dict(audience.excluded) == {"hard-bounce": 1}
    assert sending.counts(parts, edition) == {"pending": 4}


def test_whoever_signs_up_after_the_launch_waits_for_the_next(parts):
    sending.subscribe(parts, "a@example.net")
    edition = sending.launched(parts)
    sending.subscribe(parts, "b@example.net")
    assert sending.counts(parts, edition) == {"pending": 1}


def test_a_second_launch_changes_nothing(parts):
    sending.subscribe(parts, "a@example.net")
    edition = sending.launched(parts)
    assert launch.launch(parts, edition.id, now=NOW + HOUR) == edition
    assert launch.launch_due(parts, now=NOW + HOUR) == []
    assert sending.counts(parts, edition) == {"pending": 1}


def test_two_schedulers_at_once_launch_an_edition_once(parts):
    sending.subscribe(parts, *sending.addresses(50))
    edition = approved(parts)
    found, ready = [], threading.Barrier(4)

    def tick():
        ready.wait()
        found.append(launch.launch_due(parts, now=NOW))

    threads = [threading.Thread(target=tick) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert sending.counts(parts, edition) == {"pending": 50}
    with parts.database.reading() as session:
        assert len(deliveries.chunks(session, edition.id)) == 1


def test_an_edition_for_nobody_ends_sent_with_a_note(parts):
    edition = sending.launched(parts)
    assert (edition.state, edition.reason) == (E.SENT, launch.NOBODY)
    assert sending.counts(parts, edition) == {}


def test_a_draft_is_not_launched(parts):
    edition = sending.draft(parts)
    with pytest.raises(BadMove):
        launch.launch(parts, edition.id, now=NOW)


def test_an_edition_that_is_not_due_yet_waits(parts):
    edition = approved(parts, send_at=NOW + HOUR)
    assert launch.launch_due(parts, now=NOW) == []
    assert sending.state(parts, edition).state is E.APPROVED
    assert sending.notices(parts) == []


def test_a_snapshot_that_was_tampered_with_is_not_sent(parts):
    sending.subscribe(parts, "a@example.net")
    edition = approved(parts)
    with parts.database.transaction() as session:
        from digest.messages.model import Rendered

        kept = editions.snapshot(session, edition.id, Rendered)
        assert kept is not None
        editions.save_snapshot(session, edition.id, type(kept)(**{**_fields(kept), "html": kept.html + "!"}))
    failed = launch.launch(parts, edition.id, now=NOW)
    assert failed.state is E.FAILED
    assert "its fingerprint differs" in failed.reason
    assert sending.counts(parts, edition) == {}
    assert [key for key, _ in sending.notices(parts)] == [f"trouble:{edition.id}:comms@example.org"]
    with parts.database.reading() as session:
        assert len(editions.candidates(session, "weekly")) == 2


def _fields(rendered):
    return {name: getattr(rendered, name) for name in rendered.__dataclass_fields__}


def test_a_post_that_is_gone_sends_the_edition_back_to_a_person(parts):
    sending.subscribe(parts, "a@example.net")
    edition = approved(parts)
    with parts.database.transaction() as session:
        posts.mark_gone(session, [edition.items[0].post_id], NOW)
    back = launch.launch(parts, edition.id, now=NOW)
    assert back.state is E.DRAFT
    ((key, text),) = sending.notices(parts)
    assert key.startswith("held:")
    assert edition.items[0].title in " ".join(text.split())


# --- what is due, and what is held ----------------------------------------------------------------------------


def test_a_draft_that_nobody_approved_is_held_and_staff_are_told_once(parts):
    edition = sending.draft(parts)
    for minute in range(3):
        assert launch.launch_due(parts, now=NOW + timedelta(minutes=minute)) == []
    assert sending.state(parts, edition).state is E.DRAFT
    assert [key for key, _ in sending.notices(parts)] == [f"held:{edition.id}:comms@example.org"]


def test_an_edition_past_its_lateness_is_never_sent_stale(database):
    parts = sending.parts(database, lateness="2h")
    sending.subscribe(parts, "a@example.net")
    edition = approved(parts)
    assert launch.launch_due(parts, now=NOW + 2 * HOUR + timedelta(seconds=1)) == []
    assert sending.state(parts, edition).state is E.APPROVED
    ((_, text),) = sending.notices(parts)
    assert "lateness" in text


def test_an_edition_within_its_lateness_is_caught_up(database):
    parts = sending.parts(database, lateness="2h")
    sending.subscribe(parts, "a@example.net")
    edition = approved(parts)
    assert [one.id for one in launch.launch_due(parts, now=NOW + 2 * HOUR)] == [edition.id]


@pytest.mark.parametrize(
    ("approval", "hold", "goes"),
    [
        ("required", "", False),
        ("unless held", "", True),
        ("unless held", "31 new posts at once", False),
        ("none", "", True),
        ("none", "31 new posts at once", True),
    ],
)
def test_a_publication_says_whether_a_person_must_approve(database, approval, hold, goes):
    parts = sending.parts(database, approval=approval)
    sending.subscribe(parts, "a@example.net")
    edition = sending.draft(parts, hold=hold)
    assert bool(launch.launch_due(parts, now=NOW)) is goes
    assert sending.state(parts, edition).state is (E.SENDING if goes else E.DRAFT)


def test_what_preflight_blocks_is_held_even_where_nobody_need_approve(database):
    parts = sending.parts(database, approval="none")
    sending.subscribe(parts, "a@example.net")
    edition = sending.draft(parts, items=0)
    assert launch.launch_due(parts, now=NOW) == []
    assert sending.state(parts, edition).state is E.DRAFT
    assert [key for key, _ in sending.notices(parts)] == [f"held:{edition.id}:comms@example.org"]


# --- deliver --------------------------------------------------------------------------------------------------


def test_an_edition_reaches_each_reader_once_with_a_token_of_their_own(database):
    with recording_server() as server:
        parts = sending.parts(database, transport=smtp(server.port))
        sending.subscribe(parts, *sending.addresses(60))
        edition = sending.launched(parts)
        done = []
        sending.send(parts, progress=done.append)
        sending.send(parts)
    assert sorted(m.rcpt for m in server.messages) == sorted(sending.addresses(60))
    assert sending.counts(parts, edition) == {"accepted": 60}
    assert sending.state(parts, edition).state is E.SENT
    assert done[-1] == 60
    mails = [email.message_from_bytes(m.data, policy=email.policy.default) for m in server.messages]
    assert len({mail["List-Unsubscribe"] for mail in mails}) == 60
    assert len({mail["Message-ID"] for mail in mails}) == 60


def test_the_link_in_a_delivered_mail_ends_that_subscription_before_the_next_edition(database):
    with recording_server() as server:
        parts = sending.parts(database, transport=smtp(server.port))
        sending.subscribe(parts, "a@example.net", "b@example.net")
        sending.launched(parts)
        sending.send(parts)
        mail = email.message_from_bytes(
            next(m.data for m in server.messages if m.rcpt == "a@example.net"), policy=email.policy.default
        )
        token = mail["List-Unsubscribe"].strip("<>").rpartition("/")[2]
        with parts.database.transaction() as session:
            left = subscribers.unsubscribe(session, keys=parts.keys, token=token, now=NOW)
        assert left.ended == ("weekly",)
        server.messages.clear()
        sending.launched(parts)
        sending.send(parts)
    assert [m.rcpt for m in server.messages] == ["b@example.net"]


def test_whoever_leaves_between_launch_and_their_message_is_skipped(database):
    with recording_server() as server:
        parts = sending.parts(database, transport=smtp(server.port))
        sending.subscribe(parts, "a@example.net", "b@example.net")
        edition = sending.launched(parts)
        with parts.database.transaction() as session:
            subscribers.end(
                session,
                keys=parts.keys,
                address="a@example.net",
                publication="weekly",
                reason=subscribers.EndedReason.UNSUBSCRIBED,
                now=NOW,
            )
        sending.send(parts)
    assert [m.rcpt for m in server.messages] == ["b@example.net"]
    assert sending.counts(parts, edition) == {"accepted": 1, "skipped": 1}
    assert sending.state(parts, edition).state is E.SENT


def test_the_allow_list_is_kept_to(database):
    with recording_server() as server:
        parts = sending.parts(database, transport=smtp(server.port), mail={"only": ("*@example.org",)})
        sending.subscribe(parts, "a@example.net", "b@example.org")
        edition = sending.launched(parts)
        sending.send(parts)
    assert [m.rcpt for m in server.messages] == ["b@example.org"]
    assert sending.counts(parts, edition) == {"accepted": 1, "skipped": 1}


def test_bounces_go_to_an_address_of_each_readers_own(database):
    with recording_server() as server:
        parts = sending.parts(
            database, transport=smtp(server.port), mail={"bounce_domain": "bounce.example.org"}
        )
        sending.subscribe(parts, "a@example.net", "b@example.net")
        sending.launched(parts)
        sending.send(parts)
    for one in server.messages:
        local, _, domain = one.mail_from.rpartition("@")
        assert (local[:2], domain) == ("b+", "bounce.example.org")
        assert len(local) <= 64
        ref = subscribers.read_token(parts.keys, subscribers.Purpose.BOUNCE, local[2:])
        with parts.database.reading() as session:
            assert ref.subscriber_id == subscribers.find(session, address=one.rcpt)


def test_staff_notices_travel_with_the_editions_and_once(database):
    with recording_server() as server:
        parts = sending.parts(database, transport=smtp(server.port))
        sending.draft(parts)
        launch.launch_due(parts, now=NOW)
        sending.send(parts)
        sending.send(parts)
    (told,) = server.messages
    mail = email.message_from_bytes(told.data, policy=email.policy.default)
    assert told.rcpt == "comms@example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] is None


def test_a_notice_that_cannot_be_sent_now_is_sent_later(database):
    script = lambda step: "451 4.3.0 later" if step.name == "rcpt" and step.connection == 1 else None  # noqa: E731
    with recording_server(script) as server:
        parts = sending.parts(database, transport=smtp(server.port))
        sending.draft(parts)
        launch.launch_due(parts, now=NOW)
        sending.send(parts)
        assert server.messages == []
        sending.send(parts, now=NOW + timedelta(minutes=14))
        assert server.messages == []
        sending.send(parts, now=NOW + timedelta(minutes=16))
    assert len(server.messages) == 1


def test_a_refused_login_pauses_the_edition_tells_staff_and_a_resume_goes_on(database):
    with recording_server(login=("us", "right")) as server:
        wrong = smtp(server.port, username="us", password="wrong")
        parts = sending.parts(database, transport=wrong)
        sending.subscribe(parts, *sending.addresses(20))
        edition = sending.launched(parts)
        sending.send(parts)
        paused = sending.state(parts, edition)
        assert paused.state is E.PAUSED
        assert paused.reason.startswith("The mail server refused our login: 535")
        assert sending.counts(parts, edition) == {"pending": 20}
        assert [key for key, _ in sending.notices(parts)] == [f"trouble:{edition.id}:comms@example.org"]
        mended = sending.parts(database, transport=smtp(server.port, username="us", password="right"))
        control.resume(mended, edition.id, now=NOW)
        sending.send(mended)
    assert sending.counts(parts, edition) == {"accepted": 20}
    assert len([m for m in server.messages if m.rcpt != "comms@example.org"]) == 20


class FullDisk:
    """A disk on which only the first few messages find room, until it is cleared."""

    def __init__(self):
        self.room = 5

    def __call__(self, path):
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= 1
        return path.open("wb")


def test_a_full_disk_pauses_the_edition_with_the_reason_and_nothing_is_lost(database, tmp_path):
    disk = FullDisk()
    parts = sending.parts(database, transport=Outbox(tmp_path, opener=disk))
    sending.subscribe(parts, *sending.addresses(20))
    edition = sending.launched(parts)
    sending.send(parts)
    paused = sending.state(parts, edition)
    assert paused.state is E.PAUSED
    assert "No space left on device" in paused.reason
    assert sending.counts(parts, edition) == {"accepted": 5, "pending": 15}
    disk.room = 100
    control.resume(parts, edition.id, now=NOW)
    sending.send(parts)
    assert sending.counts(parts, edition) == {"accepted": 20}
    mail = [path.read_bytes() for path in (tmp_path / "new").iterdir()]
    assert len([one for one in mail if b"List-Unsubscribe:" in one]) == 20


def test_a_pause_holds_and_a_cancel_ends_what_was_not_sent(parts):
    sending.subscribe(parts, "a@example.net")
    edition = sending.launched(parts)
    assert control.pause(parts, edition.id, now=NOW).state is E.PAUSED
    sending.send(parts)
    assert sending.counts(parts, edition) == {"pending": 1}
    assert control.cancel(parts, edition.id, now=NOW).state is E.CANCELLED
    assert sending.counts(parts, edition) == {"failed": 1}
    with parts.database.reading() as session:
        assert len(editions.candidates(session, "weekly")) == 2


def test_a_cancelled_edition_that_some_readers_have_keeps_its_posts(database):
    script = lambda step: "451 4.7.1 later" if step.name == "rcpt" and step.rcpt.startswith("b@") else None  # noqa: E731
    with recording_server(script) as server:
        parts = sending.parts(database, transport=smtp(server.port))
        sending.subscribe(parts, "a@example.net", "b@example.net")
        edition = sending.launched(parts)
        sending.send(parts)
    control.pause(parts, edition.id, now=NOW)
    control.cancel(parts, edition.id, now=NOW)
    assert sending.counts(parts, edition) == {"accepted": 1, "failed": 1}
    with parts.database.reading() as session:
        assert editions.candidates(session, "weekly") == []


def test_a_newer_edition_ends_the_retries_of_an_older_one(database):
    busy = [True]
    script = lambda step: "451 4.7.1 later" if step.name == "rcpt" and busy[0] else None  # noqa: E731
    with recording_server(script) as server:
        parts = sending.parts(database, transport=smtp(server.port))
        sending.subscribe(parts, "a@example.net", "b@example.net")
        older = sending.launched(parts)
        sending.send(parts)
        assert sending.counts(parts, older) == {"pending": 2}
        assert sending.state(parts, older).state is E.SENDING
        busy[0] = False
        newer = sending.launched(parts, now=NOW + timedelta(minutes=5))
        sending.send(parts, now=NOW + HOUR)
    assert sending.counts(parts, older) == {"failed": 2}
    assert sending.state(parts, older).state is E.SENT
    assert sending.counts(parts, newer) == {"accepted": 2}


def test_retries_end_when_the_edition_is_too_late(database):
    script = lambda step: "451 4.7.1 later" if step.name == "rcpt" else None  # noqa: E731
    with recording_server(script) as server:
        parts = sending.parts(database, transport=smtp(server.port), lateness="1h")
        sending.subscribe(parts, "a@example.net")
        edition = sending.launched(parts)
        for minutes in (0, 20, 59, 70):
            sending.send(parts, now=NOW + timedelta(minutes=minutes))
    assert sending.counts(parts, edition) == {"failed": 1}
    assert sending.state(parts, edition).state is E.SENT


def test_an_uncertain_message_ends_the_edition_but_is_never_sent_again(database):
    script = lambda step: DROP if step.name == "dot" and step.rcpt == "a@example.net" else None  # noqa: E731
    with recording_server(script) as server:
        parts = sending.parts(database, transport=smtp(server.port))
        sending.subscribe(parts, "a@example.net", "b@example.net")
        edition = sending.launched(parts)
        for hours in range(3):
            sending.send(parts, now=NOW + hours * HOUR)
    assert sending.counts(parts, edition) == {"accepted": 1, "uncertain": 1}
    assert sending.state(parts, edition).state is E.SENT
    assert control.resolve(parts, edition.id, as_="accepted", address="a@example.net", now=NOW) == 1
    assert sending.counts(parts, edition) == {"accepted": 2}


def test_recovering_twice_settles_once(parts):
    sending.subscribe(parts, *sending.addresses(3))
    edition = sending.launched(parts)
    with parts.database.transaction() as session:
        chunk = deliveries.lease(session, [edition.id], "dead", now=NOW, lease_seconds=60)
        assert chunk is not None
        deliveries.claim(session, chunk, "dead", limit=2, now=NOW)
        deliveries.mark_sending(session, edition.id, [1], "dead", now=NOW)
    assert recover.recover(parts, now=NOW + HOUR) == 1
    assert recover.recover(parts, now=NOW + HOUR) == 0
    assert sending.counts(parts, edition) == {"pending": 2, "uncertain": 1}


def test_a_database_armed_for_another_instance_refuses_to_send(database):
    with recording_server() as server:
        parts = sending.parts(database, transport=smtp(server.port))
        sending.subscribe(parts, "a@example.net")
        edition = sending.launched(parts)
        with parts.database.transaction() as session:
            deliveries.arm(session, "staging", now=NOW)
        with pytest.raises(launch.NotArmed, match=r'sends for instance "staging".*run `digest arm`'):
            sending.send(parts)
        assert server.messages == []
        launch.arm(parts, now=NOW)
        sending.send(parts)
    assert sending.counts(parts, edition) == {"accepted": 1}


async def test_a_worker_runs_on_until_it_is_told_to_stop(database):
    async with recording_server() as server:
        parts = sending.parts(database, transport=smtp(server.port))
        sending.subscribe(parts, *sending.addresses(5))
        stop = asyncio.Event()
        working = asyncio.create_task(deliver.deliver(parts, now=lambda: NOW, until_done=False, stop=stop))
        edition = await asyncio.to_thread(sending.launched, parts)
        while (await asyncio.to_thread(sending.state, parts, edition)).state is not E.SENT:
            assert not working.done()
            await asyncio.sleep(0.01)
        stop.set()
        await working
    assert len(server.messages) == 5


async def test_two_workers_send_an_edition_together_and_each_message_once(database):
    async with recording_server() as server:
        parts = sending.parts(database, transport=smtp(server.port))
        sending.subscribe(parts, *sending.addresses(1_100))
        edition = sending.launched(parts)
        await asyncio.gather(*(deliver.deliver(parts, now=lambda: NOW, until_done=True) for _ in range(2)))
        await deliver.deliver(parts, now=lambda: NOW, until_done=True)
    assert sorted(m.rcpt for m in server.messages) == sorted(sending.addresses(1_100))
    assert sending.counts(parts, edition) == {"accepted": 1_100}
    assert sending.state(parts, edition).state is E.SENT
