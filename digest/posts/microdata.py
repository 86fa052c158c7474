"""Microdata out of a page, by extruct where that is installed; without it pages simply have none."""

from __future__ import annotations

from collections.abc import Sequence

from digest.posts.schemaorg.thing import Reader, Thing

MOST_ITEMS = 20
LONGEST_ITEM = 50_000
# The parser copies what stands inside a property for every property.
MOST_PROPERTIES = 200


def things(items: Sequence[str], *, base: str) -> tuple[tuple[Thing, ...], tuple[str, ...]]:
    """The things in `items`, the HTML of elements with an `itemscope`, and what could not be read, in words.

    `base` is what relative addresses are relative to. At most 20 items of 50,000 characters and 200 properties.
    """
    if not items:
        return (), ()
    try:
        from extruct.w3cmicrodata import MicrodataExtractor
    except ImportError:
        return (), ()
    reader, found, warnings = Reader(), list[Thing](), list[str]()
    for item in items[:MOST_ITEMS]:
        if len(item) > LONGEST_ITEM or item.count("itemprop") > MOST_PROPERTIES:
            warnings.append("An event in the page's microdata is too long and was not read.")
            continue
        try:
            read = MicrodataExtractor().extract(item, base_url=base)
            found += reader.things(_as_json(read, depth=0))
        except Exception:  # noqa: BLE001 - a parser and a cleaner of HTML, of which neither lists how it fails
            warnings.append("An event in the page's microdata could not be read.")
    return tuple(found), tuple(dict.fromkeys(warnings))


def _as_json(value: object, *, depth: int) -> object:
    """What extruct gives, in the shape of JSON-LD."""
    if depth > 40:
        return None
    if isinstance(value, list):
        return [_as_json(one, depth=depth + 1) for one in value]
    if not isinstance(value, dict):
        return value
    if "type" not in value and "properties" not in value:
        return _as_json(value.get("value"), depth=depth + 1)
    properties = value.get("properties")
    inside = properties if isinstance(properties, dict) else {"name": value.get("value")}
    return {
        **{name: _as_json(one, depth=depth + 1) for name, one in inside.items()},
        "@type": value.get("type"),
        "@id": value.get("id"),
    }
