"""Is a post an event, perhaps one, or a post and nothing more; and what is known of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from digest.posts import hosts, prose, signs
from digest.posts.echoes import without_echo
from digest.posts.facts import CALENDARS, Told, merged, told_of, with_staff
from digest.posts.links import canonical_url
from digest.posts.model import (
    CallToAction,
    CtaKind,
    Event,
    EventStatus,
    Evidence,
    Origin,
    StaffFacts,
    StoredPost,
    Suggestion,
    Verdict,
)
from digest.posts.timing import ends
from digest.posts.titles import TitleRead, plain_title, read_title

__all__ = ["Judged", "judge", "plain_title", "without_echo"]

ANNOUNCED_WITHIN = timedelta(days=45)
_OPENING = 1_500
_LONGEST_BODY = 20_000
_EVENT_PATH = re.compile(
    r"/(?:events?|veranstaltung(?:en)?|evenements?|eventos?|agenda)/(?!category/|tag/|page/|feed)[\w%-]{4,}"
)
_TO_ATTEND = re.compile(r"(?:please |to )?regist|rsvp|reserve|save|secure|tickets|book", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What we take a post for: its verdict, title and event, and one sentence for staff that says why.

    `title` is plain for an event and a perhaps, and as published for a post, which has no `event`. A perhaps never
    has a date nor a call to action; its `suggestions` are words in its text that may tell the date.
    """

    verdict: Verdict
    title: str
    event: Event | None = None
    suggestions: tuple[Suggestion, ...] = ()
    reason: str


def judge(
    stored: StoredPost, *, now: datetime, timezone: str, event_categories: frozenset[str] = frozenset()
) -> Judged:
    """Whether a post is an event at `now`, and what is known of it.

    What staff said decides, then structured data: the source's own, then that of the post's page where the page is
    about the event. Title, categories and text make no more than a perhaps, and only of a post that is at most 45
    days old. An event that was over before its post was published makes the post a report of it, unless the post is
    a calendar's own entry. `timezone` is the publication's zone; `event_categories` are names of categories that
    hold announcements. An event that is over at `now` stays an event.
    """
    staff = stored.staff
    if staff is not None and staff.verdict is Verdict.POST:
        return _post(stored, f"{staff.by} said that it is no event.")
    title = read_title(stored.post.title)
    told = told_of(stored)
    event = _structured(stored, told, title, timezone=timezone)
    if staff is not None:
        return _by_staff(stored, staff, event, title)
    if event is None:
        return _perhaps(stored, title, now=now, event_categories=event_categories)
    where = _ORIGIN_WORDS[told[0].origin]
    if event.starts_at is None:
        if against := _against(title, stored.post.title, _text(stored)):
            return _post(stored, f"{where} calls it an event without a date, but it says “{against}”.")
        if not _is_recent(stored, now):
            return _post(stored, f"{where} calls it an event without a date, and it is old.")
        return _maybe(stored, event, f"{where} calls it an event and gives no date.")
    published = stored.post.published_at
    over = ends(event, timezone)
    is_entry = any(one.origin in CALENDARS for one in told)
    if not is_entry and published is not None and over is not None and over <= published:
        return _post(stored, "It was published after the event was over, so it is a report of it.")
    return Judged(
        verdict=Verdict.EVENT,
        title=event.title,
        event=event,
        reason=f"{next(_ORIGIN_WORDS[one.origin] for one in told if one.event.starts_at)} gives its date.",
    )


_ORIGIN_WORDS = {
    Origin.STAFF: "A person",
    Origin.EVENTS_CALENDAR: "The site's calendar",
    Origin.ICAL: "The calendar file",
    Origin.JSON_LD: "The structured data of its page",
    Origin.MICRODATA: "The structured data of its page",
    Origin.FEED: "The feed",
    Origin.CATEGORY: "Its category",
    Origin.TITLE: "Its title",
    Origin.LINK: "A link in its text",
    Origin.TEXT: "Its text",
}


