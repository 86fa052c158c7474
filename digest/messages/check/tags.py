"""MJML read tag by tag: unknown elements and attributes, elements out of place, elements left open."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from jinja2 import BaseLoader, Environment

from digest.messages import grammar
from digest.messages.check.problem import Problem
from digest.templating import Templates

AT = "data-checked-at"
_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9-]*)(?=[\s/>{])")


def written(source: str, file: str) -> list[Problem]:
    """What is wrong with the tags of a file as it stands, Jinja left aside."""
    return _read(_JINJA.sub(_blank, source), file, whole=False)


def made(page: str, file: str) -> list[Problem]:
    """What is wrong with a whole MJML document rendered through `Traced`; each problem names the file it came from."""
    return _read(page, file, whole=True)


def untraced(page: str) -> str:
    """The document without the marks of `Traced`."""
    return re.sub(rf' {AT}="[^"]*"', "", page)


class Traced(BaseLoader):
    """The same templates, with file and line written on every opening tag, so that a misplaced one can be found."""

    def __init__(self, templates: Templates) -> None:
        self._inner = templates.loader()

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, None]:
        """The source of a template as the inner loader has it, marked."""
        source, filename, _ = self._inner.get_source(environment, template)
        if not template.endswith(".mjml"):
            return source, filename, None
        lines = [
            _TAG.sub(rf'<\1 {AT}="{template}:{n}"', line) for n, line in enumerate(source.split("\n"), 1)
        ]
        return "\n".join(lines), filename, None


class _Tags(HTMLParser):
    """Collects problems; `whole` documents are also checked for placement and closing."""

    def __init__(self, file: str, *, whole: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: list[Problem] = []
        self._file = file
        self._whole = whole
        self._open: list[tuple[str, str, int]] = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._enter(tag, attrs, closed=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._enter(tag, attrs, closed=tag in grammar.VOID)

    def handle_endtag(self, tag: str) -> None:
        if not self._whole or tag in grammar.VOID:
            return
        if self._open and self._open[-1][0] == tag:
            self._open.pop()
            return
        if any(tag == entry[0] for entry in self._open):
            while self._open and self._open[-1][0] != tag:
                unclosed, file, line = self._open.pop()
                self._say(file, line, f"<{unclosed}> is not closed before </{tag}>.")
            self._open.pop()
            return
        file, line = self._open[-1][1:] if self._open else (self._file, 0)
        self._say(file, line, f"</{tag}> closes nothing that is open here.")

    def close(self) -> None:
        super().close()
        for tag, file, line in self._open:
            self._say(file, line, f"<{tag}> is never closed.")

    def _enter(self, tag: str, attrs: list[tuple[str, str | None]], *, closed: bool) -> None:
        given = dict(attrs)
        at = given.pop(AT, None)
        file, line = (
            (at.rpartition(":")[0], int(at.rpartition(":")[2])) if at else (self._file, self.getpos()[0])
        )
        parent = self._open[-1][0] if self._open else ""
        if tag.startswith("mj"):
            self._mjml(tag, given, file, line, parent)
        elif tag not in grammar.HTML:
            self._say(file, line, f"<{tag}> is not an element that mail may use.")
        elif self._whole and parent.startswith("mj") and parent not in grammar.TEXTUAL:
            self._say(file, line, f"<{tag}> may not stand in <{parent}>; put it in <mj-text> or <mj-raw>.")
        for name in given:
            if name.startswith("on"):
                self._say(file, line, f"{name} is script; mail may not use it.")
        if not closed and self._whole:
            self._open.append((tag, file, line))

    def _mjml(self, tag: str, given: dict[str, str | None], file: str, line: int, parent: str) -> None:
        if tag not in grammar.ATTRIBUTES:
            near = grammar.nearest(tag, grammar.ATTRIBUTES)
            refused = grammar.REFUSED.get(tag)
            self._say(file, line, refused or f"<{tag}> is not an MJML element{near}")
            return
        own = grammar.ANY if tag in {"mj-all", "mj-class"} else grammar.ATTRIBUTES[tag]
        allowed = grammar.EVERYWHERE | own
        for name in given:
            if name not in allowed:
                near = grammar.nearest(name, allowed)
                self._say(file, line, f"{name} is not an attribute of <{tag}>{near}")
        if not self._whole:
            return
        if parent not in grammar.PARENTS[tag]:
            places = ", ".join(f"<{p}>" for p in sorted(grammar.PARENTS[tag]) if p)
            where = f"in <{parent}>" if parent else "at the top"
            self._say(file, line, f"<{tag}> may not stand {where}; expected {places or 'the top'}.")

    def _say(self, file: str, line: int, message: str) -> None:
        self.problems.append(Problem(file=file, line=line, message=message))


def _read(text: str, file: str, *, whole: bool) -> list[Problem]:
    reader = _Tags(file, whole=whole)
    reader.feed(text)
    reader.close()
    return reader.problems


def _blank(match: re.Match[str]) -> str:
    """Jinja taken out, with its line breaks kept so that lines still count."""
    return "\n" * match[0].count("\n")
