"""The text part: a mail of its own that says all that the HTML part says."""

from __future__ import annotations

from collections.abc import Iterator

from digest.messages.arrange import intro_text
from digest.messages.model import Finding
from digest.messages.placing import title_of
from digest.messages.preflight.findings import finding
from digest.messages.preflight.mail import Mail, attribute, name_of, own_address
from digest.messages.preflight.targets import is_button

_NAMED = 3


def findings(mail: Mail) -> Iterator[Finding]:
    """One finding that names what is missing: titles and pages of items, buttons, the note by staff."""
    text = _squeezed(mail.rendered.text)
    seen = _squeezed(mail.page.body.text() if mail.page.body else "")
    links = mail.page.css("a[href]")
    led = {attribute(link, "href") for link in links}
    told = {word.strip("<>()[]") for word in mail.rendered.text.split()}
    missing = []
    for item in mail.content.items:
        title = title_of(item)
        if item.url not in led or _squeezed(title) not in seen:
            continue
        if _squeezed(title) not in text:
            missing.append(f"the title “{title}”")
        if item.url not in told:
            missing.append(f"the address of “{title}”")
    for link in links:
        url = attribute(link, "href")
        if is_button(link) and not own_address(url, mail) and url not in told:
            missing.append(f"the address of the button “{name_of(link)}”")
    note = intro_text(mail.content.intro)
    if note and _squeezed(note) not in text:
        missing.append("the note at the beginning")
    if missing:
        missing = list(dict.fromkeys(missing))
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        yield finding("text-incomplete", f"The text part lacks {', '.join(missing[:_NAMED])}{more}.", "text")


def _squeezed(text: str) -> str:
    """A text without the white space that wrapping changes, in small letters."""
    return "".join(text.split()).casefold()