def _structured(
    stored: StoredPost, told: tuple[Told, ...], title: TitleRead, *, timezone: str
) -> Event | None:
    """The event that structured data and staff tell; None if neither tells one."""
    staff = stored.staff
    if not told and (staff is None or staff.starts_at is None):
        return None
    event = merged(told) if told else Event(uid="", title="")
    if title.status is not None and event.status is not title.status:
        sign = Evidence(fact="status", origin=Origin.TITLE, quote=title.signs)
        event = replace(event, status=title.status, evidence=(*event.evidence, sign))
    if staff is not None:
        event = with_staff(event, staff, timezone=timezone)
    event = _named(event, stored, title)
    cta = _call_to_action(event, stored)
    return replace(event, cta=cta, register_url=event.register_url if cta or _is_off(event) else None)


def _named(event: Event, stored: StoredPost, title: TitleRead) -> Event:
    return replace(
        event,
        uid=event.uid or stored.post.url,
        title=title.plain,
        key=stored.event_key,
        revision=stored.event_revision,
    )


def _is_off(event: Event) -> bool:
    return event.status in {EventStatus.CANCELLED, EventStatus.POSTPONED}


def _call_to_action(event: Event, stored: StoredPost) -> CallToAction | None:
    """The one button of an event: where it says one registers, what for is told by the host or by the source.

    None where it says nowhere, or only names the post itself; nor is a meeting's link one unless the event is online.
    """
    given = event.cta
    url = event.register_url or (given.url if given and not hosts.hides_its_target(given.url) else "")
    if _is_off(event) or not url or not hosts.is_web(url):
        return None
    ours = given if given is not None and given.url == url else None
    page = stored.page
    own = {canonical_url(one) for one in (stored.post.url, page.url if page else "") if one}
    if ours is None and canonical_url(url) in own:
        return None
    kind = hosts.link_kind(url) or (ours.kind if ours else CtaKind.REGISTER)
    if ours is None and kind is CtaKind.REGISTER and hosts.is_home(url):
        kind = CtaKind.DETAILS
    if kind is CtaKind.JOIN and not event.online:
        return None
    return CallToAction(label=ours.label if ours else "", url=url, kind=kind)


def _by_staff(stored: StoredPost, staff: StaffFacts, event: Event | None, title: TitleRead) -> Judged:
    if staff.verdict is Verdict.EVENT and event is not None and event.starts_at is not None:
        reason = f"{staff.by} confirmed that it is an event."
        return Judged(verdict=Verdict.EVENT, title=event.title, event=event, reason=reason)
    said = Evidence(fact="kind", origin=Origin.STAFF, quote=staff.by)
    known = event or with_staff(
        _named(Event(uid="", title="", status=title.status or EventStatus.SCHEDULED), stored, title),
        staff,
        timezone="UTC",
    )
    known = replace(known, evidence=tuple(dict.fromkeys([said, *known.evidence])))
    if staff.verdict is Verdict.EVENT:
        return _maybe(stored, known, f"{staff.by} said that it is an event; its date is not known yet.")
    return _maybe(stored, known, f"{staff.by} said that it may be an event.")


def _perhaps(
    stored: StoredPost, title: TitleRead, *, now: datetime, event_categories: frozenset[str]
) -> Judged:
    """What title, categories, address and text make of a post that no structured data calls an event."""
    post = stored.post
    text = _text(stored)
    evidence, why = _signs(stored, title, text, event_categories)
    if not evidence:
        return _post(stored, "Nothing says that it is an event.")
    if not why:
        return _post(stored, f"Only “{evidence[0].quote}” speaks for an event, which is not enough.")
    against = _against(title, post.title, text)
    if against:
        return _post(stored, f"It may look like an event, but says “{against}”.")
    if not _is_recent(stored, now):
        return _post(stored, "It looks like an event, but was published more than 45 days ago.")
    event = Event(
        uid="",
        title="",
        status=title.status or EventStatus.SCHEDULED,
        evidence=tuple(dict.fromkeys(evidence)),
    )
    return _maybe(stored, _named(event, stored, title), why)


