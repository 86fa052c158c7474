"""Two schedulers and two workers at once: still one edition, and one message each."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.journeys.place import BlogSite, Installation, stop, wait_until
from tests.journeys.test_main_job import PUBLICATION, editions_only, post, smtp
from tests.smtp_server import recording_server

WEDNESDAY = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
CUT_OFF = datetime(2026, 11, 18, 15, 0, 30, tzinfo=UTC)
SEND = datetime(2026, 11, 19, 9, 0, 30, tzinfo=UTC)


def test_two_schedulers_and_two_workers_make_one_edition_and_one_message_each(
    tmp_path: Path, empty_database_url: str
) -> None:
    place = Installation(home=tmp_path, database=empty_database_url)
    readers = [f"reader{n}@readers.example" for n in range(300)]
    (tmp_path / "readers.csv").write_text("email\n" + "\n".join(readers))
    with BlogSite() as site, recording_server() as server:
        site.posts = [post(n, published=WEDNESDAY - timedelta(hours=n)) for n in range(3)]
        place.configure(
            PUBLICATION.format(url=site.url).replace("[[", 'approval = "none"\n[[', 1), mail=smtp(server.port)
        )
        place.digest("migrate")
        place.digest(
            "subscribers", "import", tmp_path / "readers.csv", "--publication", "weekly", "--consent", "Fair"
        )
        place.digest("collect", "--now", WEDNESDAY.isoformat())

        together(place, "scheduler", "--once", "--now", CUT_OFF.isoformat())
        drafts = place.digest("editions", "list", "--json").json
        assert len(drafts) == 1, drafts

        workers = [place.start("worker"), place.start("worker")]
        try:
            together(place, "scheduler", "--once", "--now", SEND.isoformat())
            wait_until(
                lambda: place.digest("editions", "list", "--json").json[0]["state"] == "sent", workers[0]
            )
        finally:
            said = [stop(worker) for worker in workers]
        assert Counter(m.rcpt for m in editions_only(server.messages)) == Counter(readers)
        assert len(place.digest("editions", "list", "--json").json) == 1
        assert not re.search(r"@readers\.example", "".join(said)), "no address in a log"
        status = place.digest("deliveries", "status", "1", "--json").json
        assert status["audience"] == len(readers)
        assert sum(status["counts"].values()) == status["audience"]

        together(place, "scheduler", "--once", "--now", (SEND + timedelta(minutes=5)).isoformat())
        assert len(place.digest("editions", "list", "--json").json) == 1, "a later tick does nothing twice"


def together(place: Installation, *args: str) -> None:
    """Run the same command in two processes at once; both must end well."""
    command = [sys.executable, "-m", "digest", *args, "--config", str(place.config)]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    for process in both:
        said = process.communicate(timeout=60)[0]
        assert process.returncode == 0, said
