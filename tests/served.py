"""A small web site on loopback for tests: paths lead to canned answers, and every request is remembered."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    body: bytes | str = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    path: str
    headers: Mapping[str, str]


Route = Answer | Callable[[Asked], Answer]


class Site:
    """`routes` maps a path with its query, or a path alone, to an answer or to a function that makes one."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.asked: list[Asked] = []
        self.url = ""

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        route = self.routes.get(asked.path, self.routes.get(asked.path.partition("?")[0], Answer(status=404)))
        return route(asked) if callable(route) else route

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


@contextlib.contextmanager
def serving() -> Iterator[Site]:
    """A site that answers on 127.0.0.1 until the block ends."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer = site.answer(Asked(self.path, {k.lower(): v for k, v in self.headers.items()}))
            body = answer.body.encode() if isinstance(answer.body, str) else answer.body
            with contextlib.suppress(OSError):  # the client may hang up on what it refuses
                self.send_response(answer.status)
                for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def rss(*items: str, channel: str = "", head: str = "") -> str:
    """An RSS 2.0 document around `items`."""
    namespaces = (
        'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:media="http://search.yahoo.com/mrss/" xmlns:atom="http://www.w3.org/2005/Atom" '
        'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"'
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<rss version="2.0" {namespaces}><channel><title>Site</title>'
        f"{channel}{''.join(items)}</channel></rss>"
    )


def item(number: int, *, more: str = "", guid: str | None = None, link: str | None = None) -> str:
    """One RSS item: a title, a link, a guid, a date, and whatever is in `more`."""
    return (
        f"<item><title>Post {number}</title><link>{link or f'https://example.org/{number}'}</link>"
        f'<guid isPermaLink="false">{guid or f"g{number}"}</guid>'
        f"<pubDate>Mon, {number % 27 + 1:02} Jan 2024 10:00:00 GMT</pubDate>{more}</item>"
    )
