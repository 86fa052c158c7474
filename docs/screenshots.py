"""Makes the pictures in docs/images: the demo's edition in every template, on a desk and on a phone (`make screenshots`).

Chromium draws them. The edition is always of the same day, so that only a change of its looks changes them.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from digest import logs, migrate, wiring
from digest.demo.site import Site, serving
from digest.demo.stories import LANGUAGE, NAME, TAGLINE
from digest.editions.model import Content
from digest.messages import samples
from digest.messages.check import edition_names
from digest.messages.model import SlotName
from digest.messages.render import filled, render
from digest.settings import Settings
from digest.templating import Templates
from digest.workflows import close, collect
from digest.workflows.compose import content_for
from tests.browser import NoBrowser, Page, Served, browsing

IMAGES = Path(__file__).resolve().parent / "images"
LARGEST = 150_000
TEMPLATES = Templates()
_NOW = datetime(2026, 11, 19, 8, 55, tzinfo=UTC)
_VALUES = {
    SlotName.UNSUBSCRIBE_URL: "https://news.example.org/u/",
    SlotName.PREFERENCES_URL: "https://news.example.org/p/",
    SlotName.SIGNED_UP: "3 March 2026",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture: its file, what it shows, how wide the window is, and how far down it goes, in CSS pixels."""

    name: str
    content: Content
    width: int
    height: int
    dark: bool = False
    scale: float = 1


def main() -> None:
    """Write every picture anew."""
    logs.set_up(level="WARNING")
    with serving(now=_NOW) as site, _edition(site) as content, browsing() as browser:
        page = browser.page()
        for shot in shots(content):
            path = IMAGES / f"{shot.name}.png"
            path.write_bytes(_small(_taken(page, shot, site)))
            size = path.stat().st_size
            said = ", which is larger than is good" if size > LARGEST else ""
            sys.stdout.write(f"{path.name}: {size / 1000:.0f} kB{said}\n")


def shots(content: Content) -> Iterator[Shot]:
    """What is worth a look in each template: a desk, a phone, and the phone in the dark; and one from right to left."""
    for look in edition_names(TEMPLATES):
        here = replace(content, template=look)
        yield Shot(name=f"{look}-desk", content=here, width=680, height=1040)
        yield Shot(name=f"{look}-phone", content=here, width=390, height=1250, scale=1.5)
        yield Shot(name=f"{look}-phone-dark", content=here, width=390, height=1250, scale=1.5, dark=True)
    arabic = replace(samples.arabic(content.template), proof=False)
    yield Shot(name=f"{content.template}-phone-arabic", content=arabic, width=390, height=1250, scale=1.5)


@contextmanager
def _edition(site: Site) -> Iterator[Content]:
    """The edition that the demo makes of its site's posts and events."""
    weekly = {
        "name": f"The {NAME} Brief",
        "from": f"{NAME} <brief@saltmarsh.example>",
        "postal_address": "2 Harbour Row, Oxley Creek",
        "language": LANGUAGE,
        "timezone": "Europe/London",
        "cut_off": "thu 00:00",
        "send": "thu 09:00",
        "tagline": TAGLINE,
        "first_edition": 7,
        "site_url": f"{site.url}/",
        "sources": [
            {"kind": "rss", "url": f"{site.url}/feed/", "allow_private": True},
            {"kind": "events-calendar", "url": f"{site.url}/", "allow_private": True},
        ],
    }
    settings = Settings.model_validate(
        {
            "site": {
                "base_url": "https://news.example.org",
                "secret": "a secret that signs no letter of anybody",
            },
            "publications": {"weekly": weekly},
        }
    )
    with tempfile.TemporaryDirectory() as home:
        parts = wiring.build(settings, home=Path(home))
        migrate.upgrade(parts.database)
        try:
            asyncio.run(collect.collect(parts, publication="weekly", force=True, now=_NOW))
            yield content_for(parts, close.cut(parts, "weekly", now=_NOW))
        finally:
            parts.database.dispose()


def _taken(page: Page, shot: Shot, site: Site) -> bytes:
    def answer(url: str) -> Served | None:
        """A picture of the demo's site; the made-up samples get one of them too."""
        path = urlsplit(url).path
        _, kind, body = site.answer(path if url.startswith(site.url) else "/pictures/creek.png")
        return Served(body=body, kind=kind)

    html, _ = filled(render(shot.content, TEMPLATES, nonce="picture0picture0"), _VALUES)
    page.show(html, answer=answer, width=shot.width, dark=shot.dark)
    page.resize(shot.width, shot.height, scale=shot.scale)
    page.run("document.fonts.ready.then(() => new Promise(drawn => setTimeout(drawn, 200)))")
    return page.picture(height=shot.height)


def _small(png: bytes) -> bytes:
    """The picture in 128 colours, where pngquant is installed."""
    program = shutil.which("pngquant")
    if program is None:
        return png
    command = (program, "--strip", "--speed", "1", "128", "-")
    return subprocess.run(command, input=png, capture_output=True, check=True).stdout


if __name__ == "__main__":
    try:
        main()
    except NoBrowser as error:
        raise SystemExit(f"{error}. On Debian or Ubuntu: apt-get install chromium.") from error
