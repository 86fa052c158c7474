"""Time zones: from whatever a calendar, a site or an old mail program calls one to the name that IANA gave it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from babel.core import get_global

LONGEST_NAME = 200
_NOT_A_PLACE = frozenset({"factory", "localtime", "posixrules"})
_UTC = frozenset(
    {"z", "utc", "uct", "universal", "zulu", "etc/utc", "etc/uct", "etc/universal", "etc/zulu"}
    | {"coordinated universal time", "gmt+0", "gmt-0", "gmt0"}
)
# What Windows shows where it does not name a city; its registry names are CLDR's table.
_SHOWN = {
    "alaska": "America/Anchorage",
    "arizona": "America/Phoenix",
    "atlantic time (canada)": "America/Halifax",
    "baja california": "America/Tijuana",
    "beijing": "Asia/Shanghai",
    "brasilia": "America/Sao_Paulo",
    "central time (us & canada)": "America/Chicago",
    "eastern time (us & canada)": "America/New_York",
    "ekaterinburg": "Asia/Yekaterinburg",
    "hawaii": "Pacific/Honolulu",
    "indiana (east)": "America/Indiana/Indianapolis",
    "mountain time (us & canada)": "America/Denver",
    "mumbai": "Asia/Kolkata",
    "newfoundland": "America/St_Johns",
    "pacific time (us & canada)": "America/Los_Angeles",
    "saskatchewan": "America/Regina",
}
_OFFSET = re.compile(
    r"(?:utc|gmt)?\s*(?P<sign>[+-])\s*(?P<hours>\d{1,2})(?:(?P<dot>[:.]?)(?P<minutes>\d{2})|\.(?P<tenth>\d))?",
    re.IGNORECASE | re.ASCII,
)
_LABELLED = re.compile(r"\((?:utc|gmt)(?P<offset>[+-]\d{1,2}[:.]?\d{2})?\)\s*(?P<places>.+)", re.IGNORECASE)
_NUMBERED = re.compile(r"\s+\d{1,3}$")


def zone_name(raw: str | None) -> str | None:
    """The IANA name, known to zoneinfo, of the zone that `raw` means; None where it means none or is in doubt.

    Read are IANA names in any case, Windows names by CLDR's table, the labels of Outlook ("(UTC+01:00) Amsterdam,
    Berlin, …"), the prefixed names of RFC 5545 §3.2.19 ("/mozilla.org/20050126_1/America/New_York"), and whole-hour
    offsets ("UTC-4" is "Etc/GMT+4"); IANA has no fixed zone for other offsets. Never raises.
    """
    text = _tidied(raw)
    if not text:
        return None
    named = _named(text) or _labelled(text)
    if named:
        return named
    return next((found for part in _without_vendor(text) if (found := _named(part))), None)


def offset(raw: str | None) -> timedelta | None:
    """The offset from UTC that `raw` spells out ("UTC-4", "UTC+5.5", "+05:30"), None if it is not one."""
    match = _OFFSET.fullmatch(_tidied(raw))
    if not match:
        return None
    minutes = int(match["tenth"] or 0) * 6 or int(match["minutes"] or 0)
    if match["dot"] == "." and minutes >= 60:
        minutes = round(minutes * 0.6)  # WordPress writes 5.75 for what others write 5:45
    amount = timedelta(hours=int(match["hours"]), minutes=minutes)
    if minutes >= 60 or amount > timedelta(hours=14):
        return None
    return -amount if match["sign"] == "-" else amount


def fixed(amount: timedelta) -> str | None:
    """The IANA name of the zone that is always `amount` from UTC; None where IANA has none."""
    hours, rest = divmod(amount, timedelta(hours=1))
    if rest or not -12 <= hours <= 14:
        return None
    return "UTC" if hours == 0 else f"Etc/GMT{-hours:+d}"  # the signs of Etc are POSIX's: west is plus


def _tidied(raw: str | None) -> str:
    """`raw` without quotes and with plain signs, or "" for what no zone is called."""
    if not isinstance(raw, str) or len(raw) > LONGEST_NAME:
        return ""
    text = raw.strip().strip("\"'“”").strip().replace("\u2212", "-").replace("\u2013", "-")
    if not text.isprintable() or ".." in text or "\\" in text:
        return ""
    return text


def _named(text: str) -> str | None:
    name = text.lower()
    if name in _UTC:
        return "UTC"
    amount = offset(text)
    if amount is not None:
        return fixed(amount)
    known = _known()
    plain = _NUMBERED.sub("", name)
    return (
        known.get(name)
        or known.get(name.replace(" ", "_"))
        or _windows().get(name)
        or _windows().get(plain)
        or _SHOWN.get(plain)
    )


def _labelled(text: str) -> str | None:
    """The zone of "(UTC+01:00) Amsterdam, Berlin, …": that of the first place which keeps the offset stated."""
    match = _LABELLED.fullmatch(text)
    if not match:
        return None
    stated = offset(match["offset"]) if match["offset"] else timedelta()
    places = match["places"].lower()
    for place in [places, *(part.strip() for part in places.split(","))]:
        for name in [found for found in [_named(place)] if found] + _cities().get(
            place.replace(" ", "_"), []
        ):
            if _standard_offset(name) == stated:
                return name
    return None


def _without_vendor(text: str) -> Iterator[str]:
    """The name without the prefix that says who defined it, the longest rest first."""
    parts = text.split("/")
    if len(parts) > 1 and (parts[0] in {"", "tzone:"} or "." in parts[0]):
        for start in range(1, len(parts)):
            rest = "/".join(parts[start:])
            if rest:
                yield rest


@cache
def _known() -> dict[str, str]:
    return {name.lower(): name for name in sorted(available_timezones()) if name.lower() not in _NOT_A_PLACE}


@cache
def _windows() -> dict[str, str]:
    table = get_global("windows_zone_mapping")
    return {str(name).lower(): str(iana) for name, iana in table.items() if str(iana).lower() in _known()}


@cache
def _cities() -> dict[str, list[str]]:
    cities: dict[str, list[str]] = {}
    for lowered, name in _known().items():
        if "/" in name and not lowered.startswith("etc/"):
            cities.setdefault(lowered.rsplit("/", 1)[1], []).append(name)
    return cities


def _standard_offset(name: str) -> timedelta | None:
    """What Windows puts into its labels: the offset out of summer time, by rules of today."""
    zone = ZoneInfo(name)
    offsets = [datetime(2025, month, 1, tzinfo=UTC).astimezone(zone).utcoffset() for month in (1, 7)]
    return min((one for one in offsets if one is not None), default=None)
