"""Words and addresses of people who mean harm, put into every text that a thing of ours can hold, and what must not come of it."""

from __future__ import annotations

import re
import types
from collections import Counter
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.messages.model import SlotName, slot_marker

Named = tuple[type, str]  # a field: whose it is, and what it is called
NONCE = "guessed0guessed0"
_MARK = slot_marker(NONCE, SlotName.UNSUBSCRIBE_URL)

WORDS = (
    "<script>alert(1)</script><img src=x onerror=alert(1)><svg onload=alert(1)>",
    '" onmouseover="alert(1)" style="background:url(https://evil.example/1)" x="',
    "' autofocus onfocus='alert(1)' x='",
    "</mj-text><mj-raw><script>alert(1)</script></mj-raw><mj-image src='https://evil.example/2.png' />",
    f"<mj-include path='{__file__}' /><mj-include path='/etc/passwd' type='html' />",
    "</mj-text></mj-column></mj-section></mj-body></mjml><mjml><mj-head><mj-style>*{display:none}</mj-style></mj-head>",
    "<mj-attributes><mj-all font-size='0' /></mj-attributes><mj-style inline='inline'>a{display:none}</mj-style>",
    "{{ 1337*3 }} {{ slots.unsubscribe_url }} {{ self.__init__.__globals__ }} ${1337*3} #{1337*3}",
    "{% raw %}{% include 'pages/base.html' %}{% for x in range(9**9) %}{{ x }}{% endfor %}{# gone",
    "<style>*{background:url(https://evil.example/3)}</style>expression(alert(1)) ;}*{color:red}",
    "color:red;background-image:url('https://evil.example/4');}</style><style>@import 'https://evil.example/5';",
    "--> <!--[if mso]><script>alert(1)</script><![endif]--> <![CDATA[ ]]> <!-- ]]>",
    "\u202egnp.exe\u202c \u2066 \u200f \x00\x08\x0b\x1b[2J\x7f\x85 \ud800 \udfff \ufffe \ufeff",
    "x\r\nBcc: everyone@evil.example\r\nList-Unsubscribe: <https://evil.example/u>\r\n\r\n<b>body</b>",
    "x\r\nEND:VEVENT\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT1M\r\nEND:VALARM\nATTENDEE:mailto:a@evil.example",
    '\\\\nATTACH;FMTTYPE=text/html:https://evil.example/6 \\;\\, ;X=1:2 "q" \u2028ORGANIZER:mailto:a@evil.example',
    f"{_MARK} personal-{NONCE}-begin personal-{NONCE}-end [[slot]] %7B%7B *|UNSUB|* <%= 7 %>",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;img src=x onerror=alert(1)&#62; &amp;lt;b&amp;gt; &nbsp",
    "[x](javascript:alert(1)) ![x](https://evil.example/7.png) <https://evil.example/8> # heading\n---\n```x```",
    '=?utf-8?q?=3Cscript=3E?= =0D=0ABcc: a@evil.example "<x@evil.example>, b@evil.example',
)  # fmt: skip
ADDRESSES = (
    "javascript:alert(1)",
    " JaVa\tScRiPt:alert(1)",
    "\x01javascript:alert(1)",
    "\u2028javascript:alert(1)",
    "javascript://www.example.org/%0aalert(1)",
    "vbscript:msgbox(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "file:///etc/passwd",
    "cid:inside",
    "//evil.example/x",
    "/relative",
    "https://[::1",
    "https:///nobody",
    'https://www.example.org/" onmouseover="alert(1)" x="',
    "https://www.example.org/'><script>alert(1)</script>",
    "https://www.example.org/{{ 1337*3 }}{% raw %}",
    "https://www.example.org/\r\nBcc: everyone@evil.example",
    "https://www.example.org/\u202egnp.exe",
    "https://www.example.org/\ud800",
    f"https://www.example.org/{_MARK}",
    "mhtml:https://www.example.org/x!javascript:alert(1)",
    "",
)
# Attributes that hold what somebody wrote; the values of all others are the template's alone.
_WRITTEN = {"href", "src", "alt", "aria-label", "lang", "content"}
UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")


def with_text(thing: Any, text: str, *, but: frozenset[Named] = frozenset()) -> Any:
    """`thing` with `text` in every field that holds words, and so in all it is made of; those in `but` stay.

    Addresses are fields whose names end in "url". What is new in a model is found by itself.
    """
    kinds = get_type_hints(type(thing))
    changes = {
        field.name: _changed(getattr(thing, field.name), kinds[field.name], text, field.name, but)
        for field in fields(thing)
        if (type(thing), field.name) not in but
    }
    return replace(thing, **changes)


def address_fields(thing: Any) -> set[Named]:
    """Every field of `thing` and of what it is made of that holds an address."""
    found: set[Named] = set()
    for name, kind in get_type_hints(type(thing)).items():
        if _is_address(name) and _is_text(kind):
            found.add((type(thing), name))
    for field in fields(thing):
        value = getattr(thing, field.name)
        for part in value if isinstance(value, tuple) else (value,):
            if is_dataclass(part):
                found |= address_fields(part)
    return found


