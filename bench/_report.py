"""The figures as tables, printed and put into docs/performance.md between two markers."""

from __future__ import annotations

import os
import platform
import re
import statistics
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench._cases import AIOSMTPLIB, SMTP_SOURCE, Case, Run
from bench._processes import HERE, cores

PAGE = HERE / "docs/performance.md"
_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"
_LIBRARIES = ("aiosmtplib", "sqlalchemy", "psycopg", "cryptography")
Results = dict[Case, list[Run]]


def machine(folder: Path) -> list[str]:
    """What the figures were made on: they hold for nothing else."""
    versions = ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES)
    return [
        f"- {len(cores())} cores ({_processor()}), Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}",
        f"- {versions}",
        f"- others at work: load average {os.getloadavg()[0]:.1f} at the start; well above 0, all of this is too slow",
        f"- databases on {_filesystem(folder)}, where fdatasync takes {_sync_micros(folder):,.0f} µs (median)",
    ]


def tables(results: Results) -> list[str]:
    """One table for each server, size and distance, with the connections as a column."""
    lines: list[str] = []
    grounds = dict.fromkeys((case.place.server, case.place.size, case.place.away) for case in results)
    for server, size, away in grounds:
        road = f", {away} ms away there and back" if away else ""
        cases = [c for c in results if (c.place.server, c.place.size, c.place.away) == (server, size, away)]
        lines += ["", f"### {size} kB to {server}{road}", ""]
        lines += table(
            (
                "sender",
                "connections",
                "msg/s",
                "CPU each, µs",
                "÷ smtp-source",
                "÷ aiosmtplib",
                "server, µs",
                "MB",
            ),
            [_row(case, results) for case in cases],
        )
    return lines


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table as Markdown has it, with its columns straight for those who read it as text."""
    cells = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(head))]

    def line(row: Sequence[str]) -> str:
        first, *rest = (
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return f"| {' | '.join([first, *rest])} |"

    rule = "|".join(
        "-" * (width + 2) if n == 0 else "-" * (width + 1) + ":" for n, width in enumerate(widths)
    )
    return [line(cells[0]), f"|{rule}|", *map(line, cells[1:])]


def write(lines: Sequence[str]) -> None:
    """Put the figures where the last ones stand in the page."""
    page = PAGE.read_text(encoding="utf-8")
    fresh = "\n".join([_BEGIN, "", *lines, "", _END])
    PAGE.write_text(
        re.sub(f"{re.escape(_BEGIN)}.*{re.escape(_END)}", lambda _: fresh, page, flags=re.DOTALL),
        encoding="utf-8",
    )


def _row(case: Case, results: Results) -> tuple[str, ...]:
    runs = results[case]
    sent = [run for run in runs if run.sent]
    peak = max((run.peak for run in runs), default=0)
    return (
        case.label,
        str(case.place.lanes),
        _median((run.rate for run in runs), "{:,.0f}"),
        _median((run.each for run in sent), "{:,.0f}"),
        _ratio(case, SMTP_SOURCE, results),
        _ratio(case, AIOSMTPLIB, results),
        _median((run.server_cpu / run.sent * 1e6 for run in sent), "{:,.0f}"),
        f"{peak / 1024:.0f}" if peak else "",
    )


def _ratio(case: Case, base: str, results: Results) -> str:
    """The median of the ratios within one round each, so that a machine that slows down slows both."""
    against = results.get(Case(place=case.place, sender=base), [])
    pairs = zip(results[case], against, strict=False)
    return (
        ""
        if case.sender == base
        else _median((one.rate / other.rate for one, other in pairs if other.sent), "{:.2f}")
    )


def _median(values: Iterable[float], form: str) -> str:
    there = list(values)
    return form.format(statistics.median(there)) if there else "–"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "is not here"


def _processor() -> str:
    told = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", told, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _sync_micros(folder: Path) -> float:
    taken = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(100):
            file.write(bytes(4096))
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - start) * 1e6)
    return statistics.median(taken)


def _filesystem(folder: Path) -> str:
    """The kind of file system a folder is on: commits cost nothing in memory, and little on a disk that lies."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    here = folder.resolve()
    holding = [m for m in mounts if here.is_relative_to(m[1])]
    return max(holding, key=lambda m: len(m[1]))[2] if holding else "an unknown file system"
