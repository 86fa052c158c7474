"""Collect 200 feeds of 50 entries from loopback, side by side: seconds and peak memory."""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time
from datetime import UTC, datetime, timedelta

from digest.posts.model import Memory, SourceSpec
from digest.posts.sources.http import Client, Limits
from digest.posts.sources.registry import fetch

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


async def collect(port: int, feeds: int, at_once: int) -> int:
    """Fetch every feed, `at_once` side by side; the number of posts read."""
    gate = asyncio.Semaphore(at_once)
    async with Client(limits=Limits(per_host=at_once)) as client:

        async def one(number: int) -> int:
            spec = SourceSpec(kind="rss", url=f"http://127.0.0.1:{port}/{number}", allow_private=True)
            async with gate:
                return len((await fetch(spec, client, Memory(), now=NOW)).posts)

        return sum(await asyncio.gather(*(one(number) for number in range(feeds))))


async def serve_and_collect(feeds: int, entries: int, at_once: int) -> tuple[int, float, int]:
    """Posts read, seconds, and bytes transferred; the documents are made before the clock starts."""
    documents = [feed(number, entries) for number in range(feeds)]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        body = documents[int(request.split(b" ", 2)[1].lstrip(b"/"))]
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    began = time.perf_counter()
    posts = await collect(server.sockets[0].getsockname()[1], feeds, at_once)
    seconds = time.perf_counter() - began
    server.close()
    return posts, seconds, sum(map(len, documents))


def main(arguments: list[str] | None = None) -> None:
    """Print one line: what was collected, how fast, and what it took."""
    parser = argparse.ArgumentParser(prog="bench.collect", description=__doc__)
    parser.add_argument("--feeds", type=int, default=200)
    parser.add_argument("--entries", type=int, default=50)
    parser.add_argument("--at-once", type=int, default=16)
    options = parser.parse_args(arguments)
    posts, seconds, size = asyncio.run(serve_and_collect(options.feeds, options.entries, options.at_once))
    peak = (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1) / 1024
    )
    print(
        f"collect: {posts:,} posts from {options.feeds} feeds ({size / 1e6:.0f} MB) in {seconds:.1f} s, "
        f"peak memory {peak:.0f} MB including the {size / 1e6:.0f} MB served"
    )


if __name__ == "__main__":
    main()
