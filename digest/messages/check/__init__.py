"""Strict checking of templates: what the MJML engine would swallow silently is refused, with file and line."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import Environment, TemplateError

from digest.editions.model import Content
from digest.errors import DigestError
from digest.messages import samples
from digest.messages.arrange import arranged
from digest.messages.check import names, overrides, tags
from digest.messages.check.problem import Problem, problem_of
from digest.messages.context import names_of
from digest.messages.grammar import nearest
from digest.messages.mjml import MjmlError, to_html
from digest.messages.model import Severity
from digest.messages.notice import notice
from digest.messages.placing import most_steps, plan, shrunk
from digest.messages.preflight import check
from digest.messages.render import render
from digest.messages.showcase import showcase
from digest.messages.theme import theme_of
from digest.templating import TemplateFault, Templates, environment, fault_place, fault_words

__all__ = ["NoSuchTemplate", "Problem", "check_templates", "edition_names", "known_edition"]

_NONCE = "check0000template"
_NEEDED = ("subject.txt", "body.mjml", "body.txt")


class NoSuchTemplate(DigestError):
    """No edition template has this name."""


def check_templates(templates: Templates, name: str | None = None) -> list[Problem]:
    """Everything wrong with the edition template `name`, or with all of them, notices, partials and words included.

    Raises `NoSuchTemplate` for a name that no folder under editions/ has.
    """
    chosen = [known_edition(templates, name)] if name else edition_names(templates)
    sources, unread = _sources(templates, chosen)
    if unread:
        return unread
    found = {*_written(templates, sources), *overrides.unused(templates, chosen)}
    # What is read off a line says more than what an engine says of it afterwards.
    told = {(problem.file, problem.line) for problem in found if problem.line}
    made = [problem for each in chosen for problem in _rendered(templates, each)]
    if name is None and not found and not made:
        made = list(_notices(templates))
    found |= {problem for problem in made if (problem.file, problem.line) not in told}
    return sorted(found, key=lambda problem: (problem.file, problem.line, problem.message))


def edition_names(templates: Templates) -> list[str]:
    """The edition templates there are, those that lack a file included."""
    folders = (path for root in templates.roots for path in (root / "editions").glob("*/"))
    return sorted({path.name for path in folders if path.is_dir() and not path.name.startswith(".")})


def known_edition(templates: Templates, name: str) -> str:
    """`name`, if an edition template is called so; raises `NoSuchTemplate` with the nearest one."""
    known = edition_names(templates)
    if name in known:
        return name
    near = nearest(name, known)
    others = f"; there are: {', '.join(known)}."
    raise NoSuchTemplate(f'There is no edition template "{name}"{near if len(near) > 1 else others}')


def _sources(templates: Templates, chosen: list[str]) -> tuple[dict[str, str], list[Problem]]:
    """Every file that takes part, and those that cannot be read, of which nothing else can be said."""
    sources: dict[str, str] = {}
    unread = []
    for file in _files(templates, chosen):
        path = templates.find(file)
        try:
            sources[file] = path.read_text(encoding="utf-8") if path else ""
        except (OSError, UnicodeDecodeError) as error:
            said = f"It cannot be read as text in UTF-8: {error}."
            unread.append(Problem(file=file, line=0, message=said))
    return sources, unread


def _written(templates: Templates, sources: dict[str, str]) -> Iterator[Problem]:
    """What is wrong with the files as they are written: Jinja's grammar, names, unknown tags and attributes."""
    elsewhere = names.set_anywhere(templates)
    for file, source in sources.items():
        yield from names.mentioned(templates, file, source, elsewhere=elsewhere)
        if file.endswith(".mjml"):
            yield from tags.written(source, file)


def _files(templates: Templates, chosen: list[str]) -> list[str]:
    """The template files that the editions called `chosen` may use, with notices and pages."""
    folders = (*(f"editions/{name}/" for name in chosen), "partials/", "notices/", "pages/", "desk/")
    found: set[str] = set()
    for root in templates.roots:
        for path in root.rglob("*"):
            file = path.relative_to(root).as_posix()
            if path.suffix in {".mjml", ".txt", ".html"} and file.startswith(folders):
                found.add(file)
    return sorted(found)


def _rendered(templates: Templates, name: str) -> Iterator[Problem]:
    """What is wrong once the edition is rendered with sample content: names, places, closing, what preflight blocks."""
    folder = f"editions/{name}"
    missing = [file for file in _NEEDED if templates.find(f"{folder}/{file}") is None]
    if missing:
        builtin = [path.parent.name for path in templates.builtin.glob("editions/*/body.mjml")]
        near = nearest(name, builtin)
        for file in missing:
            yield Problem(file=f"{folder}/{file}", line=0, message=f"The file is missing{near}")
        return
    look = list(overrides.look(templates, name))
    yield from look
    if any("instead" not in problem.message for problem in look):
        return
    traced = environment(tags.Traced(templates))
    for sample in showcase(name):
        if sample.name == "busy":  # costs a second, and `_one` shrinks every edition anyway
            continue
        found = list(_one(templates, traced, name, sample.content))
        yield from found
        if found:
            return


def _one(templates: Templates, traced: Environment, name: str, content: Content) -> Iterator[Problem]:
    """What is wrong with one sample edition."""
    folder = f"editions/{name}"
    full, theme, words = plan(content), theme_of(templates, name), templates.words(content.language)
    small = shrunk(full, most_steps(full))
    known, least = (
        names_of(arranged(content, chosen, theme=theme, words=words, nonce=_NONCE))
        for chosen in (full, small)
    )
    file = f"{folder}/body.mjml"
    try:
        page = traced.get_template(file).render(known)
        templates.render(file, least)
        for file in (f"{folder}/subject.txt", f"{folder}/body.txt"):
            templates.render(file, known)
            templates.render(file, least)
    except TemplateFault as error:
        yield problem_of(str(error), file)
        return
    except (TemplateError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
        yield problem_of(f"{fault_place(error, file)}: {fault_words(error)}", file)
        return
    yield from _page(templates, f"{folder}/body.mjml", page, content)


def _page(templates: Templates, file: str, page: str, content: Content) -> Iterator[Problem]:
    """What is wrong with the MJML that came out, and with the mail made of it."""
    misplaced = tags.made(page, file)
    yield from misplaced
    if misplaced:
        return
    if "{{" in page or "{%" in page:
        said = "Jinja's brackets are left in the output; is a {% raw %} there by mistake?"
        yield Problem(file=file, line=0, message=said)
    try:
        to_html(tags.untraced(page))
        rendered = render(content, templates, nonce=_NONCE)
    except (MjmlError, TemplateFault) as error:
        yield problem_of(str(error), file)
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
            yield problem_of(str(error), f"notices/{kind}/body.mjml")
