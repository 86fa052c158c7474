"""Addresses that deserve a second look: passwords, numbers, shorteners and names that may be taken for others."""

from __future__ import annotations

import ipaddress
import socket
import unicodedata
from urllib.parse import urlsplit

SHORTENERS = frozenset(
    {
        "amzn.to", "bit.ly", "bitly.com", "buff.ly", "cutt.ly", "dlvr.it", "fb.me", "goo.gl", "hubs.li",
        "hubs.ly", "ift.tt", "is.gd", "j.mp", "lnkd.in", "mailchi.mp", "ow.ly", "qr.ae", "rb.gy", "rebrand.ly",
        "s.id", "shorturl.at", "smarturl.it", "spoti.fi", "t.co", "t.ly", "tiny.cc", "tiny.one", "tinyurl.com",
        "trib.al", "urlz.fr", "v.gd",
    }
)  # fmt: skip
# Letters of other alphabets that look like Latin ones: Unicode Technical Standard 39, the commonest of its table.
_LIKE_LATIN = frozenset("аеорсухіјѕһԁԛԝѵӏтмнквгпаαοριντυκχγ")
_ALPHABETS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "GEORGIAN", "HEBREW", "ARABIC")


def doubt(url: str) -> tuple[str, str] | None:
    """The code and sentence of what is odd about the host of a web address, None where nothing is."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").lower()
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host:
        return None
    if "@" in parts.netloc:
        return "link-userinfo", f"A link to {host} holds a name or password."
    if is_number(host):
        return "link-ip", f"A link leads to the number {host}."
    if host.removeprefix("www.") in SHORTENERS:
        return "link-shortener", f"A link leads through the shortener {host}."
    shown = _in_letters(host)
    if any(_may_be_taken_for_another(label) for label in shown.split(".")):
        return "link-lookalike", f"A link leads to {shown} ({host}), whose letters may be taken for others."
    return None


def is_number(host: str) -> bool:
    """Whether a host is an IP address in any of the spellings that programs take, such as 127.1 and 0x7f000001."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        try:
            socket.inet_aton(host)
        except (OSError, UnicodeError, ValueError):
            return False
    return True


def _in_letters(host: str) -> str:
    """A host with its xn-- labels as people read them."""
    labels = []
    for label in host.split("."):
        try:
            labels.append(label[4:].encode("ascii").decode("punycode") if label.startswith("xn--") else label)
        except (UnicodeError, ValueError):
            labels.append(label)
    return ".".join(labels)


def _may_be_taken_for_another(label: str) -> bool:
    """Whether a label mixes alphabets, or is written wholly in letters that look like Latin ones."""
    letters = [character for character in label if character.isalpha()]
    alphabets = {_alphabet(character) for character in letters} & set(_ALPHABETS)
    if len(alphabets) > 1:
        return True
    return bool(letters) and "LATIN" not in alphabets and all(letter in _LIKE_LATIN for letter in letters)


def _alphabet(character: str) -> str:
    return unicodedata.name(character, "").split(" ", 1)[0]