def with_address(thing: Any, owner: type, name: str, address: str) -> Any:
    """`thing` with `address` in the field `name` of every `owner` in it."""
    changes: dict[str, Any] = {name: address} if isinstance(thing, owner) else {}
    for field in fields(thing):
        value = getattr(thing, field.name)
        if is_dataclass(value):
            changes[field.name] = with_address(value, owner, name, address)
        elif isinstance(value, tuple) and value and is_dataclass(value[0]):
            changes[field.name] = tuple(with_address(part, owner, name, address) for part in value)
    return replace(thing, **changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What a page is made of: how often each element has which attributes, their values, its styles and comments."""

    elements: Counter[tuple[str, tuple[str, ...]]]
    values: frozenset[tuple[str, str, str]]
    styles: tuple[str, ...]
    comments: frozenset[str]
    hosts: frozenset[str]
    loads: frozenset[str]


def inventory(html: str) -> Inventory:
    """What the page is made of."""
    page = LexborHTMLParser(html)
    nodes = _nodes(page)
    return Inventory(
        elements=Counter((str(node.tag), tuple(sorted(node.attributes))) for node in nodes),
        values=frozenset(
            (str(node.tag), name, value or "")
            for node in nodes
            for name, value in node.attributes.items()
            if name not in _WRITTEN
        ),
        styles=tuple(node.text() for node in nodes if node.tag == "style"),
        comments=frozenset(node.html or "" for node in nodes if node.tag == "-comment"),
        hosts=frozenset(urlsplit(link).hostname or "" for link in _links(nodes)),
        loads=frozenset(
            value or "" for node in nodes for name, value in node.attributes.items() if name == "src"
        ),
    )


def beyond(hostile: Inventory, harmless: Inventory) -> dict[str, object]:
    """What the first page has that the second has not; empty when words have stayed words."""
    found = {
        "elements": dict(hostile.elements - harmless.elements),
        "values": hostile.values - harmless.values,
        "styles": [style for style in hostile.styles if style not in harmless.styles],
        "comments": hostile.comments - harmless.comments,
    }
    return {what: more for what, more in found.items() if more}


def faults(html: str, text: str) -> list[str]:
    """What no mail may hold, whoever wrote it: anything to run, an address of another kind, letters that mislead."""
    page = LexborHTMLParser(html)
    nodes = _nodes(page)
    said = [f"<{node.tag}>" for node in nodes if node.tag in _ACTIVE]
    said += [f"{node.tag} {name}" for node in nodes for name in node.attributes if name.startswith("on")]
    said += [f"address {link!r}" for link in _links(nodes) if not _is_plain(link)]
    langs = {node.attributes["lang"] or "" for node in nodes if "lang" in node.attributes}
    said += [f"lang {lang!r}" for lang in langs if not _LANGUAGE.fullmatch(lang)]
    said += [
        f"{where}: {found[0]!r}"
        for where, part in (("page", html), ("text", text))
        for found in [UNSEEN.search(part)]
        if found
    ]
    said += ["a sum was done" for part in (html, text) if "4011" in part]
    said += [
        "a file was read" for part in (html, text) if "root:x:0" in part or "people who mean harm" in part
    ]
    return said


_ACTIVE = {
    "script", "iframe", "frame", "object", "embed", "applet", "form", "input", "button", "textarea", "select", "link", "base",
    "svg", "math", "video", "audio", "source", "track", "template", "noscript", "marquee", "portal", "dialog", "b-script",
}  # fmt: skip


def _changed(value: Any, kind: Any, text: str, name: str, but: frozenset[Named]) -> Any:
    if is_dataclass(value):
        return with_text(value, text, but=but)
    if isinstance(value, tuple) and value and is_dataclass(value[0]):
        return tuple(with_text(part, text, but=but) for part in value)
    if kind == tuple[str, ...]:
        return (text,)
    return text if _is_text(kind) and not _is_address(name) else value


def _is_address(name: str) -> bool:
    return name.endswith("url")


def _is_text(kind: Any) -> bool:
    """Whether a field of this kind may hold words: str, str or None."""
    options = get_args(kind) if get_origin(kind) in {Union, types.UnionType} else (kind,)
    return str in options


def _nodes(page: LexborHTMLParser) -> list[LexborNode]:
    """Every element and comment of a page."""
    assert page.root
    return [node for node in page.root.traverse(include_text=True) if node.tag != "-text"]


def _links(nodes: list[LexborNode]) -> list[str]:
    return [
        node.attributes[name] or "" for node in nodes for name in ("href", "src") if name in node.attributes
    ]


def _is_plain(link: str) -> bool:
    """Whether this is a web or mail address of which every part is written out."""
    if link.startswith(f"slot-{NONCE}-"):
        return True
    parts = urlsplit(link)
    named = parts.scheme == "mailto" or (parts.scheme in {"http", "https"} and bool(parts.hostname))
    return named and not re.search(r"[\s<>\"{}\\^`\x00-\x1f\x7f-\x9f\u2028\u2029]", link)
