"""What a link lets a reader do, told by the host and path it leads to: register, get tickets, join a meeting."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from digest.posts.model import CtaKind

_LONGEST_TEXT = 20_000
_LONGEST_URL = 2_000
_MOST_LINKS = 50

# One line per service: the end of its host name, and how the path begins where that matters.
_MEETINGS = (
    (r"zoom(?:gov)?\.(?:us|com)", r"/(?:j|s|w|my|wc/join|wc/\d+/join)/"),
    (r"teams\.(?:microsoft|live)\.com", r"/(?:l/meetup-join|meet)/"),
    (r"meet\.google\.com", r"/[a-z]{3}-?[a-z]{4}-?[a-z]{3}|/lookup/"),
    (r"webex\.com", r"/(?:[\w-]+/)?(?:meet|join)/|/[\w./-]*j\.php"),
    (r"whereby\.com|meet\.jit\.si|goto\.com|gotomeet(?:ing)?\.(?:com|me)|bluejeans\.com", r"/."),
    (r"(?:bbb|bigbluebutton)[\w-]*\.[\w.-]+", r"/(?:b|rooms|bigbluebutton|html5client)/."),
)
_TICKETS = (
    (r"ticketmaster\.(?:com|[a-z]{2}|co\.[a-z]{2}|com\.[a-z]{2})|eventim\.(?:com|[a-z]{2})", r"/."),
    (r"tickettailor\.com|buytickets\.at|ticketsource\.(?:co\.uk|com|eu)|ticketsolve\.com", r"/."),
    (r"seetickets\.com|ticketweb\.(?:com|uk|ie)|axs\.com|dice\.fm|skiddle\.com|wegottickets\.com", r"/."),
    (r"humanitix\.com|trybooking\.com|brownpapertickets\.com|showclix\.com|universe\.com", r"/."),
    (r"weezevent\.com|billetweb\.fr|billetto\.(?:com|[a-z]{2}|co\.uk)|shotgun\.live|ti\.to|tito\.io", r"/."),
    (r"ticketleap\.com|ticketspice\.com|eticketing\.co\.uk|ticketpeak\.co|etix\.com|tix\.com", r"/."),
    (r"givebutter\.com|zeffy\.com", r"/."),
    (
        r"pretix\.(?:eu|com)|entradium\.com|ticketea\.com|reservix\.de|ticket\.io|concert\.ua|karabas\.com",
        r"/.",
    ),
)
_REGISTRATIONS = (
    (r"eventbrite\.(?:com|[a-z]{2}|co\.[a-z]{2}|com\.[a-z]{2})", r"/."),
    (r"zoom(?:gov)?\.(?:us|com)", r"/(?:webinar|meeting)/register|/ev/"),
    (r"teams\.microsoft\.com", r"/registration/"),
    (r"events\.teams\.microsoft\.com|events\.zoom\.us", r"/."),
    (r"webex\.com", r"/[\w./-]*(?:register|weblink)"),
    (r"lu\.ma|luma\.com|hopin\.(?:com|to)|crowdcast\.io|eventzilla\.net|livestorm\.co|demio\.com", r"/."),
    (r"bizzabo\.com|cvent\.(?:com|me)|on24\.com|gotowebinar\.com|webinarjam\.com|bigmarker\.com", r"/."),
    (
        r"swoogo\.com|whova\.com|splashthat\.com|regfox\.com|eventcube\.io|edudip\.com|clickmeeting\.com",
        r"/.",
    ),
    (r"meetup\.com", r"/[\w-]+/events/|/[a-z]{2}-[A-Z]{2}/[\w-]+/events/"),
    (r"facebook\.com", r"/events/\d"),
    (r"forms\.gle|typeform\.com|jotform\.com|surveymonkey\.(?:com|[a-z]{2}|co\.uk)|tally\.so", r"/."),
    (r"forms\.(?:office|microsoft|cloud\.microsoft)\.com|forms\.cloud\.microsoft|framaforms\.org", r"/."),
    (r"docs\.google\.com", r"/forms/"),
    (r"airtable\.com", r"/(?:shr|app\w+/(?:shr|pag))"),
    (r"actionnetwork\.org", r"/(?:events|ticketed_events)/"),
    (r"mobilize\.(?:us|io)", r"/[\w-]+/event/"),
    (r"helloasso\.com", r"/[\w/-]*evenements/"),
)
_MEETING = re.compile(
    r"(?:^|\.)(?:zoom\.us|zoom\.com|zoomgov\.com|teams\.microsoft\.com|teams\.live\.com|teams\.cloud\.microsoft"
    r"|meet\.google\.com|hangouts\.google\.com|webex\.com|gotomeeting\.com|gotowebinar\.com|gotomeet\.me|goto\.com"
    r"|livestorm\.co|bluejeans\.com|whereby\.com|jitsi\.org|jit\.si|8x8\.vc|skype\.com|demio\.com|on24\.com"
    r"|crowdcast\.io|hopin\.com|airmeet\.com|bigmarker\.com|streamyard\.com|restream\.io|twitch\.tv|youtu\.be"
    r"|youtube\.com|clickmeeting\.com|adobeconnect\.com|ringcentral\.com|remo\.co|gather\.town)$"
)
_SIGN_UP = re.compile(
    r"regist|rsvp|sign-?_?up|anmeld|inscri|enrol|iscri|aanmeld|booking|reserv|webinar/|/forms?[/.]",
    re.IGNORECASE,
)
_SHORT = re.compile(
    r"(?:^|\.)(?:bit\.ly|bitly\.com|j\.mp|tinyurl\.com|t\.co|goo\.gl|ow\.ly|buff\.ly|is\.gd|v\.gd|rebrand\.ly|rb\.gy"
    r"|lnkd\.in|shorturl\.at|cutt\.ly|t\.ly|tiny\.cc|fb\.me|dlvr\.it|ift\.tt|trib\.al|amzn\.to|youtu\.be|s\.id|tr\.ee"
    r"|linktr\.ee|list-manage\.com|mailchi\.mp|sendgrid\.net|hubspotlinks\.com|hs-sites\.com|rs6\.net|cmail\d*\.com"
    r"|createsend\d*\.com|mandrillapp\.com|sparkpostmail\.com|klclick\d*\.com|doubleclick\.net|awstrack\.me"
    r"|safelinks\.protection\.outlook\.com|urldefense\.(?:com|proofpoint\.com)|linkprotect\.cudasvc\.com)$"
)
_TRACKER_LABEL = re.compile(r"(?:click|clicks|track|tracking|links?|go|email|trk|url\d+)\.")
_FIRST_LABEL = re.compile(
    r"(?:(?P<tickets>tickets?|billetterie|boxoffice)|(?P<register>register|registration|rsvp))\."
)
_SEEN_LINK = re.compile(r"\bhttps?://[^\s<>\"'“”«»)\]]{4,2000}")


def link_kind(url: str) -> CtaKind | None:
    """What a well-known host lets a reader do at `url`; None where host and path do not tell.

    The hosts are those on which real sites of associations place their registration (measured), and the services
    that answer at their own name; a name that only begins like one ("eventbrite.example.org") is not it.
    """
    parts = _web_parts(url)
    if parts is None:
        return None
    host, path = _host(parts), parts.path or "/"
    for kind, table in _TABLES:
        if any(name.fullmatch(host) and start.match(path) for name, start in table):
            return kind
    label = _FIRST_LABEL.match(host)
    if label is None:
        return None
    return CtaKind.TICKETS if label["tickets"] else CtaKind.REGISTER


def is_meeting(url: str) -> bool:
    """Whether `url` is at a service of video meetings or live streams, whatever its path says."""
    parts = _web_parts(url)
    return parts is not None and _MEETING.search(_host(parts)) is not None


def is_sign_up(url: str) -> bool:
    """Whether `url` says of itself, by its path or query, that one registers there."""
    parts = _web_parts(url)
    return parts is not None and _SIGN_UP.search(f"{parts.path}?{parts.query}") is not None


def is_web(url: str) -> bool:
    """Whether `url` is an absolute http(s) address."""
    return _web_parts(url) is not None


def is_home(url: str) -> bool:
    """Whether `url` is only the front page of a site."""
    parts = _web_parts(url)
    return parts is not None and parts.path in {"", "/"} and not parts.query


def hides_its_target(url: str) -> bool:
    """Whether `url` is on a host that shortens or counts links, so that it does not tell where it leads."""
    parts = _web_parts(url)
    if parts is None:
        return False
    host = _host(parts)
    return _SHORT.search(host) is not None or _TRACKER_LABEL.match(host) is not None


def links_in(text: str) -> tuple[str, ...]:
    """The web addresses that stand written out in a plain text, in order, each once; at most 50."""
    found = (match[0].rstrip(".,;:!?…*_") for match in _SEEN_LINK.finditer(text[:_LONGEST_TEXT]))
    return tuple(dict.fromkeys(found))[:_MOST_LINKS]


def _web_parts(url: str) -> SplitResult | None:
    text = url[:_LONGEST_URL].strip()
    try:
        parts = urlsplit(text)
        return parts if parts.scheme.lower() in {"http", "https"} and parts.hostname else None
    except ValueError:
        return None


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").lower().rstrip(".")


def _compiled(table: tuple[tuple[str, str], ...]) -> tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]:
    return tuple((re.compile(rf"(?:[\w-]+\.){{0,6}}(?:{host})"), re.compile(path)) for host, path in table)


_TABLES = (
    (CtaKind.JOIN, _compiled(_MEETINGS)),
    (CtaKind.TICKETS, _compiled(_TICKETS)),
    (CtaKind.REGISTER, _compiled(_REGISTRATIONS)),
)
