"""What every verb works with, built once per process by `digest.wiring`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import subscribers
from digest.database import Database
from digest.deliveries.job import Engine
from digest.deliveries.transports.base import Transport
from digest.errors import DigestError
from digest.messages.dkim import Signer
from digest.posts.sources.http import Client
from digest.settings import Publication, Settings
from digest.templating import Templates


def unsigned() -> None:
    """No keys: the mail server signs, or nobody does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The configuration and the live parts of one process.

    `client` opens a fresh guarded HTTP client; relative paths in the settings are taken from `home`. `signer` reads
    the keys that mail is signed with when first asked, so that only a process that sends needs them; it gives None
    where none are configured, and raises `DigestError` for keys that cannot be used. `engine` hands out work to several
    machines; without one the rows of the ledger do.
    """

    settings: Settings
    database: Database
    templates: Templates
    keys: subscribers.Keys
    transport: Transport
    client: Callable[[], Client]
    home: Path = Path()
    signer: Callable[[], Signer | None] = unsigned
    engine: Engine | None = None

    def publication(self, slug: str) -> Publication:
        """The publication configured under `slug`; raises `DigestError` naming those there are."""
        try:
            return self.settings.publications[slug]
        except KeyError:
            known = ", ".join(sorted(self.settings.publications)) or "none"
            raise DigestError(
                f'There is no publication "{slug}" in the configuration; there are: {known}.'
            ) from None
