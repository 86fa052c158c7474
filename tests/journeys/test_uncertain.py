"""What operators do with uncertain messages, exactly as docs/operations.md shows it: its commands are run here."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from tests.journeys.place import BlogSite, Installation
from tests.journeys.test_main_job import PUBLICATION, editions_only, post, smtp
from tests.smtp_server import ACCEPT_AND_DROP, DROP, Step, recording_server

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
READERS = [f"{name}@readers.example" for name in ("ada", "bela", "chidi", "dora", "emil")]
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")


def shown() -> list[tuple[str, str]]:
    """Each command of the section, and what the page says that it prints."""
    section = PAGE.read_text(encoding="utf-8").split("\n## Uncertain messages\n")[1].split("\n## ")[0]
    blocks = "".join(re.findall(r"```console\n(.*?)```", section, re.DOTALL))
    told = [part.partition("\n") for part in blocks.split("$ digest ")[1:]]
    return [(command, printed) for command, _, printed in told]


def test_the_page_of_operations_settles_what_is_uncertain(tmp_path: Path) -> None:
    place = Installation(home=tmp_path, database=f"sqlite:///{tmp_path / 'digest.db'}")
    lost = {READERS[0]: ACCEPT_AND_DROP, READERS[1]: DROP}
    now = datetime.now(UTC)

    def script(step: Step) -> str | None:
        return lost.pop(step.rcpt, None) if step.name == "dot" else None

    with BlogSite() as site, recording_server(script) as server:
        site.posts = [post(1, published=now)]
        one_lane = smtp(server.port).replace("lanes = 8", "lanes = 1")
        place.configure(PUBLICATION.format(url=site.url), mail=one_lane)
        place.digest("migrate")
        for reader in READERS:
            place.digest("subscribers", "add", reader, "--publication", "weekly", "--consent", "Fair")
        place.digest("collect", "--force")
        assert place.digest("editions", "cut", "weekly", "--json").json["edition"] == 1
        place.digest("editions", "approve", "1")
        place.digest("editions", "send", "1", "--wait")
        for command, printed in shown():
            told = place.digest(*shlex.split(command))
            assert _MOMENT.sub("NOW", told.out) == _MOMENT.sub("NOW", printed), f"digest {command}"
        assert Counter(m.rcpt for m in editions_only(server.messages)) == Counter(READERS)
        listed = place.digest("deliveries", "list", "1", "--state", "uncertain", "--json").json
        assert listed == []
        again = place.digest("deliveries", "resolve", "1", "--as", "retry", "--json").json
        assert again == {"resolved": 0, "state": "sent"}
