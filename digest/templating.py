"""Where templates come from, and the one sandboxed Jinja environment that all of them are rendered in.

An operator's folder wins over ours file by file; `{% extends "original/…" %}` there changes a single block.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import get_global
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_decimal
from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateError,
    pass_context,
)
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from digest.errors import DigestError
from digest.locales import Locale, UnknownLocaleError

ORIGINAL = "original"
_MARKUP = (".mjml", ".html", ".xml")
_DEFAULT_LANGUAGE = "en"
_TEXT_WIDTH = 76
_FOLDERS = frozenset({"editions", "partials", "notices", "pages", "desk"})


class TemplateFault(DigestError):
    """A template is missing, is not valid, or uses a name it is not given; says which file and line."""


class Words:
    """The fixed words of one language; what it lacks is said in English."""

    def __init__(
        self, language: str, entries: Mapping[str, str | Mapping[str, str]], own: frozenset[str]
    ) -> None:
        self.language = language
        self.names = frozenset(entries)
        self.own = own
        self._entries = entries
        self._locale = locale(language)

    def __call__(self, name: str, /, **values: object) -> str:
        """The words called `name` with {placeholders} filled; `count` chooses among plural forms.

        Raises LookupError for a name that no language has.
        """
        try:
            entry = self._entries[name]
        except KeyError:
            raise LookupError(f'there are no words called "{name}" in templates/words/en.toml') from None
        if not isinstance(entry, str):
            plural = self._locale if name in self.own else locale(_DEFAULT_LANGUAGE)
            entry = entry.get(_plural(plural, values.get("count")), entry["other"])
        filled = {
            k: format_decimal(v, locale=self._locale) if isinstance(v, int) else str(v)
            for k, v in values.items()
        }
        return re.sub(r"\{(\w+)\}", lambda match: filled.get(match[1], match[0]), entry)


class Templates:
    """Every template there is: the operator's folder first, then those that come with the program."""

    def __init__(self, overrides: Path | None = None) -> None:
        self.overrides = overrides
        self.builtin = _builtin_root()
        self._environment = environment(self.loader())
        self._words: dict[str, Words] = {}

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders searched, in order."""
        return (self.overrides, self.builtin) if self.overrides else (self.builtin,)

    def loader(self) -> BaseLoader:
        """A Jinja loader over the folders, with `original/` naming our own copy of an overridden file."""
        own = FileSystemLoader(self.builtin)
        return ChoiceLoader([*(FileSystemLoader(root) for root in self.roots), PrefixLoader({ORIGINAL: own})])

    def find(self, name: str) -> Path | None:
        """The file that `name` is read from, or None."""
        for root in self.roots:
            path = root / name
            if path.is_file() and path.resolve().is_relative_to(root.resolve()):
                return path
        return None

    def render(self, name: str, context: Mapping[str, Any]) -> str:
        """The template filled in; adds `word`, `language`, `timezone` and `direction` where they are not given.

        Raises `TemplateFault` naming file and line.
        """
        language = str(context.get("language", _DEFAULT_LANGUAGE))
        known = {
            "language": language,
            "timezone": "UTC",
            "direction": direction(language),
            "word": self.words(language),
            **context,
        }
        try:
            return self._environment.get_template(name).render(known)
        except TemplateError as error:
            raise TemplateFault(f"{fault_place(error, name)}: {fault_words(error)}") from error
        except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError) as error:
            raise TemplateFault(f"{fault_place(error, name)}: {fault_words(error)}") from error

    def words(self, language: str) -> Words:
        """The fixed words of `language`: its own file, then its base language's, then English."""
        if language not in self._words:
            self._words[language] = self._read_words(language)
        return self._words[language]

    def _read_words(self, language: str) -> Words:
        entries: dict[str, str | Mapping[str, str]] = {}
        own: set[str] = set()
        parts = locale(language)
        for tag in dict.fromkeys((_DEFAULT_LANGUAGE, parts.language, language)):
            for root in reversed(self.roots):
                found = read_toml(root / "words" / f"{tag}.toml")
                entries.update(found)
                own.update(found if tag != _DEFAULT_LANGUAGE or parts.language == _DEFAULT_LANGUAGE else ())
        return Words(language, entries, frozenset(own))


