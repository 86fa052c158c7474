"""What becomes of a claimed delivery that no server was asked about."""

from __future__ import annotations

from datetime import datetime

from digest.deliveries.model import (
    Delivery,
    DeliveryState,
    Outcome,
    Phase,
    Reply,
    Scope,
    Settlement,
    Verdict,
)


def skipped(delivery: Delivery, reason: str) -> Settlement:
    """They must not be mailed, for the reason given."""
    return Settlement(
        position=delivery.position, before=DeliveryState.CLAIMED, state=DeliveryState.SKIPPED, reason=reason
    )


def put_off(delivery: Delivery, reason: str, until: datetime) -> Settlement:
    """It waits until then, and that is not held against it."""
    return Settlement(
        position=delivery.position,
        before=DeliveryState.CLAIMED,
        state=DeliveryState.PENDING,
        reason=reason,
        not_before=until,
    )


def unmailable(sentence: str) -> Outcome:
    """No message can be addressed to them, as `sentence` says."""
    return Outcome(
        verdict=Verdict.REFUSED, phase=Phase.CHECK, scope=Scope.RECIPIENT, reply=Reply(text=sentence)
    )
