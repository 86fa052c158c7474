"""Migrating leads to exactly the tables the code describes, on both engines, from any number of processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, Inspector, MetaData, inspect, text

import subscribers
from digest import migrate
from digest.database import Base, Database, DatabaseUnavailable
from digest.posts import store as posts

HISTORY = "alembic_version"
METADATA: Any = [Base.metadata, subscribers.metadata]


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Database]:
    database = Database(empty_database_url)
    yield database
    database.dispose()


def test_an_empty_database_becomes_exactly_what_the_code_describes(empty: Database) -> None:
    assert not migrate.is_current(empty)
    migrate.upgrade(empty)
    assert migrate.is_current(empty)
    with empty.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, METADATA) == [], "run the autogeneration again, or write a migration"


def test_the_migrated_tables_have_the_checks_and_conditions_of_the_code(empty: Database) -> None:
    migrate.upgrade(empty)
    migrated = _shape(empty.engine)
    everything = MetaData()
    everything.reflect(empty.engine)
    everything.drop_all(empty.engine)
    for one in METADATA:
        one.create_all(empty.engine)
    assert migrated == _shape(empty.engine)


@pytest.mark.parametrize("released", migrate.revisions())
def test_what_an_older_version_stored_is_still_there_afterwards(empty: Database, released: str) -> None:
    migrate.upgrade(empty, to=released)
    seen = inspect(empty.engine).get_columns("posts")
    known = {"id": 7, "source_id": 1, "external_id": "a", "url": "https://example.org/a", "title": "Kept"}
    told = known | {
        column["name"]: _anything(str(column["type"]))
        for column in seen
        if column["name"] not in known and not column["nullable"]
    }
    with empty.transaction() as session:
        source = (1, "rss https://example.org/feed", "rss", "https://example.org/feed", "", 0, "", 0, "[]")
        names = "id, key, kind, url, title, moved_times, last_error, failures, warnings"
        values = ", ".join(f"'{value}'" for value in source)
        session.execute(text(f"INSERT INTO sources ({names}) VALUES ({values})"))
        columns = ", ".join(told)
        session.execute(
            text(f"INSERT INTO posts ({columns}) VALUES ({', '.join(':' + name for name in told)})"), told
        )
        session.execute(text("INSERT INTO post_keys (digest, post_id) VALUES ('k', 7)"))
    migrate.upgrade(empty)
    with empty.reading() as session:
        assert posts.posts(session, [7])[7].post.title == "Kept"
        assert session.scalar(text("SELECT post_id FROM post_keys")) == 7


def test_migrating_twice_changes_nothing(empty: Database) -> None:
    migrate.upgrade(empty)
    before = _shape(empty.engine)
    migrate.upgrade(empty)
    assert _shape(empty.engine) == before


def test_two_processes_may_migrate_at_once(empty: Database) -> None:
    program = (
        "import sys; from digest import migrate; from digest.database import Database;"
        "migrate.upgrade(Database(sys.argv[1]))"
    )
    line = [sys.executable, "-c", program, empty.url.render_as_string(hide_password=False)]
    both = [subprocess.Popen(line, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [one.communicate(timeout=60)[1] for one in both] == ["", ""]
    assert [one.returncode for one in both] == [0, 0]
    assert migrate.is_current(empty)


def test_a_database_from_a_newer_version_is_left_alone(empty: Database) -> None:
    migrate.upgrade(empty)
    with empty.transaction() as session:
        session.execute(text(f"UPDATE {HISTORY} SET version_num = '9999'"))
    with pytest.raises(migrate.DatabaseTooNew, match="revision 9999, which this version does not know"):
        migrate.upgrade(empty)


def test_a_database_that_cannot_be_opened_is_said_plainly(tmp_path: Any) -> None:
    database = Database(f"sqlite:///{tmp_path}/nowhere/digest.db")
    with pytest.raises(DatabaseUnavailable, match="cannot be opened"):
        migrate.upgrade(database)
    database.dispose()


def _anything(kind: str) -> Any:
    """A value that a column of this type takes."""
    if "TIME" in kind:
        return "2026-11-22 12:00:00+00:00"
    return "[]" if kind == "JSON" else 0 if kind == "INTEGER" else "x"


def _shape(engine: Engine) -> dict[str, Any]:
    """Everything an engine knows about its tables, in an order that does not depend on who made them."""
    seen = inspect(engine)
    return {name: _table(seen, name) for name in sorted(seen.get_table_names()) if name != HISTORY}


def _table(seen: Inspector, name: str) -> dict[str, Any]:
    return {
        "columns": sorted(
            ({**column, "type": str(column["type"])} for column in seen.get_columns(name)), key=str
        ),
        "key": seen.get_pk_constraint(name),
        "foreign keys": sorted(seen.get_foreign_keys(name), key=str),
        "unique": sorted(seen.get_unique_constraints(name), key=str),
        "checks": sorted(seen.get_check_constraints(name), key=str),
        "indexes": sorted(
            ({**index, "dialect_options": _texts(index)} for index in seen.get_indexes(name)), key=str
        ),
    }


def _texts(index: Any) -> dict[str, str]:
    return {key: str(value) for key, value in index.get("dialect_options", {}).items()}
