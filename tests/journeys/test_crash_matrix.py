"""Whatever dies at whatever moment of the talk with the mail server, nobody gets a second copy and nobody is forgotten.

A mailing goes through several phases: its workers are killed, or told to stop, or its server fails, at one after the
other. `make chaos` goes through every phase on every engine, with one worker and with two.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from digest.workflows import look
from tests import crashing
from tests.crashing import EDITION, Fault, Server

WHOLE = os.environ.get("DIGEST_CRASH_MATRIX") == "whole"
READERS, MANY = 120, 1_100  # many are more chunks than there are workers
LANES = 3
PHASES = ("connect", "ehlo", "tls", "mail", "rcpt", "data", "body", "dot", "kept", "answered")
SETUPS = [("sqlite", True), ("sqlite", False), ("postgresql", True), ("postgresql", False)]
STAGES = (
    ("connect", "ehlo", "tls"),
    ("mail", "rcpt", "data"),
    ("body", "dot", "kept"),
    ("answered", "settled"),
)
_OPENING = {"connect", "ehlo", "tls"}
_LEASE_OVER = timedelta(minutes=20)
_SETTLED_SECONDS = 0.3  # long enough after the answer for it to be in the ledger

UnderWay = Callable[[str, int], str]


def _chosen(*those: tuple[int, int]) -> list[tuple[str, bool, tuple[str, ...]]]:
    """Setups and the stages that a mailing is stopped at, all of them where DIGEST_CRASH_MATRIX asks for it."""
    everything = [(setup, stage) for setup in range(len(SETUPS)) for stage in range(len(STAGES))]
    return [(*SETUPS[setup], STAGES[stage]) for setup, stage in (everything if WHOLE else those)]


@pytest.mark.parametrize(
    ("engine", "groups", "phases"), _chosen((0, 0), (0, 2), (0, 3), (3, 1), (3, 2), (2, 3)), ids=str
)
def test_killed_at_every_phase_a_mailing_reaches_everybody_once(
    engine: str, groups: bool, phases: tuple[str, ...], tmp_path: Path, under_way: UnderWay
) -> None:
    database = under_way(engine, READERS)
    certificate, mail = protected(tmp_path)
    with (
        crashing.failing_server(tmp_path / "record", pipelining=groups, certificate=certificate) as server,
        crashing.sending(
            tmp_path, database, port=server.port, count=READERS, lanes=LANES, mail=mail, security="starttls"
        ) as (going, parts),
        crashing.Watch(parts, READERS) as watch,
    ):
        at_risk = 0
        for number, phase in enumerate(phases):
            worker = going.worker(after=number * _LEASE_OVER)
            _come_to(server, phase)
            going.kill(worker)
            server.go()
            counts = look.delivery_status(parts, EDITION).counts
            at_risk, before = counts["sending"] + counts["uncertain"], at_risk
            assert at_risk - before <= LANES, f"more than one message a lane at {phase}: {counts}"
        going.finish(parts)
        assert crashing.held(going, parts, watch, server, may_be_uncertain=LANES * going.kills) == []


@pytest.mark.parametrize(("engine", "groups", "phases"), _chosen((2, 0), (1, 1), (2, 2), (0, 3)), ids=str)
def test_told_to_stop_at_every_phase_a_mailing_is_certain_of_everybody(
    engine: str, groups: bool, phases: tuple[str, ...], tmp_path: Path, under_way: UnderWay
) -> None:
    database = under_way(engine, READERS)
    certificate, mail = protected(tmp_path)
    with (
        crashing.failing_server(tmp_path / "record", pipelining=groups, certificate=certificate) as server,
        crashing.sending(
            tmp_path, database, port=server.port, count=READERS, lanes=LANES, mail=mail, security="starttls"
        ) as (going, parts),
        crashing.Watch(parts, READERS) as watch,
    ):
        for phase in phases:
            worker = going.worker()
            _come_to(server, phase)
            worker.terminate()
            server.go()
            assert going.ended(worker) == ""
            assert worker.returncode == 0
            counts = look.delivery_status(parts, EDITION).counts
            assert counts["sending"] == counts["uncertain"] == 0, (
                f"what was on the wire is finished: {counts}"
            )
            assert counts["claimed"] == 0, f"what was only claimed is given back: {counts}"
        going.finish(parts)
        assert crashing.held(going, parts, watch, server, may_be_uncertain=0) == []


@pytest.mark.parametrize("phase", PHASES if WHOLE else ("data", "kept"))
def test_when_one_of_two_workers_is_killed_the_other_and_the_next_finish_its_part(
    phase: str, tmp_path: Path, under_way: UnderWay, postgres_url: str
) -> None:
    database = under_way("postgresql", MANY)
    certificate, mail = protected(tmp_path)
    with (
        crashing.failing_server(tmp_path / "record", certificate=certificate) as server,
        crashing.sending(
            tmp_path, database, port=server.port, count=MANY, lanes=LANES, mail=mail, security="starttls"
        ) as (going, parts),
        crashing.Watch(parts, MANY) as watch,
    ):
        server.plan(_hold(phase, nth=40))
        both = [going.worker(), going.worker()]
        reached = server.reached()
        assert reached is not None, f"the mailing never came to {phase}"
        killed = going.who(reached["who"])
        going.kill(killed)
        server.go()
        (other,) = (worker for worker in both if worker is not killed)
        assert going.ended(other) == ""
        going.finish(parts)
        assert crashing.held(going, parts, watch, server, may_be_uncertain=LANES) == []


WAYS = ("drop", "421", "silence", "slow")
TROUBLE = [(way, engine, groups) for way in WAYS for engine, groups in SETUPS]


@pytest.mark.parametrize(
    ("way", "engine", "groups"), TROUBLE if WHOLE else [t for n, t in enumerate(TROUBLE) if n % 4 == n // 4]
)
def test_a_server_that_fails_at_every_phase_gets_nothing_twice_and_keeps_nothing_from_anybody(
    way: str, engine: str, groups: bool, tmp_path: Path, under_way: UnderWay
) -> None:
    database = under_way(engine, READERS)
    certificate, mail = protected(tmp_path)
    mail += "max_per_connection = 10\n"
    mail += 'command_timeout = "4s"\ndot_timeout = "4s"\n' if way == "silence" else ""
    # There is no way to say 421 in a handshake; and a server that says it of a message which it has makes the
    # duplicate by itself.
    phases = [phase for phase in PHASES if way != "421" or phase not in {"tls", "kept"}]
    faults = [
        Fault(phase=phase, what=way, nth=2 if phase in _OPENING else 6 * number, seconds=0.3)
        for number, phase in enumerate(phases, start=1)
    ]
    with (
        crashing.failing_server(tmp_path / "record", pipelining=groups, certificate=certificate) as server,
        crashing.sending(
            tmp_path, database, port=server.port, count=READERS, lanes=LANES, mail=mail, security="starttls"
        ) as (going, parts),
        crashing.Watch(parts, READERS) as watch,
    ):
        server.plan(*faults)
        assert going.ended(going.worker()) == ""
        going.finish(parts)
        reached = [server.reached(seconds=1) for _ in faults]
        assert {one["phase"] for one in reached if one} == set(phases)
        bound = _may_be_uncertain(way, groups=groups)
        assert crashing.held(going, parts, watch, server, may_be_uncertain=bound) == []


def protected(home: Path) -> tuple[str, str]:
    """The server's certificate, and what the client is told of who made it."""
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(home / "server.pem")
    authority.cert_pem.write_to_path(home / "authority.pem")
    return str(home / "server.pem"), f'ca_file = "{home / "authority.pem"}"\n'


def _come_to(server: Server, phase: str) -> None:
    """Let the mailing go on until it is there, and stand still there."""
    server.plan(_hold(phase, nth=5))
    reached = server.reached()
    assert reached is not None, f"the mailing never came to {phase}"
    if phase == "settled":
        threading.Event().wait(_SETTLED_SECONDS)  # the one moment that no other process can see


def _hold(phase: str, *, nth: int) -> Fault:
    """Opening a connection happens once a lane, so there it is the second of them."""
    return Fault(
        phase="answered" if phase == "settled" else phase, what="hold", nth=2 if phase in _OPENING else nth
    )


def _may_be_uncertain(way: str, *, groups: bool) -> int:
    """A message whose connection went when its body had begun: half-way, at the dot, or before the answer.

    In a group, the answer to the message before can be lost with a connection that ends at any later command.
    """
    if way == "slow":
        return 0
    return 7 if groups else 3
