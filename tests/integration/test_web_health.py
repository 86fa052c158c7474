"""What monitors are told."""

from __future__ import annotations

from digest import migrate
from digest.database import Database
from tests import web


def test_a_process_that_is_up_is_healthy_whatever_its_database_does(empty_database_url):
    database = Database(empty_database_url)
    with web.browsing(web.parts(database)) as client:
        answer = client.get("/health")
    database.dispose()
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_database_without_migrations_is_not_ready_and_says_what_to_do(empty_database_url):
    database = Database(empty_database_url)
    with web.browsing(web.parts(database)) as client:
        answer = client.get("/ready")
    database.dispose()
    assert answer.status_code == 503
    assert answer.json()["ready"] is False
    assert "digest migrate" in answer.json()["reasons"][0]


def test_a_migrated_database_is_ready(empty_database_url):
    database = Database(empty_database_url)
    migrate.upgrade(database)
    with web.browsing(web.parts(database)) as client:
        answer = client.get("/ready")
        assert client.head("/ready").status_code == 200
    database.dispose()
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "reasons": []})


def test_a_database_that_cannot_be_reached_is_not_ready_and_tells_no_detail():
    database = Database("sqlite:////nonexistent/folder/digest.db")
    with web.browsing(web.parts(database)) as client:
        answer = client.get("/ready")
    database.dispose()
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["The database cannot be reached."]
    assert "nonexistent" not in answer.text
