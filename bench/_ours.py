"""One worker of this program, as an operator runs it, in a process of its own: `python -m bench._ours HOME …`.

It is ready when it says so, starts at a line on its input, and says what it did: claimed, personalised, sent,
settled and written down, through the verb that `digest worker` runs.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digest import logs, wiring
from digest.settings import load
from digest.workflows import deliver
from digest.workflows.parts import Parts

_LOOKS = 10  # at the memory in use, evenly over the run


def main(home: Path, edition_id: int | None, seconds: float, most: int) -> None:
    """Deliver one edition for so many seconds or messages; without one, whatever is launched meanwhile."""
    logs.set_up(level="ERROR")
    parts = wiring.build(load(home / "digest.toml"), home=home)
    wiring.require_current(parts)
    _say({"ready": True})
    if sys.stdin.readline():
        _say(asyncio.run(_run(parts, edition_id, seconds=seconds, most=most)))
    parts.database.dispose()


async def _run(parts: Parts, edition_id: int | None, *, seconds: float, most: int) -> dict[str, Any]:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.call_later(seconds, stop.set)
    if edition_id is None:  # told to stop by a second line
        loop.add_reader(0, stop.set)
    settled = 0
    seen: list[tuple[int, int]] = []

    def progress(done: int) -> None:
        nonlocal settled
        settled = done
        if most and done >= most:
            stop.set()
        # By messages where their number is the limit, so that the first look is at a tenth of the way.
        if most and done * _LOOKS >= most * (len(seen) + 1):
            seen.append((done, _memory("VmRSS")))

    start, busy = time.monotonic(), time.process_time()
    await deliver.deliver(
        parts,
        edition_id=edition_id,
        now=_now,
        until_done=edition_id is not None,
        stop=stop,
        progress=progress,
    )
    end = time.monotonic()
    return {
        "settled": settled,
        "start": start,
        "end": end,
        "cpu": time.process_time() - busy,
        "peak": _memory("VmHWM"),
        "seen": seen,
    }


def _memory(name: str) -> int:
    """Kilobytes in use now (VmRSS) or at most so far (VmHWM), as the kernel counts them."""
    found = re.search(
        rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE
    )
    return int(found[1]) if found else 0


def _now() -> datetime:
    return datetime.now(UTC)


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) or None, float(sys.argv[3]), int(sys.argv[4]))
