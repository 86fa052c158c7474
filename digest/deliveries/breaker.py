"""The circuit breaker: when a run of refusals says that the fault is ours, so that the edition is paused."""

from __future__ import annotations

from digest.deliveries.model import Outcome, Phase, Scope, Verdict

_IN_A_ROW = 5
_FIRST = 200
_DEAD_SHARE = 0.05


class Breaker:
    """Watches one edition's outcomes in one run and says, once, why it should be paused.

    `fresh` is False when the edition was already under way: a person has then seen the first recipients' fate
    and chosen to go on, so they are not judged again.
    """

    def __init__(self, *, fresh: bool) -> None:
        self.reason = ""
        self._fresh = fresh
        self._seen = 0
        self._dead = 0
        self._run: tuple[Scope, Phase] | None = None
        self._domains: set[str] = set()
        self._length = 0

    def observe(self, result: Outcome, *, domain: str) -> str:
        """Take note of one outcome at a recipient's `domain`; the reason to pause, or an empty text."""
        self.reason = (
            self.reason or result.stop or self._stale_list(result) or self._same_again(result, domain)
        )
        return self.reason

    def _stale_list(self, result: Outcome) -> str:
        self._seen += 1
        if not self._fresh or self._seen > _FIRST:
            return ""
        self._dead += result.verdict is Verdict.REFUSED and result.scope is Scope.RECIPIENT
        if self._dead <= _FIRST * _DEAD_SHARE:
            return ""
        return f"{self._dead} of the first {self._seen} addresses do not exist; is this the right list?"

    def _same_again(self, result: Outcome, domain: str) -> str:
        ours = result.scope in {Scope.SENDER, Scope.CONTENT} or (
            result.verdict is Verdict.REFUSED and result.phase is Phase.DOT and result.scope is Scope.UNKNOWN
        )
        if not ours or result.verdict not in {Verdict.REFUSED, Verdict.DEFERRED}:
            self._run, self._length = None, 0
            return ""
        if self._run != (result.scope, result.phase):
            self._run, self._length = (result.scope, result.phase), 0
            self._domains.clear()
        self._length += 1
        self._domains.add(domain)
        # After the dot it is the receivers who speak, so only several of them together accuse us.
        distinct = len(self._domains) if result.phase is Phase.DOT else self._length
        if distinct < _IN_A_ROW:
            return ""
        said = f"{result.reply.code or ''} {result.reply.text}".strip()
        return f"{distinct} recipients in a row were refused for the same reason: {said}"
