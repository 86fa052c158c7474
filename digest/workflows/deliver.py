"""Deliver what is launched: editions to their readers, notices to staff, until nothing is due or told to stop."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog

import subscribers
from digest.database import Session
from digest.deliveries import replies
from digest.deliveries import store as deliveries
from digest.deliveries.allowlist import permits
from digest.deliveries.job import Job
from digest.deliveries.ledger import Readers, Skip
from digest.deliveries.model import UNSETTLED, NoticeState, Outcome, QueuedNotice, Verdict
from digest.deliveries.postman import Postman
from digest.deliveries.transports.base import Lane
from digest.editions import store as editions
from digest.editions.model import Edition, EditionId, EditionState
from digest.errors import DigestError
from digest.messages.mime import build_notice
from digest.messages.model import Reader, Rendered
from digest.messages.personalise import Compiled, compile_edition
from digest.workflows import limits
from digest.workflows.chosen import Selection
from digest.workflows.compose import edition_key, reader_for, sender_for
from digest.workflows.launch import NEWER, require_armed
from digest.workflows.notify import tell
from digest.workflows.own import Copies
from digest.workflows.parts import Parts

log = structlog.get_logger()

_IDLE_SECONDS = 1.0
_NOTICE_LEASE = 900
_LOOK_AGAIN = timedelta(minutes=5)
_LISTED = 500

Clock = Callable[[], datetime]


async def deliver(
    parts: Parts,
    *,
    edition_id: EditionId | None = None,
    now: Clock,
    until_done: bool,
    stop: asyncio.Event | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Mail what is due: all launched editions and waiting notices, or only the edition named.

    With `until_done` it returns when nothing is due any more at `now`, else it goes on until `stop` is set; then
    the messages on the wire are finished and the rest is released. `progress` hears how many deliveries of the
    edition are settled. Raises `NotArmed` when this installation may not send from this database, and `DigestError`
    when mail is to be signed with keys that cannot be used.
    """
    await asyncio.to_thread(parts.signer)
    worker = _Worker(
        parts, now=now, stop=stop or asyncio.Event(), progress=progress or (lambda _settled: None)
    )
    while not worker.stop.is_set():
        await asyncio.to_thread(require_armed, parts, now=now())
        busy = await worker.turn(edition_id)
        if until_done and not busy:
            return
        if not busy:
            await worker.rest()


