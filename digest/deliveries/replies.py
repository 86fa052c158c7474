"""What a server's reply means: whose affair it is, whether to try again and when, and what to tell staff.

Class = f(phase, code, enhanced code, text); an exception's name is never asked. A bare 5xx is not a dead address.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from digest.deliveries import rules
from digest.deliveries.model import DeliveryState, Outcome, Phase, Reply, Scope, Settlement, Verdict

WAITS = tuple(timedelta(minutes=m) for m in (15, 30, 60, 120, 240, 480))
_JITTER = 0.2
_SLOW = timedelta(hours=4)  # a large receiver that defers us wants hours between tries
_LONGEST = 500

_ENHANCED = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?!\d|\.\d)")  # and no part of an IP address
_ADDRESS = re.compile(r"[^\s<>@\"',;:()\[\]]+@[^\s<>@\"',;:()\[\]]+")
_LINK = re.compile(r"(/[ucp]/)[A-Za-z0-9_~.-]+")
_VERP = re.compile(r"\bb\+[A-Za-z0-9_~-]+")
_LONG_TOKEN = re.compile(r"[A-Za-z0-9_-]{40,}")

_BODY_STARTED = frozenset({Phase.BODY, Phase.DOT})
_OPENING = frozenset({Phase.CONNECT, Phase.TLS, Phase.EHLO, Phase.AUTH})


def parse(code: int | None, text: str) -> Reply:
    """A reply as it is kept: its enhanced code found, its text on one line, bounded, and redacted."""
    return Reply(code=code, enhanced=_enhanced(code, text[:200]), text=redact(text))


def redact(text: str) -> str:
    """`text` on one bounded line, with every mail address, link token and other long token replaced."""
    line = text[: 4 * _LONGEST]
    if not line.isprintable():
        line = "".join(c if c.isprintable() else " " for c in line)
    line = " ".join(line.split())
    # Most replies hold none of these; to see that takes less than to look for their pattern.
    for sign, pattern, stand_in in (
        ("@", _ADDRESS, "<address>"),
        ("/", _LINK, r"\1<token>"),
        ("+", _VERP, "<token>"),
        ("", _LONG_TOKEN, "<token>"),
    ):
        if sign in line:
            line = pattern.sub(stand_in, line)
    return line[:_LONGEST]


def outcome(phase: Phase, reply: Reply, *, closed: bool = False) -> Outcome:
    """What `reply` at `phase` came to; `closed` when the connection is gone as well (421 always is)."""
    closed = closed or reply.code == 421
    if reply.code is None or not 200 <= reply.code <= 599 or 300 <= reply.code <= 399:
        return lost(phase, reply.text or "the server's answer could not be understood", reply=reply)
    if reply.code < 300:
        return Outcome(verdict=Verdict.ACCEPTED, phase=phase, scope=Scope.UNKNOWN, reply=reply, closed=closed)
    seen = rules.Seen(phase=phase, reply=reply, text=reply.text.lower(), permanent=_is_permanent(reply))
    rule = rules.first(seen)
    permanent = seen.permanent if rule.permanent is None else rule.permanent
    return Outcome(
        verdict=Verdict.REFUSED if permanent else Verdict.DEFERRED,
        phase=phase,
        scope=rule.scope,
        reply=reply,
        stop=f"{rule.stop}: {_said(reply)}" if rule.stop else "",
        closed=closed,
    )


def lost(phase: Phase, detail: str, *, reply: Reply | None = None) -> Outcome:
    """The connection ended, or the answer never came, at `phase`: uncertain once the body had begun."""
    begun = phase in _BODY_STARTED
    return Outcome(
        verdict=Verdict.UNCERTAIN if begun else Verdict.DEFERRED,
        phase=phase,
        scope=Scope.SENDER if phase in _OPENING else Scope.UNKNOWN,
        reply=reply or Reply(text=redact(detail)),
        closed=True,
    )


def retry_at(result: Outcome, attempts: int, now: datetime, *, position: int = 0) -> datetime | None:
    """When to try again after the `attempts`th try came to `result`; None when it was the last.

    15 m, 30 m, 1 h, 2 h, 4 h, 8 h, each spread by up to 20 % either way, the same for the same `position`.
    """
    if result.verdict is not Verdict.DEFERRED or attempts > len(WAITS):
        return None
    wait = WAITS[max(attempts, 1) - 1]
    if result.scope is Scope.DESTINATION:
        wait = max(wait, _SLOW)
    spread = (position * 2_654_435_761 % 1_000) / 999  # Knuth's multiplier: neighbours land far apart
    return now + wait * (1 - _JITTER + 2 * _JITTER * spread)


def settle(
    result: Outcome,
    *,
    position: int,
    attempts: int,
    before: DeliveryState,
    now: datetime,
    give_up_at: datetime | None,
) -> Settlement:
    """The delivery's next state after `result`, its `attempts`th try counted from 1.

    A fault of the sender's (`stop`) is not held against the delivery: it goes back to pending as it was.
    """

    def settled(
        state: DeliveryState, reason: str = "", not_before: datetime | None = None, *, counts: bool = True
    ) -> Settlement:
        return Settlement(
            position=position,
            before=before,
            state=state,
            reason=reason,
            not_before=not_before,
            outcome=result,
            counts=counts,
        )

    if result.verdict is Verdict.ACCEPTED:
        return settled(DeliveryState.ACCEPTED)
    if result.verdict is Verdict.UNCERTAIN:
        return settled(DeliveryState.UNCERTAIN, f"the server's answer never came: {_said(result.reply)}")
    if result.stop:
        return settled(DeliveryState.PENDING, result.stop, counts=False)
    if result.verdict is Verdict.REFUSED:
        return settled(DeliveryState.REFUSED, _said(result.reply))
    again = retry_at(result, attempts, now, position=position)
    if again is None:
        return settled(DeliveryState.FAILED, f"gave up after {attempts} tries: {_said(result.reply)}")
    if give_up_at is not None and again > give_up_at:
        return settled(DeliveryState.FAILED, f"too late to try again: {_said(result.reply)}")
    return settled(DeliveryState.PENDING, _said(result.reply), again)


def _enhanced(code: int | None, text: str) -> str:
    """The enhanced code that `text` begins with; else the first in it, one of the code's own class before others."""
    if start := _ENHANCED.match(text.lstrip()):
        return start[0]
    found: list[str] = _ENHANCED.findall(text)
    own = [one for one in found if code and one[0] == str(code)[0]]
    return (own or found or [""])[0]


def _is_permanent(reply: Reply) -> bool:
    """5xx, unless the enhanced code's class disagrees: then it is taken as temporary."""
    assert reply.code is not None
    return reply.code >= 500 and not reply.enhanced.startswith("4.")


def _said(reply: Reply) -> str:
    code = f"{reply.code} " if reply.code is not None else ""
    return f"{code}{reply.text}".strip() or "no answer"
