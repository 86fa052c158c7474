"""`digest collect` on 200 feeds of 50 entries served on loopback, into a new database: seconds and peak memory."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PARAGRAPH = (
    "<p>The reeds along the north bank were planted by forty volunteers in one wet weekend of March.</p>"
)


def feed(number: int, entries: int) -> bytes:
    """An RSS document as WordPress writes them: excerpt, whole text of about 4 kB, picture, author, categories."""
    items = []
    for entry in range(entries):
        when = (NOW - timedelta(hours=entry)).strftime("%a, %d %b %Y %H:%M:%S +0000")
        link = f"https://site{number}.example.org/{entry}/"
        items.append(
            f"<item><title>Post {entry} of site {number} &amp;#8211; news</title><link>{link}</link>"
            f'<guid isPermaLink="false">https://site{number}.example.org/?p={entry}</guid><pubDate>{when}</pubDate>'
            f"<dc:creator>Ada</dc:creator><category>News</category><category>Rivers</category>"
            f"<description><![CDATA[{PARAGRAPH} [&hellip;]]]></description>"
            f'<content:encoded><![CDATA[<img src="{link}p.jpg" alt="Reeds" width="800">{PARAGRAPH * 40}]]></content:encoded>'
            "</item>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Site</title>'
        f"{''.join(items)}</channel></rss>"
    ).encode()


def serve(feeds: int, entries: int, pipe: Connection) -> None:
    """A process of its own: the documents are made first, then the port is told, then they are served."""
    documents = [feed(number, entries) for number in range(feeds)]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = documents[int(self.path.lstrip("/"))]
            self.send_response(200)
            self.send_header("Content-Type", "application/rss+xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Two hundred lines would say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pipe.send((server.server_port, sum(map(len, documents))))
    server.serve_forever()


def configuration(port: int, feeds: int) -> str:
    """A digest.toml with one publication that reads all the feeds."""
    sources = "".join(
        f'[[publications.weekly.sources]]\nkind = "rss"\nurl = "http://127.0.0.1:{port}/{number}"\nallow_private = true\n'
        for number in range(feeds)
    )
    return f"""[site]
base_url = "http://127.0.0.1:8000"
secret = "a secret that signs nothing but this measurement"
[publications.weekly]
name = "All of it"
from = "brief@example.org"
postal_address = "1 Example Street"
cut_off = "wed 15:00"
send = "thu 09:00"
{sources}"""


def digest(home: str, *args: str) -> tuple[str, float, float]:
    """Output, seconds and peak memory in MB of one command in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DIGEST_", "PYTHONDONTWRITE"))}
    command = [sys.executable, "-m", "digest", *args, "--config", f"{home}/digest.toml"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"digest {' '.join(args)} failed: {output}")
    return output, seconds, usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1) / 1024


def main(arguments: list[str] | None = None) -> None:
    """Print a line for the first look, and one for the next."""
    parser = argparse.ArgumentParser(prog="bench.collect", description=__doc__)
    parser.add_argument("--feeds", type=int, default=200)
    parser.add_argument("--entries", type=int, default=50)
    options = parser.parse_args(arguments)
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(options.feeds, options.entries, theirs), daemon=True)
    server.start()
    port, size = ours.recv()
    try:
        with tempfile.TemporaryDirectory() as home:
            Path(home, "digest.toml").write_text(configuration(port, options.feeds), encoding="utf-8")
            digest(home, "migrate")
            for look in ("first look", "next look, nothing new"):
                output, seconds, peak = digest(home, "collect", "--force", "--json")
                found = json.loads(output)
                new = sum(one["new"] for one in found)
                print(
                    f"collect, {look}: {len(found)} feeds ({size / 1e6:.0f} MB), {new:,} new posts, "
                    f"{seconds:.1f} s with start-up, peak memory {peak:.0f} MB"
                )
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
