"""Which posts an edition takes, in what order, and what stands in the inbox's list."""

from __future__ import annotations

from datetime import timedelta

import pytest

from digest.editions.model import ItemKind, Section
from digest.editions.select import Chosen, choose, preheader, subject
from digest.posts.model import Event, Image
from tests.factories import NOW, item, stored_post

PICTURE = Image(url="https://www.example.org/pond.jpg", alt="A pond")


def chosen(candidates, **changes) -> Chosen:
    asked = {
        "max_items": 12,
        "max_new": 30,
        "excerpt_length": 200,
        "now": NOW,
        "topics": {},
        **changes,
    }
    return choose(candidates, **asked)


def hours_ago(hours: float):
    return NOW - timedelta(hours=hours)


# --- order ----------------------------------------------------------------------------------------------------


def test_the_newest_comes_first_whatever_order_the_feed_had():
    posts = [stored_post(published_at=hours_ago(h), title=f"{h}") for h in (30, 5, 90)]
    assert [i.title for i in chosen(posts).items] == ["5", "30", "90"]


def test_a_date_in_the_future_does_not_put_a_post_first():
    wrong = stored_post(published_at=NOW + timedelta(days=20_000), seen_at=hours_ago(50), title="2081")
    fresh = stored_post(published_at=hours_ago(2), title="fresh")
    items = chosen([wrong, fresh]).items
    assert [i.title for i in items] == ["fresh", "2081"]
    assert items[1].published_at == hours_ago(50)


def test_a_post_without_a_date_stands_where_it_was_first_seen():
    undated = stored_post(published_at=None, seen_at=hours_ago(10), title="undated")
    others = [stored_post(published_at=hours_ago(h), title=f"{h}") for h in (5, 20)]
    items = chosen([undated, *others]).items
    assert [i.title for i in items] == ["5", "undated", "20"]
    assert items[1].published_at is None


def test_the_newest_with_a_picture_leads():
    posts = [
        stored_post(published_at=hours_ago(1), title="words"),
        stored_post(published_at=hours_ago(2), title="picture", image=PICTURE),
        stored_post(published_at=hours_ago(3), title="older picture", image=PICTURE),
    ]
    items = chosen(posts).items
    assert [(i.title, i.section) for i in items] == [
        ("picture", Section.LEAD),
        ("words", Section.CARDS),
        ("older picture", Section.CARDS),
    ]


def test_without_any_picture_the_newest_leads():
    posts = [stored_post(published_at=hours_ago(h), title=f"{h}") for h in (2, 1)]
    assert [(i.title, i.section) for i in chosen(posts).items] == [("1", Section.LEAD), ("2", Section.CARDS)]


def test_what_does_not_fit_on_cards_is_told_in_brief_and_nothing_is_left_out():
    posts = [stored_post(published_at=hours_ago(h)) for h in range(1, 8)]
    items = chosen(posts, max_items=3).items
    assert [i.section for i in items] == [Section.LEAD, *[Section.CARDS] * 2, *[Section.BRIEF] * 4]
    assert [i.position for i in items] == list(range(1, 8))


def test_an_event_stands_among_the_events_and_never_leads():
    event = Event(uid="e1", title="Open day", starts_at=NOW + timedelta(days=9))
    sooner = Event(uid="e2", title="Walk", starts_at=NOW + timedelta(days=2))
    posts = [
        stored_post(published_at=hours_ago(1), title="Open day", event=event, image=PICTURE),
        stored_post(published_at=hours_ago(3), title="Walk", event=sooner),
        stored_post(published_at=hours_ago(2), title="News"),
    ]
    assert [(i.title, i.section, i.kind) for i in chosen(posts).items] == [
        ("News", Section.LEAD, ItemKind.POST),
        ("Walk", Section.EVENTS, ItemKind.EVENT),
        ("Open day", Section.EVENTS, ItemKind.EVENT),
    ]


def test_nothing_new_chooses_nothing():
    assert chosen([]) == Chosen(items=())


# --- what is left out, and what is held -----------------------------------------------------------------------


