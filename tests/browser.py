"""A real Chromium for tests: pages are handed to it, what it asks for and what it says is kept; nothing is fetched.

It is driven through a pair of pipes in the DevTools protocol, so no driver and no port is needed.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ORIGIN = "https://reader.example"
_PATIENCE_SECONDS = 120
_MIB = 1024 * 1024
_SWITCHES = (
    "--headless",
    "--no-sandbox",  # tests run as root in containers, where its own sandbox cannot start
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-domain-reliability",
    "--disable-features=DialMediaRouteProvider,OptimizationHints,MediaRouter",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--hide-scrollbars",
    "--password-store=basic",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
)
# The browser reads commands from descriptor 3 and writes to 4: ours are put there, by way of numbers that nobody uses.
_WITH_PIPES = """import fcntl, os, sys
for wanted, given in enumerate([fcntl.fcntl(int(n), fcntl.F_DUPFD, 20) for n in sys.argv[1:3]], start=3):
    os.dup2(given, wanted)
os.execv(sys.argv[3], sys.argv[3:])"""


class NoBrowser(Exception):
    """There is no Chromium on this machine."""


class BrowserFailed(Exception):
    """The browser died, or refused a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What the browser gets for an address it asks for."""

    body: bytes
    kind: str = "text/html; charset=utf-8"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


Answer = Callable[[str], Served | None]  # an address, and what is there; None where nothing answers


def nothing(url: str) -> Served | None:
    """A world in which no picture loads."""
    return None


def pictures(url: str) -> Served | None:
    """A grey picture at every address but that of a page."""
    body = b'<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="640"><rect width="1200" height="640" fill="#8a9a94"/></svg>'
    return Served(body=body, kind="image/svg+xml")


@dataclass(slots=True)
class Page:
    """One tab. `asked` are the addresses it tried to load but its own, `said` the dialogs it tried to open."""

    browser: Browser
    session: str
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    _document: Served | None = None
    _answer: Answer = nothing
    _loaded: bool = False
    _number: int = 0

    def show(
        self,
        html: str | Served,
        *,
        answer: Answer = nothing,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
    ) -> None:
        """Load `html` as a page of its own origin; `answer` says what every other address holds."""
        self._document = html if isinstance(html, Served) else Served(body=html.encode())
        self._answer = answer
        self.asked.clear()
        self.said.clear()
        self.resize(width, height)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._call("Emulation.setEmulatedMedia", features=scheme)
        self._number += 1
        self._loaded = False
        self._call("Page.navigate", url=f"{ORIGIN}/{self._number}")
        self.browser.wait(lambda: self._loaded)

    def resize(self, width: int, height: int = 900, *, scale: float = 1) -> None:
        """Give the tab another size, in CSS pixels; a narrow one behaves as a phone does."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )

    def run(self, script: str) -> Any:
        """The JSON value of an expression, awaited if it is a promise; raises `BrowserFailed` if it throws."""
        answer = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserFailed(str(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def picture(self, *, full: bool = True, height: int | None = None) -> bytes:
        """A PNG of the page, down to `height` CSS pixels or to its end."""
        size = self._call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {
            "x": 0,
            "y": 0,
            "width": size["width"],
            "height": min(height or size["height"], size["height"]),
            "scale": 1,
        }
        shot = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=full, clip=clip)
        return base64.b64decode(shot["data"])

    def hear(self, event: str, told: dict[str, Any]) -> None:
        """Take note of what the browser tells of this tab; called by the browser only."""
        if event == "Page.loadEventFired":
            self._loaded = True
        elif event == "Page.javascriptDialogOpening":
            self.said.append(f"{told['type']}: {told['message']}")
            self._tell("Page.handleJavaScriptDialog", accept=True)
        elif event == "Fetch.requestPaused":
            self._fetch(told["requestId"], told["request"]["url"])

    def _fetch(self, request: str, url: str) -> None:
        own = self._document if url == f"{ORIGIN}/{self._number}" else None
        if own is None:
            self.asked.append(url)
        served = own or self._answer(url)
        if served is None:
            self._tell("Fetch.failRequest", requestId=request, errorReason="ConnectionRefused")
            return
        headers = (("Content-Type", served.kind), *served.headers)
        self._tell(
            "Fetch.fulfillRequest",
            requestId=request,
            responseCode=served.status,
            responseHeaders=[{"name": name, "value": value} for name, value in headers],
            body=base64.b64encode(served.body).decode(),
        )

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        return self.browser.call(method, session=self.session, **params)

    def _tell(self, method: str, **params: Any) -> None:
        self.browser.tell(method, session=self.session, **params)


class Browser:
    """A running Chromium; close it when done."""

    def __init__(self, program: str) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="digest-chromium-", ignore_cleanup_errors=True)
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        browser = (program, *_SWITCHES, f"--user-data-dir={self._home.name}", "about:blank")
        self._process = subprocess.Popen(
            (sys.executable, "-ISc", _WITH_PIPES, str(theirs_in), str(theirs_out), *browser),
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "HOME": self._home.name, "LANG": "C.UTF-8"},
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out = ours_in, ours_out
        self._left = b""
        self._number = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self._unread: set[int] = set()
        self._pages: dict[str, Page] = {}

    def page(self) -> Page:
        """A new tab that has loaded nothing yet."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(browser=self, session=session)
        self.call("Page.enable", session=session)
        self.call("Fetch.enable", session=session)
        return page

    def call(self, method: str, *, session: str = "", **params: Any) -> dict[str, Any]:
        """Ask the browser for something and wait for it."""
        number = self._send(method, session, params)
        self.wait(lambda: number in self._answers)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise BrowserFailed(f"{method}: {answer['error']}")
        return dict(answer["result"])

    def tell(self, method: str, *, session: str = "", **params: Any) -> None:
        """Ask the browser for something without waiting: what it answers is of no interest."""
        self._unread.add(self._send(method, session, params))

    def wait(self, done: Callable[[], bool]) -> None:
        """Take in what the browser says until `done`."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while not done():
            while b"\x00" not in self._left:
                if not select.select([self._in], [], [], max(0, until - time.monotonic()))[0]:
                    raise BrowserFailed(f"the browser said nothing for {_PATIENCE_SECONDS} seconds")
                told = os.read(self._in, _MIB)
                if not told:
                    raise BrowserFailed("the browser went away")
                self._left += told
            message, _, self._left = self._left.partition(b"\x00")
            self._take(json.loads(message))

    def close(self) -> None:
        """End the browser and everything it started."""
        with suppress(OSError):
            self._send("Browser.close", "", {})
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
        self._home.cleanup()

    def _send(self, method: str, session: str, params: dict[str, Any]) -> int:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\x00"
        while data:
            data = data[os.write(self._out, data) :]
        return self._number

    def _take(self, message: dict[str, Any]) -> None:
        number = message.get("id")
        if number is not None:
            if number in self._unread:
                self._unread.discard(number)
            else:
                self._answers[number] = message
        elif message.get("sessionId") in self._pages:
            self._pages[message["sessionId"]].hear(message["method"], message["params"])


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser while the block runs; raises `NoBrowser` where there is none."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        raise NoBrowser("Chromium is not here: none of " + ", ".join(NAMES) + " was found")
    browser = Browser(program)
    try:
        yield browser
    finally:
        browser.close()


def host(url: str) -> str:
    """Whom an address asks; empty where it asks nobody, as data: does."""
    return urlsplit(url).hostname or ""
