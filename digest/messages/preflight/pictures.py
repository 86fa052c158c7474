"""What the mail loads when it is opened: pictures of its own items, described and safe, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.messages.model import Finding
from digest.messages.preflight.findings import finding
from digest.messages.preflight.mail import Mail, attribute

_LOADERS = (
    "link[href], script, iframe, frame, object, embed, audio, video, track, source, form, base,"
    " input[type=image], [srcset], [background], [poster]"
)
_LOADERS_IN_WORD = "[src], [background], link[href], script"
_URL_IN_CSS = re.compile(r"url\s*\(|@import|@font-face|image-set\s*\(|src\s*\(", re.IGNORECASE)
_FILE_NAME = re.compile(
    r"\S+\.(?:jpe?g|png|gif|webp|svg|avif|heic|bmp)|(?:img|dsc|dscn|pxl|image|photo|screenshot|scan)[-_ ]?\d+[-_\d]*",
    re.IGNORECASE,
)
_SMALL = 200


def findings(mail: Mail) -> Iterator[Finding]:
    """Third parties first, then each picture."""
    yield from _third_parties(mail)
    unsized = 0
    for image in mail.page.css("img"):
        yield from _picture(image, mail)
        unsized += not attribute(image, "width")
    unsized += sum(
        1 for item in mail.content.items if item.image and not (item.image.width and item.image.height)
    )
    if unsized:
        count = "One picture has" if unsized == 1 else f"{unsized} pictures have"
        yield finding("picture-size-unknown", f"{count} no known width and height.", "HTML")


def _third_parties(mail: Mail) -> Iterator[Finding]:
    page = mail.page
    loaders = {_called(node) for node in page.css(_LOADERS)}
    styles = [sheet.text for sheet in mail.sheets]
    styles += [attribute(node, "style") for node in page.css("[style]")]
    if mail.for_word:
        word = LexborHTMLParser(mail.for_word)
        wanted = _wanted(mail)
        loaders |= {
            _called(node) for node in word.css(_LOADERS_IN_WORD) if attribute(node, "src") not in wanted
        }
        styles += [node.text() for node in word.css("style")]
    if any(_loads(style) for style in set(styles)):
        loaders.add("a style that loads something")
    if loaders:
        yield finding(
            "third-party",
            f"The mail loads more than pictures when it is opened: {', '.join(sorted(loaders))}.",
            "HTML",
        )


@lru_cache(maxsize=2_048)
def _loads(style: str) -> bool:
    return _URL_IN_CSS.search(style) is not None


def _picture(image: LexborNode, mail: Mail) -> Iterator[Finding]:
    source, alt = attribute(image, "src"), image.attributes.get("alt")
    is_item = source in _wanted(mail)
    if attribute(image, "width") in {"0", "1"} and not is_item:
        yield finding("tracking-pixel", f"A picture of one pixel is in the template: {source}.", "HTML")
    if alt is None:
        # An attribute without a value is None to the parser too, and counts as empty.
        if "alt" not in image.attributes:
            yield finding("alt-missing", "A picture has no alt text.", source)
    elif _FILE_NAME.fullmatch(alt.strip()):
        yield finding("alt-file-name", f"The alt text of a picture is the name of a file: {alt}.", source)
    if not alt and "alt" in image.attributes and _counts(image):
        yield finding("alt-empty", "A large picture has no alt text and counts as decoration.", source)
    parts = urlsplit(source)
    if parts.scheme == "http":
        yield finding("picture-not-https", "A picture is not at an https address.", source)
    elif parts.scheme != "https":
        yield finding("picture-format", "A picture has no address that mail readers can load.", source[:200])
    if not is_item and parts.hostname and parts.hostname not in _hosts(mail):
        yield finding("picture-elsewhere", f"The template loads a picture from {parts.hostname}.", source)


def _wanted(mail: Mail) -> set[str]:
    return {item.image.url for item in mail.content.items if item.image}


def _hosts(mail: Mail) -> set[str | None]:
    """The hosts of the site, of this service and of the items and their pictures."""
    content = mail.content
    urls = [content.site_url, content.archive_url, *(item.url for item in content.items), *_wanted(mail)]
    return {urlsplit(url).hostname for url in urls}


def _counts(image: LexborNode) -> bool:
    """Whether a picture is large enough to tell something; the other version of a logo is not looked at."""
    width = attribute(image, "width").removesuffix("px")
    return not width.isdigit() or (int(width) >= _SMALL and not image.css_matches(".logo-dark"))


def _called(node: LexborNode) -> str:
    """What a loader is called in a finding: its element, or the attribute that loads."""
    named = [name for name in ("srcset", "background", "poster") if name in node.attributes]
    return f"{node.tag} with {named[0]}" if named else str(node.tag)
