"""Editions under way, made once for each engine and copied for each test that stops one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import crashing
from tests.conftest import _named_database, _postgres_database, _with_name
from tests.crashing import StoppablePostgres

UnderWay = Callable[[str, int], str]


@pytest.fixture(scope="session")
def _launched_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    made: dict[int, Path] = {}

    def get(count: int) -> Path:
        if count not in made:
            home = tmp_path_factory.mktemp("launched")
            crashing.launched(home, f"sqlite:///{home / 'digest.db'}", count=count)
            made[count] = home / "digest.db"
        return made[count]

    return get


@pytest.fixture(scope="session")
def _launched_postgres(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], str]:
    made: dict[int, str] = {}

    def get(count: int) -> str:
        if count not in made:
            name = _named_database(postgres_url, template="template0")
            crashing.launched(
                tmp_path_factory.mktemp("launched"), _with_name(postgres_url, name), count=count
            )
            made[count] = name
        return made[count]

    return get


@pytest.fixture
def under_way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[UnderWay]:
    """A database of this test's own where an edition is launched, by engine and number of readers."""
    copies: list[Iterator[str]] = []

    def copy(engine: str, count: int) -> str:
        if engine == "sqlite":
            shutil.copyfile(request.getfixturevalue("_launched_sqlite")(count), tmp_path / "digest.db")
            return f"sqlite:///{tmp_path / 'digest.db'}"
        original = request.getfixturevalue("_launched_postgres")(count)
        copies.append(_postgres_database(request.getfixturevalue("postgres_url"), template=original))
        return next(copies[-1])

    yield copy
    for one in copies:
        for _ in one:
            raise AssertionError("a database is made once")


@pytest.fixture(scope="session")
def stoppable_postgres(postgres_url: str) -> Iterator[StoppablePostgres]:
    """A PostgreSQL server that a test may stop; where there is one to test against but none to start, a skip."""
    with crashing.stoppable_postgres() as server:
        if server is None:
            pytest.skip("the PostgreSQL server that DIGEST_TEST_POSTGRES names is not ours to stop")
        yield server
