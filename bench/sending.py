"""How fast an edition goes out, beside what others send with: `python -m bench.sending [--quick] [--only …] [--write]`.

Every message that a sender or the ledger calls accepted was counted by the server too, or the run fails.
docs/performance.md says what is measured and how to read it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from bench import _large as large
from bench import _report as report
from bench._cases import (
    AIOSMTPLIB,
    OURS,
    SMTP_SOURCE,
    SMTPLIB,
    Case,
    Place,
    Range,
    most_workers,
)
from bench._ground import MEMORY, POSTGRES, POSTGRES_OFF, SQLITE, Ground, laid
from bench._processes import BenchFailed, nothing_hangs, program
from bench._servers import OUR_SINK, SMTP_SINK

FAR = 20  # milliseconds there and back, as to a relay in the next country
LANES = (1, 4, 16, 64)
MOST = 64
PARTS = {
    "ceiling": "50 kB to both servers, everybody who can send",
    "short": "10 kB to both servers",
    "lanes": "1 to 64 connections",
    "distance": f"a server {FAR} ms away, 1 to 64 connections",
    "signing": "signed with RSA-2048, by one worker and by one for each core",
    "workers": "1, 2 and 4 workers on PostgreSQL",
    "durability": "commits that wait for the disk, and that do not",
    "launch": "freezing a million readers",
    "memory": "a worker with a million readers",
    "first": "from a launch to its first message",
}
_QUICK = ("ceiling", "short", "distance", "signing", "launch", "first")
_FULL_MINUTES, _QUICK_MINUTES = 12, 2
_BUSY = 5  # so many times longer on a machine that others use too; then something hangs
_PATIENCE_MINUTES = {
    True: 4,
    False: 20,
}  # beyond the time planned, with `quick` and without; then cases are left out


def main() -> int:
    arguments = _arguments()
    minutes = _QUICK_MINUTES if arguments.quick else _FULL_MINUTES
    try:
        with nothing_hangs(minutes * 60 * _BUSY), laid(quick=arguments.quick, parts=arguments.only) as ground:
            lines = list(_measured(arguments, ground, deadline=time.monotonic() + minutes * 60 * 0.75))
    except BenchFailed as failed:
        print(f"bench sending: {failed}", file=sys.stderr)
        return 1
    if arguments.write:
        report.write(lines)
    return 0


def _measured(arguments: argparse.Namespace, ground: Ground, *, deadline: float) -> Iterator[str]:
    """Every line of the report, printed as soon as it is known."""
    for line in _lines(arguments, ground, deadline=deadline):
        print(line, flush=True)
        yield line


def _lines(arguments: argparse.Namespace, ground: Ground, *, deadline: float) -> Iterator[str]:
    yield f"Measured on {datetime.now(UTC):%d %B %Y} by `make bench ARGS={_call()}`, on:"
    yield ""
    yield from report.machine(ground.folder)
    yield from ground.absent
    wanted = arguments.only
    yield from _large(ground, wanted, quick=arguments.quick)
    cases = plan(wanted, ground, quick=arguments.quick)
    left, skipped, patience = len(cases), 0, _PATIENCE_MINUTES[arguments.quick] * 60
    for there in _by_table(cases).values():
        results: report.Results = {}
        for at_place in _by_place(there).values():
            if time.monotonic() > deadline + patience:
                skipped += len(at_place)
                continue
            share = (deadline - time.monotonic()) * len(at_place) / left
            _rounds(ground.range, at_place, results, rounds=arguments.rounds, until=time.monotonic() + share)
            left -= len(at_place)
        yield from report.tables(results)
        if results and (fewest := min(map(len, results.values()))) < arguments.rounds:
            yield f"\nFor lack of time only {fewest} instead of {arguments.rounds} rounds here."
    if skipped:
        yield f"\nFor lack of time {skipped} of {len(cases)} cases were not measured."


def plan(wanted: tuple[str, ...], ground: Ground, *, quick: bool) -> list[Case]:
    """Every case of the parts wanted and possible here, each once."""
    cases = [case for part in wanted for case in _of_part(part, ground, quick=quick)]
    return [case for case in dict.fromkeys(cases) if _can_be(case, ground)]


def _of_part(part: str, ground: Ground, *, quick: bool) -> Iterator[Case]:
    near = Place(server=SMTP_SINK if SMTP_SINK in ground.range.servers else OUR_SINK, lanes=MOST)
    if part in {"ceiling", "short"}:
        size = 50 if part == "ceiling" else 10
        for server in (SMTP_SINK, OUR_SINK):
            threads = (SMTPLIB,) if part == "ceiling" and not quick else ()
            yield from _compared(Place(server=server, size=size, lanes=MOST), threads)
    elif part in {"lanes", "distance"}:
        for lanes in (MOST,) if quick else LANES:
            away = FAR if part == "distance" else 0
            yield from _compared(Place(server=near.server, lanes=lanes, away=away))
    elif part == "signing":
        yield from _base(near)
        yield Case(place=near, sender=OURS, database=SQLITE, signed=True)
        for database in (SQLITE, POSTGRES) if not quick else ():
            for workers in (1, most_workers()):
                yield Case(place=near, sender=OURS, database=database, signed=True, workers=workers)
    elif part == "workers":
        yield from _base(near)
        for workers in (1, 2, 4):
            yield Case(place=near, sender=OURS, database=POSTGRES, workers=workers)
    elif part == "durability":
        yield from _base(near)
        for database in (SQLITE, MEMORY, POSTGRES, POSTGRES_OFF, *ground.settings):
            yield Case(place=near, sender=OURS, database=database)


def _compared(place: Place, others: tuple[str, ...] = ()) -> Iterator[Case]:
    yield from _base(place)
    yield from (Case(place=place, sender=sender) for sender in others)
    yield from (Case(place=place, sender=OURS, database=database) for database in (SQLITE, POSTGRES))


def _base(place: Place) -> Iterator[Case]:
    yield from (Case(place=place, sender=sender) for sender in (SMTP_SOURCE, AIOSMTPLIB))


def _can_be(case: Case, ground: Ground) -> bool:
    if case.sender == SMTP_SOURCE and program("smtp-source") is None:
        return False
    known = case.sender != OURS or case.database in ground.range.installations
    return known and case.place.server in ground.range.servers


def _by_table(cases: list[Case]) -> dict[tuple[str, int, int], list[Case]]:
    """Those that stand in one table, with few connections before many."""
    found: dict[tuple[str, int, int], list[Case]] = {}
    for case in cases:
        found.setdefault((case.place.server, case.place.size, case.place.away), []).append(case)
    return {key: sorted(there, key=lambda case: case.place.lanes) for key, there in found.items()}


def _by_place(cases: list[Case]) -> dict[Place, list[Case]]:
    found: dict[Place, list[Case]] = {}
    for case in cases:
        found.setdefault(case.place, []).append(case)
    return found


def _rounds(there: Range, cases: list[Case], results: report.Results, *, rounds: int, until: float) -> None:
    """Everybody once, then everybody again: what slows the machine down slows all of them down."""
    longest = 0.0
    for done in range(rounds):
        start = time.monotonic()
        if done and start + longest > until:
            return
        for case in cases:
            if sys.stderr.isatty():
                road = f", {case.place.away} ms" if case.place.away else ""
                where = f"{case.place.size} kB to {case.place.server}{road}, {case.place.lanes} connections"
                print(
                    f"\r{where}: {case.label}, round {done + 1}\x1b[K\r", end="", file=sys.stderr, flush=True
                )
            results.setdefault(case, []).append(there.run(case))
        longest = max(longest, time.monotonic() - start)


def _large(ground: Ground, wanted: tuple[str, ...], *, quick: bool) -> Iterator[str]:
    """What does not depend on others: a million readers, and the first message."""
    rows: list[tuple[str, ...]] = []
    for name, installation in ground.large.items():
        if "launch" in wanted:
            times = sorted(large.launches(installation, times=1 if quick else 3))
            shown = " · ".join(f"{seconds:.2f} s" for seconds in times)
            rows.append((f"launch for {large.READERS:,} readers, frozen and committed, {name}", shown))
        if "memory" in wanted:
            used = large.memory(installation, ground.sink, most=60_000, seconds=30)
            early = f"{used.at_early / 1024:.1f} MB after {used.early:,} messages"
            late = f"{used.at_late / 1024:.1f} MB after {used.late:,}"
            what = f"memory of a worker with {large.READERS:,} readers, {name}"
            rows.append((what, f"{early}, {late}; at most {used.peak / 1024:.1f} MB"))
    for name in (SQLITE, POSTGRES) if "first" in wanted else ():
        if name in ground.range.installations:
            found = large.first_messages(
                ground.range.installations[name], ground.sink, times=3 if quick else 9
            )
            times = sorted(found)
            shown = f"{times[len(times) // 2]:.2f} s, at most {times[-1]:.2f} s"
            rows.append((f"from a launch to its first message at the server, {name}", shown))
    if rows:
        yield ""
        yield from report.table(("of this program alone", ""), rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench sending", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer cases, shorter, one round: about a minute"
    )
    listed = "; ".join(f"{name}: {purpose}" for name, purpose in PARTS.items())
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=listed)
    parser.add_argument("--rounds", type=int, default=0, help="how often each sender runs at each place")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/performance.md")
    arguments = parser.parse_args()
    if arguments.write and arguments.only:
        parser.error("--write puts a whole report into the page; expected it without --only")
    arguments.only = tuple(arguments.only or (_QUICK if arguments.quick else PARTS))
    arguments.rounds = max(1, arguments.rounds or (1 if arguments.quick else 3))
    return arguments


def _call() -> str:
    words = ["sending", *(word for word in sys.argv[1:] if word != "--write")]
    return f'"{" ".join(words)}"' if len(words) > 1 else words[0]


if __name__ == "__main__":
    sys.exit(main())
