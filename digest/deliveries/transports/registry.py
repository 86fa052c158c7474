"""Which transports there are, by the name that `mail.transport` gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from digest.deliveries.transports.base import Transport, TransportConfig
from digest.deliveries.transports.outbox import Outbox
from digest.deliveries.transports.smtp import Smtp

TRANSPORTS: Final[dict[str, Callable[[TransportConfig], Transport]]] = {
    "outbox": lambda config: Outbox(config.outbox_dir),
    "smtp": Smtp,
}


def build(config: TransportConfig) -> Transport:
    """The transport that `config.kind` names."""
    return TRANSPORTS[config.kind](config)
