"""Writes the pages that are read off the program: docs/configuration.md and docs/commands.md (`make docs`)."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer.main
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from digest.settings import Duration, Mail, Publication, Site, Source
from docs import capacity

HERE = Path(__file__).resolve().parent
TABLES: tuple[tuple[str, type[BaseModel]], ...] = (
    ("[site]", Site),
    ("[mail]", Mail),
    ("[publications.NAME]", Publication),
    ("[[publications.NAME.sources]]", Source),
)
_CONFIGURATION = """# Every setting

_This page is written by `make docs` from `digest/settings.py`._

One file, `digest.toml`, says everything. It is read once, at start, and validated whole: each error names the key, the value and what was expected, and an unknown key is an error that suggests the nearest known one. `digest config check` reads it and changes nothing; `digest config show` prints it with defaults filled in and secrets hidden.

The file is the one `--config` names, else `digest.toml` in the working directory, else the one `DIGEST_CONFIG` names.

- **Durations** are `"90s"`, `"15m"`, `"12h"` or `"7d"`.
- **Times of the week** are `"wed 15:00"`, `"mon,thu 09:30"`, `"daily 08:00"`, or a five-field cron expression whose minute and hour are single numbers, with weekdays numbered as crontab does (0 and 7 are Sunday). They are meant in the publication's own time zone, summer and winter.
- **Environment variables** win over the file: `DIGEST_SECRET`, `DIGEST_SITE_…` and `DIGEST_MAIL_…` with a key of that table in capitals, such as `DIGEST_MAIL_PASSWORD`. Add `_FILE` to name a file that holds the value, such as `DIGEST_MAIL_PASSWORD_FILE=/run/secrets/mail`. Lists are separated by commas.
- **NAME** of a publication is made of lower-case letters, digits and hyphens. It stands in addresses of the archive and in `List-Id`, so it should never change.
"""
_COMMANDS = """# Every command

_This page is written by `make docs` from the command line itself._

Commands that need the configuration take `--config FILE`. Those that report take `--json`, with keys that stay. `--now` sets the clock of a command that depends on it, as an ISO 8601 moment with its offset.

Exit codes: 0 done; 1 refused or failed, with one plain sentence on standard error; 2 the command was not understood.
"""


def configuration() -> str:
    """The page of every setting, as Markdown."""
    parts = [_CONFIGURATION]
    for heading, model in TABLES:
        parts.append(f"## `{heading}`\n\n{_meaning(model)}\n")
        rows = [
            f"| `{key}` | {_default(field)} | {_cell(field.description or '')}{_words(field)} |"
            for key, field in keys(model)
        ]
        parts.append("\n".join(["| key | default | meaning |", "|---|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def keys(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Each key of a table as it is written in the file; tables inside it have a section of their own."""
    for name, field in model.model_fields.items():
        if name != "sources":
            yield field.alias or name, field


def commands() -> str:
    """The page of every command, as Markdown."""
    parts = [_COMMANDS]
    for path, one in every_command():
        parts.append(f"## `digest {path}{_arguments(one)}`\n\n{_help(one.help or '')}\n")
        rows = [
            f"| `{_cell(_option(option))}` | {_cell(option.help or '')} |"
            for option in one.params
            if option.param_type_name == "option"
            and option.opts[0] not in {"--config", "--json", "--now", "--help"}
        ]
        if rows:
            parts.append("\n".join(["| option | meaning |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def every_command() -> Iterator[tuple[str, Any]]:
    """Each command with its path, such as "editions cut", in the order of `digest --help`."""
    from digest.cli import app

    return _walk(typer.main.get_command(app), "")


def main() -> None:
    """Write both pages, and the tables of operations.md that are worked out."""
    (HERE / "configuration.md").write_text(configuration(), encoding="utf-8")
    (HERE / "commands.md").write_text(commands(), encoding="utf-8")
    capacity.PAGE.write_text(capacity.page(capacity.PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def _walk(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from _walk(one, f"{prefix}{name} ")
        elif not one.hidden:
            yield f"{prefix}{name}", one


def _meaning(model: type[BaseModel]) -> str:
    sentence = inspect.cleandoc(model.__doc__ or "").partition(": ")[2] or (model.__doc__ or "")
    return sentence[:1].upper() + sentence[1:]


def _words(field: FieldInfo) -> str:
    """The words a setting may be, where it may be only some."""
    if get_origin(field.annotation) is not Literal:
        return ""
    words = ", ".join(f'`"{word}"`' for word in get_args(field.annotation))
    return f" One of {words}."


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    if _is_duration(field):
        return f'`"{_duration(value)}"`'
    return f"`{_toml(value)}`" if value not in (None, "", (), {}) else ""


def _is_duration(field: FieldInfo) -> bool:
    return field.annotation is int and any(mark in field.metadata for mark in get_args(Duration)[1:])


def _duration(seconds: int) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(one) for one in value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _arguments(one: Any) -> str:
    names = [_metavar(p) for p in one.params if p.param_type_name == "argument"]
    return "".join(f" {name}" for name in names)


def _option(option: Any) -> str:
    return ", ".join(option.opts) + ("" if option.is_flag else f" {_metavar(option)}")


def _metavar(param: Any) -> str:
    if param.param_type_name == "argument" and param.metavar:
        return str(param.metavar)
    kind = param.type_descriptor.annotation
    choices = "|".join(kind) if isinstance(kind, enum.EnumMeta) else ""
    return (param.metavar or choices or param.name.upper()) + ("…" if param.multiple else "")


def _help(text: str) -> str:
    return inspect.cleandoc(text).replace("\b\n", "")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
