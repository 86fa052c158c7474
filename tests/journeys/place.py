"""What a journey needs: a site whose posts can change, an installation of its own, and the real command line."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

SECRET = "journey-secret-0123456789-0123456789-0123"


@dataclass(frozen=True)
class Told:
    """What one command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, kw_only=True)
class SitePost:
    """One post of the site; `excerpt` and `content` are HTML."""

    guid: str
    title: str
    published: datetime
    link: str = ""
    excerpt: str = ""
    content: str = ""


class BlogSite:
    """A blog on loopback with an RSS feed shaped like WordPress's; `posts` may change at any time."""

    def __init__(self) -> None:
        self.posts: list[SitePost] = []
        self.answer: tuple[int, str, bytes] | None = None
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, kind, body = site.answer or (200, "application/rss+xml; charset=utf-8", site.feed())
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def feed(self) -> bytes:
        items = "".join(
            f"<item><title>{escape(p.title)}</title><link>{escape(p.link or f'{self.url}/{p.guid}/')}</link>"
            f'<guid isPermaLink="false">{escape(p.guid)}</guid><pubDate>{format_datetime(p.published)}</pubDate>'
            f"<description><![CDATA[{p.excerpt}]]></description>"
            f"<content:encoded><![CDATA[{p.content or p.excerpt}]]></content:encoded></item>"
            for p in self.posts
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" '
            'xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>'
            f"<title>A blog</title><link>{self.url}/</link><language>en</language>{items}</channel></rss>"
        ).encode()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Installation:
    """A folder with a digest.toml and a database, driven by the real command line in processes of its own."""

    home: Path
    database: str
    port: int = 0
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.home / "digest.toml"

    def configure(self, text: str, *, mail: str = '[mail]\ntransport = "outbox"\n') -> None:
        site = (
            f'[site]\nbase_url = "http://127.0.0.1:{self.port or 8000}"\ndatabase = "{self.database}"\n'
            f'instance = "journey"\nsecret = "{SECRET}"\n'
        )
        self.config.write_text(site + mail + text, encoding="utf-8")
        tomllib.loads(self.config.read_text(encoding="utf-8"))

    def digest(self, *args: str | Path, stdin: str | None = None, check: bool = True) -> Told:
        """Run `digest ARGS --config …`; with `check`, a non-zero exit fails the test with what was said."""
        command = [sys.executable, "-m", "digest", *map(str, args), "--config", str(self.config)]
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            env=self._environ(),
            check=False,
        )
        told = Told(done.returncode, done.stdout, done.stderr)
        assert not check or told.code == 0, f"digest {' '.join(map(str, args))} said: {told.err or told.out}"
        assert "Traceback" not in told.err, told.err
        return told

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start a long-running command; end it with `stop`."""
        command = [sys.executable, "-m", "digest", *args, "--config", str(self.config)]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self._environ()
        )

    @contextmanager
    def web(self) -> Iterator[None]:
        """The web app on this installation's port while the block runs."""
        process = self.start("web", "--port", str(self.port))
        try:
            wait_until(lambda: answers(self.port), process)
            yield
        finally:
            stop(process)

    def _environ(self) -> dict[str, str]:
        # Each command is a process of its own: without compiled modules most of its time would be start-up.
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DIGEST_", "PYTHONDONTWRITE"))}
        return kept | self.environ


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    try:
        return request(port, "GET", "/health")[0] == 200
    except OSError:
        return False


def request(
    port: int, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """Status and text of one bare HTTP request, following nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")
    finally:
        connection.close()


def wait_until(true: Any, process: subprocess.Popen[str] | None = None, *, seconds: float = 30) -> None:
    """Ask a real process outside our clock until it is ready; fails with its output when it has died."""
    deadline = time.monotonic() + seconds
    while not true():
        if process is not None and process.poll() is not None:
            raise AssertionError(f"the process ended: {process.communicate()[0]}")
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.05)


def stop(process: subprocess.Popen[str]) -> str:
    """End a process gently; its output."""
    process.terminate()
    try:
        return process.communicate(timeout=30)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"it did not stop in 30 s: {process.communicate()[0]}") from None