def test_a_post_whose_page_is_gone_is_left_out_with_the_reason():
    gone = stored_post(title="Gone")
    gone = type(gone)(id=gone.id, post=gone.post, source_key=gone.source_key, seen_at=NOW, gone_at=NOW)
    result = chosen([gone, stored_post(title="There")])
    assert [i.title for i in result.items] == ["There"]
    assert [(e.post_id, e.title) for e in result.excluded] == [(gone.id, "Gone")]
    assert "404" in result.excluded[0].reason


def test_too_many_new_posts_at_once_are_held_for_a_person():
    posts = [stored_post() for _ in range(41)]
    assert chosen(posts).hold == "41 new posts at once (more than 30): a person must approve."
    assert len(chosen(posts).items) == 41


def test_as_many_new_posts_as_allowed_are_not_held():
    assert chosen([stored_post() for _ in range(30)]).hold == ""


def test_the_posts_that_a_new_source_brings_do_not_count_as_a_flood():
    posts = [stored_post() for _ in range(40)]
    assert chosen(posts, first_run=frozenset(p.id for p in posts[:10])).hold == ""
    assert chosen(posts, first_run=frozenset(p.id for p in posts[:9])).hold.startswith("31 new posts")


# --- what an item says ----------------------------------------------------------------------------------------


def test_the_authors_own_summary_is_the_excerpt():
    (only,) = chosen([stored_post(summary="In short.", body="At length and more.")]).items
    assert only.excerpt == "In short."


def test_without_a_summary_the_text_begins_the_excerpt():
    (only,) = chosen([stored_post(summary="", body="At length. " * 60)], excerpt_length=60).items
    assert only.excerpt.startswith("At length. At length.")
    assert only.excerpt.endswith("…")
    assert len(only.excerpt) <= 60


def test_an_excerpt_that_only_repeats_the_title_is_dropped_for_what_follows():
    post = stored_post(
        title="We open on Sunday.", summary="We open on Sunday", body="We open on Sunday. Do come."
    )
    assert chosen([post]).items[0].excerpt == "Do come."


def test_categories_become_topics_in_whatever_case_and_sources_add_theirs():
    post = stored_post(categories=("GRANTS & Money", "Elsewhere"))
    (only,) = chosen(
        [post], topics={"funding": ("Grants & money",)}, source_topics={post.id: ("local", "funding")}
    ).items
    assert only.topics == ("local", "funding")


def test_an_item_remembers_what_its_post_said():
    post = stored_post()
    (only,) = chosen([post]).items
    assert only.post_fingerprint == post.post.fingerprint
    assert only.source == "example.org"


# --- the inbox's list -----------------------------------------------------------------------------------------


def told(items, pattern=""):
    return subject(
        items, pattern=pattern, fallback="{first} and {more} more", name="The Brief", number=7, date="19 May"
    )


def test_the_subject_is_the_first_title_and_how_many_more():
    assert told([item(title="Reeds are back"), item(), item()]) == "Reeds are back and 2 more"
    assert told([item(title="Reeds are back")]) == "Reeds are back"


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        ("{name} no. {number}: {first}", "The Brief no. 7: Reeds are back"),
        ("{first} (+{more})", "Reeds are back (+1)"),
        ("{name}, {date}", "The Brief, 19 May"),
        ("{unknown} {first!r} {0}", "{unknown} {first!r} {0}"),
        ("   ", "Reeds are back"),
    ],
)
def test_staff_may_write_a_pattern(pattern, line):
    assert told([item(title="Reeds are back"), item()], pattern) == line


def test_a_pattern_that_counts_the_others_gives_way_when_there_are_none():
    assert told([item(title="Reeds are back")], "{first} and {more} more") == "Reeds are back"


def test_a_title_written_like_a_pattern_stays_what_it_is():
    assert told([item(title="{name} {{7*7}} {number}"), item()]) == "{name} {{7*7}} {number} and 1 more"


def test_a_very_long_title_leaves_room_for_how_many_more():
    line = told([item(title="Long " * 60), item()])
    assert line.endswith("… and 1 more")
    assert len(line) < 110


def test_the_preheader_tells_what_the_subject_does_not():
    items = [item(title="One"), item(title="Two"), item(title="Three")]
    assert preheader(items) == "Two · Three"
    assert preheader([item(title="One", excerpt="All about it.")]) == "All about it."
