"""The long-running processes: `digest run`, `web`, `scheduler` and `worker`; and `migrate` and `arm`."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer

from digest.cli.common import CommandFailed, ConfigOption, JsonOption, NowOption, command, emit, moment

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette

    from digest.workflows.parts import Parts

HostOption = Annotated[str, typer.Option("--host", help="Address to listen on.")]
PortOption = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on.")]
OnceOption = Annotated[bool, typer.Option("--once", help="Do what is due now, then exit.")]
_TO_STOP = (signal.SIGTERM, signal.SIGINT)
# The app logs its own facts; the server's log would hold addresses of readers, and their links.
# Whom a proxy speaks for is read where it matters, and only from the proxies that are configured.
QUIET: dict[str, Any] = {
    "access_log": False,
    "log_level": "warning",
    "server_header": False,
    "proxy_headers": False,
}


def present() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def run(config: ConfigOption = None, host: HostOption = "127.0.0.1", port: PortOption = 8000) -> None:
    """Everything in one process, for one machine: web pages, scheduler and worker."""
    with command(config, migrated=False) as parts:
        from digest import migrate as migrations

        _long_running()
        migrations.upgrade(parts.database)
        serve_all(parts, host=host, port=port)


def web(config: ConfigOption = None, host: HostOption = "127.0.0.1", port: PortOption = 8000) -> None:
    """The public pages: unsubscribe, preferences, view in browser, health."""
    with command(config) as parts:
        from digest.web.app import create_app

        _long_running()
        app = create_app(parts, clock=present)
        with _listening(host, port) as listener, _server(app) as server:
            _serve(server, listener)


def scheduler(config: ConfigOption = None, once: OnceOption = False, now: NowOption = None) -> None:
    """The timetable: collects, cuts drafts, launches what is approved. With --once: what is due now."""
    with command(config) as parts:
        from digest import scheduler as timetable

        if once:
            timetable.once(parts, now=moment(now))
            return
        _long_running()
        told = _told_to_stop()
        running = timetable.start(parts, clock=present)
        try:
            told.wait()
        finally:
            timetable.stop(running)


def worker(config: ConfigOption = None, once: OnceOption = False, now: NowOption = None) -> None:
    """The delivery loop: mails launched editions and waiting notices. With --once: what is due now."""
    with command(config) as parts:
        from digest import worker as delivery

        if not once:
            _long_running()
        at = moment(now)
        delivery.run(parts, clock=(lambda: at) if now else present, once=once)


def migrate(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Create or update the database's tables."""
    with command(config, migrated=False) as parts:
        from digest import migrate as migrations

        parts.database.check()
        before = migrations.current(parts.database)
        migrations.upgrade(parts.database)
        after = migrations.current(parts.database)
        text = f"The database is at {after}." if before != after else f"The database was already at {after}."
        emit({"before": before, "after": after}, json=json, text=text)


def arm(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Allow this installation (site.instance) to send mail from this database."""
    with command(config) as parts:
        from digest.workflows import launch

        instance = parts.settings.site.instance
        launch.arm(parts, now=present())
        emit(
            {"instance": instance}, json=json, text=f'This database now sends for instance "{instance}" only.'
        )


def serve_all(parts: Parts, *, host: str, port: int) -> None:
    """Web, scheduler and worker in this process until SIGTERM or SIGINT; raises `CommandFailed` for a busy port."""
    import asyncio

    from digest import scheduler as timetable
    from digest import worker as delivery
    from digest.web.app import create_app

    parts.signer()  # a key that cannot be used ends it here, not later in the thread that sends

    async def deliver(stop: asyncio.Event, ready: threading.Event) -> None:
        ready.set()
        await delivery.work(parts, clock=present, stop=stop)

    app = create_app(parts, clock=present)
    with _listening(host, port) as listener, _server(app) as server:
        loop = asyncio.new_event_loop()
        stop, ready = asyncio.Event(), threading.Event()
        thread = threading.Thread(target=loop.run_until_complete, args=(deliver(stop, ready),), name="worker")
        thread.start()
        ready.wait()
        running = timetable.start(parts, clock=present)
        try:
            _serve(server, listener)
        finally:
            for name in _TO_STOP:  # who is told a second time ends at once
                signal.signal(name, signal.SIG_DFL)
            timetable.stop(running)
            loop.call_soon_threadsafe(stop.set)
            thread.join()
            loop.close()


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens there, before anything else is started."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise CommandFailed(f"Port {port} of {host} cannot be listened on: {why}.") from error


@contextmanager
def _server(app: Starlette) -> Iterator[uvicorn.Server]:
    """A server that SIGTERM and SIGINT stop gently from now on, even before it runs.

    It raises the signal that stopped it once more when it is done, which would end this process before the rest of
    it has stopped; so its handler is ours for as long as the block runs.
    """
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, timeout_graceful_shutdown=10, **QUIET))
    before = {name: signal.signal(name, server.handle_exit) for name in _TO_STOP}
    try:
        yield server
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    """Serve until told to stop, then answer what has been asked and return."""
    structlog.get_logger().info("web.started", port=listener.getsockname()[1])
    server.run(sockets=[listener])
    structlog.get_logger().info("web.stopped")


def _long_running() -> None:
    """Facts are the report of a process that stays."""
    import sys

    from digest import logs

    logs.set_up(json=not sys.stderr.isatty(), level="INFO")


def _told_to_stop() -> threading.Event:
    """Set by SIGTERM or SIGINT from now on; made before anything is started that must be stopped gently."""
    told = threading.Event()
    for name in _TO_STOP:
        signal.signal(name, lambda *_: told.set())
    return told
