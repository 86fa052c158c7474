"""Hand over the messages that are not editions: what staff are told, and what readers have asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from digest.deliveries import replies
from digest.deliveries import store as deliveries
from digest.deliveries.allowlist import permits
from digest.deliveries.model import NoticeState, Outcome, QueuedNotice, Verdict
from digest.deliveries.transports.base import Lane
from digest.errors import DigestError
from digest.messages.mime import build_notice
from digest.workflows.compose import sender_for
from digest.workflows.parts import Parts

log = structlog.get_logger()

_LEASE_SECONDS = 900


async def send_notices(parts: Parts, *, now: Callable[[], datetime], stop: asyncio.Event) -> bool:
    """Send what waits, over a connection of its own; True when something was accepted, so that more may wait.

    Between two messages it ends when `stop` is set; what it had taken is tried again later.
    """
    due = await asyncio.to_thread(_take, parts, now())
    if not due:
        return False
    lane = parts.transport.lane()
    accepted = False
    try:
        for waiting in due:
            if stop.is_set():
                await asyncio.to_thread(_put_back, parts, waiting, now())
                continue
            accepted = await _send(parts, lane, waiting, now) or accepted
    finally:
        await lane.close()
    return accepted


def _take(parts: Parts, now: datetime) -> list[QueuedNotice]:
    with parts.database.transaction() as session:
        return deliveries.due_notices(session, now=now, lease_seconds=_LEASE_SECONDS)


def _put_back(parts: Parts, waiting: QueuedNotice, now: datetime) -> None:
    with parts.database.transaction() as session:
        deliveries.settle_notice(session, waiting.id, NoticeState.QUEUED, not_before=now)


async def _send(parts: Parts, lane: Lane, waiting: QueuedNotice, now: Callable[[], datetime]) -> bool:
    try:
        if not permits(parts.settings.mail.only, waiting.recipient):
            raise DigestError("not on mail.only")
        configured = parts.publication(waiting.publication)
        mail = build_notice(
            waiting.subject,
            waiting.html,
            waiting.text,
            sender_for(parts, waiting.publication),
            waiting.recipient,
            now=now(),
            message_id=waiting.key,
            language=waiting.language or configured.language,
            unsubscribe_url=waiting.unsubscribe_url,
            signer=parts.signer(),
        )
    except DigestError as error:
        await asyncio.to_thread(_settle, parts, waiting, NoticeState.FAILED, str(error), None)
        return False
    result = await lane.send(mail, before_body=_nothing_to_mark)
    state, again = _fate(result, waiting.attempts + 1, now())
    await asyncio.to_thread(_settle, parts, waiting, state, result.stop or result.reply.text, again)
    return state is NoticeState.ACCEPTED


def _settle(
    parts: Parts, waiting: QueuedNotice, state: NoticeState, reason: str, not_before: datetime | None
) -> None:
    with parts.database.transaction() as session:
        deliveries.settle_notice(session, waiting.id, state, reason=reason, not_before=not_before)
    if state is not NoticeState.ACCEPTED:
        log.warning("notice.not_sent", notice=waiting.id, state=state.value, reason=reason)


async def _nothing_to_mark() -> None:
    """A notice that arrives twice does no harm, so nothing is written before its body."""


def _fate(result: Outcome, attempts: int, now: datetime) -> tuple[NoticeState, datetime | None]:
    if result.verdict is Verdict.ACCEPTED:
        return NoticeState.ACCEPTED, None
    for_good = result.verdict is Verdict.REFUSED and not result.stop
    if for_good or attempts > len(replies.WAITS):
        return NoticeState.FAILED, None
    return NoticeState.QUEUED, now + replies.WAITS[attempts - 1]
