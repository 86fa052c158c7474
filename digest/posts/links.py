"""Links: what may be printed, and when two of them lead to the same page."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, parse_qsl, urljoin, urlsplit, urlunsplit

from w3lib.url import canonicalize_url, safe_url_string

LONGEST_LINK = 2000
_TRACKING = re.compile(
    r"(?:utm_\w+|mtm_\w+|pk_\w+|piwik_\w+|matomo_\w+|hsa_\w+|fbclid|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|yclid"
    r"|ttclid|twclid|li_fat_id|igshid|igsh|srsltid|mc_cid|mc_eid|_hsenc|_hsmi|__hs\w+|hsctatracking|mkt_tok|vero_id"
    r"|vero_conv|oly_anon_id|oly_enc_id|wickedid|_ga|_gl|ref_src|ref_url|s_cid|epik|trk|trkcampaign|sr_share"
    r"|at_campaign|at_medium|at_custom\d|xtor|wt\.mc_id|__twitter_impression|cmpid|ncid|elqtrack\w*|_openstat)",
    re.IGNORECASE,
)
_HOST = re.compile(
    r"(?=.{1,253}\.?$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?"
)
_UNSAFE = str.maketrans({c: f"%{ord(c):02X}" for c in "\"'<>`{}|\\^ "})
_NOT_PUBLIC_NAME = re.compile(
    r"(?:^|\.)(?:localhost|local|localdomain|internal|intranet|test|invalid|lan)$|^(?:local-?dev|dev|staging|stage|preview)[.-]"
)


def safe_link(url: str, *, base: str) -> str | None:
    """`url` as an absolute http(s) link fit to print, resolved against `base`; None if it cannot be one.

    Tracking parameters and credentials are taken out; every other parameter keeps its place and spelling.
    """
    text = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", "", url.strip())
    if not text or len(text) > LONGEST_LINK:
        return None
    try:
        if re.match(r"[a-z]+:", text, re.IGNORECASE) and not urlsplit(text).netloc:
            return None  # joining would take it for a path
        parts = urlsplit(urljoin(base, text))
        host = _ascii_host(parts)
        port = parts.port
        if parts.scheme.lower() not in {"http", "https"} or host is None:
            return None
        netloc = host if port is None else f"{host}:{port}"
        whole = urlunsplit(
            (parts.scheme.lower(), netloc, parts.path, _untracked(parts.query), parts.fragment)
        )
        link = str(safe_url_string(whole.encode("utf-8", "ignore").decode("utf-8"))).translate(_UNSAFE)
    except ValueError:
        return None
    return link if len(link) <= LONGEST_LINK else None


def canonical_url(url: str) -> str:
    """The key under which two links to one page are equal: no scheme, tracking, fragment or trailing slash.

    `www.` stays: whether it is the same host is not ours to guess.
    """
    link = safe_link(url, base=url)
    if link is None:
        return url.strip()
    parts = urlsplit(link)
    # A hash-bang is the address of a page, any other fragment a place on it.
    keep_fragment = parts.fragment.startswith("!")
    parts = urlsplit(canonicalize_url(link, keep_fragments=keep_fragment))
    host = (parts.hostname or "").rstrip(".")
    port = f":{parts.port}" if parts.port not in {None, 80, 443} else ""
    host = f"[{host}]" if ":" in host else host
    return urlunsplit(("", "", f"{host}{port}{parts.path.rstrip('/')}", parts.query, parts.fragment))


def doubts(url: str, *, home: str) -> str:
    """Why readers may not be able to open `url`, in words, or "" if nothing speaks against it.

    `home` is where the source itself lives: a link to the same host is as reachable as the source.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "preview" in query or "preview_id" in query or "preview_nonce" in query:
        return "links to a preview that only signed-in editors can open"
    if host == urlsplit(home).hostname:
        return ""
    if _NOT_PUBLIC_NAME.search(host) or "." not in host or _is_private(host):
        return f"links to {host}, which looks private"
    return ""


def _ascii_host(parts: SplitResult) -> str | None:
    host = (parts.hostname or "").lower()
    if ":" in host:
        try:
            return f"[{ipaddress.IPv6Address(host)}]"
        except ValueError:
            return None
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    return host if _HOST.fullmatch(host) else None


def _untracked(query: str) -> str:
    if not query:
        return ""
    kept = [part for part in query.split("&") if not _TRACKING.fullmatch(part.partition("=")[0])]
    return "&".join(kept)


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        return False
