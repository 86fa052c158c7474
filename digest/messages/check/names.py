"""Names and files that a template mentions, read off its syntax tree, so that a branch no sample reaches is checked too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, get_args, get_type_hints

from jinja2 import BaseLoader, TemplateSyntaxError, meta, nodes

from digest.messages.check.problem import Problem
from digest.messages.context import Context
from digest.messages.grammar import nearest
from digest.messages.manual import NOTICE_HELP
from digest.templating import Templates, environment, fault_words

_JINJA = {".mjml", ".txt", ".html", ".css"}
_ALWAYS = {
    "loop",
    "self",
    "super",
    "caller",
    "varargs",
    "kwargs",
    "range",
    "dict",
    "cycler",
    "joiner",
    "namespace",
}


def mentioned(templates: Templates, file: str, source: str, *, elsewhere: frozenset[str]) -> list[Problem]:
    """What is wrong with the names in a template; `elsewhere` are those that other files set for it."""
    try:
        tree = _tree(source, file)
    except TemplateSyntaxError as error:
        return [Problem(file=file, line=error.lineno, message=fault_words(error))]
    found = [*_hidden(tree), *_unescaped(tree), *_files(templates, tree)]
    if file.startswith(("editions/", "partials/")):
        found += [*_unknown(tree, elsewhere), *_attributes(tree)]
    return [Problem(file=file, line=line, message=message) for line, message in found]


def set_anywhere(templates: Templates) -> frozenset[str]:
    """The names that any template sets for itself and those it includes, by set, for, with or a macro."""
    return frozenset().union(*(_assigned(tree) for tree in _trees(templates)))


def referenced(templates: Templates) -> frozenset[str]:
    """The files that any template includes, extends or imports by a name written out in it."""
    return frozenset(
        name for tree in _trees(templates) for name in meta.find_referenced_templates(tree) if name
    )


def _trees(templates: Templates) -> Iterator[nodes.Template]:
    """Every template of every folder, overridden ones too, but for those that are not Jinja."""
    for root in templates.roots:
        for path in sorted(root.rglob("*")):
            if path.suffix not in _JINJA or not path.is_file():
                continue
            file = path.relative_to(root).as_posix()
            with suppress(TemplateSyntaxError, OSError):
                yield _tree(path.read_text(encoding="utf-8", errors="replace"), file)


@lru_cache(maxsize=512)
def _assigned(tree: nodes.Template) -> frozenset[str]:
    stored = {node.name for node in tree.find_all(nodes.Name) if node.ctx in {"store", "param"}}
    return frozenset(stored | {node.name for node in tree.find_all(nodes.Macro)})


@lru_cache(maxsize=512)
def _tree(source: str, file: str) -> nodes.Template:
    return environment(BaseLoader()).parse(source, file)


def _hidden(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """Uses of names that begin with an underscore: the way out of a sandbox, refused wherever they stand."""
    used = [(node.lineno, node.attr) for node in tree.find_all(nodes.Getattr)]
    used += [(node.lineno, _constant(node.arg)) for node in tree.find_all(nodes.Getitem)]
    for line, name in used:
        if name.startswith("_"):
            yield line, f"{name} is unsafe; templates may not use names that begin with an underscore."


def _unescaped(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """What would let the text of a post become markup."""
    for node in tree.find_all(nodes.Filter):
        if node.name == "safe":
            yield node.lineno, "|safe lets text from posts become markup; leave it out."
    for block in tree.find_all(nodes.ScopedEvalContextModifier):
        yield block.lineno, "{% autoescape %} lets text from posts become markup; leave it out."


def _files(templates: Templates, tree: nodes.Template) -> Iterator[tuple[int, str]]:
    named = [(node.lineno, node.template) for node in tree.find_all(nodes.Include)]
    named += [(node.lineno, node.template) for node in tree.find_all(nodes.Extends)]
    named += [(node.lineno, node.template) for node in tree.find_all(nodes.Import)]
    named += [(node.lineno, node.template) for node in tree.find_all(nodes.FromImport)]
    for line, node in named:
        name = _constant(node)
        if name and not _exists(templates, name):
            near = nearest(name, _every_file(templates))
            yield line, f'There is no file "{name}" in the templates folders{near}'


def _unknown(tree: nodes.Template, elsewhere: frozenset[str]) -> Iterator[tuple[int, str]]:
    given = {field.name for field in fields(Context)} | set(NOTICE_HELP) | _ALWAYS
    missing = meta.find_undeclared_variables(tree) - given - elsewhere
    for node in tree.find_all(nodes.Name):
        if node.ctx == "load" and node.name in missing:
            yield node.lineno, f"'{node.name}' is undefined{nearest(node.name, given | elsewhere)}"


def _attributes(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """Attributes that no view has, for the names whose kind is always the same."""
    for node in tree.find_all(nodes.Getattr):
        view = _view_of(node.node)
        if view is None or node.attr.startswith("_"):
            continue
        known = {field.name for field in fields(view)} | {n for n in vars(view) if not n.startswith("_")}
        if node.attr not in known:
            written = _dotted(node.node)
            yield node.lineno, f"{written} has no attribute '{node.attr}'{nearest(node.attr, known)}"


def _view_of(node: nodes.Node) -> type[Any] | None:
    """The dataclass a name or a chain of attributes stands for, None where that is not certain."""
    if isinstance(node, nodes.Name):
        return _VIEWS.get(node.name)
    if isinstance(node, nodes.Getattr):
        parent = _view_of(node.node)
        return _member(parent, node.attr) if parent else None
    return None


def _member(view: type[Any], name: str) -> type[Any] | None:
    hint = get_type_hints(view).get(name)
    for kind in (hint, *get_args(hint)):
        if isinstance(kind, type) and is_dataclass(kind):
            return kind
    return None


def _one_of(name: str) -> type[Any]:
    """The view of a name of the context, or of what its sequence holds."""
    kind = _member(Context, name)
    if kind is None:
        raise LookupError(name)
    return kind


_VIEWS: dict[str, type[Any]] = {
    **{name: _one_of(name) for name in ("publication", "edition", "lead", "slots", "theme")},
    "item": _one_of("events"),
}
_EVENT = _member(_VIEWS["item"], "event")
if _EVENT:
    _VIEWS["event"] = _EVENT


def _dotted(node: nodes.Node) -> str:
    return (
        f"{_dotted(node.node)}.{node.attr}" if isinstance(node, nodes.Getattr) else getattr(node, "name", "")
    )


def _constant(node: nodes.Node | None) -> str:
    return node.value if isinstance(node, nodes.Const) and isinstance(node.value, str) else ""


def _exists(templates: Templates, name: str) -> bool:
    if templates.find(name):
        return True
    return name.startswith("original/") and (templates.builtin / name.removeprefix("original/")).is_file()


def _every_file(templates: Templates) -> set[str]:
    return {
        p.relative_to(root).as_posix() for root in templates.roots for p in root.rglob("*") if p.is_file()
    }
