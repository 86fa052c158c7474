"""Who must not be subscribed by anybody but themselves, and how that is said. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from subscribers.model import (
    WITHDRAWN,
    BarredReason,
    EndedReason,
    SubscribersError,
    Suppression,
    SuppressionReason,
)

# Which bar is shown when there are several: what the reader asked for before what we measured.
_GRAVEST = [
    SuppressionReason.ERASED,
    SuppressionReason.COMPLAINED,
    SuppressionReason.HARD_BOUNCE,
    SuppressionReason.SOFT_LIMIT,
    SuppressionReason.MANUAL,
]


_WHY_REFUSED = {
    BarredReason.UNSUBSCRIBED: "they unsubscribed; only signing up again themselves brings them back",
    BarredReason.UNSUBSCRIBED_ALL: "they unsubscribed from everything; only signing up again themselves brings them back",
    BarredReason.COMPLAINED: "they reported a mail as spam; only signing up again themselves brings them back",
    BarredReason.HARD_BOUNCE: "the address is suppressed: its mail server says it does not exist",
    BarredReason.SOFT_LIMIT: "the address is suppressed: it failed too many times",
    BarredReason.ERASED: "its owner asked to be forgotten",
    BarredReason.MANUAL: "the address is suppressed by staff",
}


class Refused(SubscribersError):
    """An address was not subscribed, because of what its owner decided or what is known of it."""

    def __init__(self, address: str, reason: BarredReason) -> None:
        self.reason = reason
        super().__init__(f"{address} was not subscribed: {why_refused(reason)}.")


class UnknownSubscriber(SubscribersError):
    """Nobody is known by this address."""

    def __init__(self, address: str) -> None:
        super().__init__(f"Nobody is known by the address {address}.")


def why_refused(reason: BarredReason) -> str:
    """The reason as a clause that staff read."""
    return _WHY_REFUSED[reason]


def withdrawn(endings: Iterable[tuple[int, EndedReason | None]], list_id: int) -> BarredReason | None:
    """Why this person must not be subscribed to the publication by anybody but themselves, if so.

    `endings` are their subscriptions, oldest first: which publication, and how it ended. What counts for a
    publication is how it ended last; having left everything, or complained, counts for all of them.
    """
    for number, reason in dict(endings).items():
        elsewhere = number != list_id
        if reason in WITHDRAWN and not (elsewhere and reason is EndedReason.UNSUBSCRIBED):
            return BarredReason(reason)
    return None


def gravest(suppressions: Sequence[Suppression]) -> BarredReason:
    """The bar that is shown when there are several."""
    return BarredReason(min((one.reason for one in suppressions), key=_GRAVEST.index).value)


def graver(reason: SuppressionReason, than: SuppressionReason | None) -> bool:
    """Whether a reason takes the place of the one that is shown now, if any."""
    return than is None or _GRAVEST.index(reason) < _GRAVEST.index(than)
