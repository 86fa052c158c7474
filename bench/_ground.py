"""The ground on which all is measured: servers, databases, installations and messages, all gone when it is left."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args, get_origin

from bench import _installation as installations
from bench import _large, _postgres, _servers
from bench._cases import Range
from bench._installation import Installation
from bench._servers import OUR_SINK, SMTP_SINK, OurSink, Server
from digest.settings import Site

SQLITE, POSTGRES = "SQLite", "PostgreSQL"
MEMORY, POSTGRES_OFF = "SQLite with its file in memory", "PostgreSQL with synchronous_commit off"
FAR = 20
_IN_MEMORY = Path("/dev/shm")
_ROOM = 1 << 30
_SIZES = (50, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What `bench.sending` runs on; `large` are installations with a million readers, `absent` what is not here."""

    folder: Path
    range: Range
    sink: OurSink
    large: dict[str, Installation]
    settings: tuple[str, ...] = ()
    absent: list[str] = field(default_factory=list)


@contextmanager
def laid(*, quick: bool, parts: Sequence[str]) -> Iterator[Ground]:
    """Lay it for the parts named, and clear it away again, whatever happens."""
    seconds, readers = (1.0, 12_000) if quick else (2.0, 40_000)
    absent: list[str] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="digest-bench-")))
        folder.chmod(0o755)  # the database server and smtp-sink run in the name of others
        sink = stack.enter_context(_servers.our_sink())
        servers: dict[str, Server] = {OUR_SINK: sink}
        if smtp_sink := stack.enter_context(_servers.smtp_sink(folder)):
            servers[SMTP_SINK] = smtp_sink
        else:
            absent.append("- without Postfix's smtp-sink and smtp-source: they are not installed")
        ports = {(name, 0): server.port for name, server in servers.items()}
        for name, server in servers.items():
            ports[name, FAR] = stack.enter_context(_servers.far_away(server.port, milliseconds=FAR))
        url = stack.enter_context(_postgres.server(folder))
        if url is None:
            absent.append("- without PostgreSQL: its server or its driver is not installed")
        known = _installed(stack, folder, url, readers, parts)
        settings = _by_setting(known)
        ground = Ground(
            folder=folder,
            sink=sink,
            range=Range(
                seconds=seconds,
                servers=servers,
                ports=ports,
                installations=known | settings,
                messages=_messages(folder, known[SQLITE]),
                key=installations.dkim_key(folder),
            ),
            large=_large_ones(folder, url, quick=quick) if {"launch", "memory"} & set(parts) else {},
            settings=tuple(settings),
            absent=absent,
        )
        yield ground


def _installed(
    stack: ExitStack, folder: Path, url: str | None, readers: int, parts: Sequence[str]
) -> dict[str, Installation]:
    compared = set(parts) - {"launch", "memory", "first"}
    many = {"few": _large.FEW, **({f"brief-{size}": readers for size in _SIZES} if compared else {})}
    samples = {f"sample-{size}": 1 for size in _SIZES}
    known = {SQLITE: _on_sqlite(folder / "sqlite", many | samples)}
    if url is not None:
        known[POSTGRES] = installations.install(
            folder / "postgres", _postgres.database(url, "bench"), readers=many
        )
        waits = known[POSTGRES].database
        known[POSTGRES_OFF] = replace(known[POSTGRES], database=_postgres.not_waiting(waits))
    if "durability" in parts and os.access(_IN_MEMORY, os.W_OK) and _free(_IN_MEMORY) > _ROOM:
        memory = stack.enter_context(tempfile.TemporaryDirectory(prefix="digest-bench-", dir=_IN_MEMORY))
        known[MEMORY] = _on_sqlite(Path(memory) / "sqlite", many)
    return known


def _large_ones(folder: Path, url: str | None, *, quick: bool) -> dict[str, Installation]:
    readers = {"all": _large.READERS}
    found = {SQLITE: _on_sqlite(folder / "large", readers)}
    if url is not None and not quick:
        database = _postgres.database(url, "large")
        found[POSTGRES] = installations.install(folder / "large-postgres", database, readers=readers)
    return found


def _by_setting(known: dict[str, Installation]) -> dict[str, Installation]:
    """The same databases by each choice of a setting that says how durable a commit is, where there is one."""
    found = {}
    for name, setting in Site.model_fields.items():
        if "durab" not in name and "synchron" not in name:
            continue
        choices = get_args(setting.annotation) if get_origin(setting.annotation) is Literal else ()
        for choice in choices:
            for database in (SQLITE, POSTGRES):
                if database in known and choice != setting.default:
                    told = ((f"DIGEST_SITE_{name.upper()}", str(choice)),)
                    found[f"{database}, {name} = {choice}"] = replace(known[database], told=told)
    return found


def _messages(folder: Path, installation: Installation) -> dict[int, Path]:
    """What the others send: one reader's copy of the same edition, and the same with the line ends smtp-source wants."""
    found = {}
    for size in _SIZES:
        message = asyncio.run(installations.sample(installation, f"sample-{size}"))
        found[size] = folder / f"{size}.eml"
        found[size].write_bytes(message)
        found[size].with_suffix(".lf").write_bytes(message.replace(b"\r\n", b"\n"))
    return found


def _on_sqlite(home: Path, readers: dict[str, int]) -> Installation:
    return installations.install(home, f"sqlite:///{home / 'digest.db'}", readers=readers)


def _free(folder: Path) -> int:
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize
