"""What in an operator's own folder has no effect or cannot be used: files nobody reads, words nobody says, a broken look."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from digest.locales import Locale, UnknownLocaleError
from digest.messages.check.names import referenced
from digest.messages.check.problem import Problem
from digest.messages.grammar import nearest
from digest.messages.theme import theme_of, theme_remarks
from digest.templating import TemplateFault, Templates

_AT_LINE = re.compile(r"\s*\(at line (\d+), column \d+\)")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_PLURALS = {"zero", "one", "two", "few", "many", "other"}
_OF_EDITIONS = {"subject.txt", "body.mjml", "body.txt", "theme.toml"}


def look(templates: Templates, name: str) -> Iterator[Problem]:
    """What is wrong with the theme.toml of an edition template, with the line where the key stands."""
    file = f"editions/{name}/theme.toml"
    broken = [problem for root in templates.roots if (problem := _not_toml(root / file, file))]
    if broken:
        yield from broken
        return
    try:
        theme_of(templates, name)
        remarks = theme_remarks(templates, name)
    except TemplateFault as error:
        sentence = str(error).removeprefix(f"{file}: ")
        yield Problem(file=file, line=_line_of(templates, file, sentence.partition(" ")[0]), message=sentence)
        return
    for remark in remarks:
        yield Problem(file=file, line=_line_of(templates, file, remark.partition(" ")[0]), message=remark)


def unused(templates: Templates, chosen: list[str]) -> Iterator[Problem]:
    """Files in the operator's folder that no template reads, and words there that no template says."""
    own = templates.overrides
    if own is None or not own.is_dir():
        return
    ours = {path.relative_to(templates.builtin).as_posix() for path in templates.builtin.rglob("*.*")}
    used = referenced(templates)
    for path in sorted(own.rglob("*")):
        file = path.relative_to(own).as_posix()
        folder, _, rest = file.partition("/")
        if not path.is_file() or any(part.startswith(".") for part in path.relative_to(own).parts):
            continue
        if folder == "words":
            yield from _words(templates, path, file)
        elif folder == "editions" and rest.partition("/")[0] not in chosen:
            continue
        elif file not in ours and file not in used and not _of_an_edition(file):
            near = nearest(file, ours)
            yield Problem(file=file, line=0, message=f"No template reads this file{near}")


def _of_an_edition(file: str) -> bool:
    parts = file.split("/")
    return parts[0] == "editions" and len(parts) == 3 and parts[2] in _OF_EDITIONS


def _words(templates: Templates, path: Path, file: str) -> Iterator[Problem]:
    """Entries that no template says, of the wrong kind, or with a placeholder that is never filled."""
    broken = _not_toml(path, file)
    if broken:
        yield broken
        return
    if path.suffix != ".toml" or not _is_language(path.stem):
        yield Problem(
            file=file, line=0, message="The name is not a language tag with .toml, such as pt-BR.toml."
        )
        return
    english = _table(templates.builtin / "words" / "en.toml")
    for key, entry in _table(path).items():
        line = _line_in(path, key)
        if key not in english:
            said = f'No template says the words "{key}"{nearest(key, english)}'
            yield Problem(file=file, line=line, message=said)
            continue
        forms = entry if isinstance(entry, dict) else {"other": entry}
        if (
            not set(forms) <= _PLURALS
            or "other" not in forms
            or not all(isinstance(f, str) for f in forms.values())
        ):
            said = f'"{key}" is neither words in quotes nor plural forms of them with "other" among them.'
            yield Problem(file=file, line=line, message=said)
            continue
        known = set(_PLACEHOLDER.findall(str(english[key])))
        for name in sorted(set(_PLACEHOLDER.findall(" ".join(forms.values()))) - known):
            said = f'"{key}" uses {{{name}}}, which is never filled{nearest(name, known)}'
            yield Problem(file=file, line=line, message=said)


def _not_toml(path: Path, file: str) -> Problem | None:
    try:
        tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except tomllib.TOMLDecodeError as error:
        at = _AT_LINE.search(str(error))
        said = f"It is not valid TOML: {_AT_LINE.sub('', str(error))}."
        return Problem(file=file, line=int(at[1]) if at else 0, message=said)
    except (OSError, UnicodeDecodeError) as error:
        return Problem(file=file, line=0, message=f"It cannot be read as text in UTF-8: {error}.")
    return None


def _table(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _line_of(templates: Templates, file: str, key: str) -> int:
    """The line of `key` in the first of the files called `file` that has it, 0 where none does."""
    lines = (_line_in(root / file, key) for root in templates.roots if (root / file).is_file())
    return next((line for line in lines if line), 0)


def _line_in(path: Path, key: str) -> int:
    start = re.compile(rf"\s*(?:\[\s*)?[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    return next((number for number, line in lines if start.match(line)), 0)


def _is_language(tag: str) -> bool:
    try:
        Locale.of(tag)
    except (UnknownLocaleError, ValueError):
        return False
    return True
