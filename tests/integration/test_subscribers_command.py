"""`digest subscribers` as an operator's script meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from digest.cli.subscribers import app
from digest.database import Database

CONFIGURATION = """
[site]
base_url = "http://127.0.0.1:8000"
database = "{url}"
secret = "a secret for the tests only, not for use"
[publications.weekly]
name = "The Weekly Brief"
from = "The Weekly Brief <brief@example.org>"
postal_address = "1 Example Street, Example City"
cut_off = "wed 15:00"
send = "thu 09:00"
"""


@pytest.fixture
def configuration(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration on a database that has its tables."""
    monkeypatch.setattr("digest.wiring.require_current", lambda _parts: None)
    path = tmp_path / "digest.toml"
    path.write_text(CONFIGURATION.format(url=database.url.render_as_string(hide_password=False)))
    return path


def run(configuration: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--config", str(configuration)])


def report(configuration: Path, *arguments: str) -> Any:
    result = run(configuration, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def add(configuration: Path, address: str = "jo@example.org") -> Any:
    return report(configuration, "add", address, "--publication", "weekly", "--consent", "At the fair.")


def test_somebody_is_added_shown_and_ended(configuration: Path) -> None:
    added = add(configuration)
    assert added["state"] == "confirmed"
    shown = report(configuration, "show", "JO@example.org")
    assert shown["address"] == "jo@example.org"
    assert shown["suppressed"] is False
    assert [(one["publication"], one["state"]) for one in shown["subscriptions"]] == [("weekly", "confirmed")]
    assert shown["subscriptions"][0]["consent"]["text"] == "At the fair."
    assert report(configuration, "end", "jo@example.org", "--reason", "manual")["state"] == "ended"
    ended = report(configuration, "show", "jo@example.org")["subscriptions"][0]
    assert (ended["state"], ended["reason"]) == ("ended", "manual")
    assert add(configuration)["new"] is True


def test_a_list_is_imported_with_every_row_accounted_for(configuration: Path, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("email,name\njo@example.org,Jo\nbad,Bad\n")
    asked = ("import", str(file), "--publication", "weekly", "--consent", "They signed.")
    rehearsed = report(configuration, *asked, "--dry-run")
    imported = report(configuration, *asked)
    for one in (rehearsed, imported):
        assert (one["read"], one["added"], one["updated"], one["unchanged"], one["refused"]) == (
            2,
            1,
            0,
            0,
            1,
        )
        assert [(row["line"], row["value"]) for row in one["errors"]] == [(3, "bad")]
    assert "1 unchanged" in run(configuration, *asked).stdout


def test_an_export_appears_whole_and_for_its_owner_only(configuration: Path, tmp_path: Path) -> None:
    add(configuration)
    file = tmp_path / "out.csv"
    assert run(configuration, "export", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o077 == 0
    assert file.read_bytes().decode() == run(configuration, "export").stdout_bytes.decode()
    assert "jo@example.org" in file.read_text()
    assert sorted(path.name for path in tmp_path.glob("*out*")) == ["out.csv"]


def test_a_suppressed_address_and_an_erased_one_are_not_added(configuration: Path) -> None:
    add(configuration)
    assert (
        report(configuration, "suppress", "jo@example.org", "--reason", "hard-bounce")["state"]
        == "suppressed"
    )
    assert report(configuration, "erase", "ann@example.org") == {"subscriber": None, "state": "erased"}
    for address in ("jo@example.org", "ann@example.org"):
        refused = run(configuration, "add", address, "--publication", "weekly", "--consent", "Yes.")
        assert refused.exit_code == 1
        assert f"{address} was not subscribed" in refused.stderr
        assert report(configuration, "show", address)["suppressed"] is True


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("add", "jo", "--publication", "weekly", "--consent", "x"), '"jo" is not an address'),
        (("add", "jo@example.org", "--publication", "weakly", "--consent", "x"), 'no publication "weakly"'),
        (("add", "jo@example.org", "--publication", "weekly", "--consent", " "), "needs the consent"),
        (
            ("import", "/nowhere.csv", "--publication", "weekly", "--consent", "x"),
            "/nowhere.csv cannot be read",
        ),
        (("import", "/", "--publication", "weekly", "--consent", "x"), "/ cannot be read"),
        (("end", "jo@example.org", "--reason", "manual"), "Nobody is known by the address jo@example.org."),
        (("export", "/nowhere/out.csv"), "/nowhere/out.csv cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    configuration: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    result = run(configuration, *arguments)
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "jo@example.org", "--publication", "weekly"),
        ("end", "jo@example.org", "--reason", "because"),
        ("import", "list.csv", "--publication", "weekly", "--consent", "x", "--format", "word"),
    ],
)
def test_a_command_that_is_not_complete_is_a_usage_error(
    configuration: Path, arguments: tuple[str, ...]
) -> None:
    assert run(configuration, *arguments).exit_code == 2


def test_somebody_unknown_is_shown_as_nobody(configuration: Path) -> None:
    assert report(configuration, "show", "jo@example.org")["subscriptions"] == []
    assert "Nothing is kept" in run(configuration, "show", "jo@example.org").stdout
