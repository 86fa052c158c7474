"""Through a real Postfix: 20,000 readers, the worker killed five times, and still one copy each."""

from __future__ import annotations

import os
import random
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from digest.workflows import look
from digest.workflows.parts import Parts
from tests import crashing, postfix
from tests.crashing import EDITION

READERS = 20_000
LANES = 16
KILLS = 5
_LEASE_OVER = timedelta(minutes=20)
_LOOKS = 3_000


@pytest.fixture
def relay() -> Iterator[postfix.Postfix]:
    if not postfix.is_here():
        if os.environ.get("DIGEST_REQUIRE_TOOLS"):
            pytest.fail(f"{postfix.MISSING}, and DIGEST_REQUIRE_TOOLS asks for it")
        pytest.skip(postfix.MISSING)
    with postfix.postfix() as running:
        yield running


def test_a_worker_killed_five_times_mails_twenty_thousand_readers_once_each_through_postfix(
    tmp_path: Path, relay: postfix.Postfix
) -> None:
    seed = random.SystemRandom().randrange(10_000)
    print(f"the moments of killing are those of seed {seed}")
    moments = sorted(random.Random(seed).sample(range(1, READERS * 9 // 10), KILLS))
    database = f"sqlite:///{tmp_path / 'digest.db'}"
    crashing.launched(tmp_path, database, count=READERS)
    with (
        crashing.sending(tmp_path, database, port=relay.port, count=READERS, lanes=LANES) as (going, parts),
        crashing.Watch(parts, READERS, every=0.25) as watch,
    ):
        for number, moment in enumerate(moments):
            worker = going.worker(after=number * _LEASE_OVER)
            _until(parts, moment, worker)
            going.kill(worker)
        going.finish(parts)
        postfix.wait_until_drained(relay)
        counts = look.delivery_status(parts, EDITION).counts
        assert counts["accepted"] + counts["uncertain"] == READERS
        wrong = crashing.judged(
            parts, going.addresses, kept=relay.passed_on, began=None, may_be_uncertain=LANES * KILLS
        )
        assert watch.wrong + wrong == []
    print(f"{counts['uncertain']} uncertain, each named with its evidence")


def _until(parts: Parts, moment: int, worker: subprocess.Popen[str]) -> None:
    for _ in range(_LOOKS):
        if look.delivery_status(parts, EDITION).counts["accepted"] >= moment:
            return
        assert worker.poll() is None, worker.communicate()[0]
        threading.Event().wait(0.1)
    raise AssertionError(f"{moment} readers were never reached")
