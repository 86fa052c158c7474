"""Kind "folder": Markdown files with YAML or TOML front matter, in a directory and the directories below it."""

from __future__ import annotations

import asyncio
import os
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt

from digest.posts.links import safe_link
from digest.posts.model import Fetched, Memory, SourceSpec
from digest.posts.pictures import picture
from digest.posts.sources.base import RawPost, SourceError, clean_posts
from digest.posts.sources.http import Client

MOST_FILES = 2_000
LARGEST_FILE = 1_000_000
LARGEST_FRONT_MATTER = 20_000
# The YAML reader's time grows with the square of the open brackets.
MOST_BRACKETS = 200
_NO_BASE = "https://invalid.invalid/"


class Folder:
    """Reads every .md and .markdown file; one that cannot be read is a warning, and the others go on."""

    kind = "folder"

    async def fetch(self, spec: SourceSpec, client: Client, memory: Memory, *, now: datetime) -> Fetched:
        """One look at the directory `spec.url`; raises `SourceError` when it cannot be listed."""
        return await asyncio.to_thread(_read, spec, now)


class _BadFile(Exception):
    """A file is not a post that can be printed; the text says why."""


class _NotYet(Exception):
    """The file is a draft."""


def _read(spec: SourceSpec, now: datetime) -> Fetched:
    root = Path(spec.home) / Path(spec.url).expanduser()
    if not root.is_dir():
        raise SourceError(f"{spec.url} is not a directory that can be read.")
    raws, warnings = [], []
    for path in _files(root.resolve()):
        name = path.relative_to(root.resolve()).as_posix()
        try:
            raws.append(_raw(path, name, now))
        except _NotYet:
            continue
        except _BadFile as error:
            warnings.append(f"{name}: {error}.")
        except (OSError, UnicodeDecodeError) as error:
            warnings.append(f"{name}: cannot be read ({type(error).__name__}).")
    raws.sort(key=lambda raw: str(raw.published or ""), reverse=True)
    posts, doubts = clean_posts(raws, home=_NO_BASE, limit=spec.limit, now=now)
    return Fetched(posts=posts, warnings=(*warnings, *doubts))


def _files(root: Path) -> Iterator[Path]:
    """The Markdown files below `root`, in order; hidden ones, and links that lead out of it, are not followed."""
    try:
        names = sorted(_markdown_names(root))
    except OSError as error:
        raise SourceError(f"{root} cannot be listed ({error.strerror}).") from error
    for name in names[:MOST_FILES]:
        path = (root / name).resolve()
        if path.is_relative_to(root) and path.is_file():
            yield root / name


def _markdown_names(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root, followlinks=False):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for file in files:
            if file.lower().endswith((".md", ".markdown")) and not file.startswith("."):
                yield str((Path(folder) / file).relative_to(root))


def _raw(path: Path, name: str, now: datetime) -> RawPost:
    if path.stat().st_size > LARGEST_FILE:
        raise _BadFile(f"is larger than {LARGEST_FILE // 1000} kB")
    matter, markdown = _front_matter(path.read_text(encoding="utf-8-sig"))
    if matter.get("draft") is True or matter.get("published") is False:
        raise _NotYet
    url = safe_link(_text(matter, "url") or _text(matter, "link"), base=_NO_BASE)
    if url is None or url.startswith(_NO_BASE):
        raise _BadFile("needs url, the full address (https://…) at which the post can be read")
    when = _when(matter.get("date"))
    if isinstance(when, datetime) and when > now:
        raise _BadFile(f"is dated {when:%Y-%m-%d %H:%M} UTC and waits until then")
    image = _text(matter, "image")
    return RawPost(
        external_id=_text(matter, "id") or name,
        url=url,
        base=url,
        title=_text(matter, "title").replace("<", "&lt;"),
        summary=(
            _text(matter, "excerpt") or _text(matter, "summary") or _text(matter, "description")
        ).replace("<", "&lt;"),
        body=str(MarkdownIt("commonmark").render(markdown)),
        published=when,
        updated=_when(matter.get("updated") or matter.get("lastmod")),
        authors=tuple(_texts(matter, "author") + _texts(matter, "authors")),
        categories=tuple(_texts(matter, "categories") + _texts(matter, "tags")),
        language=_text(matter, "language") or _text(matter, "lang") or None,
        image=picture(image, base=url, alt=_text(matter, "alt") or _text(matter, "image_alt"))
        if image
        else None,
    )


def _front_matter(text: str) -> tuple[dict[str, Any], str]:
    match = re.match(r"(---|\+\+\+)[ \t]*\r?\n", text)
    if not match:
        raise _BadFile('has no front matter; it starts with a line "---" (YAML) or "+++" (TOML)')
    end = re.compile(rf"^{re.escape(match[1])}[ \t]*\r?$\n?", re.MULTILINE).search(text, match.end())
    if end is None or end.start() > LARGEST_FRONT_MATTER:
        raise _BadFile(f'has front matter without an end; it ends with a line "{match[1]}"')
    block = text[match.end() : end.start()]
    if block.count("[") + block.count("{") > MOST_BRACKETS:
        raise _BadFile(f"has more than {MOST_BRACKETS} brackets in its front matter")
    try:
        matter = yaml.safe_load(block) if match[1] == "---" else tomllib.loads(block.replace("\r\n", "\n"))
    except (yaml.YAMLError, tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise _BadFile(f"has front matter that cannot be read ({_first_line(error)})") from error
    if not isinstance(matter, dict):
        raise _BadFile("has front matter that is not a list of names and values")
    return matter, text[end.end() :]


def _first_line(error: Exception) -> str:
    problem = getattr(error, "problem", None) or str(error)
    mark = getattr(error, "problem_mark", None)
    return f"{str(problem).splitlines()[0][:80] if str(problem) else 'nested too deeply'}{f', line {mark.line + 2}' if mark else ''}"


def _text(matter: dict[str, Any], name: str) -> str:
    value = matter.get(name)
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _texts(matter: dict[str, Any], name: str) -> list[str]:
    value = matter.get(name)
    values = value if isinstance(value, list) else [value]
    return [str(v) for v in values if isinstance(v, str | int)]


def _when(value: object) -> datetime | str | None:
    """A date in front matter as a moment: a time without a zone is UTC, a date is its midnight."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, str) or not value:
        return None
    try:
        return _when(datetime.fromisoformat(value))
    except ValueError:
        return value
