"""What may stand in an SMTP envelope: nothing that ends a path or a command line, and beyond ASCII only by leave."""

from __future__ import annotations

import re

from digest.deliveries.model import Outcome, Phase, Reply, Scope, Verdict
from digest.messages.model import Addressed

_ODD = re.compile(r"[\x00-\x20\x7f<>\ud800-\udfff]")


def smuggled(mail: Addressed) -> Outcome | None:
    """Why `mail` cannot be put into commands at all, whatever made its addresses; None where it can."""
    for address, scope in ((mail.rcpt_to, Scope.RECIPIENT), (mail.mail_from, Scope.SENDER)):
        if _ODD.search(address):
            return _refused(scope, "the address is not one that SMTP can carry")
    return None


def needs_smtputf8(mail: Addressed) -> bool:
    """Whether an address of `mail` is not ASCII (RFC 6531)."""
    return mail.smtputf8 or not (mail.rcpt_to.isascii() and mail.mail_from.isascii())


def beyond_ascii(mail: Addressed) -> Outcome:
    """What comes of `mail` at a server without SMTPUTF8."""
    scope = Scope.RECIPIENT if mail.mail_from.isascii() else Scope.SENDER
    return _refused(scope, "the mail server does not take addresses outside ASCII (SMTPUTF8)")


def _refused(scope: Scope, sentence: str) -> Outcome:
    """Refused before the server was asked; a sender address that cannot be used stops the edition."""
    return Outcome(
        verdict=Verdict.REFUSED,
        phase=Phase.CHECK,
        scope=scope,
        reply=Reply(text=sentence),
        stop=f"Our own sender address cannot be used: {sentence}." if scope is Scope.SENDER else "",
    )