class _Worker:
    def __init__(
        self, parts: Parts, *, now: Clock, stop: asyncio.Event, progress: Callable[[int], None]
    ) -> None:
        mail = parts.settings.mail
        self.stop = stop
        self._parts = parts
        self._now = now
        self._progress = progress
        self._not_before: datetime | None = None
        self._postman = Postman(
            database=parts.database,
            transport=parts.transport,
            owner=f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(6)}",
            clock=now,
            stop=stop,
            pace=limits.pace(mail),
            lanes=mail.lanes,
        )

    async def turn(self, edition_id: EditionId | None) -> bool:
        """Everything that is due, once; True when something was done, so that more may be due now."""
        busy = False
        if edition_id is None:
            busy = await self._send_notices()
        for edition in await asyncio.to_thread(self._sending, edition_id):
            if self.stop.is_set():
                break
            busy = await self._send_edition(edition) or busy
        return busy

    async def rest(self) -> None:
        """Wait a moment, or for the end."""
        try:
            await asyncio.wait_for(self.stop.wait(), _IDLE_SECONDS)
        except TimeoutError:
            return

    # --- editions -------------------------------------------------------------------------------------------

    def _sending(self, edition_id: EditionId | None) -> list[Edition]:
        with self._parts.database.reading() as session:
            found = editions.list_editions(session, limit=_LISTED, states=frozenset({EditionState.SENDING}))
        known = self._parts.settings.publications
        wanted = [e for e in found if e.publication in known and (edition_id is None or e.id == edition_id)]
        return sorted(wanted, key=lambda edition: edition.id)

    async def _send_edition(self, edition: Edition) -> bool:
        if self._not_before and self._now() < self._not_before:
            return False
        try:
            job, settled = await asyncio.to_thread(self._prepare, edition)
            if job is None:
                return await asyncio.to_thread(self._finish, edition)
            ran = await self._postman.run(job, progress=lambda more: self._progress(settled + more))
        except DigestError as error:
            await asyncio.to_thread(self._pause, edition, str(error))
            return True
        if ran.pause:
            await asyncio.to_thread(self._pause, edition, ran.pause)
        if ran.wait_seconds:
            # Sooner than told: the limit may be raised, and others may give back what they do not use.
            self._not_before = self._now() + min(timedelta(seconds=ran.wait_seconds), _LOOK_AGAIN)
        await asyncio.to_thread(limits.note, self._parts, edition, ran, now=self._now())
        finished = await asyncio.to_thread(self._finish, edition)
        return finished or ran.settled > 0

    def _prepare(self, edition: Edition) -> tuple[Job | None, int]:
        """What the postman needs, and how many deliveries are settled already; None when nothing is due."""
        parts, now = self._parts, self._now()
        with parts.database.transaction() as session:
            if _overtaken(session, edition):
                deliveries.fail_pending(session, edition.id, NEWER, only_retries=True, now=now)
            if not deliveries.is_due(session, [edition.id], now=now):
                return None, 0
            counts = deliveries.counts(session, edition.id)
            rendered = editions.snapshot(session, edition.id, Rendered)
        if rendered is None or rendered.fingerprint != edition.fingerprint:
            raise DigestError("What is stored is not what was approved: its fingerprint differs.")
        settled = sum(n for state, n in counts.items() if state not in UNSETTLED)
        configured = parts.publication(edition.publication)
        launched = edition.launched_at or now
        compiled = partial(
            compile_edition,
            sender=sender_for(parts, edition.publication, edition=edition),
            edition_key=edition_key(edition),
            sent_at=launched,
            signer=parts.signer(),
        )
        whole: Compiled = compiled(rendered)
        with parts.database.reading() as session:
            selection = Selection(session, parts, edition, rendered, now=now)
        job = Job(
            edition_id=edition.id,
            compiled=whole,
            readers=self._readers(
                edition.publication, Copies(selection, everybodys=whole, compiled=compiled)
            ),
            permitted=lambda address: permits(parts.settings.mail.only, address),
            going=lambda: self._is_sending(edition.id),
            give_up_at=launched + timedelta(seconds=configured.lateness),
            fresh=settled == 0,
        )
        return job, settled

    def _readers(self, publication: str, copies: Copies) -> Readers:
        parts = self._parts

        def readers(session: Session, subscriber_ids: Sequence[int]) -> Mapping[int, Reader | Skip]:
            found = subscribers.recipients(
                session,
                keys=parts.keys,
                publication=publication,
                subscriber_ids=subscriber_ids,
                now=self._now(),
            )
            answers: dict[int, Reader | Skip] = {
                n: Skip(reason=one.reason.value)
                for n, one in found.items()
                if isinstance(one, subscribers.Barred)
            }
            mailed = {n: one for n, one in found.items() if isinstance(one, subscribers.Recipient)}
            for n, copy in copies.of(session, mailed).items():
                if isinstance(copy, Skip):
                    answers[n] = copy
                    continue
                reader = reader_for(parts, publication, mailed[n])
                answers[n] = reader if copy is copies.everybodys else replace(reader, copy=copy)
            return answers

        return readers

    def _is_sending(self, edition_id: EditionId) -> bool:
        with self._parts.database.reading() as session:
            return editions.get(session, edition_id).state is EditionState.SENDING

    def _finish(self, edition: Edition) -> bool:
        """Call the edition sent once no delivery of it is left to do; True when that happened just now."""
        with self._parts.database.transaction() as session:
            current = editions.lock(session, edition.id)
            if current.state is not EditionState.SENDING or deliveries.unsettled(session, edition.id):
                return False
            editions.save(session, current.move_to(EditionState.SENT, at=self._now()))
            counts = deliveries.counts(session, edition.id)
        log.info("edition.sent", edition=edition.id, **{state.value: n for state, n in counts.items() if n})
        return True

    def _pause(self, edition: Edition, reason: str) -> None:
        with self._parts.database.transaction() as session:
            current = editions.lock(session, edition.id)
            if current.state is not EditionState.SENDING:
                return
            paused = current.move_to(EditionState.PAUSED, at=self._now(), reason=reason)
            editions.save(session, paused)
            tell(session, self._parts, edition.publication, "trouble", paused, now=self._now())
        log.error("edition.paused", edition=edition.id, reason=reason)

    # --- notices --------------------------------------------------------------------------------------------

    async def _send_notices(self) -> bool:
        due = await asyncio.to_thread(self._take_notices)
        if not due:
            return False
        lane = self._parts.transport.lane()
        accepted = False
        try:
            for waiting in due:
                accepted = await self._send_notice(lane, waiting) or accepted
        finally:
            await lane.close()
        return accepted

    def _take_notices(self) -> list[QueuedNotice]:
        with self._parts.database.transaction() as session:
            return deliveries.due_notices(session, now=self._now(), lease_seconds=_NOTICE_LEASE)

    async def _send_notice(self, lane: Lane, waiting: QueuedNotice) -> bool:
        try:
            if not permits(self._parts.settings.mail.only, waiting.recipient):
                raise DigestError("not on mail.only")
            configured = self._parts.publication(waiting.publication)
            mail = build_notice(
                waiting.subject,
                waiting.html,
                waiting.text,
                sender_for(self._parts, waiting.publication),
                waiting.recipient,
                now=self._now(),
                message_id=waiting.key,
                language=waiting.language or configured.language,
                unsubscribe_url=waiting.unsubscribe_url,
                signer=self._parts.signer(),
            )
        except DigestError as error:
            await asyncio.to_thread(self._settle_notice, waiting, NoticeState.FAILED, str(error), None)
            return False
        result = await lane.send(mail, before_body=_nothing_to_mark)
        state, again = _notice_fate(result, waiting.attempts + 1, self._now())
        await asyncio.to_thread(self._settle_notice, waiting, state, result.stop or result.reply.text, again)
        return state is NoticeState.ACCEPTED

    def _settle_notice(
        self, waiting: QueuedNotice, state: NoticeState, reason: str, not_before: datetime | None
    ) -> None:
        with self._parts.database.transaction() as session:
            deliveries.settle_notice(session, waiting.id, state, reason=reason, not_before=not_before)
        if state is not NoticeState.ACCEPTED:
            log.warning("notice.not_sent", notice=waiting.id, state=state.value, reason=reason)


async def _nothing_to_mark() -> None:
    """A notice that arrives twice does no harm, so nothing is written before its body."""


def _notice_fate(result: Outcome, attempts: int, now: datetime) -> tuple[NoticeState, datetime | None]:
    if result.verdict is Verdict.ACCEPTED:
        return NoticeState.ACCEPTED, None
    for_good = result.verdict is Verdict.REFUSED and not result.stop
    if for_good or attempts > len(replies.WAITS):
        return NoticeState.FAILED, None
    return NoticeState.QUEUED, now + replies.WAITS[attempts - 1]


def _overtaken(session: Session, edition: Edition) -> bool:
    """Whether a newer edition of the publication has gone out since."""
    later = editions.list_editions(
        session, edition.publication, 1, states=frozenset({EditionState.SENDING, EditionState.SENT})
    )
    return any(other.number > edition.number for other in later)
