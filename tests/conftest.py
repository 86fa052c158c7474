"""What every test may ask for: an empty database on each engine, and a world without a network."""

from __future__ import annotations

import ipaddress
import itertools
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import structlog
from sqlalchemy import make_url

import digest.deliveries.tables
import digest.editions.tables
import digest.posts.tables  # noqa: F401 - each stage's tables join Base.metadata
import subscribers
from digest.database import Base, Database
from tests import postgres

ENGINES = ("sqlite", "postgresql")
_LOOPBACK_NAMES = {"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback", ""}
_numbers = itertools.count(1)

hypothesis.settings.register_profile("ci", deadline=None, print_blob=True)
hypothesis.settings.register_profile("thorough", deadline=None, print_blob=True, max_examples=2_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def _logs_as_new() -> None:
    """No test hears less because one before it set the level that is heard."""
    structlog.reset_defaults()


# --- databases ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The maintenance database of this process's PostgreSQL server; skips the test where there is none."""
    try:
        with postgres.server() as url:
            yield url
    except postgres.NoPostgres as error:
        if os.environ.get("DIGEST_REQUIRE_POSTGRES"):
            pytest.fail(f"{error}, and DIGEST_REQUIRE_POSTGRES asks for one")
        pytest.skip(str(error))


@pytest.fixture(params=ENGINES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new database without a single table, on each engine in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'digest.db'}"
        return
    yield from _postgres_database(request.getfixturevalue("postgres_url"), template="template0")


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new database with every table and no row, on each engine in turn."""
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("_sqlite_template"), tmp_path / "digest.db")
        yield f"sqlite:///{tmp_path / 'digest.db'}"
        return
    server_url, kept = request.getfixturevalue("postgres_url"), request.getfixturevalue("_postgres_kept")
    shape = request.getfixturevalue("_postgres_shape")
    # Making a database costs fifteen times what emptying one does.
    name = (
        kept.pop()
        if kept
        else _named_database(server_url, template=request.getfixturevalue("_postgres_template"))
    )
    url = _with_name(server_url, name)
    yield url
    if postgres.emptied(url, like=shape):
        kept.append(name)
    else:
        postgres.command(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with every table and no row, on each engine in turn."""
    opened = Database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "digest.db"
    _create_tables(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def _postgres_template(postgres_url: str) -> Iterator[str]:
    name = f"digest_template_{os.getpid()}"
    postgres.command(postgres_url, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    _create_tables(_with_name(postgres_url, name))
    yield name
    postgres.command(postgres_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def _postgres_shape(postgres_url: str, _postgres_template: str) -> str:
    return postgres.shape(_with_name(postgres_url, _postgres_template))


@pytest.fixture(scope="session")
def _postgres_kept(postgres_url: str, _postgres_template: str) -> Iterator[list[str]]:
    """The databases of this process that are as empty as the template again."""
    kept: list[str] = []
    yield kept
    for name in kept:
        postgres.command(postgres_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _named_database(server_url: str, *, template: str) -> str:
    name = f"digest_test_{os.getpid()}_{next(_numbers)}"
    postgres.command(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


def _postgres_database(server_url: str, *, template: str) -> Iterator[str]:
    name = _named_database(server_url, template=template)
    yield _with_name(server_url, name)
    postgres.command(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _with_name(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _create_tables(url: str) -> None:
    database = Database(url)
    for metadata in (Base.metadata, subscribers.metadata):
        metadata.create_all(database.engine)
    database.dispose()


# --- no network -----------------------------------------------------------------------------------------------


class NetworkClosed(RuntimeError):
    """A test tried to reach another machine."""


def pytest_configure(config: pytest.Config) -> None:
    """Close the network to everything but this machine, from before the first test module is imported."""
    closed = pytest.MonkeyPatch()
    config.add_cleanup(closed.undo)
    for name in ("connect", "connect_ex"):
        closed.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
    closed.setattr(socket, "getaddrinfo", _offline(socket.getaddrinfo))


def _guarded(connect: Any) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in {socket.AF_INET, socket.AF_INET6} and not _is_loopback(address[0]):
            raise NetworkClosed(
                f"a test tried to connect to {address[0]}; tests reach loopback addresses only"
            )
        return connect(self, address)

    return guarded


def _offline(getaddrinfo: Any) -> Any:
    """Names of other machines do not resolve, as on a machine without a network."""

    def offline(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if name is not None and name.lower().rstrip(".") not in _LOOPBACK_NAMES and not _is_address(name):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return getaddrinfo(host, *args, **kwargs)

    return offline


def _is_loopback(host: str) -> bool:
    if not _is_address(host):
        return host.lower() in _LOOPBACK_NAMES
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _is_address(host: str) -> bool:
    try:
        socket.inet_aton(
            host
        )  # also the odd spellings, such as 127.1 and 0x7f.1, that resolve without a name server
    except OSError:
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
    return True


# --- say what was not tested ----------------------------------------------------------------------------------


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Nobody should believe that PostgreSQL was tested when it was not."""
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if postgres.MISSING in str(r.longrepr)]
    if not skipped:
        return
    terminalreporter.section("POSTGRESQL WAS NOT TESTED", sep="!", red=True, bold=True)
    terminalreporter.line(f"{len(skipped)} tests were skipped: {postgres.MISSING}.", red=True)
    terminalreporter.line(
        "Install a PostgreSQL server, or set DIGEST_TEST_POSTGRES to the URL of one.", red=True
    )
