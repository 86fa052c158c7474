"""Whatever is wrong outside, staff and operators read one clear sentence, and nothing is lost."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.journeys.place import BlogSite, Installation, free_port
from tests.journeys.test_main_job import PUBLICATION, editions_only, post, smtp
from tests.smtp_server import Step, recording_server

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return Installation(home=tmp_path, database=f"sqlite:///{tmp_path / 'digest.db'}")


def ready(
    place: Installation, site: BlogSite, *, mail: str = '[mail]\ntransport = "outbox"\n', readers: int = 3
) -> None:
    place.configure(PUBLICATION.format(url=site.url), mail=mail)
    place.digest("migrate")
    for number in range(readers):
        place.digest(
            "subscribers",
            "add",
            f"reader{number}@readers.example",
            "--publication",
            "weekly",
            "--consent",
            "Fair",
        )


def sent(place: Installation, site: BlogSite, number: int = 1) -> dict[str, object]:
    site.posts = [post(number, published=NOW), *site.posts]
    place.digest("collect", "--force", "--now", NOW.isoformat())
    cut = place.digest("editions", "cut", "weekly", "--json", "--now", NOW.isoformat()).json
    place.digest("editions", "approve", str(cut["edition"]))
    told = place.digest("editions", "send", str(cut["edition"]), "--wait", "--json", check=False)
    return {"edition": cut["edition"], **json.loads(told.out or "{}"), "code": told.code, "err": told.err}


def test_a_broken_configuration_is_said_in_sentences_with_key_value_and_what_was_expected(
    place: Installation,
) -> None:
    place.configure(PUBLICATION.format(url="http://127.0.0.1:9").replace("Europe/London", "Europe/Lodnon"))
    told = place.digest("collect", check=False)
    assert told.code == 1
    assert 'publications.weekly.timezone is "Europe/Lodnon"' in told.err
    assert 'did you mean "Europe/London"?' in told.err


def test_a_database_without_tables_is_named_with_the_remedy(place: Installation) -> None:
    place.configure(PUBLICATION.format(url="http://127.0.0.1:9"))
    told = place.digest("editions", "list", check=False)
    assert told.code == 1
    assert "digest migrate" in told.err


def test_an_unreachable_feed_fails_alone_and_its_posts_wait(place: Installation) -> None:
    with BlogSite() as site:
        site.posts = [post(1, published=NOW)]
        dead = f'[[publications.weekly.sources]]\nkind = "rss"\nurl = "http://127.0.0.1:{free_port()}/feed"\nallow_private = true\n'
        place.configure(PUBLICATION.format(url=site.url) + dead)
        place.digest("migrate")
        told = place.digest("collect", "--json", "--now", NOW.isoformat(), check=False)
        assert told.code == 1
        by_state = {one["state"]: one for one in told.json}
        assert by_state["ok"]["new"] == 1
        assert by_state["failed"]["error"].endswith(".")
        coming = place.digest("editions", "next", "weekly", "--json", "--now", NOW.isoformat()).json
        assert [item["title"] for item in coming["items"]] == ["Post number 1 of the blog"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            (200, "text/html", b"<!doctype html><html><body>Please log in" + b"." * 2000 + b"</body></html>"),
            "web page",
        ),
        ((200, "application/rss+xml", b"<rss><channel>" + b" " * 200_000_000), "sent more than 5 MB"),
        ((500, "text/plain", b"oh no"), "500"),
    ],
    ids=["login page", "200 MB", "broken site"],
)
def test_what_is_no_feed_is_a_failure_and_never_nothing_new(
    place: Installation, answer: tuple[int, str, bytes], said: str
) -> None:
    with BlogSite() as site:
        site.answer = answer
        place.configure(PUBLICATION.format(url=site.url))
        place.digest("migrate")
        told = place.digest("collect", "--json", "--now", NOW.isoformat(), check=False)
        assert told.code == 1
        (one,) = told.json
        assert one["state"] == "failed"
        assert said in one["error"]
        (health,) = place.digest("sources", "--json").json
        assert health["last_error"] == one["error"]
        assert health["last_success_at"] is None
        assert health["next_try_at"] > NOW.isoformat()
        site.answer, site.posts = None, [post(1, published=NOW)]
        again = place.digest(
            "collect", "--force", "--json", "--now", (NOW + timedelta(hours=7)).isoformat()
        ).json
        assert again[0]["new"] == 1


def test_a_bad_row_is_reported_by_its_line_and_the_rest_is_imported(place: Installation) -> None:
    place.configure(PUBLICATION.format(url="http://127.0.0.1:9"))
    place.digest("migrate")
    file = place.home / "readers.csv"
    file.write_text("email,name\nada@readers.example,Ada\nnot an address,Bela\nchidi@readers.example,Chidi\n")
    told = place.digest(
        "subscribers", "import", file, "--publication", "weekly", "--consent", "Fair", "--json", check=False
    )
    result = told.json
    assert (result["read"], result["added"], result["refused"]) == (3, 2, 1)
    assert result["errors"][0]["line"] == 3
    assert result["errors"][0]["value"] == "not an address"


def test_a_refused_recipient_stops_nobody_else(place: Installation) -> None:
    def script(step: Step) -> str | None:
        return "550 5.1.1 No such user" if step.name == "rcpt" and "reader1@" in step.rcpt else None

    with BlogSite() as site, recording_server(script) as server:
        ready(place, site, mail=smtp(server.port))
        result = sent(place, site)
        assert result["state"] == "sent"
        assert result["counts"]["accepted"] == 2
        assert result["counts"]["refused"] == 1
        got = Counter(m.rcpt for m in editions_only(server.messages))
        assert got == Counter(["reader0@readers.example", "reader2@readers.example"])
        why = place.digest(
            "deliveries",
            "why",
            "--edition",
            str(result["edition"]),
            "--address",
            "reader1@readers.example",
            "--json",
        ).json
        assert why["state"] == "refused"
        assert why["attempts"][-1]["code"] == 550
        assert why["attempts"][-1]["phase"] == "rcpt"
        edition = str(result["edition"])
        told = place.digest(
            "deliveries", "why", "--edition", edition, "--address", "reader0@readers.example", "--json"
        )
        (attempt,) = told.json["attempts"]
        assert (attempt["outcome"], attempt["code"]) == ("accepted", 250)


def test_an_outbox_that_cannot_be_written_pauses_the_edition_and_resume_mails_everybody_once(
    place: Installation,
) -> None:
    with BlogSite() as site:
        ready(place, site, readers=4)
        site.posts = [post(1, published=NOW)]
        place.digest("collect", "--now", NOW.isoformat())
        cut = place.digest("editions", "cut", "weekly", "--json", "--now", NOW.isoformat()).json
        edition = str(cut["edition"])
        place.digest("editions", "approve", edition)
        (place.home / "outbox").mkdir()
        (place.home / "outbox" / "new").write_text("a file where the maildir's folder should be")
        told = place.digest("editions", "send", edition, "--wait", check=False)
        assert told.code == 1
        assert told.err.splitlines()[-1].startswith(f"Edition {edition} is paused: The outbox ")
        status = place.digest("deliveries", "status", edition, "--json").json
        shown = place.digest("editions", "show", edition, "--json").json
        assert shown["state"] == "paused", shown
        assert "outbox" in shown["reason"]
        assert status["counts"]["accepted"] == 0
        assert sum(status["counts"].values()) == 4

        (place.home / "outbox" / "new").unlink()
        place.digest("editions", "resume", edition)
        place.digest("worker", "--once")
        status = place.digest("deliveries", "status", edition, "--json").json
        assert status["counts"]["accepted"] == 4
        names = [
            f for f in (place.home / "outbox" / "new").iterdir() if b"List-Unsubscribe:" in f.read_bytes()
        ]
        assert len(names) == 4


# On PostgreSQL, so that the limit on this process's files is the outbox's alone.
@pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)
def test_a_full_disk_for_the_outbox_loses_nothing(tmp_path: Path, empty_database_url: str) -> None:
    place = Installation(home=tmp_path, database=empty_database_url)
    with BlogSite() as site:
        ready(place, site, readers=2)
        site.posts = [post(1, published=NOW)]
        place.digest("collect", "--now", NOW.isoformat())
        edition = str(
            place.digest("editions", "cut", "weekly", "--json", "--now", NOW.isoformat()).json["edition"]
        )
        place.digest("editions", "approve", edition)
        place.digest("editions", "send", edition)
        command = [sys.executable, "-m", "digest", "worker", "--once", "--config", str(place.config)]
        subprocess.run(command, capture_output=True, timeout=60, check=False, preexec_fn=_small_files)
        shown = place.digest("editions", "show", edition, "--json").json
        assert shown["state"] == "paused"
        assert shown["reason"].endswith(".")
        assert shown["counts"]["accepted"] == 0
        assert sum(shown["counts"].values()) == 2
        place.digest("editions", "resume", edition)
        place.digest("worker", "--once")
        assert place.digest("deliveries", "status", edition, "--json").json["counts"]["accepted"] == 2


def _small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_192, 8_192))


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("editions", "cut", "monthly"), 1, 'There is no publication "monthly"'),
        (("editions", "show", "999"), 1, "no edition 999"),
        (("editions", "show", "many"), 2, "EDITION"),
        (("collect", "--now", "yesterday"), 2, "is not a time"),
        (("collect", "--now", "2026-11-18T12:00:00"), 2, "has no offset"),
        (("subscribers", "show", "not an address"), 1, "not an address"),
        (
            ("subscribers", "import", "nowhere.csv", "--publication", "weekly", "--consent", "x"),
            1,
            "nowhere.csv",
        ),
        (("templates", "eject", "../../etc"), 1, "There is no template"),
        (("templates", "check", "nothing"), 1, "nothing"),
        (("frobnicate",), 2, "No such command"),
    ],
)
def test_a_wrong_word_on_the_command_line_is_answered_in_one_sentence(
    place: Installation, args: tuple[str, ...], code: int, said: str
) -> None:
    place.configure(PUBLICATION.format(url="http://127.0.0.1:9"))
    place.digest("migrate")
    told = place.digest(*args, check=False)
    assert told.code == code, told
    assert said in told.err + told.out
