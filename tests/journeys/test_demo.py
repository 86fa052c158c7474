"""A newcomer's first command plays the whole main job and says where to look."""

from __future__ import annotations

import email
import email.policy
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tests.journeys.place import answers, free_port, request, stop, wait_until


def _environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("DIGEST_")}


def test_the_demo_mails_fifty_readers_into_the_outbox_and_says_so(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    command = [sys.executable, "-m", "digest", "demo", "--once", "--port", "0", "--dir", str(home)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=_environment(), check=False
    )
    assert done.returncode == 0, done.stderr
    assert "50 of 50 accepted" in done.stdout
    messages = [
        email.message_from_bytes(f.read_bytes(), policy=email.policy.default)
        for f in (home / "outbox" / "new").iterdir()
    ]
    editions = [m for m in messages if m["List-Unsubscribe"]]
    assert len({m["To"] for m in editions}) == 50
    assert len({m["List-Unsubscribe"] for m in editions}) == 50
    assert {m["Subject"] for m in editions} == {editions[0]["Subject"]}


def test_the_demo_stays_for_a_look_and_every_link_it_prints_works(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "digest", "demo", "--port", str(port), "--dir", str(tmp_path / "demo")]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=_environment() | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        wait_until(lambda: answers(port), process)
    finally:
        # Everything it prints is printed before the pages are served.
        pages: dict[str, tuple[int, str]] = {}
        lines: list[str] = []
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        for url in re.findall(rf"http://127\.0\.0\.1:{port}\S+", "".join(lines)):
            pages[url] = request(port, "GET", urlsplit(url).path)
        stop(process)
    assert len(pages) == 2
    assert all(status == 200 for status, _ in pages.values()), pages
