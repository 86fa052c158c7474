"""At the cut-off there is a draft or a reason, once, however often and however late anybody looks."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from digest.deliveries import store as deliveries
from digest.editions import store as editions
from digest.editions.model import EditionState
from digest.errors import DigestError
from digest.posts import store as posts
from digest.templating import TemplateFault
from digest.workflows import close, look, notify
from tests import publishing
from tests.factories import post

LONDON = ZoneInfo("Europe/London")
MONDAY = datetime(2026, 11, 16, 12, tzinfo=LONDON)
CUT_OFF = datetime(2026, 11, 18, 15, tzinfo=LONDON)  # a Wednesday
SEND = datetime(2026, 11, 19, 9, tzinfo=LONDON)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def begun(database, **weekly):
    parts = publishing.parts(database, **weekly)
    publishing.start(parts, now=MONDAY)
    return parts


def all_editions(parts):
    return look.editions(parts)


def told(parts):
    with parts.database.transaction() as session:
        return [n.key for n in deliveries.due_notices(session, now=SEND, lease_seconds=60)]


# --- the timetable --------------------------------------------------------------------------------------------


def test_before_the_cut_off_nothing_is_cut(database):
    parts = begun(database)
    publishing.publish(parts, post(), now=MONDAY)
    assert close.close_due(parts, now=CUT_OFF - MINUTE) == []


def test_at_the_cut_off_the_new_posts_become_a_draft(database):
    parts = begun(database)
    reeds = post(title="Reeds are back", published_at=MONDAY)
    bench = post(title="A bench for the pond", published_at=MONDAY - HOUR)
    publishing.publish(parts, bench, reeds, now=MONDAY)
    (draft,) = close.close_due(parts, now=CUT_OFF)
    assert (draft.state, draft.slot, draft.number) == (EditionState.DRAFT, date(2026, 11, 19), 1)
    assert (draft.cut_at, draft.send_at) == (CUT_OFF, SEND)
    assert [i.title for i in draft.items] == ["Reeds are back", "A bench for the pond"]
    assert draft.subject == "Reeds are back and 1 more"
    assert draft.preheader == "A bench for the pond"
    assert look.edition(parts, draft.id) == draft


def test_cutting_again_does_nothing_more(database):
    parts = begun(database)
    publishing.publish(parts, post(), now=MONDAY)
    close.close_due(parts, now=CUT_OFF)
    publishing.publish(parts, post(), now=CUT_OFF)
    assert close.close_due(parts, now=CUT_OFF) == []
    assert close.close_due(parts, now=SEND + HOUR) == []
    assert len(all_editions(parts)) == 1


def test_schedulers_that_cut_at_once_make_one_edition(database):
    parts = begun(database)
    publishing.publish(parts, post(), now=MONDAY)
    start = threading.Barrier(4)

    def run(_):
        start.wait(10)
        return close.close_due(parts, now=CUT_OFF)

    with ThreadPoolExecutor(4) as pool:
        made = [edition for found in pool.map(run, range(4)) for edition in found]
    assert len(made) == len(all_editions(parts)) == 1


def test_nothing_new_is_skipped_with_the_reason_and_staff_are_told_once(database):
    parts = begun(database)
    (skipped,) = close.close_due(parts, now=CUT_OFF)
    assert skipped.state is EditionState.SKIPPED
    assert skipped.reason == "No new posts since 16 November 2026."
    assert skipped.finished_at == CUT_OFF
    close.close_due(parts, now=CUT_OFF + MINUTE)
    assert told(parts) == [f"skipped:{skipped.id}:comms@example.org"]


def test_a_skip_counts_from_the_last_edition_that_took_posts(database):
    parts = begun(database)
    publishing.publish(parts, post(), now=MONDAY)
    close.close_due(parts, now=CUT_OFF)
    (skipped,) = close.close_due(parts, now=CUT_OFF + 7 * DAY)
    assert skipped.reason == "No new posts since 18 November 2026."
    (again,) = close.close_due(parts, now=CUT_OFF + 14 * DAY)
    assert again.reason == "No new posts since 18 November 2026."


def test_staff_are_told_of_a_draft_once(database):
    parts = begun(database)
    publishing.publish(parts, post(), now=MONDAY)
    (draft,) = close.close_due(parts, now=CUT_OFF)
    close.close_due(parts, now=CUT_OFF)
    assert told(parts) == [f"draft-ready:{draft.id}:comms@example.org"]


def test_a_notice_that_cannot_be_made_does_not_undo_the_draft(database, monkeypatch):
    parts = begun(database)
    publishing.publish(parts, post(), now=MONDAY)

    def broken(*_args, **_kwargs):
        raise TemplateFault("body.txt, line 3: broken.")

    monkeypatch.setattr(notify, "notice", broken)
    (draft,) = close.close_due(parts, now=CUT_OFF)
    assert look.edition(parts, draft.id).state is EditionState.DRAFT


def test_a_publication_begun_after_a_cut_off_waits_for_the_next(database):
    parts = publishing.parts(database)
    publishing.start(parts, now=CUT_OFF + MINUTE)
    publishing.publish(parts, post(), now=CUT_OFF + MINUTE)
    assert close.close_due(parts, now=SEND) == []
    assert [e.slot for e in close.close_due(parts, now=CUT_OFF + 7 * DAY)] == [date(2026, 11, 26)]


def test_an_hour_that_autumn_repeats_is_cut_once(database):
    parts = publishing.parts(database, cut_off="daily 01:30", send="daily 01:30")
    night = datetime(2026, 10, 24, 22, tzinfo=UTC)
    publishing.start(parts, now=night)
    slots = [e.slot for hour in range(30) for e in close.close_due(parts, now=night + hour * HOUR)]
    assert slots == [date(2026, 10, 25), date(2026, 10, 26)]


# --- late, and after a rest -----------------------------------------------------------------------------------


def test_a_late_tick_within_the_limit_cuts_all_the_same(database):
    parts = begun(database)
    publishing.publish(parts, post(), now=MONDAY)
    (draft,) = close.close_due(parts, now=SEND + 11 * HOUR)
    assert (draft.state, draft.slot) == (EditionState.DRAFT, date(2026, 11, 19))


def test_a_send_that_is_too_late_is_recorded_as_missed_and_takes_nothing(database):
    parts = begun(database)
    publishing.publish(parts, post(), now=MONDAY)
    (missed,) = close.close_due(parts, now=SEND + 13 * HOUR)
    assert missed.state is EditionState.SKIPPED
    assert missed.reason.startswith("missed: too late for 19 November 2026 at 09:00")
    (draft,) = close.close_due(parts, now=CUT_OFF + 7 * DAY)
    assert len(draft.items) == 1


def test_a_daily_publication_that_rested_misses_the_old_days_and_cuts_the_last(database):
    parts = publishing.parts(database, cut_off="daily 08:00", send="daily 09:00", lateness="6h")
    publishing.start(parts, now=MONDAY)
    publishing.publish(parts, post(), now=MONDAY)
    made = close.close_due(parts, now=datetime(2026, 11, 20, 9, 30, tzinfo=LONDON))
    assert [(e.slot.day, e.state.value) for e in made] == [
        (17, "skipped"),
        (18, "skipped"),
        (19, "skipped"),
        (20, "draft"),
    ]


def test_nobody_looks_back_more_than_seven_days(database):
    parts = begun(database)
    made = close.close_due(parts, now=CUT_OFF + 40 * DAY)
    assert [e.slot for e in made] == [date(2026, 12, 24)]


def test_a_publication_that_cannot_be_cut_stops_no_other(database, monkeypatch):
    other = publishing.WEEKLY | {"name": "Other"}
    parts = publishing.parts(database, others={"other": other})
    publishing.start(parts, now=MONDAY)
    lock = editions.lock_publication

    def broken(session, slug):
        if slug == "weekly":
            raise DigestError("broken")
        return lock(session, slug)

    monkeypatch.setattr(editions, "lock_publication", broken)
    assert [e.publication for e in close.close_due(parts, now=CUT_OFF)] == ["other"]


# --- by hand --------------------------------------------------------------------------------------------------


def test_a_draft_cut_by_hand_takes_the_place_of_the_next_one(database):
    parts = begun(database)
    publishing.publish(parts, post(), now=MONDAY)
    draft = close.cut(parts, "weekly", now=MONDAY)
    assert (draft.state, draft.slot, draft.send_at) == (EditionState.DRAFT, date(2026, 11, 19), SEND)
    assert close.close_due(parts, now=CUT_OFF) == []


def test_nothing_to_cut_by_hand_leaves_the_scheduled_edition_its_place(database):
    parts = begun(database)
    skipped = close.cut(parts, "weekly", now=MONDAY)
    assert (skipped.state, skipped.slot) == (EditionState.SKIPPED, None)
    publishing.publish(parts, post(), now=MONDAY)
    assert [e.state for e in close.close_due(parts, now=CUT_OFF)] == [EditionState.DRAFT]


def test_a_second_cut_by_hand_has_no_slot(database):
    parts = begun(database)
    publishing.publish(parts, post(), now=MONDAY)
    close.cut(parts, "weekly", now=MONDAY)
    publishing.publish(parts, post(), now=MONDAY)
    second = close.cut(parts, "weekly", now=MONDAY)
    assert (second.state, second.slot, len(second.items)) == (EditionState.DRAFT, None, 1)


def test_a_scheduled_slot_that_is_cut_already_comes_back_as_it_is(database):
    parts = begun(database)
    publishing.publish(parts, post(), now=MONDAY)
    window = close.next_window(parts.publication("weekly"), now=MONDAY)
    first = close.cut(parts, "weekly", now=CUT_OFF, slot=window)
    assert close.cut(parts, "weekly", now=CUT_OFF, slot=window) == first


def test_an_unknown_publication_is_refused_by_name(database):
    with pytest.raises(DigestError, match=r'no publication "montly".*weekly'):
        close.cut(begun(database), "montly", now=MONDAY)


# --- what it holds --------------------------------------------------------------------------------------------


def test_a_flood_of_new_posts_is_held(database):
    parts = begun(database, max_new=3)
    publishing.publish(parts, *(post() for _ in range(4)), now=MONDAY)
    (draft,) = close.close_due(parts, now=CUT_OFF)
    assert draft.hold == "4 new posts at once (more than 3): a person must approve."


def test_the_first_run_is_no_flood(database):
    parts = publishing.parts(database, max_new=3, first_edition=10)
    publishing.start(parts, now=MONDAY, existing=tuple(post() for _ in range(8)), first_edition=8)
    (draft,) = close.close_due(parts, now=CUT_OFF)
    assert (len(draft.items), draft.hold) == (8, "")


def test_a_post_that_is_gone_is_left_out_with_the_reason(database):
    parts = begun(database)
    gone, there = publishing.publish(parts, post(title="Gone"), post(title="There"), now=MONDAY)
    with database.transaction() as session:
        posts.mark_gone(session, [gone], MONDAY)
    coming = look.next_edition(parts, "weekly", now=MONDAY)
    assert [i.post_id for i in coming.items] == [there]
    assert [e.title for e in coming.excluded] == ["Gone"]
    (draft,) = close.close_due(parts, now=CUT_OFF)
    assert [i.title for i in draft.items] == ["There"]


def test_only_posts_that_are_gone_make_no_edition(database):
    parts = begun(database)
    new = publishing.publish(parts, post(), now=MONDAY)
    with database.transaction() as session:
        posts.mark_gone(session, new, MONDAY)
    assert [e.state for e in close.close_due(parts, now=CUT_OFF)] == [EditionState.SKIPPED]


def test_topics_come_from_categories_and_from_every_source_that_showed_the_post(database):
    sources = [
        {"kind": "rss", "url": publishing.FEED, "topics": ["news"]},
        {"kind": "rss", "url": "https://www.example.org/grants/feed", "topics": ["funding"]},
    ]
    parts = begun(database, sources=sources, topics={"water": ["Ponds"]})
    one = post(categories=("ponds",))
    publishing.publish(parts, one, now=MONDAY)
    with database.transaction() as session:
        look_ = publishing.Fetched(posts=(replace(one, external_id="other"),))
        posts.record(session, publishing.spec(parts, index=1), look_, now=MONDAY)
    (draft,) = close.close_due(parts, now=CUT_OFF)
    assert draft.items[0].topics == ("news", "funding", "water")


def test_the_subject_follows_the_pattern_and_the_language(database):
    parts = begun(database, language="fr", subject="{name} n° {number} du {date} : {first}")
    publishing.publish(parts, post(title="Les roseaux"), now=MONDAY)
    (draft,) = close.close_due(parts, now=CUT_OFF)
    assert draft.subject == "The Weekly Brief n° 1 du 19 novembre 2026 : Les roseaux"


# --- looking --------------------------------------------------------------------------------------------------


def test_the_next_edition_can_be_seen_before_it_is_cut_and_looking_changes_nothing(database):
    parts = begun(database)
    publishing.publish(parts, post(title="Reeds"), now=MONDAY)
    for _ in range(2):
        coming = look.next_edition(parts, "weekly", now=MONDAY)
        assert [i.title for i in coming.items] == ["Reeds"]
        assert (coming.cut_off, coming.send_at) == (CUT_OFF, SEND)
    assert all_editions(parts) == []


def test_once_cut_the_next_edition_is_the_one_after(database):
    parts = begun(database)
    publishing.publish(parts, post(title="Reeds"), now=MONDAY)
    close.close_due(parts, now=CUT_OFF)
    publishing.publish(parts, post(title="Bench"), now=CUT_OFF)
    coming = look.next_edition(parts, "weekly", now=CUT_OFF + HOUR)
    assert [i.title for i in coming.items] == ["Bench"]
    assert coming.send_at == SEND + 7 * DAY


def test_an_edition_that_nobody_was_mailed_yet_says_so(database):
    parts = begun(database)
    publishing.publish(parts, post(), now=MONDAY)
    (draft,) = close.close_due(parts, now=CUT_OFF)
    status = look.delivery_status(parts, draft.id)
    assert (status.state, status.audience, set(status.counts.values())) == (EditionState.DRAFT, 0, {0})
    assert look.why(parts, edition_id=draft.id, address="ada@example.org").state == "none"


def test_the_sources_of_a_publication_tell_how_they_fare(database):
    parts = begun(database)
    publishing.publish(parts, post(), post(), now=MONDAY)
    (health,) = look.sources(parts, "weekly")
    assert (health.url, health.posts, health.failures) == (publishing.FEED, 2, 0)
