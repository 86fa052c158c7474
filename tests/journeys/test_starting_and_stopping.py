"""The long-running processes start, say so, and stop at SIGTERM with nothing left in the air."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.journeys.place import BlogSite, Installation, answers, free_port, request, stop, wait_until
from tests.journeys.test_main_job import PUBLICATION, editions_only, post, smtp
from tests.smtp_server import recording_server


def test_everything_in_one_process_stops_gently_in_the_middle_of_a_send(
    tmp_path: Path, empty_database_url: str
) -> None:
    place = Installation(home=tmp_path, database=empty_database_url, port=free_port())
    readers = 200
    rows = "\n".join(f"reader{n}@readers.example" for n in range(readers))
    (tmp_path / "readers.csv").write_text(f"email\n{rows}\n")
    with BlogSite() as site, recording_server() as server:
        site.posts = [post(1, published=datetime.now(UTC) - timedelta(hours=1))]
        place.configure(PUBLICATION.format(url=site.url), mail=smtp(server.port) + "max_per_second = 20\n")
        place.digest("migrate")
        place.digest(
            "subscribers", "import", tmp_path / "readers.csv", "--publication", "weekly", "--consent", "Fair"
        )
        place.digest("collect")
        place.digest("editions", "cut", "weekly")
        place.digest("editions", "approve", "1")
        place.digest("editions", "send", "1")
        process = place.start("run", "--port", str(place.port))
        try:
            wait_until(lambda: answers(place.port) and len(editions_only(server.messages)) > 5, process)
            assert request(place.port, "GET", "/ready")[0] == 200
        finally:
            said = stop(process)
        assert process.returncode == 0, said
        assert all(f"{part}.stopped" in said for part in ("web", "scheduler", "worker")), said

        counts = place.digest("deliveries", "status", "1", "--json").json["counts"]
        mailed = len(editions_only(server.messages))
        assert counts["accepted"] == mailed < readers, "it was stopped in the middle"
        assert counts["accepted"] + counts["pending"] == readers, "nothing is claimed, under way or uncertain"


def test_an_installation_that_is_not_armed_launches_nothing_and_arming_moves_the_right_to_send(
    tmp_path: Path,
) -> None:
    place = Installation(home=tmp_path, database=f"sqlite:///{tmp_path / 'digest.db'}")
    with BlogSite() as site:
        site.posts = [post(1, published=datetime.now(UTC) - timedelta(hours=1))]
        place.configure(PUBLICATION.format(url=site.url))
        for command in (
            ["migrate"],
            ["arm"],
            ["subscribers", "add", "ada@readers.example", "--publication", "weekly", "--consent", "Fair"],
            ["collect"],
            ["editions", "cut", "weekly"],
            ["editions", "approve", "1"],
        ):
            place.digest(*command)
        production = place.config.read_text()
        place.config.write_text(production.replace('instance = "journey"', 'instance = "laptop"'))
        for command in (["editions", "send", "1", "--wait"], ["worker", "--once"]):
            told = place.digest(*command, check=False)
            assert (told.code, told.out) == (1, "")
            assert 'sends for instance "journey", and this installation is "laptop"' in told.err
        assert place.digest("editions", "show", "1", "--json").json["state"] == "approved"
        assert not (tmp_path / "outbox").exists()

        place.digest("arm")
        sent = place.digest("editions", "send", "1", "--wait", "--json").json
        assert (sent["state"], sent["counts"]["accepted"]) == ("sent", 1)
        place.config.write_text(production)
        assert place.digest("worker", "--once", check=False).code == 1, "the other may no longer send"


@pytest.mark.parametrize("what", ["web", "run"])
def test_a_port_that_is_taken_is_said_in_one_sentence(tmp_path: Path, what: str) -> None:
    place = Installation(home=tmp_path, database=f"sqlite:///{tmp_path / 'digest.db'}")
    place.configure("")
    place.digest("migrate")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = place.digest(what, "--port", str(port), check=False)
    assert told.code == 1
    assert told.err == f"Port {port} of 127.0.0.1 cannot be listened on: Address already in use.\n"


@pytest.mark.parametrize("part", ["scheduler", "worker"])
def test_each_part_stops_when_told_and_says_so(tmp_path: Path, part: str) -> None:
    place = Installation(home=tmp_path, database=f"sqlite:///{tmp_path / 'digest.db'}")
    place.configure("")
    place.digest("migrate")
    process = place.start(part)
    try:
        assert process.stdout is not None
        assert f"{part}.started" in process.stdout.readline()
    finally:
        said = stop(process)
    assert process.returncode == 0
    assert f"{part}.stopped" in said
