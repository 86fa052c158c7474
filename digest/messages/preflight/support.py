"""What the template uses that mail programs do not know, by the measurements of caniemail.com that come with us."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from digest.messages.model import Finding
from digest.messages.preflight.css import declarations
from digest.messages.preflight.findings import finding
from digest.messages.preflight.mail import Mail, attribute

_DATA = Path(__file__).with_name("caniemail.json")
_FUNCTION = re.compile(r"(-?[a-z][a-z-]*)\(")
_UNIT = re.compile(r"(?<![\w#.-])-?\d*\.?\d+([a-z]+)")
_WORD = re.compile(r"(?<![\w#(-])[a-z][a-z-]+(?![\w(-])")
_STRING = re.compile(r"\"[^\"]*\"|'[^']*'|url\([^)]*\)")
_PARTS = re.compile(r"::?[a-z-]+|[\[+~>*]")

_TIDY = "only looks tidier where it is known"
_SQUARE = "without it the text and its order stay the same"
_MJML = "MJML writes it, and its layout holds without it"
_HEARD = "helps those who listen where it is known, and is passed over elsewhere"
# What is missed by nobody where it is unknown: what MJML itself writes, and what only adds to a page that is
# already complete. Everything else that one of the programs does not know is told to the template's author.
ACCEPTED: Mapping[str, str] = {
    "css-at-media": "the page is one column that fits a telephone; wider screens only get more room",
    "css-at-media-prefers-color-scheme": "the colours hold when a program turns them round by itself",
    "css-at-supports": _TIDY,
    "css-border-radius": _SQUARE,
    "css-border-spacing": _TIDY,
    "css-box-sizing": _TIDY,
    "css-clear": "only follows float",
    "css-color-scheme": "the colours hold when a program turns them round by itself",
    "css-cursor": _TIDY,
    "css-float": "pictures stand above the text instead of beside it",
    "css-important": "the styles on the elements themselves hold",
    "css-max-height": _TIDY,
    "css-min-width": _TIDY,
    "css-object-fit": "the picture keeps its own shape",
    "css-opacity": "what is hidden by it is hidden otherwise too",
    "css-outline": _MJML,
    "css-overflow": _TIDY,
    "css-overflow-wrap": "word-break stands beside it",
    "css-pseudo-class-first-child": _TIDY,
    "css-pseudo-class-hover": "nothing is hidden that hovering would show",
    "css-pseudo-class-last-child": _TIDY,
    "css-selector-attribute": "only Outlook's own dark mode needs it, and knows it",
    "css-selector-child": "the styles on the elements themselves hold",
    "css-sytem-ui": "the next face of the list is taken",
    "css-text-decoration-color": _TIDY,
    "css-text-decoration-thickness": _TIDY,
    "css-text-underline-offset": _TIDY,
    "css-text-wrap": _TIDY,
    "css-white-space": _TIDY,
    "css-word-break": _MJML,
    "css-word-spacing": _MJML,
    "html-aria-hidden": _HEARD,
    "html-aria-label": _HEARD,
    "html-dir": "the text itself gives its direction away",
    "html-lang": _HEARD,
    "html-meta-color-scheme": "the colours hold when a program turns them round by itself",
    "html-role": _HEARD,
    "html-style": "the styles on the elements themselves hold",
    "html-target": "the page opens where the program likes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One feature of HTML or CSS; `unknown_to` are the mail programs that do not know it at all."""

    slug: str
    title: str
    unknown_to: tuple[str, ...]


def findings(mail: Mail) -> Iterator[Finding]:
    """One finding for each feature that some program does not know and that is not accepted above."""
    known = features()
    used = {known[mark].slug: known[mark] for mark in marks(mail) if mark in known}
    for slug in sorted(set(used) - set(ACCEPTED)):
        feature = used[slug]
        yield finding(
            "unsupported",
            f"The template uses {feature.title}, which is unknown to {_listed(feature.unknown_to)}.",
            f"https://www.caniemail.com/features/{slug}/",
        )


@lru_cache(maxsize=1)
def features() -> Mapping[str, Feature]:
    """What gives each feature away ("property gap", "element svg"), for those that some program does not know."""
    data = json.loads(_DATA.read_text(encoding="utf-8"))
    found: dict[str, Feature] = {}
    for slug, told in data["features"].items():
        support = zip(data["clients"], told["support"], strict=True)
        feature = Feature(
            slug=slug,
            title=told["title"],
            unknown_to=tuple(client for client, says in support if says == "n"),
        )
        for kind, names in told["finds"].items():
            for name in names:
                found.setdefault(f"{kind} {name}".strip(), feature)
    return found


def marks(mail: Mail) -> set[str]:
    """Everything the HTML and its styles use, in the words of `features`."""
    found: set[str] = set()
    wanted = {item.image.url for item in mail.content.items if item.image}
    root = mail.page.root
    for node in root.traverse(include_text=False) if root else ():
        if not node.is_element_node:
            continue
        tag, attributes = str(node.tag), node.attributes
        found.add(f"elements {tag}")
        found.update(f"attributes {name}" for name in attributes if name != "style")
        if style := attributes.get("style"):
            found |= _of_body(style)
        if tag == "img" and (source := attributes.get("src") or "") not in wanted:
            found.add(f"pictures {source.partition('?')[0].rpartition('.')[2].lower()}")
            found.add(f"pictures {source[:5].lower()}")
        elif tag == "meta":
            found.add(f"metas {attribute(node, 'name').lower()}")
        elif tag == "a":
            found.add(f"links {(attributes.get('href') or '')[:1]}")
    for rule in mail.rules:
        found |= _of_body(rule.body)
        found |= _of_selector(rule.selector)
        for around in rule.inside:
            found.add(f"rules {around.split(' ', 1)[0].split('(', 1)[0]}")
            found.update(f"media {word}" for word in re.findall(r"[a-z-]{4,}", around))
    return found


@lru_cache(maxsize=2_048)
def _of_body(body: str) -> frozenset[str]:
    found = set()
    if "!important" in body:
        found.add("important")
    for name, raw in declarations(body).items():
        if name.startswith(("mso-", "-")):
            continue
        value = _STRING.sub("", raw)
        found.add(f"properties {name}")
        found.add(f"values {name}: {value}")
        found.update(f"functions {function}" for function in _FUNCTION.findall(value))
        found.update(f"units {unit}" for unit in _UNIT.findall(value))
        found.update(f"words {word}" for word in _WORD.findall(value))
    return frozenset(found)


@lru_cache(maxsize=2_048)
def _of_selector(selector: str) -> frozenset[str]:
    if selector.startswith("@"):
        return frozenset({f"rules {selector.split(' ', 1)[0].lower()}"})
    return frozenset(f"selectors {part}" for part in _PARTS.findall(selector.lower()))


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