def environment(loader: BaseLoader) -> ImmutableSandboxedEnvironment:
    """The sandboxed environment: undefined names are errors, markup escapes, text does not."""
    env = ImmutableSandboxedEnvironment(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=lambda name: bool(name and name.endswith(_MARKUP)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.filters.update(date=_date, time=_time, datetime=_datetime, number=_number, wrap=wrap)
    return env


def read_toml(path: Path) -> dict[str, Any]:
    """The table in `path`, empty when there is no such file; raises `TemplateFault` when it is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TemplateFault(f"{path}: cannot be read as TOML: {error}.") from error


@lru_cache(maxsize=64)
def locale(language: str) -> Locale:
    """What babel knows of a BCP 47 tag; of its base language, then English, when it does not know it."""
    tag = language
    while tag:
        try:
            return Locale.of(tag)
        except (UnknownLocaleError, ValueError):
            tag = tag.rpartition("-")[0]
    return Locale(_DEFAULT_LANGUAGE)


@lru_cache(maxsize=256)
def regional(language: str, timezone: str) -> Locale:
    """The language as it is written where the clock is: "en" in Europe/London writes 19 November.

    Where the clock is nowhere (UTC), English is the world's and not one country's.
    """
    known = locale(language)
    territory = get_global("zone_territories").get(timezone)
    if not territory and known.language == "en":
        territory = "001"
    if known.territory or known.script or not territory:
        return known
    try:
        return Locale(known.language, territory)
    except UnknownLocaleError:
        return known


def direction(language: str) -> str:
    """How a language is written: "rtl" from right to left, else "ltr"."""
    return str(locale(language).text_direction)


def wrap(text: str, width: int = _TEXT_WIDTH, indent: str = "") -> str:
    """`text` as lines of at most `width` characters, each begun with `indent`; addresses are never broken."""
    lines: list[str] = []
    for paragraph in str(text).splitlines() or [""]:
        lines.extend(_wrapped(paragraph.split(), width - len(indent)))
    return "\n".join(f"{indent}{line}".rstrip() for line in lines)


def fault_place(error: BaseException, name: str) -> str:
    """The file and line of an error raised while a template was compiled or rendered."""
    filename, line = getattr(error, "name", None), getattr(error, "lineno", None)
    if isinstance(filename, str) and line:
        return f"{filename}, line {line}"
    trace, found = error.__traceback__, ("", 0)
    while trace:
        path = trace.tb_frame.f_code.co_filename
        if path.endswith((*_MARKUP, ".txt")):
            found = (path, trace.tb_lineno)
        trace = trace.tb_next
    if not found[0]:
        return name
    parts = Path(found[0]).parts
    kept = next((i for i, part in enumerate(parts) if part in _FOLDERS), len(parts) - 1)
    return f"{'/'.join(parts[kept:])}, line {found[1]}"


def fault_words(error: BaseException) -> str:
    """What Jinja says was wrong, as a sentence."""
    message = str(getattr(error, "message", None) or error).rstrip(".")
    return f"{message}."


def _builtin_root() -> Path:
    """Beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parent
    installed = package / "_templates"
    return installed if installed.is_dir() else package.parent / "templates"


def _plural(language: Locale, count: object) -> str:
    plural_form: Callable[[Any], str] = language.plural_form
    return plural_form(count) if isinstance(count, int) else "other"


def _wrapped(words: list[str], width: int) -> list[str]:
    lines, line = [], ""
    for piece in (piece for word in words for piece in _pieces(word, width)):
        if line and len(line) + 1 + len(piece) > width:
            lines.append(line)
            line = piece
        else:
            line = f"{line} {piece}" if line else piece
    return [*lines, line]


def _pieces(word: str, width: int) -> list[str]:
    """A word too long for a line in pieces, unless it is an address or a slot."""
    if len(word) <= width or "://" in word or word.startswith("slot-"):
        return [word]
    return [word[i : i + width] for i in range(0, len(word), width)]


def _told(context: Context) -> tuple[Locale, ZoneInfo]:
    timezone = str(context.get("timezone", "UTC"))
    return regional(str(context.get("language", _DEFAULT_LANGUAGE)), timezone), ZoneInfo(timezone)


@pass_context
def _date(context: Context, value: date | datetime, pattern: str = "long") -> str:
    """A date in words, in the context's language and zone."""
    language, zone = _told(context)
    if not isinstance(value, date):
        raise TypeError(f"expected a date, not {value}")
    day = value.astimezone(zone) if isinstance(value, datetime) else value
    return format_date(day, pattern, locale=language)


@pass_context
def _time(context: Context, value: datetime, pattern: str = "short") -> str:
    """A time of day in the context's language and zone."""
    language, zone = _told(context)
    if not isinstance(value, datetime):
        raise TypeError(f"expected a time, not {value}")
    return format_time(value, pattern, tzinfo=zone, locale=language)


@pass_context
def _datetime(context: Context, value: datetime, pattern: str = "long") -> str:
    """A date and time in the context's language and zone."""
    language, zone = _told(context)
    if not isinstance(value, datetime):
        raise TypeError(f"expected a time, not {value}")
    return format_datetime(value, pattern, tzinfo=zone, locale=language)


@pass_context
def _number(context: Context, value: float) -> str:
    """A number as the context's language writes it."""
    return format_decimal(value, locale=_told(context)[0])
