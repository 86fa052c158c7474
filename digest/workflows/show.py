"""Show templates: every one of them in every state, written to a folder to be looked at; nothing is sent or stored."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from digest.editions.model import Content
from digest.errors import DigestError
from digest.messages import samples
from digest.messages.check import edition_names, known_edition
from digest.messages.model import SlotName
from digest.messages.preflight import check
from digest.messages.render import filled, render
from digest.messages.showcase import Sample, showcase
from digest.messages.wording import signed_up
from digest.templating import Templates, direction

_PICTURE = "sample.svg"
_PICTURES = re.compile(re.escape(f"{samples.SITE}/pictures/") + r"\d+\.jpg")
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_LINK = "https://news.example.org/u/sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One template in one state: where it was written, how large the mail is, and what there is to say of it."""

    template: str
    state: str
    shows: str
    subject: str
    html: Path
    text: Path
    size: int
    dropped: tuple[str, ...]
    findings: tuple[str, ...]


def show(
    templates: Templates, name: str | None, *, into: Path, language: str = ""
) -> tuple[Path, list[Shown]]:
    """Write each state of the template `name`, or of all, to `into`; the page that shows them side by side, and each.

    `language` is a tag in which the fixed words are said; those of the samples that are in another language keep it.
    Raises `NoSuchTemplate`, `TemplateFault` for a template that cannot be rendered, and `DigestError` where `into`
    cannot be written.
    """
    if language and not _TAG.fullmatch(language):
        raise DigestError(f'The language is "{language}"; expected a tag such as fr or pt-BR.')
    names = [known_edition(templates, name)] if name else edition_names(templates)
    try:
        into.mkdir(parents=True, exist_ok=True)
        shown = [_written(templates, each, one, into, language) for each in names for one in showcase(each)]
        (into / _PICTURE).write_bytes((templates.builtin / "pages" / _PICTURE).read_bytes())
        index = into / "index.html"
        index.write_text(templates.render("pages/samples.html", {"samples": shown}), encoding="utf-8")
    except OSError as error:
        raise DigestError(f"The samples cannot be written to {into}: {error.strerror}.") from error
    return index, shown


def _written(templates: Templates, template: str, sample: Sample, into: Path, language: str) -> Shown:
    content = sample.content
    if language and direction(language) == direction(content.language):
        content = replace(content, language=language)
    rendered = render(content, templates, nonce=secrets.token_hex(8))
    html, text = filled(rendered, _reader(content))
    base = into / f"{template}-{sample.name}"
    files = (base.with_suffix(".html"), base.with_suffix(".txt"))
    files[0].write_text(_PICTURES.sub(_PICTURE, html), encoding="utf-8")
    files[1].write_text(text, encoding="utf-8")
    return Shown(
        template=template,
        state=sample.name,
        shows=sample.shows,
        subject=rendered.subject,
        html=files[0],
        text=files[1],
        size=len(html.encode()),
        dropped=rendered.dropped,
        findings=tuple(f"{found.severity}: {found.message}" for found in check(rendered, content)),
    )


def _reader(content: Content) -> dict[SlotName, str]:
    return {
        SlotName.UNSUBSCRIBE_URL: _LINK,
        SlotName.PREFERENCES_URL: _LINK,
        SlotName.SIGNED_UP: signed_up(content.send_at, language=content.language, timezone=content.timezone),
    }
