"""The table of replies: whose affair one is, by phase, code, enhanced code and words (pure).

The comments name what each row carries out; the words are those that mail servers and large receivers really use.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from digest.deliveries.model import Phase, Reply, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One reply as the table looks at it: `text` in lower case, `permanent` by its class."""

    phase: Phase
    reply: Reply
    text: str
    permanent: bool

    def at(self, *phases: Phase) -> bool:
        """Whether it came at one of these phases."""
        return self.phase in phases

    def code(self, *codes: int) -> bool:
        """Whether its code is one of these."""
        return self.reply.code in codes

    def detail(self, *details: str) -> bool:
        """Whether the enhanced code is one of these, whatever its class digit."""
        return self.reply.enhanced.partition(".")[2] in details

    def says(self, pattern: str) -> bool:
        """Whether its words match."""
        return re.search(pattern, self.text) is not None

    @property
    def is_policy(self) -> bool:
        """Whether its enhanced code speaks of security or policy, X.7.X."""
        return self.reply.enhanced[1:3] == ".7"

    @property
    def of_message(self) -> bool:
        """Whether it answers a recipient or a message, rather than the session or the sender."""
        return self.at(Phase.RCPT, Phase.DATA, Phase.DOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`permanent` None means what the reply's own class says; `stop` pauses the edition, in staff's words."""

    when: Callable[[Seen], bool]
    scope: Scope
    permanent: bool | None = None
    stop: str = ""


def first(seen: Seen) -> Rule:
    """The rule that decides: the first in the table that applies."""
    return next(rule for rule in _RULES if rule.when(seen))


_LOGIN: Final = "The mail server refused our login"
_SENDER: Final = "The mail server refuses our sender address"
_QUOTA: Final = "The mail server's sending limit is reached"
_SIZE: Final = "The message is larger than the mail server takes"
_ABUSE: Final = "The mail server has blocked our account"
_GREETING: Final = "The mail server does not want our connection"

_NO_SUCH_USER: Final = (
    r"no such (user|recipient|mailbox|address|person)|user (is )?unknown|unknown (user|recipient|address|local)"
    r"|(user|recipient|mailbox|account|address) (does not|doesn't) exist|does not exist|no mailbox( here)? by that name"
    r"|invalid (recipient|mailbox|address|user)|(mailbox|recipient|user|address) (not found|is disabled|disabled|inactive)"
    r"|not a valid (mailbox|recipient|user)|unrouteable|account (has been )?(disabled|closed|deactivated)|address rejected"
    r"|not our (user|customer)|user not exist|archived recipient|destinataire (invalide|archivee)"
)
# After the dot much else "does not exist" (sender domains, headers), so only words that can mean nothing else count.
_NO_SUCH_USER_AFTER_ALL: Final = r"\buser unknown|unknown user|no such user|mailbox not found|doesn't have an? \S+ account|user doesn't exist"
_FULL: Final = (
    r"(mailbox|inbox)( is|'s)? (full|over)|over ?quota|quota (is )?exceeded|exceeded (storage|its quota)"
    r"|storage (limit|space)|destinataire pleine"
)
_NO_ROOM: Final = r"insufficient (system |disk )?(storage|space|resources)|(disk|queue|spool)( is)? full"
_TOO_BIG: Final = r"message (is )?too (big|large)|message size (exceed|limit)|exceed\w* .{0,40}message size"
_UNAUTHENTICATED: Final = r"\bdmarc\b|unauthenticated|\bspf\b|\bdkim\b|sender policy framework"
_RELAY_DENIED: Final = (
    r"relay(ing)? (access )?(denied|not permitted|not allowed)|not (permitted|authori[sz]ed|able) to relay"
    r"|unable to relay|no relaying"
)
_OUR_SENDER: Final = (
    r"sender (address )?(rejected|verify failed|denied|not allowed|not verified)|domain of sender"
    r"|sender('s)? (domain|address).{0,40}(does not exist|not found|unknown)"
    r"|helo command rejected|client host rejected"
)
_NOT_OURS: Final = (
    r"not owned by (auth )?user|send ?as ?denied|permissions? to send as|not (allowed|authori[sz]ed) to (send as|perform)"
    r"|email address is not verified|failed the check in region|domain \S+ is not allowed to send:"
)
_LOG_IN: Final = r"authentication (is )?required|must (first )?(log ?in|authenticate)|turn on smtp auth"
_BLOCKED: Final = r"block(ed|ing)? (using|list|by)|black-?list|blocklist|block list|spamhaus|reputation|ip address .*(blocked|rejected)"
_SPAM: Final = (
    r"spam|junk|content (rejected|filter)|unsolicited|bulk mail|message rejected|mail rejected|policy|policies"
    r"|security (issue|policies)|virus"
)
_DAILY: Final = r"\b(daily|hourly|24.?hours?)\b.{0,30}(limit|quota)|(sending|outgoing|outbound) (limit|quota)|submission ?quota"
_RATE: Final = (
    r"throttl|too many (concurrent )?(\w+ )?(messages|connections|emails)|rate.?limit|sending rate|unusual rate"
    r"|slow down|trop de connexions"
)
_TO_ONE_READER: Final = (
    r"(trying to contact|recipient|mailbox) (is|was) receiving|receive limit|receiving (limit|quota)"
)

_SESSION: Final[tuple[Rule, ...]] = (
    # H1-H5: the session could not be opened
    Rule(when=lambda s: s.at(Phase.AUTH), scope=Scope.SENDER, stop=_LOGIN),
    Rule(when=lambda s: s.at(Phase.CONNECT, Phase.TLS, Phase.EHLO), scope=Scope.SENDER, stop=_GREETING),
)
_ACCOUNT: Final[tuple[Rule, ...]] = (
    # H19, A15: quotas of the submission host, whatever class they come in; never the reader's own
    Rule(
        when=lambda s: (
            (s.reply.enhanced == "5.4.5" or s.says(_DAILY))
            and (not s.detail("2.2") or s.says("submission"))
            and not s.says(_TO_ONE_READER)
        ),
        scope=Scope.SENDER,
        permanent=False,
        stop=_QUOTA,
    ),
    # H7: the message as such is too big: a 552 at MAIL speaks of SIZE=, not of the sender
    Rule(
        when=lambda s: s.permanent and s.detail("2.3") and s.says("recipsizelimit|for this recipient"),
        scope=Scope.CONTENT,
    ),
    Rule(
        when=lambda s: (
            s.permanent
            and (
                s.detail("3.4", "2.3")
                or (s.at(Phase.MAIL) and s.code(552) and not s.detail("2.2") and not s.is_policy)
                or (s.says(_TOO_BIG) and not s.says(_FULL))
            )
        ),
        scope=Scope.CONTENT,
        stop=_SIZE,
    ),
    # H4, A16: login demanded, switched off or expired
    Rule(
        when=lambda s: (
            s.code(530, 534, 535, 538)
            or s.detail("7.139", "7.57")
            or (s.detail("7.30") and s.says("basic authentication"))
            or (s.permanent and s.at(Phase.MAIL, Phase.RCPT) and s.says(_LOG_IN))
        ),
        scope=Scope.SENDER,
        permanent=True,
        stop=_LOGIN,
    ),
    # H6: an account that may not write under this name
    Rule(
        when=lambda s: (
            s.says(_NOT_OURS)
            or (s.permanent and s.detail("1.7", "1.8") and s.says("sender address rejected"))
        ),
        scope=Scope.SENDER,
        stop=_SENDER,
    ),
    # H20: mail loop through the relay, sender account disabled for abuse
    Rule(
        when=lambda s: (
            s.permanent
            and (
                s.detail("4.6", "4.14", "1.8", "7.501", "7.502", "7.503", "7.705", "7.708", "7.750")
                or s.says(r"sending (is )?paused for this account")
            )
        ),
        scope=Scope.SENDER,
        stop=_ABUSE,
    ),
)
_OURSELVES: Final[tuple[Rule, ...]] = (
    # H16, A11: Yahoo's 4xx that will not pass, and those that want hours
    Rule(when=lambda s: s.says(r"permanently deferred|\[ts03\]"), scope=Scope.DESTINATION, permanent=True),
    Rule(when=lambda s: s.says(r"\[tss?0\d\]"), scope=Scope.DESTINATION, permanent=False),
    # Postfix and Exim tell what they think of the sender at RCPT, where the recipient must not be charged
    Rule(when=lambda s: s.of_message and s.says(_OUR_SENDER), scope=Scope.SENDER),
    # H14: our domain or address is not authenticated as the receiver wants: never the recipient's fault
    Rule(
        when=lambda s: (
            (s.of_message or not s.permanent)
            and (
                s.detail("7.25", "7.26", "7.27", "7.29", "7.30", "7.31", "7.32", "7.40", "7.509", "7.515")
                or s.says(_UNAUTHENTICATED)
            )
        ),
        scope=Scope.SENDER,
    ),
)
_READER: Final[tuple[Rule, ...]] = (
    # the reader gets more mail than their host takes just now
    Rule(when=lambda s: s.of_message and s.says(_TO_ONE_READER), scope=Scope.RECIPIENT, permanent=False),
    # H8: the server has no room for anybody's mail, which says nothing of this mailbox
    Rule(
        when=lambda s: (
            not s.permanent and (s.detail("3.1", "4.5") or s.says(_NO_ROOM)) and not s.detail("2.2")
        ),
        scope=Scope.SENDER,
    ),
    # H11: the mailbox is full: another day may be better, even where the server says 5xx
    Rule(
        when=lambda s: (
            s.of_message
            and not s.is_policy
            and (s.detail("2.2") or (s.code(552) and not s.reply.enhanced) or s.says(_FULL))
        ),
        scope=Scope.RECIPIENT,
        permanent=False,
    ),
    # H9: the address is dead
    Rule(
        when=lambda s: (
            s.permanent
            and s.of_message
            and (
                s.detail("1.1", "1.2", "1.3", "1.6", "1.10", "1.351", "2.1")
                or (s.at(Phase.RCPT) and (s.detail("7.13") or (s.code(551, 556) and not s.is_policy)))
            )
        ),
        scope=Scope.RECIPIENT,
    ),
    # F4: the address cannot take what we send it (SMTPUTF8)
    Rule(when=lambda s: s.permanent and s.detail("6.7"), scope=Scope.RECIPIENT),
)
_PACE: Final[tuple[Rule, ...]] = (
    # H8: slow down; at RCPT "try again later" is the voice of greylisting
    Rule(
        when=lambda s: (
            not s.permanent
            and (
                s.detail("7.28", "3.2", "7.500", "7.650")
                or s.says(_RATE)
                or (s.says("try again later") and not s.at(Phase.RCPT))
            )
            and not s.says("gr[ae]y-?list")
        ),
        scope=Scope.SENDER,
    ),
    # H12: greylisting, and other passing troubles of one address
    Rule(when=lambda s: not s.permanent and s.says("gr[ae]y-?list"), scope=Scope.RECIPIENT),
)
_REST: Final[tuple[Rule, ...]] = (
    # H6: MAIL is about us
    Rule(when=lambda s: s.at(Phase.MAIL) and not s.permanent, scope=Scope.SENDER),
    Rule(when=lambda s: s.at(Phase.MAIL), scope=Scope.SENDER, stop=_SENDER),
    # H13, H15: relaying, reputation, content
    Rule(when=lambda s: s.says(_RELAY_DENIED), scope=Scope.SENDER),
    Rule(when=lambda s: s.permanent and s.says(_BLOCKED), scope=Scope.SENDER),
    # H10: words that name a dead address
    Rule(
        when=lambda s: (
            s.permanent
            and not s.is_policy
            and s.says(_NO_SUCH_USER if s.at(Phase.RCPT) else _NO_SUCH_USER_AFTER_ALL)
        ),
        scope=Scope.RECIPIENT,
    ),
    Rule(when=lambda s: s.permanent and s.at(Phase.DATA, Phase.DOT) and s.says(_SPAM), scope=Scope.CONTENT),
    Rule(when=lambda s: s.permanent and s.is_policy, scope=Scope.SENDER),
    Rule(when=lambda s: s.permanent and s.at(Phase.DOT) and s.code(554), scope=Scope.CONTENT),
    # H22, H26: by the first digit; an unknown 5xx is not a strike against the address
    Rule(when=lambda s: not s.permanent and s.at(Phase.RCPT), scope=Scope.RECIPIENT),
    Rule(when=lambda _s: True, scope=Scope.UNKNOWN),
)

# Read from the top: the first that applies decides.
_RULES: Final = _SESSION + _ACCOUNT + _OURSELVES + _READER + _PACE + _REST
