"""The outbox: mail written to a maildir instead of sent, for trying things out and for looking at them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from digest.deliveries.model import Outcome, Phase, Reply, Scope, Verdict
from digest.deliveries.transports.base import BeforeBody, CannotOpen, Following, Lane
from digest.messages.model import Addressed

Opener = Callable[[Path], BinaryIO]


def _create(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


class Outbox:
    """Writes each message as one file into `new/` of a maildir that only its owner can read."""

    name = "outbox"

    def __init__(self, directory: Path, *, opener: Opener = _create) -> None:
        self._directory = directory
        self._opener = opener

    def lane(self) -> Lane:
        """A lane; all of them write into the same directory."""
        return _OutboxLane(self._directory, self._opener)


class _OutboxLane:
    def __init__(self, directory: Path, opener: Opener) -> None:
        self._directory = directory
        self._opener = opener
        self._ready = False

    async def open(self) -> None:
        if self._ready:
            return
        try:
            await asyncio.to_thread(self._make)
        except OSError as error:
            raise CannotOpen(self._trouble(error, Phase.CONNECT)) from error
        self._ready = True

    async def send(
        self, mail: Addressed, *, before_body: BeforeBody, following: Following | None = None
    ) -> Outcome:
        del following  # nothing is gained by knowing
        try:
            await self.open()
        except CannotOpen as error:
            return error.outcome
        await before_body()
        try:
            await asyncio.to_thread(self._write, mail)
        except OSError as error:
            return self._trouble(error, Phase.BODY)
        return Outcome(verdict=Verdict.ACCEPTED, phase=Phase.DOT, reply=Reply(text="written to the outbox"))

    async def close(self) -> None:
        self._ready = False

    def _make(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory.chmod(0o700)
        for name in ("tmp", "new", "cur"):
            (self._directory / name).mkdir(mode=0o700, exist_ok=True)

    def _write(self, mail: Addressed) -> None:
        # The name comes from the Message-ID, so a message written again replaces itself.
        name = f"{hashlib.sha256(mail.message_id.encode()).hexdigest()[:32]}.eml"
        draft = self._directory / "tmp" / name
        envelope = f"Return-Path: <{mail.mail_from}>\r\nDelivered-To: {mail.rcpt_to}\r\n".encode()
        try:
            with self._opener(draft) as file:
                file.write(envelope + mail.data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._directory / "new" / name)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise

    def _trouble(self, error: OSError, phase: Phase) -> Outcome:
        cause = error.strerror or str(error)
        sentence = (
            f"The outbox {self._directory} cannot be written: {cause}; nothing was lost, resume when it can."
        )
        return Outcome(
            verdict=Verdict.REFUSED, phase=phase, scope=Scope.SENDER, reply=Reply(text=cause), stop=sentence
        )
