"""Links: where each leads, what its words promise, and what the answers of the pages mean for the mail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from digest.editions.linkcheck import LinkCheck, LinkState
from digest.editions.model import Content
from digest.messages.model import Finding, Rendered, Severity
from digest.messages.preflight import hosts
from digest.messages.preflight.findings import finding
from digest.messages.preflight.mail import Mail, attribute, mail_of, name_of, own_address
from digest.messages.preflight.targets import is_button
from digest.posts.links import canonical_url

_MAY_LEAD_TO = frozenset({"http", "https", "mailto", "tel"})
# Pages that we wrote the address of ourselves, one for each date: asking them tells nothing.
_CALENDARS = (
    "https://calendar.google.com/calendar/",
    "https://www.google.com/calendar/",
    "https://outlook.live.com/calendar/",
    "https://outlook.office.com/calendar/",
)
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedLink:
    """One address that the mail leads to or loads: `name` is what its first link is called.

    `is_item` means that it is the own page of an item, which is tried again at launch.
    """

    url: str
    name: str = ""
    is_button: bool = False
    is_item: bool = False
    is_picture: bool = False


def findings(mail: Mail) -> Iterator[Finding]:
    """What the links themselves tell, without asking anybody."""
    named: dict[str, set[str]] = {}
    targets: dict[str, str] = {}
    for link in mail.page.css("a[href]"):
        url = attribute(link, "href").strip()
        targets.setdefault(url, name_of(link))
        if attribute(link, "aria-hidden") != "true":
            named.setdefault(name_of(link).casefold(), set()).add(url)
    for name, led in named.items():
        if not name:
            yield finding("link-without-text", "A link has no words.", min(led))
        elif len(led) > 1:
            yield finding(
                "duplicate-link-text",
                f'{len(led)} links are called "{name}" and lead to different places.',
                min(led),
            )
    yield from _schemes(targets, mail)
    doubted: dict[tuple[str, str], str] = {}
    for url in targets:
        doubt = None if own_address(url, mail) else hosts.doubt(url)
        if doubt:
            doubted.setdefault(doubt, url)
    for (code, message), url in doubted.items():
        yield finding(code, message, url)


def links(rendered: Rendered, content: Content) -> tuple[CheckedLink, ...]:
    """Every address that could be asked whether it answers, each once, in the order of the mail.

    Our own pages are left out: an edition's page is only there once it was sent, and readers' links are not
    made yet. A fragment is no part of what is asked.
    """
    mail = mail_of(rendered, content)
    items = {canonical_url(item.url) for item in content.items}
    found: dict[str, CheckedLink] = {}
    for node in mail.page.css("a[href], img[src]"):
        picture = node.tag == "img"
        url = attribute(node, "src" if picture else "href").strip().partition("#")[0]
        if (
            not url.startswith(("http://", "https://"))
            or own_address(url, mail)
            or url.startswith(_CALENDARS)
        ):
            continue
        link = found.get(url) or CheckedLink(
            url=url, is_item=not picture and canonical_url(url) in items, is_picture=picture
        )
        found[url] = replace(
            link,
            name=link.name or ("" if picture else name_of(node)),
            is_button=link.is_button or (not picture and is_button(node)),
            is_picture=link.is_picture and picture,
        )
    return tuple(found.values())


def link_findings(results: Mapping[CheckedLink, LinkCheck | None], content: Content) -> tuple[Finding, ...]:
    """What the answers mean; None stands for an address that was not asked in time to say."""
    found: list[Finding] = []
    walls: list[str] = []
    for link, check in results.items():
        if check is None:
            continue
        if check.state is LinkState.UNCHECKED:
            walls.append(link.url)
        else:
            found += _meaning(link, check)
    if walls:
        more = f" and {len(walls) - _NAMED} more" if len(walls) > _NAMED else ""
        count = "One address does" if len(walls) == 1 else f"{len(walls)} addresses do"
        found.append(
            finding(
                "link-unchecked",
                f"{count} not let itself be checked by a program: {', '.join(walls[:_NAMED])}{more}.".replace(
                    "do not let itself", "do not let themselves"
                ),
                walls[0],
            )
        )
    unknown = sum(1 for check in results.values() if check is None)
    if unknown:
        found.append(
            finding(
                "links-unchecked",
                f"{unknown} of {len(results)} addresses in the mail were not checked in the last day.",
                "links",
            )
        )
    return tuple(found)


def _schemes(targets: Mapping[str, str], mail: Mail) -> Iterator[Finding]:
    """Links that are no web address, but for the gaps that become one."""
    odd = set()
    for url in targets:
        try:
            scheme = urlsplit(url).scheme
        except ValueError:
            scheme = url[:20]
        if scheme not in _MAY_LEAD_TO and not own_address(url, mail) and not _to_a_place(url, mail):
            odd.add(f"begins with {scheme}:" if scheme else f"is no whole address: {url[:80]}")
    for words in sorted(odd):
        yield finding("link-scheme", f"A link {words}.", "HTML")


def _to_a_place(url: str, mail: Mail) -> bool:
    """Whether a link only leads to another place in the mail, one that is there."""
    name = url[1:]
    return url.startswith("#") and any(
        name in (attribute(node, "id"), attribute(node, "name")) for node in mail.page.css("[id], a[name]")
    )


def _meaning(link: CheckedLink, check: LinkCheck) -> Iterator[Finding]:
    what = f"“{link.name}”" if link.name else "A picture" if link.is_picture else "A link"
    said = check.detail.rstrip(".") or (f"it answered {check.status}" if check.status else "")
    because = f": {said}" if said else ""
    if check.state is LinkState.DEAD and link.is_picture:
        yield finding("picture-dead", f"A picture is not there{because}.", link.url)
    elif check.state is LinkState.DEAD:
        own = "; the item is taken out at launch if this is still so" if link.is_item else ""
        yield finding(
            "link-dead",
            f"{what} leads nowhere{because}{own}.",
            link.url,
            severity=Severity.WARNING if link.is_item else None,
        )
    elif check.state is LinkState.REFUSED:
        yield finding("link-refused", f"{what} was not followed{because}.", link.url)
    elif check.state is LinkState.FAILING:
        yield finding("link-failing", f"{what} did not answer as it should{because}.", link.url)
    elif check.state is LinkState.LARGE:
        yield finding("picture-large", f"A picture has {check.detail}.", link.url)
    elif check.detail.startswith("https://") and not link.is_picture:
        yield finding("link-http", f"{what} is not encrypted; {check.detail} answers too.", link.url)
