"""Mail a proof: an edition as it stands, marked as a test, to people who want to see it in their own mailbox."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from digest.deliveries.allowlist import permits
from digest.deliveries.model import Verdict
from digest.deliveries.transports.base import Lane
from digest.editions import store as editions
from digest.editions.model import Edition, EditionId
from digest.messages.personalise import Compiled, Unmailable, compile_edition
from digest.messages.render import render
from digest.workflows.compose import content_for, edition_key, proof_reader, sender_for
from digest.workflows.launch import require_armed
from digest.workflows.parts import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofed:
    """What came of one proof: `outcome` is "accepted", or why not in words."""

    address: str
    outcome: str


async def proof(
    parts: Parts, edition_id: EditionId, *, addresses: Sequence[str], now: datetime
) -> list[Proofed]:
    """Mail the edition as it would be rendered now, marked [TEST], to each address.

    It consumes no posts and touches no ledger; its unsubscribe link leads to a page that explains.
    """
    edition, compiled = await asyncio.to_thread(_compile, parts, edition_id, now)
    lane = parts.transport.lane()
    try:
        return [
            Proofed(address=address, outcome=await _send(parts, lane, edition, compiled, address, now=now))
            for address in addresses
        ]
    finally:
        await lane.close()


def _compile(parts: Parts, edition_id: EditionId, now: datetime) -> tuple[Edition, Compiled]:
    require_armed(parts, now=now)
    with parts.database.reading() as session:
        edition = editions.get(session, edition_id)
    rendered = render(
        content_for(parts, edition, proof=True, now=now), parts.templates, nonce=secrets.token_hex(8)
    )
    key = f"{edition_key(edition)}-proof-{secrets.token_hex(6)}"  # every proof is a message of its own
    sender = sender_for(parts, edition.publication, edition=edition)
    return edition, compile_edition(rendered, sender, edition_key=key, sent_at=now, signer=parts.signer())


async def _send(
    parts: Parts, lane: Lane, edition: Edition, compiled: Compiled, address: str, *, now: datetime
) -> str:
    if not permits(parts.settings.mail.only, address):
        return "skipped: not on mail.only"
    try:
        mail = compiled.addressed(proof_reader(parts, edition, address), position_key=address, now=now)
    except Unmailable as error:
        return f"refused: {error}"
    result = await lane.send(mail, before_body=_nothing_to_mark)
    if result.verdict is Verdict.ACCEPTED:
        return "accepted"
    said = f"{result.reply.code or ''} {result.reply.text}".strip()
    return f"{result.verdict}: {result.stop or said}"


async def _nothing_to_mark() -> None:
    """A proof is not in the ledger."""
