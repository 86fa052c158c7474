"""What every command shares: options, the parts, plain errors, JSON, and a progress bar on terminals."""

from __future__ import annotations

import dataclasses
import enum
import json as json_module
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from digest.settings import Settings
    from digest.workflows.parts import Parts

EditionArgument = Annotated[
    int, typer.Argument(metavar="EDITION", help="The edition's id, as `editions list` shows it.")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Configuration file; ./digest.toml unless set."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON with stable keys instead of text.")]
NowOption = Annotated[
    str | None,
    typer.Option(
        "--now", metavar="ISO", help="Act as if it were this moment, e.g. 2026-11-19T09:00:00+00:00."
    ),
]

# What `digest --config FILE COMMAND` named, for this run of the program.
named_for_all: ContextVar[Path | None] = ContextVar("named_for_all", default=None)


class CommandFailed(Exception):
    """Ends a command with exit code 1 and one sentence on standard error."""


def config_path(given: Path | None) -> Path:
    """The configuration file: `--config`, then ./digest.toml, then the one DIGEST_CONFIG names.

    `--config` may also stand before the command, as options of the whole program do.
    """
    given = given or named_for_all.get()
    if given:
        return given
    here = Path("digest.toml")
    named = os.environ.get("DIGEST_CONFIG")
    return Path(named) if named and not here.exists() else here


@contextmanager
def plainly() -> Iterator[None]:
    """Turn an expected failure into one sentence on standard error and exit code 1."""
    import subscribers
    from digest.errors import DigestError

    try:
        yield
    except (DigestError, subscribers.SubscribersError, CommandFailed) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


@contextmanager
def settings_from(config: Path | None) -> Iterator[Settings]:
    """The validated configuration, with expected failures said plainly."""
    with plainly():
        from digest import settings

        yield settings.load(config_path(config))


@contextmanager
def command(config: Path | None, *, migrated: bool = True) -> Iterator[Parts]:
    """The parts of this process, with expected failures said plainly; refuses a database without its tables."""
    with settings_from(config) as settings:
        from digest import logs, wiring

        # A command's own output is its report; facts are for the long-running processes.
        logs.set_up(level=os.environ.get("DIGEST_LOG_LEVEL", "ERROR"))
        parts = wiring.build(settings, home=config_path(config).parent)
        try:
            if migrated:
                wiring.require_current(parts)
            yield parts
        finally:
            parts.database.dispose()


def moment(text: str | None) -> datetime:
    """The moment `--now` names, or the present; exits with code 2 for one without an offset or not a time."""
    if text is None:
        return datetime.now(UTC)
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f'"{text}" is not a time; expected one such as 2026-11-19T09:00:00+00:00'
        ) from None
    if given.tzinfo is None:
        raise typer.BadParameter(f'"{text}" has no offset; expected one such as {text}+00:00')
    return given


def emit(value: object, *, json: bool, text: str | Callable[[], str] = "") -> None:
    """Print `value` as JSON, or `text` for people."""
    if json:
        typer.echo(json_module.dumps(plain(value), ensure_ascii=False, indent=2))
        return
    typer.echo(text() if callable(text) else text)


def plain(value: object) -> Any:
    """`value` as JSON knows it: dataclasses as objects, times as ISO 8601 with offset."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    return value


@contextmanager
def progress(total: int | None, label: str) -> Iterator[Callable[[int], None]]:
    """A function to call with the amount done so far; draws a bar on a terminal and nothing on a pipe."""
    if not sys.stderr.isatty():
        yield lambda _done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)


def table(rows: Sequence[tuple[str, ...]], *, head: tuple[str, ...]) -> str:
    """Rows in columns wide enough for their longest cell, the last one free."""
    everything = [head, *rows]
    widths = [max(len(row[i]) for row in everything) for i in range(len(head) - 1)]
    lines = [
        "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[-1]])
        for row in everything
    ]
    return "\n".join(line.rstrip() for line in lines)
