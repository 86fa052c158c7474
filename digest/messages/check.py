"""Strict checking of templates: what the MJML engine would swallow silently is refused, with file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

from jinja2 import BaseLoader, Environment, TemplateError, TemplateSyntaxError

from digest.editions.model import Content
from digest.messages import grammar, samples
from digest.messages.arrange import arranged
from digest.messages.context import names_of
from digest.messages.mjml import MjmlError, to_html
from digest.messages.model import Severity
from digest.messages.notice import notice
from digest.messages.placing import most_steps, plan, shrunk
from digest.messages.preflight import check
from digest.messages.render import render
from digest.messages.theme import theme_of, theme_remarks
from digest.templating import TemplateFault, Templates, environment, fault_place, fault_words

_NONCE = "check0000template"
_AT = "data-checked-at"
_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9-]*)(?=[\s/>])")
_FAULT = re.compile(r"^(?P<file>[^,\s]+), line (?P<line>\d+): (?P<message>.+)$", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in a template: the file as templates name it, the line (0 when none is known), a sentence."""

    file: str
    line: int
    message: str


def check_templates(templates: Templates, name: str | None = None) -> list[Problem]:
    """Everything wrong with the edition template `name`, or with all of them, notices and partials included."""
    names = [name] if name else edition_names(templates)
    found: list[Problem] = []
    for file in _files(templates, names):
        found.extend(_read(templates, file))
    for each in names:
        found.extend(_rendered(templates, each))
    if name is None and not found:
        found.extend(_notices(templates))
    return sorted(set(found), key=lambda problem: (problem.file, problem.line, problem.message))


def edition_names(templates: Templates) -> list[str]:
    """The edition templates there are."""
    folders = (path for root in templates.roots for path in (root / "editions").glob("*/body.mjml"))
    return sorted({path.parent.name for path in folders})


def _files(templates: Templates, names: list[str]) -> list[str]:
    """The template files that the editions called `names` may use."""
    own = tuple(f"editions/{name}/" for name in names)
    found: set[str] = set()
    for root in templates.roots:
        for path in root.rglob("*"):
            file = path.relative_to(root).as_posix()
            if path.suffix in {".mjml", ".txt"} and file.startswith((*own, "partials/", "notices/")):
                found.add(file)
    return sorted(found)


def _read(templates: Templates, file: str) -> Iterator[Problem]:
    """What is wrong with one file as it is written: Jinja's grammar, unknown tags, unknown attributes."""
    path = templates.find(file)
    if path is None:
        return
    try:
        source = path.read_text(encoding="utf-8")
        environment(BaseLoader()).parse(source, file)
    except TemplateSyntaxError as error:
        yield Problem(file=file, line=error.lineno, message=fault_words(error))
        return
    except (OSError, UnicodeDecodeError) as error:
        yield Problem(file=file, line=0, message=f"It cannot be read: {error}.")
        return
    if path.suffix == ".mjml":
        reader = _Tags(file, whole=False)
        reader.feed(_JINJA.sub(_blank, source))
        reader.close()
        yield from reader.problems


def _rendered(templates: Templates, name: str) -> Iterator[Problem]:
    """What is wrong once the edition is rendered with sample content: names, places, closing, what preflight blocks."""
    folder = f"editions/{name}"
    missing = [f for f in ("subject.txt", "body.mjml", "body.txt") if templates.find(f"{folder}/{f}") is None]
    for file in missing:
        yield Problem(file=f"{folder}/{file}", line=0, message="The file is missing.")
    if missing:
        return
    try:
        remarks = theme_remarks(templates, name)
    except TemplateFault as error:
        yield Problem(file=f"{folder}/theme.toml", line=0, message=str(error))
        return
    for remark in remarks:
        yield Problem(file=f"{folder}/theme.toml", line=0, message=remark)
    for content in samples.contents(name):
        found = list(_one(templates, name, content))
        yield from found
        if found:
            return


def _one(templates: Templates, name: str, content: Content) -> Iterator[Problem]:
    folder = f"editions/{name}"
    full, theme, words = plan(content), theme_of(templates, name), templates.words(content.language)
    small = shrunk(full, most_steps(full))
    known, least = (
        names_of(arranged(content, chosen, theme=theme, words=words, nonce=_NONCE))
        for chosen in (full, small)
    )
    traced = environment(_Traced(templates))
    file = f"{folder}/body.mjml"
    try:
        page = traced.get_template(file).render(known)
        templates.render(file, least)
        for other in ("subject.txt", "body.txt"):
            file = f"{folder}/{other}"
            templates.render(file, known)
    except TemplateFault as error:
        yield _problem(str(error), file)
        return
    except (TemplateError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
        yield _problem(f"{fault_place(error, file)}: {fault_words(error)}", file)
        return
    file = f"{folder}/body.mjml"
    reader = _Tags(file, whole=True)
    reader.feed(page)
    reader.close()
    yield from reader.problems
    if reader.problems:
        return
    if "{{" in page or "{%" in page:
        yield Problem(
            file=file,
            line=0,
            message="Jinja's brackets are left in the output; is a {% raw %} there by mistake?",
        )
    try:
        to_html(re.sub(rf' {_AT}="[^"]*"', "", page))
        rendered = render(content, templates, nonce=_NONCE)
    except (MjmlError, TemplateFault) as error:
        yield _problem(str(error), file)
        return
    for finding in check(rendered, content):
        if finding.severity is Severity.BLOCKING or finding.code in {"alt-missing", "link-without-text"}:
            yield Problem(file=file, line=0, message=f"{finding.message} {finding.remedy}".strip())


def _notices(templates: Templates) -> Iterator[Problem]:
    """What is wrong with the notices once they are made from sample facts."""
    folders = (path for root in templates.roots for path in (root / "notices").glob("*/body.mjml"))
    for kind in sorted({path.parent.name for path in folders}):
        try:
            notice(templates, kind, samples.NOTICE, language="en")
        except (MjmlError, TemplateFault) as error:
            yield _problem(str(error), f"notices/{kind}/body.mjml")


class _Traced(BaseLoader):
    """The same templates, with file and line written on every opening MJML tag, so that a misplaced one can be found."""

    def __init__(self, templates: Templates) -> None:
        self._inner = templates.loader()

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, None]:
        source, filename, _ = self._inner.get_source(environment, template)
        if not template.endswith(".mjml"):
            return source, filename, None
        lines = [
            _TAG.sub(rf'<\1 {_AT}="{template}:{n}"', line) for n, line in enumerate(source.split("\n"), 1)
        ]
        return "\n".join(lines), filename, None


class _Tags(HTMLParser):
    """Reads MJML tag by tag; `whole` documents are also checked for placement and closing."""

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
        at = given.pop(_AT, None)
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
            self._say(file, line, f"<{tag}> is not an MJML element{near}")
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


def _blank(match: re.Match[str]) -> str:
    """Jinja taken out, with its line breaks kept so that lines still count."""
    return "x" + "\n" * match[0].count("\n") if match[0].startswith("{{") else "\n" * match[0].count("\n")


def _problem(sentence: str, file: str) -> Problem:
    match = _FAULT.match(sentence)
    if match:
        return Problem(file=match["file"], line=int(match["line"]), message=match["message"])
    return Problem(file=file, line=0, message=sentence.removeprefix(f"{file}: "))
