"""A newcomer points at a site and gets a configuration that works, calendar included."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.journeys.place import Installation
from tests.served import Answer, item, rss, serving

SOON = datetime.now(UTC) + timedelta(days=30)  # the command has no clock but the real one
CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//town//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20261001T080000Z\r\n"
    f"DTSTART:{SOON:%Y%m%d}T180000Z\r\nSUMMARY:Evening at the mill\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def test_init_finds_the_feed_and_the_calendar_beside_it(tmp_path: Path) -> None:
    place = Installation(home=tmp_path, database="sqlite:///digest.db")
    with serving() as site:
        head = (
            '<link rel="alternate" type="application/rss+xml" href="/feed">'
            '<link rel="alternate" type="text/calendar" href="/town.ics">'
        )
        html = {"Content-Type": "text/html"}
        site.routes["/"] = Answer(
            f"<html lang=en><head><title>Town</title>{head}</head></html>", headers=html
        )
        site.routes["/feed"] = Answer(rss(item(1)), headers={"Content-Type": "application/rss+xml"})
        site.routes["/town.ics"] = Answer(CALENDAR, headers={"Content-Type": "text/calendar"})
        asked = [
            "init",
            site.url,
            "--allow-private",
            "--into",
            tmp_path,
            "--postal-address",
            "1 Example Street",
        ]
        subprocess.run([sys.executable, "-m", "digest", *map(str, asked)], check=True, capture_output=True)
        written = tomllib.loads(place.config.read_text(encoding="utf-8"))
        sources = [(s["kind"], s["url"]) for s in written["publications"]["weekly"]["sources"]]
        assert sources == [("rss", f"{site.url}/feed"), ("ical", f"{site.url}/town.ics")]
        place.digest("migrate")
        looks = place.digest("collect", "--json").json
    assert [(look["kind"], look["new"], look["error"]) for look in looks] == [("rss", 1, ""), ("ical", 1, "")]
