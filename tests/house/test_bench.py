"""The measurement of sending counts honestly, and still fits the program and its page."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import _installation as installations
from bench import _report as report
from bench import sending
from bench._cases import AIOSMTPLIB, OURS, Case, Place, Range, Run
from bench._ground import Ground
from bench._installation import Installation
from bench._processes import BenchFailed
from bench._servers import OUR_SINK, OurSink, Server, far_away, our_sink
from bench._sink import Session, Sink

TALK = (
    b"EHLO me\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nOne\r\n..two\r\n.three\r\n\r\n.\r\n"
    b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n.\r\nRSET\r\nWHAT\r\nQUIT\r\n"
)
CODES = [b"250", b"250", b"250", b"354", b"250", b"250", b"250", b"354", b"250", b"250", b"502", b"221"]


@pytest.fixture
def sink() -> Iterator[OurSink]:
    with our_sink() as running:
        yield running


@given(cuts=st.lists(st.integers(0, len(TALK)), max_size=12))
def test_the_sink_counts_the_same_messages_however_the_bytes_arrive(cuts: list[int]) -> None:
    here, there = socket.socketpair()
    with here, there:
        server, session = Sink(), Session(here)
        places = [0, *sorted(cuts), len(TALK)]
        replies = b"".join(
            reply
            for start, end in itertools.pairwise(places)
            for reply in server._replies(session, session.rest + TALK[start:end])
        )
        assert [line[:3] for line in replies.split(b"\r\n")[:-1] if line[3:4] == b" "] == CODES
        assert (server._messages, session.ended) == (2, True)
        server._selector.close()


def test_a_road_carries_everything_and_takes_its_time(sink: OurSink) -> None:
    with (
        far_away(sink.port, milliseconds=60) as port,
        socket.create_connection(("127.0.0.1", port)) as client,
    ):
        client.settimeout(20)
        with client.makefile("rb") as replies:
            assert replies.readline().startswith(b"220 ")
            start = time.monotonic()
            client.sendall(b"MAIL\r\nRCPT\r\nDATA\r\n" + b"x" * 3_000_000 + b"\r\n.\r\n")
            codes = [replies.readline()[:3] for _ in range(4)]
            taken = time.monotonic() - start
            client.sendall(b"QUIT\r\n")
            assert [*codes, replies.read()[:3]] == [b"250", b"250", b"354", b"250", b"221"]
    assert taken >= 0.06
    assert sink.talk.ask("count")["bytes"] == 3_000_002


def test_our_own_run_is_counted_by_ledger_and_server_alike(sink: OurSink, tmp_path: Path) -> None:
    home = tmp_path / "home"
    readers = {"brief-10": 30, "sample-10": 1}
    made = installations.install(home, f"sqlite:///{home / 'digest.db'}", readers=readers)
    place = Place(server=OUR_SINK, size=10, lanes=4)
    ran = _range(sink, tmp_path, made=made).run(
        Case(place=place, sender=OURS, database="SQLite", signed=True)
    )
    assert ran.sent == 30 == sink.count()
    assert min(ran.rate, ran.each, ran.peak, ran.server_cpu + 1) > 0


def test_a_server_that_counts_otherwise_ends_the_measurement(sink: OurSink, tmp_path: Path) -> None:
    @dataclass
    class OneShort:
        port: int = sink.port

        def count(self) -> int:
            return max(0, sink.count() - 1)

        def cpu(self) -> float:
            return sink.cpu()

    (tmp_path / "10.eml").write_bytes(b"Subject: x\r\n\r\nx\r\n")
    case = Case(place=Place(server=OUR_SINK, size=10, lanes=2), sender=AIOSMTPLIB)
    with pytest.raises(BenchFailed, match=r"says that \d+ messages were accepted, and our sink counted"):
        _range(OneShort(), tmp_path, seconds=0.2).run(case)


def test_the_message_is_about_as_long_as_it_is_called(tmp_path: Path) -> None:
    home = tmp_path / "home"
    readers = {"sample-50": 1, "sample-10": 1}
    made = installations.install(home, f"sqlite:///{home / 'digest.db'}", readers=readers)
    lengths = [len(asyncio.run(installations.sample(made, f"sample-{size}"))) / 1000 for size in (50, 10)]
    assert lengths == [pytest.approx(50, rel=0.1), pytest.approx(10, rel=0.2)]


def test_a_ratio_is_taken_within_a_round() -> None:
    place = Place(server=OUR_SINK)
    ours, theirs = Case(place=place, sender=OURS, database="SQLite"), Case(place=place, sender=AIOSMTPLIB)

    def runs(*sent: int) -> list[Run]:
        return [Run(sent=n, seconds=1.0, cpu=0.001 * n) for n in sent]

    lines = report.tables({theirs: runs(100, 10, 50), ours: runs(200, 30, 400)})
    row = next(line for line in lines if line.startswith("| this program, SQLite"))
    assert [cell.strip() for cell in row.split("|")[2:8]] == ["64", "200", "1,000", "–", "3.00", "0"]


def test_the_page_of_performance_has_a_place_for_the_figures(monkeypatch, tmp_path: Path) -> None:
    page = report.PAGE.read_text()
    monkeypatch.setattr(report, "PAGE", tmp_path / "performance.md")
    report.PAGE.write_text(page)
    report.write(["| a \\1 figure |"])
    again = report.PAGE.read_text()
    assert again.count("<!-- measured: ") == 2
    assert "| a \\1 figure |" in again
    assert again.partition("<!--")[0] == page.partition("<!--")[0]
    report.write(["| another |"])
    assert "figure |" not in report.PAGE.read_text()


def test_every_part_can_be_asked_for_alone(sink: OurSink, tmp_path: Path) -> None:
    ground = Ground(folder=tmp_path, range=_range(sink, tmp_path), sink=sink, large={})
    asked = {part: list(sending._of_part(part, ground, quick=False)) for part in sending.PARTS}
    assert {part for part, cases in asked.items() if not cases} == {"launch", "memory", "first"}
    places = {(case.place.lanes, case.place.away) for cases in asked.values() for case in cases}
    assert places == {(lanes, away) for lanes in sending.LANES for away in (0, sending.FAR)}


def _range(server: Server, folder: Path, *, seconds: float = 20.0, made: Installation | None = None) -> Range:
    return Range(
        seconds=seconds,
        servers={OUR_SINK: server},
        ports={(OUR_SINK, 0): server.port},
        installations={"SQLite": made} if made else {},
        messages={10: folder / "10.eml"},
        key=installations.dkim_key(folder),
    )
