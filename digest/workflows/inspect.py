"""Inspect: preflight of an edition as it stands, with its links and pictures asked whether they answer.

What they answered is remembered for a day, so that a second look, and the approval, cost nothing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from digest.database import Session
from digest.editions import store as editions
from digest.editions.linkcheck import FRESH, LinkCheck, LinkState
from digest.editions.model import Content, Edition, EditionId, EditionState
from digest.errors import DigestError
from digest.messages import preflight
from digest.messages.model import Finding, Rendered
from digest.messages.preflight import CheckedLink
from digest.messages.render import render
from digest.posts import store as posts
from digest.workflows import refresh
from digest.workflows.asking import ask
from digest.workflows.compose import content_for
from digest.workflows.parts import Parts

log = structlog.get_logger()
AT_ONCE = 8
MOST_LINKS = 200
LONGEST_SECONDS = 60.0
_FEW = 2


class NothingToShow(DigestError):
    """An edition without items has no mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An edition with the mail it is now: what was approved, or else what approval would keep."""

    edition: Edition
    content: Content
    rendered: Rendered


async def inspect(parts: Parts, edition_id: EditionId, *, now: datetime) -> tuple[Finding, ...]:
    """Every finding of preflight, and what the links and pictures of the edition answer; those of today are not asked.

    Raises `NoSuchEdition`, and `NothingToShow` for an edition without items.
    """
    trouble = await ask_links(parts, edition_id, now=now)
    with parts.database.reading() as session:
        found = standing(session, parts, edition_id, now=now)
        links = remembered(session, found.rendered, found.content, now=now)
    return preflight.ordered((*preflight.check(found.rendered, found.content), *links, *trouble))


async def ask_links(
    parts: Parts, edition_id: EditionId, *, now: datetime, seconds: float = LONGEST_SECONDS
) -> tuple[Finding, ...]:
    """Ask the addresses in the mail that were not asked lately, side by side, and remember what they answer.

    After `seconds` the rest is left for another time. A finding comes back only when nothing at all could be
    reached: then we are offline, which says nothing of the links, and nothing is remembered.
    """
    with parts.database.reading() as session:
        found = standing(session, parts, edition_id, now=now)
        wanted = preflight.links(found.rendered, found.content)
        known = _known(session, wanted, now=now)
    stale = [link for link in wanted if not _is_fresh(known.get(link.url), now=now)][:MOST_LINKS]
    if not stale:
        return ()
    sources = parts.publication(found.edition.publication).sources
    private = bool(sources) and all(source.allow_private for source in sources)
    answers = await _answers(parts, stale, allow_private=private, now=now, seconds=seconds)
    log.info("links.checked", edition=edition_id, asked=len(stale), answered=len(answers))
    if len(answers) > _FEW and not any(_was_reached(answer) for answer in answers):
        return (
            preflight.finding(
                "links-unreachable", f"Not one of {len(answers)} addresses could be reached.", "links"
            ),
        )
    with parts.database.transaction() as session:
        editions.remember_links(session, answers, now=now)
    return ()


def remembered(
    session: Session, rendered: Rendered, content: Content, *, now: datetime
) -> tuple[Finding, ...]:
    """What is known of the links from the last 24 hours, and which posts changed since they were placed."""
    wanted = preflight.links(rendered, content)
    known = _known(session, wanted, now=now)
    results = {link: known.get(link.url) for link in wanted}
    return (*preflight.link_findings(results, content), *_edited(session, content))


def standing(session: Session, parts: Parts, edition_id: EditionId, *, now: datetime) -> Standing:
    """The edition and its mail; raises `NoSuchEdition`, and `NothingToShow` for one without items."""
    edition = editions.get(session, edition_id)
    if not edition.items:
        raise NothingToShow(f"Edition {edition_id} is {edition.state}; there is no mail to show.")
    if edition.state is EditionState.DRAFT:
        edition = replace(edition, items=refresh.changes(session, parts, edition, now=now).items)
    approved = editions.snapshot(session, edition_id, Rendered) if edition.fingerprint else None
    content = content_for(parts, edition, now=edition.approved_at or (None if edition.launched_at else now))
    rendered = approved or render(content, parts.templates, nonce=secrets.token_hex(8))
    return Standing(edition=edition, content=content, rendered=rendered)


def _known(session: Session, links: Sequence[CheckedLink], *, now: datetime) -> Mapping[str, LinkCheck]:
    return editions.link_checks(session, [link.url for link in links], since=now - FRESH)


def _is_fresh(check: LinkCheck | None, *, now: datetime) -> bool:
    return check is not None and check.is_fresh(now=now)


def _was_reached(check: LinkCheck) -> bool:
    """Whether something answered, be it a refusal; a name that leads nowhere public was looked up at least."""
    return check.status is not None or check.state is LinkState.REFUSED


async def _answers(
    parts: Parts, links: Sequence[CheckedLink], *, allow_private: bool, now: datetime, seconds: float
) -> list[LinkCheck]:
    """What the addresses answered in time, in whatever order; the client sees to at most two at once at a host."""
    answers: list[LinkCheck] = []
    gate = asyncio.Semaphore(AT_ONCE)
    async with parts.client() as client:

        async def one(link: CheckedLink) -> None:
            async with gate:
                answers.append(
                    await ask(
                        client, link.url, is_picture=link.is_picture, allow_private=allow_private, now=now
                    )
                )

        try:
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as asked:
                for link in _in_turn(links):
                    asked.create_task(one(link))
        except TimeoutError:
            log.info("links.late", left=len(links) - len(answers))
    return answers


def _in_turn(links: Iterable[CheckedLink]) -> list[CheckedLink]:
    """The links such that one slow host does not keep the others waiting: the first of each host, then the second of each."""
    turns: Counter[str] = Counter()
    ranked = []
    for link in links:
        host = link.url.split("/", 3)[2]
        ranked.append((turns[host], link))
        turns[host] += 1
    return [link for _, link in sorted(ranked, key=lambda entry: entry[0])]


def _edited(session: Session, content: Content) -> list[Finding]:
    """Posts that are no longer what they were when they were placed; events are followed by themselves."""
    stored = posts.posts(session, [item.post_id for item in content.items if item.post_id is not None])
    found = []
    for item in content.items:
        known = stored.get(item.post_id) if item.post_id is not None else None
        if known is None:
            continue
        if known.gone_at is not None:
            found.append(
                preflight.finding("item-gone", f"“{item.title}” is no longer on the site.", item.url)
            )
        elif item.event is None and item.post_fingerprint not in {"", known.post.fingerprint}:
            found.append(
                preflight.finding(
                    "post-changed",
                    f"“{item.title}” was edited on the site after the draft was made.",
                    item.url,
                )
            )
    return found