def _signs(
    stored: StoredPost, title: TitleRead, text: str, event_categories: frozenset[str]
) -> tuple[list[Evidence], str]:
    """What speaks for an event, and why that is enough; "" where it is not.

    A title that calls is enough. Else two things must meet: a weaker sign (words in the title, a category, an address
    of an events' page) and words that ask to register or announce; or in the text's opening a date, such words, and
    a link to a place where one registers.
    """
    strong = title.signs or signs.invites_by_case(stored.post.title)
    call, occasion = signs.call_in_title(stored.post.title), signs.occasion_in_title(stored.post.title)
    category = _category(stored, event_categories)
    address = match[0] if (match := _EVENT_PATH.search(stored.post.url)) else ""
    asks, ahead = signs.registration_in(text[:_OPENING]), signs.ahead_in(text[:_OPENING])
    link = next((url for url in hosts.links_in(text) if _registers(url)), "")
    found = [
        (Origin.TITLE, strong or call or occasion),
        (Origin.CATEGORY, category),
        (Origin.LINK, address),
        (Origin.LINK, link),
        (Origin.TEXT, asks or ahead),
    ]
    evidence = [Evidence(fact="kind", origin=origin, quote=quote) for origin, quote in found if quote]
    if strong:
        return evidence, f"Its title says “{strong}”."
    if (call or occasion or address) and asks:
        return evidence, f"It speaks of “{call or occasion or address}” and says “{asks}”."
    if category and (call or asks or ahead):
        return evidence, f"It is in “{category}” and says “{call or asks or ahead}”."
    if asks and link and prose.suggestions([text[:_OPENING]], language=stored.post.language):
        return evidence, f"It says “{asks}”, names a date and links to {link[:80]}."
    return evidence, ""


def _registers(url: str) -> bool:
    return hosts.link_kind(url) in {CtaKind.REGISTER, CtaKind.TICKETS} and not hosts.hides_its_target(url)


def _category(stored: StoredPost, event_categories: frozenset[str]) -> str:
    wanted = {name.strip().casefold() for name in event_categories}
    return next((name for name in stored.post.categories if name.strip().casefold() in wanted), "")


def _against(title: TitleRead, raw: str, text: str) -> str:
    """The words that make it a report, a job or another call for all its signs; "" without any."""
    asks = signs.registration_in(text)
    invites = bool(title.calls) or (bool(title.kinds) and bool(asks))
    found = signs.past_in_title(raw) or signs.against_in_title(raw, invites=invites) or signs.over_in(text)
    if found:
        return found
    if title.calls and all(call.casefold().startswith("join us") for call in title.calls):
        found = signs.asks_otherwise(text[:_OPENING])
        if found and not _TO_ATTEND.match(asks):
            return found
    # An invitation may look back at the last time; a mere kind of event before a report is a heading.
    if title.calls:
        return "" if asks or signs.ahead_in(text) else signs.told_in(text)
    return signs.told_in(text) or signs.narrates(text)


def _text(stored: StoredPost) -> str:
    return f"{stored.post.summary}\n{stored.post.body[:_LONGEST_BODY]}"


def _is_recent(stored: StoredPost, now: datetime) -> bool:
    return now - (stored.post.published_at or stored.seen_at) <= ANNOUNCED_WITHIN


def _maybe(stored: StoredPost, event: Event, reason: str) -> Judged:
    post = stored.post
    bare = Event(
        uid=event.uid,
        title=event.title,
        place=event.place,
        online=event.online,
        status=event.status,
        evidence=event.evidence,
        key=event.key,
        revision=event.revision,
    )
    found = prose.suggestions((post.title, post.summary, post.body), language=post.language)
    return Judged(verdict=Verdict.MAYBE, title=event.title, event=bare, suggestions=found, reason=reason)


def _post(stored: StoredPost, reason: str) -> Judged:
    return Judged(verdict=Verdict.POST, title=stored.post.title, reason=reason)
