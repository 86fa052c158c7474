"""One edition in one worker: what the postman needs to send it, one run after another, and what follows from each."""

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
from digest.database import DatabaseUnavailable, Session
from digest.deliveries import store as deliveries
from digest.deliveries.allowlist import permits
from digest.deliveries.job import LEASE_SECONDS, Job, Ran, Shift
from digest.deliveries.ledger import Readers, Skip
from digest.deliveries.model import UNSETTLED
from digest.deliveries.postman import Postman
from digest.editions import store as editions
from digest.editions.model import Edition, EditionState
from digest.errors import DigestError
from digest.messages.model import Reader, Rendered
from digest.messages.personalise import Compiled, compile_edition
from digest.workflows import limits
from digest.workflows.chosen import Selection
from digest.workflows.compose import edition_key, reader_for, sender_for
from digest.workflows.handed import Handed
from digest.workflows.launch import NEWER
from digest.workflows.notify import tell
from digest.workflows.own import Copies
from digest.workflows.parts import Parts

log = structlog.get_logger()

Clock = Callable[[], datetime]
_LOOK_AGAIN = timedelta(minutes=5)


class Sending:
    """An edition that is being sent, as one worker sees it; kept from run to run.

    With `shift` the chunks come from the engine, without it from their rows.
    """

    def __init__(
        self,
        parts: Parts,
        edition: Edition,
        *,
        now: Clock,
        progress: Callable[[int], None],
        shift: Shift | None = None,
    ) -> None:
        self._parts = parts
        self._edition = edition
        self._now = now
        self._progress = progress
        self._shift = shift
        self._handed: Handed | None = None
        self._not_before: datetime | None = None
        self._left_behind = False
        self._stop = asyncio.Event()
        self._owner = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(6)}"
        self._postman = Postman(
            database=parts.database,
            transport=parts.transport,
            owner=self._owner,
            clock=now,
            stop=self._stop,
            pace=limits.pace(parts.settings.mail),
            lanes=parts.settings.mail.lanes,
            lease_seconds=LEASE_SECONDS,
            survives=parts.settings.mail.survives,
        )

    def is_due(self, edition: Edition, shift: Shift | None) -> bool:
        """Whether there is something for this worker to send now; an edition with nothing left to do is called sent.

        `edition` is as it is stored now. What the engine should hand out and does not, it is told to.
        """
        self._edition, self._shift, now = edition, shift, self._now()
        if self._left_behind:
            self._give_back()
        if self._not_before and now < self._not_before:
            return False
        with self._parts.database.reading() as session:
            free = deliveries.free_chunks(session, edition.id, now=now)
            over = not deliveries.unsettled(session, edition.id)
        if over:
            self._finish()
        if self._parts.engine is None or shift is None:
            return bool(free)
        if not free:
            return False
        with self._parts.database.transaction() as session:
            self._parts.engine.offer(session, edition.id, free)
            return self._parts.engine.has_work(session, edition.id)

    async def run(self, lanes: int) -> bool:
        """Send what is due over `lanes`, until nothing is or `give_way`; True when something came of it.

        Raises `DatabaseUnavailable` once what was on the wire is finished.
        """
        edition = self._edition
        try:
            job, settled = await asyncio.to_thread(self._prepare, edition)
            if job is None:
                return await asyncio.to_thread(self._finish)
            ran = await self._go(job, lanes, lambda more: self._progress(settled + more))
        except DatabaseUnavailable:
            self._left_behind = True
            raise
        except DigestError as error:
            await asyncio.to_thread(self._pause, edition, str(error))
            return True
        finally:
            self._stop.clear()
        if ran.pause:
            await asyncio.to_thread(self._pause, edition, ran.pause)
        if ran.wait_seconds:
            # Sooner than told: the limit may be raised, and others may give back what they do not use.
            self._not_before = self._now() + min(timedelta(seconds=ran.wait_seconds), _LOOK_AGAIN)
        await asyncio.to_thread(limits.note, self._parts, edition, ran, now=self._now())
        finished = await asyncio.to_thread(self._finish)
        return finished or ran.settled > 0

    def give_way(self) -> None:
        """End the run: messages on the wire are finished, the rest is released."""
        self._stop.set()
        if self._handed:
            self._handed.close()

    def _give_back(self) -> None:
        """Release what the last run could not, since the database was gone; its fate is settled as for a dead worker."""
        edition_id = self._edition.id
        with self._parts.database.transaction() as session:
            for chunk in deliveries.kept_by(session, edition_id, self._owner):
                deliveries.release(session, chunk, self._owner, now=self._now())
        self._left_behind = False

    # --- one run --------------------------------------------------------------------------------------------

    async def _go(self, job: Job, lanes: int, progress: Callable[[int], None]) -> Ran:
        if self._shift is None:
            return await self._postman.run(job, progress=progress, lanes=lanes)
        handed = self._handed = Handed()
        handing = asyncio.create_task(self._shift.hand_out(job.edition_id, self.deliver_chunk))
        handing.add_done_callback(lambda _task: handed.close())
        try:
            if self._stop.is_set():
                handed.close()
            return await self._postman.run(job, progress=progress, lanes=lanes, chunks=handed)
        finally:
            handing.cancel()
            handed.end()
            self._handed = None
            ended = (await asyncio.gather(handing, return_exceptions=True))[0]
            if isinstance(ended, Exception):
                raise ended

    async def deliver_chunk(self, chunk_id: int) -> datetime | None:
        """Work on one chunk, whoever hands it to us; it knows no engine.

        Its lease is taken, what a dead predecessor left is settled, it is sent, renewed and finished by the run that
        is going on. Returns when to come back, None when nothing in it is left: after the lease where somebody else
        holds it, or where an answer of the server's is long in coming; when its next retry is due.
        """
        again = await asyncio.to_thread(self._free_again, chunk_id)
        if again is None or again > self._now() or self._handed is None:
            return again
        await self._handed.deliver(chunk_id)
        return await asyncio.to_thread(self._free_again, chunk_id)

    def _free_again(self, chunk_id: int) -> datetime | None:
        with self._parts.database.reading() as session:
            return deliveries.free_again(session, chunk_id)

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
            going=self._is_sending,
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

    def _is_sending(self) -> bool:
        with self._parts.database.reading() as session:
            return editions.get(session, self._edition.id).state is EditionState.SENDING

    # --- what follows ---------------------------------------------------------------------------------------

    def _finish(self) -> bool:
        """Call the edition sent once no delivery of it is left to do; True when that happened just now."""
        edition_id, now = self._edition.id, self._now()
        with self._parts.database.transaction() as session:
            current = editions.lock(session, edition_id)
            if current.state is not EditionState.SENDING:
                return False
            if _overtaken(session, current):
                deliveries.fail_pending(session, edition_id, NEWER, only_retries=True, now=now)
            if deliveries.unsettled(session, edition_id):
                return False
            editions.save(session, current.move_to(EditionState.SENT, at=now))
            if self._parts.engine is not None:
                self._parts.engine.forget(session, edition_id)
            counts = deliveries.counts(session, edition_id)
        log.info("edition.sent", edition=edition_id, **{state.value: n for state, n in counts.items() if n})
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


def _overtaken(session: Session, edition: Edition) -> bool:
    """Whether a newer edition of the publication has gone out since."""
    later = editions.list_editions(
        session, edition.publication, 1, states=frozenset({EditionState.SENDING, EditionState.SENT})
    )
    return any(other.number > edition.number for other in later)
