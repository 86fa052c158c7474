"""Things: schema.org items in one plain shape, whether they stood in JSON-LD or in microdata, bounded in size."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from digest.posts.links import safe_link

DEEPEST = 40
MOST_THINGS = 5_000
_MOST_VALUES = 300
_MOST_TYPES = 10
_LONGEST_TEXT = 4_000
_LONGEST_ID = 2_000
_VOCABULARY = re.compile(r"(?:https?://(?:www\.)?schema\.org/|schema:)", re.IGNORECASE)

EVENTS = frozenset(
    {
        "event",
        "businessevent",
        "childrensevent",
        "comedyevent",
        "conferenceevent",
        "courseinstance",
        "danceevent",
        "deliveryevent",
        "educationevent",
        "eventseries",
        "exhibitionevent",
        "festival",
        "foodevent",
        "hackathon",
        "literaryevent",
        "musicevent",
        "performingartsevent",
        "saleevent",
        "screeningevent",
        "socialevent",
        "sportsevent",
        "theaterevent",
        "visualartsevent",
    }
)
# Events to schema.org, but nothing that a reader goes to.
NOT_ATTENDED = frozenset({"publicationevent", "broadcastevent", "ondemandevent", "userinteraction"})
ARTICLES = frozenset(
    {
        "article",
        "advertisercontentarticle",
        "newsarticle",
        "analysisnewsarticle",
        "askpublicnewsarticle",
        "backgroundnewsarticle",
        "opinionnewsarticle",
        "reportagenewsarticle",
        "reviewnewsarticle",
        "report",
        "satiricalarticle",
        "scholarlyarticle",
        "socialmediaposting",
        "blogposting",
        "liveblogposting",
        "discussionforumposting",
        "techarticle",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Thing:
    """One item: its types without the vocabulary's address, its `@id` as written, its properties.

    Every property is a tuple of texts and things, whether the page gave one value or a list. Numbers are text.
    """

    types: tuple[str, ...] = ()
    id: str = ""
    values: Mapping[str, tuple[str | Thing, ...]] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The types in small letters, for comparing."""
        return tuple(name.lower() for name in self.types)

    @property
    def is_event(self) -> bool:
        """Whether this is something to attend; a broadcast is not, unless it is more than just an event besides."""
        found = [name for name in self.kinds if name in EVENTS]
        return bool(found) and (found != ["event"] or not NOT_ATTENDED.intersection(self.kinds))

    @property
    def is_article(self) -> bool:
        """Whether this is an article, a report or a post of a blog."""
        return any(name in ARTICLES for name in self.kinds)

    def all(self, *names: str) -> tuple[str | Thing, ...]:
        """The values of these properties, in the order of the names."""
        return tuple(value for name in names for value in self.values.get(name, ()))

    def texts(self, *names: str) -> tuple[str, ...]:
        """The values that are text, without empty ones."""
        return tuple(value.strip() for value in self.all(*names) if isinstance(value, str) and value.strip())

    def text(self, *names: str) -> str:
        """The first text, of a thing its name; "" without one."""
        for value in self.all(*names):
            said = value if isinstance(value, str) else next(iter(value.texts("name")), "")
            if said.strip():
                return said.strip()
        return ""

    def links(self, *names: str) -> tuple[str, ...]:
        """The values as addresses, as written: a text itself, a thing by its id or its address."""
        found = (v if isinstance(v, str) else v.id or v.text("url", "urltemplate") for v in self.all(*names))
        return tuple(link.strip() for link in found if link.strip())


class Graph:
    """The things of one page: the outermost in their order, and all that have an `@id` by it."""

    def __init__(self, roots: Iterable[Thing], *, base: str) -> None:
        self.roots = tuple(roots)
        self._base = base
        self._named: dict[str, Thing] = {}
        for thing, _ in self.walk():
            key = self.key(thing.id)
            if key and thing.values:
                known = self._named.get(key)
                self._named[key] = _merged(known, thing) if known else thing

    def walk(self) -> Iterator[tuple[Thing, Thing | None]]:
        """Every thing with the one it stands in, in the order of the page."""
        waiting: list[tuple[Thing, Thing | None]] = [(root, None) for root in reversed(self.roots)]
        while waiting:
            thing, parent = waiting.pop()
            yield thing, parent
            inside = [v for values in thing.values.values() for v in values if isinstance(v, Thing)]
            waiting.extend((child, thing) for child in reversed(inside))

    def resolve(self, value: str | Thing) -> str | Thing:
        """The thing that `value` refers to, or `value` where it refers to none on this page."""
        name = value if isinstance(value, str) else value.id
        return self._named.get(self.key(name), value) if name else value

    def key(self, name: str) -> str:
        """What two spellings of one `@id` have in common; "" for what names nothing."""
        if not name or len(name) > _LONGEST_ID:
            return ""
        return safe_link(name, base=self._base) or name


