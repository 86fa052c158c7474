"""The made-up organisation's site, served on loopback: pages, pictures, a feed like any blog's, and a calendar."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.utils import format_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources

from digest.demo import calendar
from digest.demo.stories import LANGUAGE, NAME, STORIES, TAGLINE, Story

_PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><link rel="alternate" type="application/rss+xml" title="{name}" href="/feed/">
<style>body{{font:17px/1.6 Georgia,serif;max-width:40em;margin:3em auto;padding:0 1.2em;color:#22211f}}
img{{max-width:100%;border-radius:4px}}a{{color:#0b5d4e}}</style></head><body><p><a href="/">{name}</a></p>{body}</body></html>"""


class Site:
    """A running site; `publish` puts one more story on it."""

    def __init__(self, *, now: datetime, stories: tuple[Story, ...] = STORIES) -> None:
        self.stories = list(stories)
        self._now = now
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the standard library's name
                status, kind, body = site.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """The demo's terminal is for the demo's own lines."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True, name="site")
        self._thread.start()

    def publish(self, story: Story) -> None:
        """Put one more story on the site, newest first."""
        self.stories.insert(0, story)

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body for one request."""
        path = path.partition("?")[0]
        if path == "/":
            return 200, "text/html; charset=utf-8", self._home().encode()
        if path.rstrip("/") == "/feed":
            return 200, "application/rss+xml; charset=utf-8", self._feed().encode()
        if path.startswith("/pictures/"):
            picture = (
                resources.files("digest.demo") / "pictures" / path.removeprefix("/pictures/").replace("/", "")
            )
            if picture.is_file():
                return 200, "image/png", picture.read_bytes()
        if path == "/wp-json/tribe/events/v1/events":
            return 200, "application/json; charset=utf-8", calendar.listing(self._now, self.url)
        happening = calendar.find(path)
        if happening:
            return 200, "text/html; charset=utf-8", self._event_page(happening).encode()
        for story in self.stories:
            if path.strip("/") == story.slug:
                return 200, "text/html; charset=utf-8", self._page(story).encode()
        return (
            404,
            "text/html; charset=utf-8",
            b"<!doctype html><title>Not here</title><p>There is no such page.",
        )

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def _home(self) -> str:
        links = "".join(f'<li><a href="/{s.slug}/">{escape(s.title)}</a></li>' for s in self.stories)
        body = f"<h1>{escape(NAME)}</h1><p>{escape(TAGLINE)}</p><ul>{links}</ul>"
        return _PAGE.format(language=LANGUAGE, title=NAME, name=NAME, body=body)

    def _page(self, story: Story) -> str:
        body = f"<h1>{escape(story.title)}</h1>{_content(story, base='')}"
        return _PAGE.format(language=LANGUAGE, title=escape(story.title), name=NAME, body=body)

    def _event_page(self, happening: calendar.Happening) -> str:
        script, words = calendar.page(happening, self._now, self.url)
        title = escape(happening.title)
        return _PAGE.format(language=LANGUAGE, title=title, name=NAME, body=words + script)

    def _feed(self) -> str:
        items = "".join(self._item(story) for story in self.stories)
        return (
            '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" '
            'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
            'xmlns:media="http://search.yahoo.com/mrss/"><channel>'
            f"<title>{escape(NAME)}</title><link>{self.url}/</link><language>{LANGUAGE}</language>"
            f"<description>{escape(TAGLINE)}</description>{items}</channel></rss>"
        )

    def _item(self, story: Story) -> str:
        published = format_datetime(self._now - timedelta(hours=story.hours_ago))
        picture = (
            f'<media:content url="{self.url}/pictures/{story.picture}" medium="image" width="1200" height="600">'
            f"<media:description>{escape(story.alt)}</media:description></media:content>"
            if story.picture
            else ""
        )
        return (
            f"<item><title>{escape(story.title)}</title><link>{self.url}/{story.slug}/</link>"
            f'<guid isPermaLink="false">{escape(story.slug)}</guid><pubDate>{published}</pubDate>'
            f"<dc:creator>{escape(story.author)}</dc:creator><category>{escape(story.category)}</category>"
            f"<description>{escape(story.paragraphs[0])} [&#8230;]</description>"
            f"<content:encoded><![CDATA[{_content(story, base=self.url)}]]></content:encoded>{picture}</item>"
        )


@contextmanager
def serving(*, now: datetime) -> Iterator[Site]:
    """The site while the block runs; posts are dated back from `now`."""
    site = Site(now=now)
    try:
        yield site
    finally:
        site.close()


def _content(story: Story, *, base: str) -> str:
    picture = ""
    if story.picture:
        picture = f'<p><img src="{base}/pictures/{story.picture}" width="1200" height="600" alt="{escape(story.alt)}"></p>'
    return picture + "".join(f"<p>{escape(paragraph)}</p>" for paragraph in story.paragraphs)
