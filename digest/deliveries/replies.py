"""What a server's reply means: whose affair it is, whether to try again and when, and what to tell staff.

Class = f(phase, code, enhanced code, text); an exception's name is never asked. A bare 5xx is not a dead address.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.deliveries.model import DeliveryState, Outcome, Phase, Reply, Scope, Settlement, Verdict

WAITS = tuple(timedelta(minutes=m) for m in (15, 30, 60, 120, 240, 480))
_JITTER = 0.2
_SLOW = timedelta(hours=4)  # a large receiver that defers us wants hours between tries
_LONGEST = 500

_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_ADDRESS = re.compile(r"[^\s<>@\"',;:()\[\]]+@[^\s<>@\"',;:()\[\]]+")
_LINK = re.compile(r"(/[ucp]/)[A-Za-z0-9_~.-]+")
_VERP = re.compile(r"\bb\+[A-Za-z0-9_~-]+")
_LONG_TOKEN = re.compile(r"[A-Za-z0-9_-]{40,}")

_BODY_STARTED = frozenset({Phase.BODY, Phase.DOT})
_OPENING = frozenset({Phase.CONNECT, Phase.TLS, Phase.EHLO, Phase.AUTH})


def parse(code: int | None, text: str) -> Reply:
    """A reply as it is kept: its enhanced code found, its text on one line, bounded, and redacted."""
    found = _ENHANCED.search(text[:200])
    return Reply(code=code, enhanced=found[0] if found else "", text=redact(text))


def redact(text: str) -> str:
    """`text` on one bounded line, with every mail address, link token and other long token replaced."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * _LONGEST]).split())
    for pattern, stand_in in (
        (_ADDRESS, "<address>"),
        (_LINK, r"\1<token>"),
        (_VERP, "<token>"),
        (_LONG_TOKEN, "<token>"),
    ):
        line = pattern.sub(stand_in, line)
    return line[:_LONGEST]


def outcome(phase: Phase, reply: Reply, *, closed: bool = False) -> Outcome:
    """What `reply` at `phase` came to; `closed` when the connection is gone as well (421 always is)."""
    closed = closed or reply.code == 421
    if reply.code is None or not 200 <= reply.code <= 599 or 300 <= reply.code <= 399:
        return lost(phase, reply.text or "the server's answer could not be understood", reply=reply)
    if reply.code < 300:
        return Outcome(verdict=Verdict.ACCEPTED, phase=phase, scope=Scope.UNKNOWN, reply=reply, closed=closed)
    seen = _Seen(phase=phase, reply=reply, text=reply.text.lower(), permanent=_is_permanent(reply))
    rule = next(rule for rule in _RULES if rule.when(seen))
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


