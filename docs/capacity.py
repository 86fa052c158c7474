"""Works out what so many messages a day need, each figure from a measured one; `make docs` puts it into operations.md."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from pathlib import Path

PAGE = Path(__file__).resolve().parent / "operations.md"
BEGIN, END = "<!-- capacity: begin -->", "<!-- capacity: end -->"
DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure that was measured, on a machine with two cores, and what it was measured with."""

    value: float
    unit: str
    what: str
    measured: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is wanted, and what nobody but you and your relay can know."""

    messages: int = 100_000_000
    hours: float = 10
    round_trip: float = 0.02
    relay_answers: float = 0.1
    relay_takes: float = 500
    lanes: int = 64
    days_kept: int = 14
    tried_again: float = 0.05
    bounces: float = 0.02
    leaving: float = 0.002


PROTOTYPE = "a prototype of this sending, 64 connections, ledger on the same machine"
LEDGER = "200,000 deliveries in this ledger on PostgreSQL 15, settled 64 at a time"
MEASURED = {
    "size": Figure(value=51_755, unit="bytes", what="one message", measured="a digest of 12 posts"),
    "worker": Figure(value=5_342, unit="a second", what="sent by one worker process", measured=PROTOTYPE),
    "signing": Figure(
        value=2_053,
        unit="a second",
        what="signed (RSA-2048) and sent by one worker process",
        measured=PROTOTYPE,
    ),
    "memory": Figure(
        value=42, unit="MB", what="memory of one worker, whatever the audience", measured=PROTOTYPE
    ),
    "rows": Figure(
        value=237, unit="bytes", what="one delivery with its indexes, when settled", measured=LEDGER
    ),
    "tries": Figure(value=162, unit="bytes", what="the evidence of one try, with its index", measured=LEDGER),
    "wal": Figure(value=718, unit="bytes", what="written ahead (WAL) for one message", measured=LEDGER),
    "claim": Figure(
        value=3.3, unit="µs", what="claiming one delivery, of a page of 1,000", measured="PostgreSQL 15"
    ),
    "settle": Figure(
        value=21, unit="µs", what="marking one and settling another, 64 in a commit", measured="PostgreSQL 15"
    ),
    "freeze": Figure(value=1.4, unit="s", what="freezing an audience of a million", measured="PostgreSQL 15"),
    "commits": Figure(
        value=3_944, unit="a second", what="commits of one row by one connection", measured="PostgreSQL 15"
    ),
}


def rows(asked: Asked) -> list[tuple[str, str, str]]:
    """What is needed, how much of it, and how that follows."""
    m = {name: figure.value for name, figure in MEASURED.items()}
    seconds = asked.hours * 3_600
    tries = asked.messages * (1 + asked.tried_again)
    rate = tries / seconds
    lane = 1 / (asked.round_trip + asked.relay_answers)
    lanes = ceil(rate / lane)
    per_message = m["claim"] + m["settle"]
    kept = asked.messages * m["rows"] + tries * m["tries"]
    back = asked.messages * (asked.bounces + asked.leaving)
    return [
        ("tries", f"{rate:,.0f} a second", f"{asked.messages:,} × {1 + asked.tried_again:.2f} ÷ {asked.hours:g} h"),
        ("connections to the relays", f"{lanes:,}", f"{rate:,.0f} ÷ (1 ÷ ({asked.round_trip:g} s + {asked.relay_answers:g} s)); one round trip each, and the relay's own time"),
        ("workers, for the connections", f"{ceil(lanes / asked.lanes)}", f"{lanes:,} ÷ {asked.lanes} lanes"),
        ("workers, for the processor", f"{ceil(2 * rate / m['worker'])}, or {ceil(2 * rate / m['signing'])} that sign", f"2 × {rate:,.0f} ÷ {m['worker']:,.0f}, or ÷ {m['signing']:,.0f}: twice what is needed, for one that dies"),
        ("memory of the workers", f"{ceil(lanes / asked.lanes) * m['memory']:,.0f} MB", f"{m['memory']:.0f} MB each"),
        ("relays", f"{ceil(rate / asked.relay_takes)}", f"{rate:,.0f} ÷ {asked.relay_takes:,.0f} a second (assumed: ask yours)"),
        ("out of the network", f"{rate * m['size'] * 8 / 1e9:.1f} Gbit/s, {tries * m['size'] / 1e12:.1f} TB a day", f"{m['size']:,.0f} bytes a message"),
        ("freezing the audiences", f"{asked.messages / 1e6 * m['freeze']:,.0f} s a day", f"{m['freeze']:g} s a million"),
        ("the database's time", f"{rate * per_message / 1e4:.0f} % of one core", f"{rate:,.0f} × {per_message:.1f} µs"),
        ("written ahead (WAL)", f"{rate * m['wal'] / 1e6:.1f} MB/s, {tries * m['wal'] / 1e9:,.0f} GB a day", f"{m['wal']:,.0f} bytes a message"),
        ("the ledger grows by", f"{kept / 1e9:,.0f} GB a day", f"{m['rows']:.0f} bytes a delivery and {m['tries']:.0f} a try"),
        (f"the ledger holds, kept {asked.days_kept} days", f"{kept * asked.days_kept / 1e12:.2f} TB", "one partition of each table a day, dropped whole"),
        ("what comes back", f"{back / DAY:,.0f} a second", f"{asked.bounces:.1%} bounce and {asked.leaving:.1%} leave (assumed); {back / DAY / m['commits']:.1%} of the commits that one connection can do"),
    ]  # fmt: skip


def table(asked: Asked | None = None) -> str:
    """The measured figures, and what follows from them, as two tables in Markdown."""
    asked = asked or Asked()
    known = [f"| {f.what} | {f.value:,.5g} {f.unit} | {f.measured} |" for f in MEASURED.values()]
    needed = [f"| {what} | {much} | {how} |" for what, much, how in rows(asked)]
    return "\n".join(
        [
            *("| measured | | with |", "|---|---|---|", *known, ""),
            *(f"| for {asked.messages:,} a day | | |", "|---|---|---|", *needed),
        ]
    )


def page(text: str) -> str:
    """`text` of operations.md with the tables as they follow from the figures; raises `ValueError` without their place."""
    if not 0 <= text.find(BEGIN) < text.find(END):
        raise ValueError(f"{PAGE} has no place for the tables: expected {BEGIN} and {END}")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
