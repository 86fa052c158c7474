"""The ground the other tests stand on: databases are empty and separate, the network is closed."""

from __future__ import annotations

import asyncio
import socket

import pytest
from sqlalchemy import inspect, text

from digest.database import Database
from tests.conftest import NetworkClosed


@pytest.mark.parametrize("turn", ["first", "second"])
def test_each_test_gets_a_database_of_its_own(database: Database, turn: str) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE footprint (id integer)"))
    assert "footprint" in inspect(database.engine).get_table_names()


def test_an_empty_database_has_no_table(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    try:
        assert inspect(database.engine).get_table_names() == []
    finally:
        database.dispose()


@pytest.mark.parametrize("address", ["192.0.2.1", "169.254.169.254"])
def test_a_test_cannot_reach_another_machine(address: str) -> None:
    with socket.socket() as probe, pytest.raises(NetworkClosed):
        probe.connect((address, 80))


def test_names_of_other_machines_do_not_resolve() -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("news.example.org", 80)


async def test_loopback_is_open() -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        _reader, writer = await asyncio.open_connection("localhost", server.sockets[0].getsockname()[1])
        writer.close()
        await writer.wait_closed()