class Reader:
    """Makes things of values as `json.loads` gives them; one for each page, for it counts what it made."""

    def __init__(self) -> None:
        self.made = 0

    def things(self, data: object) -> tuple[Thing, ...]:
        """The outermost things in `data`; what stands in an `@graph` is outermost."""
        return tuple(v for v in self._values(data, depth=0, ours=True) if isinstance(v, Thing))

    def _values(self, data: object, *, depth: int, ours: bool) -> tuple[str | Thing, ...]:
        if data is None or depth > DEEPEST:
            return ()
        if isinstance(data, str):
            return (data[:_LONGEST_TEXT],)
        if isinstance(data, bool):
            return (str(data).lower(),)
        if isinstance(data, int | float):
            return (_number(data),)
        if isinstance(data, list):
            found: list[str | Thing] = []
            for one in data[:_MOST_VALUES]:
                found += self._values(one, depth=depth + 1, ours=ours)
            return tuple(found[:_MOST_VALUES])
        if not isinstance(data, dict):
            return ()
        for wrapper in ("@value", "@list", "@set"):
            if wrapper in data:
                return self._values(data[wrapper], depth=depth + 1, ours=ours)
        return self._thing(data, depth=depth, ours=ours)

    def _thing(self, data: dict[object, object], *, depth: int, ours: bool) -> tuple[str | Thing, ...]:
        if "@context" in data:
            ours = _is_ours(data["@context"])
        self.made += 1
        if self.made > MOST_THINGS:
            return ()
        values: dict[str, tuple[str | Thing, ...]] = {}
        graph: tuple[str | Thing, ...] = ()
        for raw, inside in list(data.items())[:_MOST_VALUES]:
            name = str(raw)[:100]
            if name == "@graph":
                graph = self._values(inside, depth=depth + 1, ours=ours)
            elif not name.startswith("@"):
                short = _VOCABULARY.sub("", name, count=1).strip().lower()
                values[short] = values.get(short, ()) + self._values(inside, depth=depth + 1, ours=ours)
        types = _types(data.get("@type", data.get("type")), ours=ours)
        thing = Thing(types=types, id=_id(data.get("@id", data.get("id"))), values=values)
        return (*((thing,) if types or values or thing.id else ()), *graph)


def short_type(raw: str, *, ours: bool = False) -> str:
    """The name of a schema.org type from its address, its prefix or, where `ours`, bare; else ""."""
    text = raw.strip()[:200]
    short = _VOCABULARY.sub("", text, count=1)
    if short == text and not ours:
        return ""
    return short.strip("/# ")


def _types(raw: object, *, ours: bool) -> tuple[str, ...]:
    names = raw if isinstance(raw, list) else [raw]
    found = [short_type(name, ours=ours) for name in names[:_MOST_TYPES] if isinstance(name, str)]
    return tuple(dict.fromkeys(name for name in found if name))


def _id(raw: object) -> str:
    return raw.strip() if isinstance(raw, str) and len(raw) <= _LONGEST_ID else ""


def _is_ours(context: object) -> bool:
    """Whether names without a prefix are schema.org's; a context that names no vocabulary is taken for a slip."""
    if isinstance(context, dict):
        vocabulary = context.get("@vocab")
        return "schema.org" in vocabulary.lower() if isinstance(vocabulary, str) else True
    if isinstance(context, list):
        return any(_is_ours(one) for one in context[:_MOST_TYPES]) if context else True
    return "schema.org" in context.lower() if isinstance(context, str) and context.strip() else True


def _number(value: float) -> str:
    try:
        return str(value)[:100]
    except ValueError:  # Python refuses to spell out an integer of thousands of digits
        return ""


def _merged(known: Thing, more: Thing) -> Thing:
    return Thing(
        types=tuple(dict.fromkeys((*known.types, *more.types))),
        id=known.id,
        values={**more.values, **known.values},
    )
