"""How the lanes of one worker are shared among the editions that it could send at this moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from digest.editions.model import EditionId

TURN_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An edition with something to send: since when it runs, or else waits, in seconds of any clock.

    `fresh` is one that has not had a lane of this worker's yet.
    """

    edition_id: EditionId
    since: float
    running: bool = False
    fresh: bool = False


def shares(candidates: Sequence[Candidate], *, lanes: int, now: float) -> dict[EditionId, int]:
    """How many of `lanes` each edition should have, as many as the others; those that must wait are not in it.

    Where there are more editions than lanes they take turns of `TURN_SECONDS`, and one just launched goes first.
    """
    going = sorted(candidates, key=lambda one: _rank(one, now))[:lanes]
    return {one.edition_id: lanes // len(going) for one in going}


def _rank(one: Candidate, now: float) -> tuple[int, float, int]:
    if not one.running:
        return (0 if one.fresh else 2, one.since, one.edition_id)
    return (1 if now - one.since < TURN_SECONDS else 3, one.since, one.edition_id)
