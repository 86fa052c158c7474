"""The made-up organisation's events, told as a WordPress calendar tells them and as their pages do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/London")


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One event, `days` after the demo starts, from `begins` for `minutes`; 0 minutes is a whole day.

    `weeks` repeats it weekly that often. `listed` tells whether the calendar shows it, or only its page.
    """

    slug: str
    title: str
    text: str
    days: int
    begins: time = time()
    minutes: int = 0
    weeks: int = 1
    place: str = ""
    street: str = ""
    tickets: bool = False
    register: bool = True
    status: str = ""
    listed: bool = True


HAPPENINGS = (
    Happening(
        slug="winter-count",
        title="Winter count on the mudflats",
        text="Six pairs, six flasks, one tide table. We show you what to count.",
        days=10,
        begins=time(8, 30),
        minutes=150,
        place="Gull Point car park",
        street="Shore Lane, Oxley Creek",
        listed=False,
    ),
    Happening(
        slug="what-the-recorders-heard",
        title="What the recorders heard, and what they did not",
        text="Tomas Adeyemi plays the best eleven minutes of a hundred nights and answers what you ask.",
        days=16,
        begins=time(19),
        minutes=60,
    ),
    Happening(
        slug="reed-school",
        title="Reed school for beginners",
        text="Two hours in waders, all found. Come once or come every week.",
        days=20,
        begins=time(10),
        minutes=120,
        weeks=7,
        place="The net loft",
        street="2 Harbour Row, Oxley Creek",
    ),
    Happening(
        slug="lantern-walk",
        title="Lantern walk along the old wall",
        text="A slow hour for small legs. Lanterns are lent at the gate.",
        days=27,
        begins=time(16, 30),
        minutes=75,
        place="North gate",
        street="Sea Wall Road, Oxley Creek",
        tickets=True,
    ),
    Happening(
        slug="boat-to-the-outer-bank",
        title="Boat to the outer bank",
        text="There and back on one tide.",
        days=13,
        begins=time(11),
        minutes=240,
        place="Harbour steps",
        status="canceled",
    ),
    Happening(
        slug="saltmarsh-fair",
        title="Saltmarsh fair",
        text="Bread, boats, a brass band, and the year told in ten minutes.",
        days=48,
        place="Harbour Row",
        register=False,
    ),
)


def listing(now: datetime, site: str) -> bytes:
    """What the site's calendar answers over REST: every date of every listed event on one page."""
    told = [_told(h, week, now, site) for h in HAPPENINGS if h.listed for week in range(h.weeks)]
    told.sort(key=lambda event: str(event["utc_start_date"]))
    return json.dumps({"events": told, "total": len(told), "total_pages": 1}).encode()


def page(happening: Happening, now: datetime, site: str) -> tuple[str, str]:
    """The structured data and the words of an event's own page."""
    start, end = _span(happening, 0, now)
    data: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Event",
        "name": happening.title,
        "url": f"{site}/events/{happening.slug}/",
        "startDate": start.isoformat() if happening.minutes else start.date().isoformat(),
        "endDate": end.isoformat() if happening.minutes else start.date().isoformat(),
        "eventStatus": f"https://schema.org/Event{'Cancelled' if happening.status else 'Scheduled'}",
        "location": _location(happening, site),
    }
    if happening.register:
        data["offers"] = {"@type": "Offer", "url": f"{site}/register/{happening.slug}/"}
    script = f'<script type="application/ld+json">{json.dumps(data)}</script>'
    where = ", ".join(part for part in (happening.place, happening.street) if part) or "Online"
    when = f"{start:%A %d %B %Y, %H:%M}" if happening.minutes else f"{start:%A %d %B %Y}"
    words = (
        f"<h1>{escape(happening.title)}</h1><p>{when}<br>{escape(where)}</p><p>{escape(happening.text)}</p>"
    )
    return script, words


def find(path: str, happenings: Sequence[Happening] = HAPPENINGS) -> Happening | None:
    """The event whose page, or registration page, `path` is."""
    parts = [part for part in path.split("/") if part]
    if len(parts) < 2 or parts[0] not in {"events", "register"}:
        return None
    return next((h for h in happenings if h.slug == parts[1]), None)


def _told(happening: Happening, week: int, now: datetime, site: str) -> dict[str, Any]:
    start, end = _span(happening, week, now)
    address = f"{site}/events/{happening.slug}/"
    address += f"{start:%Y-%m-%d}/" if happening.weeks > 1 else ""
    last = end - timedelta(seconds=1) if not happening.minutes else end
    return {
        "id": f"{happening.slug}-{week}",
        "global_id": f"saltmarsh.example?id={happening.slug}-{week}",
        "url": address,
        "title": escape(happening.title),
        "description": f"<p>{escape(happening.text)}</p>",
        "excerpt": f"<p>{escape(happening.text)}</p>",
        "date_utc": f"{now.astimezone(UTC) - timedelta(days=2):%Y-%m-%d %H:%M:%S}",
        "status": "publish",
        "event_status": happening.status or "scheduled",
        "all_day": not happening.minutes,
        "start_date": f"{start:%Y-%m-%d %H:%M:%S}",
        "end_date": f"{last:%Y-%m-%d %H:%M:%S}",
        "utc_start_date": f"{start.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        "utc_end_date": f"{last.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        "timezone": ZONE.key,
        "website": f"{site}/register/{happening.slug}/" if happening.register else "",
        "cost": "£6" if happening.tickets else "",
        "ticketed": ["tickets"] if happening.tickets else [],
        "is_virtual": not happening.place,
        "venue": {"venue": happening.place, "address": happening.street} if happening.place else [],
        "image": False,
        "categories": [],
        "tags": [],
    }


def _span(happening: Happening, week: int, now: datetime) -> tuple[datetime, datetime]:
    """Start and end on the clock of the place, whatever the clocks do in between."""
    day = now.astimezone(ZONE).date() + timedelta(days=happening.days, weeks=week)
    start = datetime.combine(day, happening.begins, tzinfo=ZONE)
    if not happening.minutes:
        return start, datetime.combine(day + timedelta(days=1), time(), tzinfo=ZONE)
    return start, (start.astimezone(UTC) + timedelta(minutes=happening.minutes)).astimezone(ZONE)


def _location(happening: Happening, site: str) -> dict[str, Any]:
    if not happening.place:
        return {"@type": "VirtualLocation", "url": f"{site}/register/{happening.slug}/"}
    return {"@type": "Place", "name": happening.place, "address": happening.street}
