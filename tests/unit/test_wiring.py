"""How one process introduces itself and where it finds its things."""

from __future__ import annotations

from pathlib import Path

import pytest

from digest.settings import Settings
from digest.wiring import transport_config


def settings(base_url: str, **mail: object) -> Settings:
    site = {"base_url": base_url, "secret": "0123456789abcdef0123456789abcdef"}
    return Settings.model_validate({"site": site, "mail": mail})


@pytest.mark.parametrize(
    ("base_url", "said"),
    [
        ("https://news.example.org", "news.example.org"),
        ("https://nachrichten.bücher.example", "nachrichten.xn--bcher-kva.example"),
        ("http://127.0.0.1:8000", "[127.0.0.1]"),
        ("http://localhost:8000", "[127.0.0.1]"),
        ("http://[::1]:8000", "[IPv6:::1]"),
    ],
)
def test_a_mail_server_hears_a_full_name_or_an_address_in_brackets(base_url: str, said: str) -> None:
    assert transport_config(settings(base_url), Path()).ehlo_name == said


def test_a_configured_name_and_relative_paths_are_taken_as_they_stand() -> None:
    config = transport_config(
        settings("https://a.example", ehlo_name="mx.example.org", outbox_dir="out", ca_file="ca.pem"),
        Path("/srv/digest"),
    )
    assert config.ehlo_name == "mx.example.org"
    assert config.outbox_dir == Path("/srv/digest/out")
    assert config.ca_file == "/srv/digest/ca.pem"
