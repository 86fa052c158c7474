"""Faults, kills and restarts drawn at random, for as long as DIGEST_CHAOS_SECONDS says; `make chaos` goes on for hours."""

from __future__ import annotations

import os
import random

from tests import chaos


def test_whatever_goes_wrong_at_random_every_reader_has_one_copy_or_a_named_reason() -> None:
    seconds = float(os.environ.get("DIGEST_CHAOS_SECONDS", "60"))
    seed = int(os.environ.get("DIGEST_CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))
    assert chaos.run(seconds=seconds, seed=seed)
