"""What is logged names no reader, and goes where standard error goes at that moment."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
import structlog

from digest import logs


@pytest.fixture(autouse=True)
def _set_up() -> Iterator[None]:
    logs.set_up(json=True)
    yield
    structlog.reset_defaults()


def test_no_address_and_no_personal_link_is_ever_written(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().info(
        "delivery.refused",
        reply="550 ada@readers.example is unknown",
        link="https://news.example.org/u/cAAAAAAXAAABQXtNttguVsVpNsEgYnqYfw",
        token="cAAAAAAXAAABQXtNttguVsVpNsEgYnqYfw",
        subscriber=17,
    )
    said = capsys.readouterr().err
    assert "delivery.refused" in said
    assert '"subscriber": 17' in said
    assert "ada@" not in said
    assert "cAAAAAAX" not in said


def test_a_line_goes_where_standard_error_goes_now(monkeypatch: pytest.MonkeyPatch) -> None:
    log = structlog.get_logger()
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr("sys.stderr", first)
    log.info("one")
    first.close()
    monkeypatch.setattr("sys.stderr", second)
    log.info("two")
    assert '"event": "two"' in second.getvalue()