# --- the table ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    phase: Phase
    reply: Reply
    text: str
    permanent: bool

    def at(self, *phases: Phase) -> bool:
        return self.phase in phases

    def code(self, *codes: int) -> bool:
        return self.reply.code in codes

    def detail(self, *details: str) -> bool:
        """Whether the enhanced code is one of these, whatever its class digit."""
        return self.reply.enhanced.partition(".")[2] in details

    def says(self, pattern: str) -> bool:
        return re.search(pattern, self.text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """`permanent` None means what the reply's own class says; `stop` pauses the edition, in staff's words."""

    when: Callable[[_Seen], bool]
    scope: Scope
    permanent: bool | None = None
    stop: str = ""


_LOGIN = "The mail server refused our login"
_SENDER = "The mail server refuses our sender address"
_QUOTA = "The mail server's sending limit is reached"
_SIZE = "The message is larger than the mail server takes"
_ABUSE = "The mail server has blocked our account"
_GREETING = "The mail server does not want our connection"

_NO_SUCH_USER = (
    r"no such (user|recipient|mailbox|address|person)|user (is )?unknown|unknown (user|recipient|address|local)"
    r"|(user|recipient|mailbox|account|address) (does not|doesn't) exist|does not exist|no mailbox( here)? by that name"
    r"|invalid (recipient|mailbox|address|user)|(mailbox|recipient|user|address) (not found|is disabled|disabled|inactive)"
    r"|not a valid (mailbox|recipient|user)|unrouteable|account (has been )?(disabled|closed|deactivated)|address rejected"
)
_FULL = r"mailbox( is|'s)? (full|over)|over ?quota|quota (is )?exceeded|insufficient (system )?storage|storage (limit|space)"
_UNAUTHENTICATED = r"\bdmarc\b|unauthenticated|\bspf\b|\bdkim\b|sender policy framework"
_RELAY_DENIED = r"relay(ing)? (access )?(denied|not permitted|not allowed)|(not|un)(permitted|able|authori[sz]ed)? to relay|unable to relay"
_BLOCKED = r"block(ed|ing)? (using|list|by)|black-?list|blocklist|block list|spamhaus|reputation|ip address .*(blocked|rejected)"
_SPAM = r"spam|junk|content (rejected|filter)|unsolicited|bulk mail|message rejected|policy"
_DAILY = r"\b(daily|hourly|24.?hours?)\b.{0,30}(limit|quota)|(sending|outgoing|outbound) (limit|quota)"
_RATE = r"throttl|too many (messages|connections|emails)|rate limit|sending rate|try again later|unusual rate"

# Read from the top: the first that applies decides. The comments name the rule they carry out.
_RULES: tuple[_Rule, ...] = (
    # the session could not be opened
    _Rule(when=lambda s: s.at(Phase.AUTH), scope=Scope.SENDER, stop=_LOGIN),
    _Rule(when=lambda s: s.at(Phase.CONNECT, Phase.TLS, Phase.EHLO), scope=Scope.SENDER, stop=_GREETING),
    # the message as such is too big: a 552 at MAIL speaks of SIZE=, not of the sender
    _Rule(
        when=lambda s: s.permanent and (s.detail("3.4", "2.3") or (s.at(Phase.MAIL) and s.code(552))),
        scope=Scope.CONTENT,
        stop=_SIZE,
    ),
    # login demanded, switched off or expired
    _Rule(
        when=lambda s: (
            s.code(530, 534, 535, 538)
            or s.detail("7.139", "7.57")
            or (s.detail("7.30") and s.says("basic authentication"))
        ),
        scope=Scope.SENDER,
        permanent=True,
        stop=_LOGIN,
    ),
    # quotas of the submission host, whatever class they come in
    _Rule(
        when=lambda s: (s.detail("4.5") or s.says(_DAILY)) and not s.detail("2.2"),
        scope=Scope.SENDER,
        permanent=False,
        stop=_QUOTA,
    ),
    # mail loop through the relay, sender account disabled for abuse
    _Rule(
        when=lambda s: s.permanent and s.detail("4.6", "4.14", "1.8", "7.708"),
        scope=Scope.SENDER,
        stop=_ABUSE,
    ),
    # Yahoo: a 4xx that will not pass, and those that want hours
    _Rule(when=lambda s: s.says(r"permanently deferred|\[ts03\]"), scope=Scope.DESTINATION, permanent=True),
    _Rule(when=lambda s: s.says(r"\[tss?0\d\]"), scope=Scope.DESTINATION, permanent=False),
    # our domain is not authenticated as the receiver wants: never the recipient's fault
    _Rule(
        when=lambda s: (
            s.detail("7.26", "7.27", "7.29", "7.30", "7.31", "7.32", "7.40", "7.515")
            or s.says(_UNAUTHENTICATED)
        ),
        scope=Scope.SENDER,
    ),
    # the address is dead
    _Rule(
        when=lambda s: (
            s.permanent
            and s.at(Phase.RCPT, Phase.DATA, Phase.DOT)
            and (
                s.detail("1.1", "1.2", "1.3", "1.6", "1.10", "2.1") or (s.at(Phase.RCPT) and s.code(551, 556))
            )
        ),
        scope=Scope.RECIPIENT,
    ),
    # the mailbox is full: another day may be better, even where the server says 5xx
    _Rule(
        when=lambda s: (
            s.at(Phase.RCPT, Phase.DATA, Phase.DOT) and (s.detail("2.2") or s.code(552) or s.says(_FULL))
        ),
        scope=Scope.RECIPIENT,
        permanent=False,
    ),
    # the address cannot take what we send it (SMTPUTF8)
    _Rule(when=lambda s: s.permanent and s.detail("6.7"), scope=Scope.RECIPIENT),
    # slow down
    _Rule(
        when=lambda s: (
            not s.permanent and (s.detail("7.28", "3.2") or s.says(_RATE)) and not s.says("gr[ae]y-?list")
        ),
        scope=Scope.SENDER,
    ),
    # greylisting, and other passing troubles of one address
    _Rule(when=lambda s: not s.permanent and s.says("gr[ae]y-?list"), scope=Scope.RECIPIENT),
    # MAIL: about us
    _Rule(when=lambda s: s.at(Phase.MAIL) and not s.permanent, scope=Scope.SENDER),
    _Rule(when=lambda s: s.at(Phase.MAIL), scope=Scope.SENDER, stop=_SENDER),
    # relaying, reputation, content
    _Rule(when=lambda s: s.says(_RELAY_DENIED), scope=Scope.SENDER),
    _Rule(when=lambda s: s.permanent and s.says(_BLOCKED), scope=Scope.SENDER),
    _Rule(
        when=lambda s: s.permanent and s.at(Phase.RCPT) and s.says(_NO_SUCH_USER) and not s.detail("7.1"),
        scope=Scope.RECIPIENT,
    ),
    _Rule(when=lambda s: s.permanent and s.at(Phase.DATA, Phase.DOT) and s.says(_SPAM), scope=Scope.CONTENT),
    _Rule(when=lambda s: s.permanent and s.reply.enhanced.startswith("5.7."), scope=Scope.SENDER),
    _Rule(when=lambda s: s.permanent and s.at(Phase.DOT) and s.code(554), scope=Scope.CONTENT),
    # by the first digit; an unknown 5xx is not a strike against the address
    _Rule(when=lambda s: not s.permanent and s.at(Phase.RCPT), scope=Scope.RECIPIENT),
    _Rule(when=lambda _s: True, scope=Scope.UNKNOWN),
)


def _is_permanent(reply: Reply) -> bool:
    """5xx, unless the enhanced code's class disagrees: then it is taken as temporary."""
    assert reply.code is not None
    return reply.code >= 500 and not reply.enhanced.startswith("4.")


def _said(reply: Reply) -> str:
    code = f"{reply.code} " if reply.code is not None else ""
    return f"{code}{reply.text}".strip() or "no answer"
