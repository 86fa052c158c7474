"""Notices: the short plain mails that are not editions, made from `templates/notices/<name>/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from digest.messages import mjml
from digest.messages.theme import Theme
from digest.messages.wording import clean
from digest.templating import Templates


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notice ready to be put into a message: one line of subject, and the same words twice."""

    subject: str
    html: str
    text: str


def notice(templates: Templates, name: str, context: Mapping[str, Any], *, language: str) -> Notice:
    """The notice called `name` in `language`; raises `TemplateFault` where a name is missing or misused.

    Text values are cleaned of what mail cannot carry; what each notice may use stands in templates/README.md.
    """
    folder = f"notices/{name}"
    known = {key: _cleaned(value) for key, value in context.items()}
    known = {"theme": Theme(), **known, "language": language}
    subject = " ".join(templates.render(f"{folder}/subject.txt", known).split())
    known["subject"] = subject
    text = templates.render(f"{folder}/body.txt", known).strip("\n") + "\n"
    return Notice(
        subject=subject, html=mjml.to_html(templates.render(f"{folder}/body.mjml", known)), text=text
    )


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value, keep_lines=True)
    if isinstance(value, Mapping):
        return {key: _cleaned(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_cleaned(entry) for entry in value)
    return value
