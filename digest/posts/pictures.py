"""Pictures: which of a post's images is worth showing, and what its alt text really says."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.posts.clean import LONGEST_HTML, is_too_deep, strip_controls, title_text
from digest.posts.links import safe_link
from digest.posts.markup import tamed, unmarked
from digest.posts.model import Image

SMALLEST_SIDE = 60
LONGEST_ALT = 250
_MOST_IMAGES = 50
_NOT_A_PICTURE = re.compile(
    r"gravatar\.com|/avatars?[/_-]|[/_-]avatar[._-]|/emoji/|/smilies/|s\.w\.org/images|twemoji|feeds\.feedburner\.com/~|"
    r"feedsportal|doubleclick\.net|/pixel(?:[./?]|$)|[/_-]pixel\.(?:gif|png)|/(?:1x1|blank|spacer|transparent|clear)\.(?:gif|png)|"
    r"stats\.wordpress\.com|pixel\.wp\.com|google-analytics\.com|googletagmanager\.com|facebook\.com/tr|b\.scorecardresearch|"
    r"list-manage\.com/track|/track(?:ing)?[/.?]|/open\.(?:gif|aspx|php)|addtoany|sharethis|addthis|/share[-_]?(?:button|icon)|"
    r"/(?:facebook|twitter|linkedin|whatsapp|pinterest|rss|email|print)(?:[-_](?:icon|logo|share|button))?\.(?:png|gif|svg)|"
    r"buysellads|paypal\w*\.com/.*/btn_|\.svgz?(?:$|\?)",
    re.IGNORECASE,
)
_NOT_A_CLASS = re.compile(
    r"(?:^|[\s_-])(?:avatar|emoji|smiley|wp-smiley|icon|share|social|pixel|sharedaddy)(?:$|[\s_-])",
    re.IGNORECASE,
)
_LAZY = ("data-src", "data-lazy-src", "data-original", "data-orig-file")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_FILE_NAME = re.compile(
    r"[\w%+().\- ]*\.(?:jpe?g|png|gif|webp|avif|svg|bmp|tiff?|heic)"
    r"|(?:img|dsc|dscf|dscn|pxl|image|picture|photo|pic|screen[ _-]?shot|screenshot|untitled|whatsapp image|p|mvi|cropped)"
    r"[ _-]?[\d][\w \-.:()]*"
    r"|[\da-f]{8,}[\da-f_-]*|\S*_\S*|[\d\W_]+|image|photo|picture|img|placeholder|featured image|alt(?: text)?",
    re.IGNORECASE,
)
_SIZE = re.compile(r"[-_]\d{2,5}x\d{2,5}$|-scaled$|-e\d{10,}$|@2x$")


def picture(
    url: str, *, base: str, alt: str = "", width: object = None, height: object = None
) -> Image | None:
    """The image at `url` if it is worth showing; None for pixels, emoji, avatars, buttons and what is no image.

    `width` and `height` are pixels as the source spells them; `alt` is kept only if it says something.
    """
    link = safe_link(url, base=base)
    wide, high = _pixels(width), _pixels(height)
    if link is None or _NOT_A_PICTURE.search(link):
        return None
    if any(side is not None and side < SMALLEST_SIDE for side in (wide, high)):
        return None
    return Image(url=link, alt=alt_text(alt, url=link), width=wide, height=high)


def pictures(html: str, *, base: str) -> list[Image]:
    """The images in `html` worth showing, in order, relative addresses resolved against `base`."""
    markup = html[:LONGEST_HTML].encode("utf-8", "ignore").decode("utf-8")
    if "<img" not in markup.lower() or is_too_deep(markup):
        return []
    found = []
    for node in LexborHTMLParser(tamed(markup)).css("img")[:_MOST_IMAGES]:
        image = _from_node(node, base)
        if image is not None:
            found.append(image)
    return found


def alt_text(raw: str, *, url: str) -> str:
    """`raw` as alt text, or "" when it is only the name of a file, a camera's number or a placeholder."""
    text = strip_controls(title_text(raw))[:LONGEST_ALT].strip()
    if not text or _FILE_NAME.fullmatch(text) or _plain(text) == _plain(_stem(url)):
        return ""
    return text


def same_picture(one: str, other: str) -> bool:
    """Whether two addresses show one picture, perhaps in two sizes."""
    return urlsplit(one).hostname == urlsplit(other).hostname and _stem(one) == _stem(other) != ""


def _from_node(node: LexborNode, base: str) -> Image | None:
    attributes = {name: unmarked(value or "") for name, value in node.attributes.items()}
    source = attributes.get("src", "")
    if not source or source.startswith("data:"):
        source = next((attributes[name] for name in _LAZY if attributes.get(name)), "")
    if not source and attributes.get("srcset"):
        source = (
            attributes["srcset"].split(",")[-1].split()[0:1][0] if attributes["srcset"].strip(" ,") else ""
        )
    if _NOT_A_CLASS.search(attributes.get("class", "")) or _HIDDEN.search(attributes.get("style", "")):
        return None
    return picture(
        source,
        base=base,
        alt=attributes.get("alt", ""),
        width=attributes.get("width"),
        height=attributes.get("height"),
    )


def _pixels(value: object) -> int | None:
    match = re.fullmatch(r"\s*(\d{1,5})(?:\.\d+)?(?:px)?\s*", str(value)) if value is not None else None
    return int(match[1]) if match else None


def _stem(url: str) -> str:
    name = posixpath.splitext(posixpath.basename(unquote(urlsplit(url).path)))[0]
    return _SIZE.sub("", name).lower()


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()
