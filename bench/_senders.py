"""What others send with, each in a process of its own: `python -m bench._senders aiosmtplib|smtplib …`.

They send one constant message over connections that they keep, until the time is over; nothing is personalised
and nothing is written down. One line of JSON says how many were accepted, in how long, and what it cost.
"""

from __future__ import annotations

import asyncio
import json
import smtplib
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import aiosmtplib

SENDER, READER = "brief@example.org", "reader@example.net"
_PATIENCE = 60


async def _with_aiosmtplib(port: int, message: bytes, *, lanes: int, seconds: float) -> int:
    end = time.monotonic() + seconds

    async def lane() -> int:
        sent = 0
        client = aiosmtplib.SMTP(
            hostname="127.0.0.1", port=port, use_tls=False, start_tls=False, timeout=_PATIENCE
        )
        async with client:
            while time.monotonic() < end:
                await client.sendmail(SENDER, [READER], message)
                sent += 1
        return sent

    return sum(await asyncio.gather(*(lane() for _ in range(lanes))))


def _with_smtplib(port: int, message: bytes, *, lanes: int, seconds: float) -> int:
    end = time.monotonic() + seconds
    sent: list[int] = []  # one number for each thread that came to its end

    def lane() -> None:
        mine = 0
        with smtplib.SMTP("127.0.0.1", port, timeout=_PATIENCE) as client:
            while time.monotonic() < end:
                client.sendmail(SENDER, [READER], message)
                mine += 1
        sent.append(mine)

    threads = [threading.Thread(target=lane) for _ in range(lanes)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    if len(sent) < lanes:
        raise SystemExit(1)  # what the thread said stands on standard error
    return sum(sent)


def main(name: str, port: int, file: Path, lanes: int, seconds: float) -> None:
    message = file.read_bytes()
    senders: dict[str, Callable[[], int]] = {
        "aiosmtplib": lambda: asyncio.run(_with_aiosmtplib(port, message, lanes=lanes, seconds=seconds)),
        "smtplib": lambda: _with_smtplib(port, message, lanes=lanes, seconds=seconds),
    }
    start, busy = time.monotonic(), time.process_time()
    sent = senders[name]()
    taken, cpu = time.monotonic() - start, time.process_time() - busy
    print(json.dumps({"sent": sent, "seconds": taken, "cpu": cpu}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
