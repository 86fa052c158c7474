"""Programs of the system that some tests need: a browser and a spam filter; required where DIGEST_REQUIRE_TOOLS is set."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.browser import Browser, NoBrowser, Page, browsing


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this process."""
    try:
        with browsing() as running:
            yield running
    except NoBrowser as error:
        _missing(str(error))


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    """A tab of that Chromium."""
    return browser.page()


@pytest.fixture(scope="session")
def spamassassin() -> Path:
    """The program of SpamAssassin."""
    program = shutil.which("spamassassin")
    if program is None:
        _missing("SpamAssassin is not here: no program called spamassassin was found")
    return Path(program)


def _missing(said: str) -> NoReturn:
    if os.environ.get("DIGEST_REQUIRE_TOOLS"):
        pytest.fail(f"{said}, and DIGEST_REQUIRE_TOOLS asks for it")
    pytest.skip(said)
