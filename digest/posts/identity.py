"""Which post is which: ids and addresses lead to posts, except those that several posts share."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from digest.posts.clean import canonical_url
from digest.posts.model import Post, PostId, SourceSpec

# Ids that RSS, Atom and RFC 4122 promise to be unique everywhere, not only in one feed.
_UNIQUE = re.compile(
    r"https?://|tag:|urn:|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What a post is known by, hashed: its id at its source, that id anywhere, its address, its words, its aliases.

    `by_name` is None for an id that is only unique at its source. `by_url` is None for an address that is no
    post's own: a site's front page, or the source itself. `by_text` serves only where no other key can.
    `by_alias` are its further ids. `alias_ids` are what those would be as ids, and `id_alias` what its id would be
    as an alias: a date that stood alone may belong to a series now, and the other way round.
    """

    by_id: str
    by_name: str | None
    by_url: str | None
    by_text: str
    by_alias: tuple[str, ...] = ()
    alias_ids: tuple[str, ...] = ()
    id_alias: str = ""

    def own(self) -> tuple[str, ...]:
        """The keys that lead to the post from now on."""
        single = (self.by_id, self.by_name, self.by_url, self.by_text)
        return (*(key for key in single if key is not None), *self.by_alias)

    def all(self) -> tuple[str, ...]:
        """Every key under which the post may be known already."""
        return (*self.own(), *self.alias_ids, *((self.id_alias,) if self.id_alias else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Whose each post of one look is.

    `owners` stands beside the posts looked at: a known post's id, or -1, -2, … for one that is new. `keys` are
    the keys not known before with their owner. `shared` are keys that no longer lead to any post.
    """

    owners: tuple[int, ...]
    keys: Mapping[str, int]
    shared: frozenset[str]


def keys_of(spec: SourceSpec, post: Post) -> Keys:
    """The keys of `post` as told by the source `spec`."""
    address = canonical_url(post.url)
    parts = urlsplit(post.url)
    is_own = not (parts.path in {"", "/"} and not parts.query) and address != canonical_url(spec.url)
    when = post.published_at.isoformat() if post.published_at else ""
    return Keys(
        by_id=_hash("id", spec.key, post.external_id),
        # With the site it links to, so that one source cannot take the names of another site's posts.
        by_name=_hash("name", _host(post.url), post.external_id) if _UNIQUE.match(post.external_id) else None,
        by_url=_hash("url", address) if is_own else None,
        by_text=_hash("text", spec.key, _title(post), when),
        by_alias=tuple(_hash("alias", spec.key, alias) for alias in dict.fromkeys(post.aliases)),
        alias_ids=tuple(_hash("id", spec.key, alias) for alias in dict.fromkeys(post.aliases)),
        id_alias=_hash("alias", spec.key, post.external_id),
    )


def url_key(url: str) -> str | None:
    """The key of the post that lives at `url`; None for a site's front page, which is no post's own."""
    parts = urlsplit(url)
    return _hash("url", canonical_url(url)) if parts.path not in {"", "/"} or parts.query else None


def match(posts: Sequence[Post], keys: Sequence[Keys], known: Mapping[str, PostId | None]) -> Matched:
    """Find the owner of each post among the `known` keys (None: shared by several) and among each other.

    An id wins over an alias, and an alias over an address. An alias leads only to a known post that the same look
    does not show otherwise, and only where all that lead somewhere agree. An address does not lead to a post that
    the same look shows under its own id, unless the two read alike: a site may give an old address to a new post.
    Nor do two ids that one post has had lead to it both, once they stand on two posts again.
    """
    shared = _shared(posts, keys)
    leads: dict[str, int | None] = {**known, **dict.fromkeys(shared)}
    settled, present = _settled(posts, keys, leads)
    leads.update(dict.fromkeys(divided := _divided(keys, settled, leads)))

    owners: list[int] = []
    fresh: dict[str, int] = {}
    made = 0
    for number, (post, one) in enumerate(zip(posts, keys, strict=True)):
        owner = settled[number] if number in settled else _by_id(one, leads)
        if owner is None:
            owner = _by_other_key(post, one, leads, present)
        if owner is None and all(key in leads for key in one.own()):
            owner = _by_id(one, known)  # nothing would tell it from the other at the next look
        if owner is None:
            made += 1
            owner = -made
        owners.append(owner)
        present.setdefault(owner, post)
        for key in one.own():
            if key not in leads:
                leads[key] = fresh[key] = owner
    kept = {
        key for one, owner in zip(keys, owners, strict=True) for key in one.own() if known.get(key) == owner
    }
    no_ones = shared | (divided - kept) | _contested(keys, owners, leads)
    return Matched(owners=tuple(owners), keys=fresh, shared=no_ones)


def _settled(
    posts: Sequence[Post], keys: Sequence[Keys], leads: Mapping[str, int | None]
) -> tuple[dict[int, int], dict[int, Post]]:
    """The owners that ids and aliases lead to, by place in the look, and the post each of them is shown as."""
    settled: dict[int, int] = {}
    present: dict[int, Post] = {}
    first: dict[int, Keys] = {}
    told = list(enumerate(zip(posts, keys, strict=True)))
    # Of two posts whose ids lead to one, it is the one whose address leads there too.
    for number, (post, one) in sorted(told, key=lambda it: leads.get(it[1][1].by_url or "") is None):
        owner = _by_id(one, leads)
        if owner is not None and not _apart(post, one, present.get(owner), first.get(owner)):
            settled[number] = owner
            present.setdefault(owner, post)
            first.setdefault(owner, one)
    # A series whose id is no one's has its words; what an alias was the id of is surer than what went along with it.
    for aliases in (
        lambda one: (one.by_text,) if one.by_alias and one.by_id in leads else (),
        lambda one: one.alias_ids,
        lambda one: (one.id_alias, *one.by_alias),
    ):
        for number, (post, one) in told:
            found = {owner for key in aliases(one) if (owner := leads.get(key)) is not None} - present.keys()
            if number not in settled and len(found) == 1:
                settled[number] = found.pop()
                present[settled[number]] = post
    return settled, present


def _shared(posts: Sequence[Post], keys: Sequence[Keys]) -> frozenset[str]:
    """The ids and addresses that different posts of one look have in common."""
    first: dict[str, tuple[Post, Keys]] = {}
    shared: set[str] = set()
    for post, one in zip(posts, keys, strict=True):
        other, others_keys = first.setdefault(one.by_id, (post, one))
        same_address = one.by_url is not None and one.by_url == others_keys.by_url
        if not same_address and _title(post) != _title(other):
            shared.update(key for key in (one.by_id, one.by_name, others_keys.by_name) if key)
        if one.by_url is not None:
            other, others_keys = first.setdefault(one.by_url, (post, one))
            if one.by_id != others_keys.by_id and not _alike(post, other):
                shared.add(one.by_url)
    return frozenset(shared | _shared_aliases(keys))


def _shared_aliases(keys: Sequence[Keys]) -> set[str]:
    """The aliases that stand on posts with different ids, or are another one's id."""
    of: dict[str, set[str]] = {}
    for one in keys:
        for alias in (one.id_alias, *one.by_alias):
            of.setdefault(alias, set()).add(one.by_id)
    return {alias for one in keys for alias in one.by_alias if len(of[alias]) > 1}


def _divided(
    keys: Sequence[Keys], settled: Mapping[int, int], leads: Mapping[str, int | None]
) -> frozenset[str]:
    """The ids that lead to a post which another post of the look is."""
    return frozenset(
        key
        for number, one in enumerate(keys)
        if number not in settled or _by_id(one, leads) not in {None, settled[number]}
        for key in (one.by_id, one.by_name)
        if key is not None and leads.get(key) is not None
    )


def _contested(
    keys: Sequence[Keys], owners: Sequence[int], leads: Mapping[str, int | None]
) -> frozenset[str]:
    """The aliases of a post that led to another one which the same look shows too: a series was divided."""
    shown = set(owners)
    return frozenset(
        alias
        for one, owner in zip(keys, owners, strict=True)
        for alias in one.by_alias
        if (lead := leads.get(alias)) is not None and lead != owner and lead in shown
    )


def _by_id(keys: Keys, leads: Mapping[str, int | None]) -> int | None:
    owner = leads.get(keys.by_id)
    return leads.get(keys.by_name) if owner is None and keys.by_name else owner


def _by_other_key(
    post: Post, keys: Keys, leads: Mapping[str, int | None], present: Mapping[int, Post]
) -> int | None:
    if keys.by_url is not None and keys.by_url in leads:
        owner = leads[keys.by_url]
        if owner is not None and (owner not in present or _alike(post, present[owner])):
            return owner
    id_is_shared = keys.by_id in leads
    url_is_useless = keys.by_url is None or keys.by_url in leads
    owner = leads.get(keys.by_text) if id_is_shared and url_is_useless else None
    return None if owner is None or (owner in present and not _alike(post, present[owner])) else owner


def _apart(post: Post, keys: Keys, other: Post | None, others: Keys | None) -> bool:
    """Whether two posts whose ids lead to one post are two all the same: other ids, addresses and words.

    Dates of a calendar may share their words; there two addresses are enough.
    """
    if other is None or others is None or keys.by_id == others.by_id:
        return False
    if keys.by_url is None or keys.by_url == others.by_url:
        return False
    return _title(post) != _title(other) or bool(keys.by_alias or others.by_alias)


def _alike(one: Post, other: Post) -> bool:
    """Whether two posts under one address read as one: the same title, and no two different dates."""
    dates = {one.published_at, other.published_at} - {None}
    return _title(one) == _title(other) and len(dates) < 2


def _title(post: Post) -> str:
    return " ".join(post.title.casefold().split())


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")


def _hash(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
