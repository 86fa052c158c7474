"""When exactly each try is made, on both databases: replies, limits, back-offs and the breaker on a simulated clock.

Every scenario is also kept, to be read, in tests/golden/attempts.txt;
`DIGEST_GOLDEN=write pytest -n0 -p no:randomly tests/integration/test_attempt_times.py` writes it anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

import subscribers
from digest.database import Base, Database
from digest.deliveries.model import DeliveryState, Outcome, Phase, Verdict
from digest.deliveries.transports import opening
from digest.editions.model import EditionState, ItemKind, Section
from tests import factories
from tests.factories import NOW
from tests.simulation import Said, Simulation, clock, clocks

P, S, E = Phase, DeliveryState, EditionState
KEPT = Path(__file__).resolve().parents[1] / "golden" / "attempts.txt"
HEAD = """When messages are tried

Each line is what the real worker did on a simulated clock, in hours, minutes and seconds since the launch. The first
reader's waits are all 10.5 % longer than 15 m, 30 m, 1 h, 2 h, 4 h and 8 h: each reader's are spread by up to a fifth.
"""

ONCE = ("0:00:00",)
# A connection is tried three times, 2 and 10 seconds apart, before the edition is paused.
CONNECTING = ("0:00:00", "0:00:02", "0:00:12")
RETRIED = ("0:00:00", "0:16:34.2", "0:49:42.7", "1:55:59.6", "4:08:33.5", "8:33:41.3", "17:23:56.8")
# What counts against a day is noted by the minute.
DAYS = ("0:00:00", "0:00:00", "1 d 0:01:00", "1 d 0:01:00", "2 d 0:02:00")
# After 5, 15, 60 and 240 minutes one message goes ahead; the one at 5:20:00 is taken.
PROBES = ("0:00:00", "0:05:00", "0:20:00", "1:20:00")
# Who is told to come back in hours waits four at least.
SLOWLY = ("0:00:00", "4:25:07.7", "8:50:15.5", "13:15:23.2", "17:40:31", "22:05:38.7", "1 d 6:55:54.2")
UNREACHABLE = opening.failed(
    P.CONNECT, ConnectionRefusedError(), "smtp.example.org:465", said="Connection refused"
).outcome
UNTRUSTED = opening.cannot(
    P.TLS, "The certificate of the mail server smtp.example.org:465 is not trusted, so nothing was sent."
).outcome

# row of the requirements, phase, code, text -> when it is tried, how the delivery ends; a pause leaves it pending
REPLIES: list[tuple[str, Phase, Outcome | int | None, str, tuple[str, ...], DeliveryState]] = [
    ("H1", P.CONNECT, UNREACHABLE, "", CONNECTING, S.PENDING),
    ("H2", P.TLS, UNTRUSTED, "", ONCE, S.PENDING),
    ("H3", P.CONNECT, 421, "4.3.2 too busy", CONNECTING, S.PENDING),
    ("H3", P.CONNECT, 554, "5.7.1 no service for you", ONCE, S.PENDING),
    ("H4", P.AUTH, 535, "5.7.8 authentication failed", ONCE, S.PENDING),
    ("H5", P.AUTH, 454, "4.7.0 temporary authentication failure", CONNECTING, S.PENDING),
    ("H6", P.MAIL, 550, "5.1.0 sender rejected", ONCE, S.PENDING),
    ("H7", P.MAIL, 552, "5.3.4 message size exceeds fixed limit", ONCE, S.PENDING),
    ("H8", P.MAIL, 421, "4.7.28 unusual rate of mail", RETRIED, S.FAILED),
    ("H8", P.DOT, 454, "Throttling failure: Maximum sending rate exceeded", RETRIED, S.FAILED),
    ("H9", P.RCPT, 550, "5.1.1 user unknown", ONCE, S.REFUSED),
    ("H10", P.RCPT, 550, "mailbox unavailable", ONCE, S.REFUSED),
    ("H11", P.RCPT, 452, "4.2.2 mailbox full", RETRIED, S.FAILED),
    ("H11", P.DOT, 552, "5.2.2 over quota", RETRIED, S.FAILED),
    ("H12", P.RCPT, 451, "4.7.1 Greylisting in action, please come back later", RETRIED, S.FAILED),
    ("H13", P.RCPT, 554, "5.7.1 relay access denied", ONCE, S.REFUSED),
    ("H14", P.DOT, 550, "5.7.26 the sender is unauthenticated", ONCE, S.REFUSED),
    ("H14", P.DOT, 421, "4.7.26 the sender is unauthenticated", RETRIED, S.FAILED),
    ("H15", P.DOT, 554, "5.7.1 message content rejected as spam", ONCE, S.REFUSED),
    ("H16", P.DOT, 421, "4.7.1 [TS03] permanently deferred", ONCE, S.REFUSED),
    ("H16", P.MAIL, 421, "4.7.0 [TSS04] temporarily deferred", SLOWLY, S.FAILED),
    ("H17", P.DATA, 421, "4.3.0 shutting down", RETRIED, S.FAILED),
    ("H18", P.RCPT, 452, "4.5.3 too many recipients", RETRIED, S.FAILED),
    ("H19", P.DOT, 550, "5.4.5 daily sending limit exceeded", ONCE, S.PENDING),
    ("H20", P.DOT, 550, "5.7.708 traffic not accepted from this IP", ONCE, S.PENDING),
    ("H21", P.DOT, 550, "5.0.0 refused after all", ONCE, S.REFUSED),
    ("H22", P.RCPT, 599, "computer says no", ONCE, S.REFUSED),
    ("H22", P.DATA, 499, "computer says later", RETRIED, S.FAILED),
    ("H26", P.RCPT, 550, "4.2.1 mailbox busy", RETRIED, S.FAILED),
    ("I2", P.RCPT, None, "the line dropped", RETRIED, S.FAILED),
    ("I2", P.DOT, None, "the line dropped", ONCE, S.UNCERTAIN),
]
GREYLISTED = Said(phase=P.RCPT, code=451, text="4.7.1 Greylisted, please come back later")
BUSY = Said(phase=P.RCPT, code=421, text="4.7.0 [TSS04] Messages temporarily deferred")
SPAM = Said(phase=P.DOT, code=554, text="5.7.1 message content rejected as spam")


@pytest.fixture
def database_of_each_row(database) -> Callable[[], Database]:
    """The database, empty again for each row of the table."""

    def emptied() -> Database:
        with database.transaction() as session:
            for metadata in (subscribers.metadata, Base.metadata):
                for table in reversed(metadata.sorted_tables):
                    session.execute(table.delete())
        return database

    return emptied


def invitation(hours: int):
    """A part of an edition: an event that begins so many hours after the launch."""
    starts = NOW + timedelta(hours=hours)
    told = factories.event(starts_at=starts, ends_at=starts + timedelta(hours=1))
    item = factories.item(
        post_id=None, kind=ItemKind.EVENT, section=Section.EVENTS, event=told, title=told.title
    )
    return {"items": 0, "extra": (item,)}


def readers(*counts: tuple[str, int]) -> list[str]:
    return [f"reader{number}@{domain}" for domain, count in counts for number in range(1, count + 1)]


def lines(world: Simulation) -> list[str]:
    """Every try on a line of its own."""
    return [f"{clock(one.at):>14}  {one.to:24}  {said(one.outcome)}" for one in world.tries]


def said(outcome: Outcome) -> str:
    reply = outcome.reply
    words = reply.text if outcome.stop == reply.text else f"{reply.code or ''} {reply.text}".strip()
    return words if outcome.verdict is Verdict.ACCEPTED else f"{outcome.phase}: {words}"


def keep(section: str, told: Iterable[str]) -> None:
    """Compare a scenario with how it is kept in tests/golden/attempts.txt, or write it there."""
    kept = dict(part.split("\n", 1) for part in KEPT.read_text(encoding="utf-8").split("\n== ")[1:])
    now = "\n".join(told).rstrip() + "\n"
    if os.environ.get("DIGEST_GOLDEN") == "write":
        kept[section] = now
        parts = [HEAD, *(f"== {name}\n{kept[name].rstrip()}\n" for name in SECTIONS if name in kept)]
        KEPT.write_text("\n".join(parts), encoding="utf-8")
    assert kept[section].rstrip() == now.rstrip(), (
        "it differs from tests/golden/attempts.txt: look, then write it anew"
    )


# --- replies (H1-H23, H26) --------------------------------------------------------------------------------------


# What a reply means does not depend on the engine, so one of them is enough for the long table.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_reply_is_tried_again_exactly_when_the_table_says(database_of_each_row):
    told = []
    for row, phase, code, text, tries, state in REPLIES:
        answer = code if isinstance(code, Outcome) else Said(phase=phase, code=code, text=text)
        with Simulation(database_of_each_row(), partial(always, answer)) as world:
            edition = world.launch("ada@example.net")
            world.run()
            (fate,) = world.fate(edition)
            ended = world.state(edition)
        assert (clocks(world.tries), fate.state) == (tries, state), f"{row} {text}"
        assert ended.state is (E.PAUSED if state is S.PENDING else E.SENT), f"{row} {text}"
        assert fate.attempts == (0 if state is S.PENDING else len(tries)), f"{row} {text}"
        how = (
            f"the edition is paused: {ended.reason}"
            if ended.state is E.PAUSED
            else f"{fate.state}: {fate.reason}"
        )
        told += [
            f"{row}  {said(world.tries[0].outcome)}",
            f"    {'  '.join(clocks(world.tries))}",
            f"    {how}",
        ]
    keep("always the same reply", told)


def always(answer: Said | Outcome, _world: Simulation, _address: str) -> Said | Outcome:
    return answer


def greylisting(world: Simulation, address: str) -> Said | None:
    """Greylisting lets a message through once 30 minutes have passed."""
    return GREYLISTED if world.seconds < 1_800 else None


def test_greylisting_costs_one_reader_under_an_hour_and_others_nothing(database):
    def answers(world, address):
        return greylisting(world, address) if address.endswith("@grey.example") else None

    with Simulation(database, answers) as world:
        edition = world.launch(*readers(("grey.example", 2), ("open.example", 2)))
        world.run()
        assert world.state(edition).state is E.SENT
    times = {one: clocks(world.of(one)) for one in readers(("grey.example", 2), ("open.example", 2))}
    assert times == {
        "reader1@grey.example": ("0:00:00", "0:16:34.2", "0:49:42.7"),
        "reader2@grey.example": ("0:00:00", "0:15:08.1", "0:45:24.3"),
        "reader1@open.example": ONCE,
        "reader2@open.example": ONCE,
    }
    assert len({one.message_id for one in world.of("reader1@grey.example")}) == 1
    keep("greylisting for half an hour", lines(world))


@pytest.mark.parametrize(
    ("lateness", "tries", "reason"),
    [
        ("1h", RETRIED[:3], "too late to try again: 451"),
        ("12h", RETRIED[:6], "too late to try again: 451"),
        ("2d", RETRIED, "gave up after 7 tries: 451"),
    ],
)
def test_retries_end_with_the_publications_lateness_or_after_seven(database, lateness, tries, reason):
    with Simulation(database, lambda *_: GREYLISTED, lateness=lateness) as world:
        edition = world.launch("ada@example.net")
        world.run()
        (fate,) = world.fate(edition)
    assert clocks(world.tries) == tries
    assert (fate.state, fate.reason.startswith(reason)) == (S.FAILED, True)
    keep(f"an edition that may be {lateness} late", [*lines(world), f"    {fate.state}: {fate.reason}"])


def test_the_newest_edition_wins_and_nobody_gets_the_older_one_after_it(database):
    later = []
    with Simulation(database, lambda world, _address: GREYLISTED if world.seconds < 7_000 else None) as world:
        older = world.launch("ada@example.net")
        world.at(lambda: later.append(world.launch()), hours=1)
        world.run()
        fates = [world.fate(one)[0] for one in (older, *later)]
        assert [world.state(one).state for one in (older, *later)] == [E.SENT, E.SENT]
    first, second = world.tries[0].message_id, world.tries[-1].message_id
    assert [clock(t.at) for t in world.tries if t.message_id == first] == [
        "0:00:00",
        "0:16:34.2",
        "0:49:42.7",
    ]
    assert [clock(t.at) for t in world.tries if t.message_id == second] == [
        "1:00:00",
        "1:16:34.2",
        "1:49:42.7",
        "2:55:59.6",
    ]
    assert [(fate.state, fate.reason) for fate in fates] == [
        (S.FAILED, "a newer edition went out"),
        (S.ACCEPTED, ""),
    ]
    keep(
        "a newer edition at 1:00:00",
        [*lines(world), f"    the older one: {fates[0].state}: {fates[0].reason}"],
    )


def test_no_try_is_made_once_an_event_in_the_edition_has_begun(database):
    with Simulation(database, lambda *_: GREYLISTED) as world:
        edition = world.launch("ada@example.net", **invitation(1))
        world.at(lambda: None, hours=1)  # the timetable looks each minute
        world.run()
        (fate,) = world.fate(edition)
        assert world.state(edition).state is E.SENT
    assert clocks(world.tries) == RETRIED[:3]
    assert (fate.state, fate.reason) == (S.FAILED, "an event in it has begun")
    keep("an event in it begins at 1:00:00", [*lines(world), f"    {fate.state}: {fate.reason}"])


# --- limits -----------------------------------------------------------------------------------------------------


def test_messages_leave_evenly_within_a_second(database):
    with Simulation(database, mail={"max_per_second": 2}) as world:
        world.launch(*readers(("example.net", 6)))
        world.run()
    at = [one.at for one in world.tries]
    assert [round(later - one, 3) for one, later in pairwise(at)] == [0.525] * 5
    keep("two a second", lines(world))


def test_a_minute_begins_with_its_first_message(database):
    with Simulation(database, mail={"max_per_minute": 3}) as world:
        world.launch(*readers(("example.net", 7)))
        world.run()
    assert clocks(world.tries) == ("0:00:00",) * 3 + ("0:01:01",) * 3 + ("0:02:02",)
    keep("three a minute", lines(world))


def test_a_full_day_goes_on_a_day_later(database):
    with Simulation(database, mail={"max_per_day": 2}) as world:
        world.launch(*readers(("example.net", 5)))
        world.run()
    assert clocks(world.tries) == DAYS
    keep("two a day", lines(world))


def test_a_new_sender_sends_more_each_day(database):
    with Simulation(database, mail={"max_per_day": 8, "warm_up": "3d", "warm_up_from": 1}) as world:
        world.launch(*readers(("example.net", 15)))
        world.run()
    days = [int(one.at // 86_400) for one in world.tries]
    assert [days.count(day) for day in range(4)] == [1, 2, 4, 8]
    keep("a warm-up of three days, from one a day to eight", lines(world))


def test_one_domains_limit_delays_nobody_else(database):
    with Simulation(database, mail={"domains": {"big.example": 2}}) as world:
        edition = world.launch(*readers(("big.example", 6), ("small.example", 3)))
        world.run()
        assert {fate.state for fate in world.fate(edition)} == {S.ACCEPTED}
        assert {fate.attempts for fate in world.fate(edition)} == {1}
    big = [one.at for one in world.tries if one.to.endswith("@big.example")]
    assert all(later - one >= 60 for one, later in zip(big, big[2:], strict=False))
    assert {one.at for one in world.tries if one.to.endswith("@small.example")} == {0.0}
    keep("two a minute to big.example", lines(world))


def test_a_domain_that_wants_rest_is_probed_by_one_message_ever_later(database):
    def answers(world: Simulation, address: str) -> Said | None:
        return BUSY if address.endswith("@busy.example") and world.seconds < 3 * 3_600 else None

    with Simulation(database, answers) as world:
        edition = world.launch(*readers(("busy.example", 12), ("fine.example", 2)))
        world.run()
        assert {fate.state for fate in world.fate(edition)} == {S.ACCEPTED}
        assert world.state(edition).state is E.SENT
    refused = [one for one in world.tries if one.outcome.verdict is Verdict.DEFERRED]
    assert clocks(refused) == PROBES
    assert len({one.to for one in refused}) == len(refused), "nobody is tried twice where everybody waits"
    assert {one.at for one in world.tries if one.to.endswith("@fine.example")} == {0.0}
    keep("busy.example wants rest for three hours", lines(world))


# --- the breaker (H25) ------------------------------------------------------------------------------------------


def paused(database, answers: Callable[[Simulation, str], Said | Outcome | None], *addresses: str):
    """An edition that the breaker pauses, and that a person resumes an hour later."""
    with Simulation(database, answers) as world:
        edition = world.launch(*addresses)
        reasons: list[str] = []
        world.at(lambda: reasons.append(world.state(edition).reason), minutes=59)
        world.at(world.resume(edition), hours=1)
        world.run()
        assert world.state(edition).state is E.SENT
        fates = [fate.state for fate in world.fate(edition)]
    return world, reasons[0], fates


def test_five_domains_that_call_it_spam_pause_it_and_a_resume_goes_on_with_the_rest(database):
    def answers(world: Simulation, _address: str) -> Said | None:
        return SPAM if world.seconds < 3_600 else None

    many = [f"reader@d{number}.example" for number in range(1, 9)]
    world, reason, fates = paused(database, answers, *many)
    assert reason.startswith("5 recipients in a row were refused for the same reason: 554 5.7.1")
    assert clocks(world.tries) == ("0:00:00",) * 5 + ("1:00:00",) * 3
    assert fates == [S.REFUSED] * 5 + [S.ACCEPTED] * 3
    keep("five domains call it spam; resumed at 1:00:00", [*lines(world), f"    paused: {reason}"])


def test_a_list_of_the_dead_is_noticed_after_eleven_and_goes_on_when_a_person_says_so(database):
    def answers(_world: Simulation, address: str) -> Said | None:
        number = int(address.partition("@")[0].removeprefix("reader"))
        return Said(phase=P.RCPT, code=550, text="5.1.1 user unknown") if number % 2 else None

    world, reason, fates = paused(database, answers, *readers(("example.net", 30)))
    assert reason == "11 of the first 21 addresses do not exist; is this the right list?"
    assert clocks(world.tries) == ("0:00:00",) * 21 + ("1:00:00",) * 9
    assert fates == [S.REFUSED, S.ACCEPTED] * 15
    keep("every second address is dead; resumed at 1:00:00", [*lines(world), f"    paused: {reason}"])


def test_a_quota_that_is_used_up_blames_nobody_and_the_resume_begins_where_it_stopped(database):
    def answers(world: Simulation, address: str) -> Said | None:
        early = world.seconds < 3_600 and not address.startswith(("reader1@", "reader2@"))
        return (
            Said(phase=P.MAIL, code=454, text="Throttling failure: Daily message quota exceeded")
            if early
            else None
        )

    world, reason, fates = paused(database, answers, *readers(("example.net", 4)))
    assert reason.startswith("The mail server's sending limit is reached: 454 Throttling failure")
    assert clocks(world.tries) == ("0:00:00",) * 3 + ("1:00:00",) * 2
    assert fates == [S.ACCEPTED] * 4
    keep("the day's quota is used up; resumed at 1:00:00", [*lines(world), f"    paused: {reason}"])


def test_a_relay_that_is_away_is_tried_three_times_and_everybody_is_mailed_after_the_resume(database):
    def answers(world: Simulation, _address: str) -> Outcome | None:
        return UNREACHABLE if world.seconds < 3_600 else None

    world, reason, fates = paused(database, answers, *readers(("example.net", 3)))
    assert reason == "The mail server smtp.example.org:465 cannot be reached: Connection refused."
    assert clocks(world.tries) == (*CONNECTING, "1:00:00", "1:00:00", "1:00:00")
    assert fates == [S.ACCEPTED] * 3
    keep("the relay is away; resumed at 1:00:00", [*lines(world), f"    paused: {reason}"])


SECTIONS = (
    "always the same reply",
    "greylisting for half an hour",
    "an edition that may be 1h late",
    "an edition that may be 12h late",
    "an edition that may be 2d late",
    "a newer edition at 1:00:00",
    "an event in it begins at 1:00:00",
    "two a second",
    "three a minute",
    "two a day",
    "a warm-up of three days, from one a day to eight",
    "two a minute to big.example",
    "busy.example wants rest for three hours",
    "five domains call it spam; resumed at 1:00:00",
    "every second address is dead; resumed at 1:00:00",
    "the day's quota is used up; resumed at 1:00:00",
    "the relay is away; resumed at 1:00:00",
)


def test_what_is_kept_is_what_is_tried_here():
    kept = KEPT.read_text(encoding="utf-8").split("\n== ")
    assert [part.partition("\n")[0] for part in kept[1:]] == list(SECTIONS)
