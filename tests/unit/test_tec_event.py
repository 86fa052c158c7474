"""Whatever a calendar's REST interface sends, reading it raises nothing and what is read can be trusted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from digest.posts.sources.base import clean_posts
from digest.posts.sources.tec_event import Told, is_public, told
from digest.posts.sources.tec_series import collapsed

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATEST = NOW + timedelta(days=1830)
SITE = "https://example.org"
FIELDS = (
    "id", "global_id", "global_id_lineage", "status", "url", "title", "description", "excerpt", "image", "all_day",
    "start_date", "end_date", "utc_start_date", "utc_end_date", "timezone", "cost", "website", "venue", "organizer",
    "categories", "tags", "date_utc", "modified_utc", "ticketed", "is_virtual", "virtual_url", "virtual_show_embed_to",
    "event_status", "canceled_status", "hide_from_listings", "password", "virtual_event_type",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "2026-03-07 10:00:00", "2026-03-29 01:30:00", "2026-03-29T01:30:00+14:00", "9999-12-31 23:59:59", "0001-01-01",
            "2026-02-30 10:00:00", "America/New_York", "UTC+5.5", "UTC-99", "../../etc/passwd", "https://example.org/event/x/",
            "https://example.org/event/x/2026-03-07/", "javascript:alert(1)", "http://[::1", "//", "a@b", "\ud800", "\0", "canceled",
            "$" + "9" * 400, "<script>", "&amp;amp;lt;script&amp;gt;", "Zoom", "true", "²", "x" * 5000,
        ]
    ),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["venue", "address", "city", "name", "url", "sizes", "width", "organizer", "status"]), inner, max_size=4),
    ),
    max_leaves=6,
)  # fmt: skip
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(
    lambda at: at.strftime("%Y-%m-%d %H:%M:%S")
)
ITEMS = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=12).flatmap(
    lambda item: st.builds(lambda start: {"start_date": start, **item}, MOMENTS)
)


def read(items: list[Any]) -> list[Told]:
    found = [told(item, site=SITE, latest=LATEST) for item in items if is_public(item)]
    return [one for one in found if one is not None]


@given(st.lists(st.one_of(ITEMS, VALUES), max_size=6))
def test_nothing_a_calendar_sends_breaks_the_reading(items):
    series = collapsed(read(items), known_ids=frozenset(), now=NOW)
    posts, _ = clean_posts([one.raw for one in series], home=SITE, limit=100, now=NOW)
    for post in posts:
        event = post.event
        assert event is not None and event.starts_at is not None
        for moment in (event.starts_at, event.ends_at, *(one.starts_at for one in event.dates)):
            assert moment is None or moment.tzinfo is UTC
        assert event.ends_at is None or event.starts_at < event.ends_at <= LATEST + timedelta(days=1)
        assert not (event.floating and event.timezone)
        assert all(event.starts_at < one.starts_at for one in event.dates)
        for link in (event.register_url, event.cta.url if event.cta else None):
            assert link is None or link.startswith(("https://", "http://"))
        assert post.external_id not in post.aliases


@given(st.lists(ITEMS, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_a_calendar_changes_nothing(items, order):
    items = [
        {**item, "id": number, "global_id": f"example.org?id={number}"} for number, item in enumerate(items)
    ]
    first = collapsed(read(items), known_ids=frozenset(), now=NOW)
    order.shuffle(items)
    assert collapsed(read(items), known_ids=frozenset(), now=NOW) == first


@given(st.lists(ITEMS, min_size=1, max_size=6))
def test_no_event_is_lost_in_a_series(items):
    items = [
        {**item, "id": number, "global_id": f"example.org?id={number}"} for number, item in enumerate(items)
    ]
    events = read(items)
    series = collapsed(events, known_ids=frozenset(), now=NOW)
    names = [{one.raw.external_id, *one.raw.aliases} for one in series]
    for event in events:
        assert sum(event.ids[0] in known for known in names) == 1
    assert len({one.raw.external_id for one in series}) == len(series)
