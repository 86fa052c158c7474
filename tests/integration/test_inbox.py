"""Mail that comes back, through the command an operator's mail server runs, on both databases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import subscribers
from digest.cli import app
from digest.database import Database
from digest.workflows.compose import reader_for
from digest.workflows.parts import Parts
from subscribers import Purpose, Recipient
from tests import web
from tests.factories import NOW

CONFIGURATION = """
[site]
base_url = "https://news.example.org"
database = "{url}"
secret = "{secret}"
[publications.weekly]
name = "The Weekly Brief"
from = "The Weekly Brief <brief@example.org>"
postal_address = "1 Example Street, Example City"
cut_off = "wed 15:00"
send = "thu 09:00"
"""


@pytest.fixture
def parts(database: Database) -> Parts:
    return web.parts(database)


@pytest.fixture
def configuration(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("digest.wiring.require_current", lambda _parts: None)
    path = tmp_path / "digest.toml"
    url = database.url.render_as_string(hide_password=False)
    path.write_text(CONFIGURATION.format(url=url, secret=web.SECRET))
    return path


def take(configuration: Path, message: bytes) -> Any:
    result = _run(configuration, "-", message)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def _run(configuration: Path, file: str, message: bytes = b"") -> Result:
    asked = ["inbox", "take", file, "--config", str(configuration), "--json"]
    return CliRunner().invoke(app, asked, input=message)


def test_a_reader_leaves_by_mail_once_and_is_told_apart_the_second_time(
    configuration: Path, parts: Parts
) -> None:
    ref = web.subscribed(parts)["weekly"]
    message = f"To: unsub+{web.token(parts, ref)}@example.org\r\nFrom: stranger@example.net\r\n\r\n".encode()
    assert take(configuration, message) == {
        "kind": "unsubscribe",
        "verdict": None,
        "recipient": web.ADDRESS,
        "action": "unsubscribed",
    }
    assert not web.gets(parts, ref)
    assert take(configuration, message)["action"] == "already-unsubscribed"


def test_the_mailto_beside_the_link_in_a_mail_unsubscribes_its_reader(
    configuration: Path, database: Database
) -> None:
    for mail in ({"unsubscribe_mailbox": "leave@example.org"}, {"bounce_domain": "bounce.example.org"}):
        parts = web.parts(database)
        settings = parts.settings.model_copy(update={"mail": parts.settings.mail.model_copy(update=mail)})
        parts = Parts(
            **{name: getattr(parts, name) for name in parts.__dataclass_fields__} | {"settings": settings}
        )
        ref = web.subscribed(parts, address=f"{next(iter(mail)).replace('_', '')}@example.org")["weekly"]
        with database.reading() as session:
            asked = [ref.subscriber_id]
            found = subscribers.recipients(
                session, keys=parts.keys, publication="weekly", subscriber_ids=asked
            )
        recipient = found[ref.subscriber_id]
        assert isinstance(recipient, Recipient)
        address, _, subject = (
            reader_for(parts, "weekly", recipient)
            .unsubscribe_mailto.removeprefix("mailto:")
            .partition("?subject=")
        )
        # A mail server on the way wrote the mailbox in lower case.
        message = f"To: {address.lower()}\r\nSubject: {subject.replace('%20', ' ')}\r\n\r\n"
        assert take(configuration, message.encode())["action"] == "unsubscribed"
        assert not web.gets(parts, ref)


@pytest.mark.parametrize("damage", ["flipped", "short", "preferences", "bounce"])
def test_a_token_that_is_not_for_leaving_changes_nothing(
    configuration: Path, parts: Parts, damage: str
) -> None:
    ref = web.subscribed(parts)["weekly"]
    token = web.token(parts, ref)
    token = {
        "flipped": token[:-1] + ("A" if token[-1] != "A" else "B"),
        "short": token[:-4],
        "preferences": web.token(parts, ref, Purpose.PREFERENCES),
        "bounce": web.token(parts, ref, Purpose.BOUNCE),
    }[damage]
    taken = take(configuration, f"To: unsub+{token}@example.org\r\nFrom: {web.ADDRESS}\r\n\r\n".encode())
    assert taken == {"kind": "unsubscribe", "verdict": None, "recipient": None, "action": "kept"}
    assert web.gets(parts, ref)


@pytest.mark.parametrize(
    "message", [b"", b"\xff" * 3_000_000, b"Subject: unsubscribe\r\n\r\nPlease!", b"\r\n" * 500_000]
)
def test_whatever_comes_is_kept_and_answered_with_one_report(configuration: Path, message: bytes) -> None:
    taken = take(configuration, message)
    assert (taken["verdict"], taken["recipient"], taken["action"]) == (None, None, "kept")


def test_a_file_that_is_not_there_is_one_plain_sentence(configuration: Path, tmp_path: Path) -> None:
    result = _run(configuration, str(tmp_path / "none.eml"))
    assert result.exit_code == 1
    assert "none.eml cannot be read: No such file or directory." in result.stderr
    (tmp_path / "one.eml").write_bytes(b"Subject: Lunch?\r\n\r\n")
    assert json.loads(_run(configuration, str(tmp_path / "one.eml")).stdout)["kind"] == "unknown"


def test_an_erased_reader_is_let_go_without_a_name(configuration: Path, parts: Parts) -> None:
    ref = web.subscribed(parts)["weekly"]
    with parts.database.transaction() as session:
        subscribers.erase(session, keys=parts.keys, address=web.ADDRESS, now=NOW)
    taken = take(configuration, f"Subject: unsubscribe {web.token(parts, ref)}\r\n\r\n".encode())
    assert (taken["recipient"], taken["action"]) == (None, "already-unsubscribed")
