"""Editions are numbered, keep what they hold, and never take a post that another one has."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from digest.editions import store
from digest.editions.model import EditionState, ItemKind, Section
from digest.errors import DigestError
from digest.posts.model import Event, Image
from tests import publishing
from tests.factories import NOW, item, post

SENDING, SENT, DRAFT, APPROVED, PAUSED = (
    EditionState.SENDING,
    EditionState.SENT,
    EditionState.DRAFT,
    EditionState.APPROVED,
    EditionState.PAUSED,
)
CANCELLED, FAILED = EditionState.CANCELLED, EditionState.FAILED
OTHER = publishing.WEEKLY | {"name": "Monthly"}


@pytest.fixture
def parts(database):
    made = publishing.parts(database, others={"monthly": OTHER})
    publishing.start(made, now=NOW)
    return made


def create(parts, *post_ids, publication="weekly", slot=None, state=DRAFT, **fields):
    with parts.database.transaction() as session:
        store.lock_publication(session, publication)
        return store.create(
            session,
            publication=publication,
            state=state,
            cut_at=NOW,
            send_at=NOW + timedelta(hours=18),
            slot=slot,
            items=[item(post_id=post_id) for post_id in post_ids],
            **fields,
        )


def candidates(parts, publication="weekly"):
    with parts.database.reading() as session:
        return store.candidates(session, publication)


def get(parts, edition_id):
    with parts.database.reading() as session:
        return store.get(session, edition_id)


# --- editions -------------------------------------------------------------------------------------------------


def test_editions_are_numbered_for_each_publication(parts):
    numbers = [create(parts).number, create(parts).number, create(parts, publication="monthly").number]
    assert numbers == [1, 2, 1]


def test_an_edition_comes_back_as_it_was_stored(parts):
    (post_id,) = publishing.publish(parts, post(), now=NOW)
    held = item(
        post_id=post_id,
        kind=ItemKind.EVENT,
        section=Section.EVENTS,
        position=3,
        image=Image(url="https://www.example.org/a.jpg", alt="A pond", width=640, height=480),
        event=Event(uid="e", title="Walk", starts_at=NOW),
        topics=("nature", "local"),
        language="fr",
        author="Ada",
        post_fingerprint="f" * 64,
    )
    manual = item(post_id=None, published_at=None)
    made = create(parts, slot=date(2026, 11, 26), subject="Reeds", preheader="And more", hold="Held.")
    with parts.database.transaction() as session:
        store.set_items(session, made.id, [held, manual])
    found = get(parts, made.id)
    assert found.items == (held, manual)
    assert (found.subject, found.preheader, found.hold) == ("Reeds", "And more", "Held.")
    assert (found.slot, found.cut_at, found.state) == (date(2026, 11, 26), NOW, DRAFT)


def test_what_is_saved_is_what_is_read(parts):
    made = create(parts)
    changed = replace(
        made,
        state=APPROVED,
        subject="New",
        preheader="P",
        intro="Hello",
        reason="R",
        hold="H",
        approved_by="Ada",
        approved_at=NOW,
        fingerprint="f" * 64,
        launched_at=NOW,
        finished_at=NOW,
        send_at=NOW + timedelta(days=1),
    )
    with parts.database.transaction() as session:
        store.save(session, changed)
    assert get(parts, made.id) == changed


def test_a_slot_has_one_edition(parts):
    thursday = date(2026, 11, 26)
    made = create(parts, slot=thursday)
    create(parts, slot=thursday, publication="monthly")
    with pytest.raises(IntegrityError):
        create(parts, slot=thursday)
    with parts.database.reading() as session:
        assert store.by_slot(session, "weekly", thursday) == made
        assert store.by_slot(session, "weekly", date(2026, 12, 3)) is None


def test_editions_cut_by_hand_have_no_slot_to_share(parts):
    assert create(parts).slot is create(parts).slot is None


def test_the_latest_editions_are_listed_first(parts):
    first, second, third = create(parts), create(parts, state=SENT), create(parts, publication="monthly")
    with parts.database.reading() as session:
        listed = store.list_editions(session)
        assert [e.id for e in listed] == [third.id, second.id, first.id]
        assert [e.id for e in store.list_editions(session, "weekly")] == [second.id, first.id]
        assert [e.id for e in store.list_editions(session, states=frozenset({SENT}))] == [second.id]
        assert [e.id for e in store.list_editions(session, limit=1)] == [third.id]
        assert store.by_number(session, "monthly", 1) == third
        assert store.by_number(session, "monthly", 2) is None


def test_an_edition_that_does_not_exist_is_named(parts):
    with pytest.raises(store.NoSuchEdition, match="There is no edition 99"):
        get(parts, 99)


def test_two_that_number_at_once_get_two_numbers(parts):
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda _: create(parts).number, range(8)))
    assert sorted(numbers) == list(range(1, 9))


def test_a_publication_starts_once(parts):
    with parts.database.transaction() as session:
        store.ensure_publication(session, "weekly", now=NOW + timedelta(days=30))
        assert store.lock_publication(session, "weekly") == NOW


# --- offers ---------------------------------------------------------------------------------------------------


def test_a_new_source_offers_its_newest_posts_and_the_rest_count_as_seen(database):
    parts = publishing.parts(database)
    existing = tuple(post(published_at=NOW - timedelta(days=n), title=f"{n}") for n in range(8))
    publishing.start(parts, now=NOW, existing=tuple(reversed(existing)), first_edition=3)
    with database.reading() as session:
        offered = store.candidates(session, "weekly")
        assert store.first_run_candidates(session, "weekly") == set(offered)
        found = publishing.posts.posts(session, offered)
        assert store.is_adopted(session, "weekly", publishing.spec(parts).key)
        assert not store.is_adopted(session, "weekly", "rss https://elsewhere.example.org")
    assert {p.post.title for p in found.values()} == {"0", "1", "2"}


def test_a_post_that_counts_as_seen_is_not_offered_again(database):
    parts = publishing.parts(database)
    old = post()
    publishing.start(parts, now=NOW, existing=(old,), first_edition=0)
    with database.transaction() as session:
        known = publishing.posts.posts_of(session, publishing.spec(parts))
        store.offer(session, "weekly", "another source", known, now=NOW)
    assert candidates(parts) == []


def test_new_posts_are_candidates_of_every_publication_that_reads_the_source(parts):
    new = publishing.publish(parts, post(), post(), now=NOW)
    assert candidates(parts) == candidates(parts, "monthly") == list(new)
    with parts.database.reading() as session:
        assert store.first_run_candidates(session, "weekly") == frozenset()


def test_a_dismissed_post_is_no_candidate_for_that_publication_only(parts):
    (new,) = publishing.publish(parts, post(), now=NOW)
    with parts.database.transaction() as session:
        store.dismiss(session, "weekly", new)
    assert (candidates(parts), candidates(parts, "monthly")) == ([], [new])


@pytest.mark.parametrize("states", [(), (APPROVED,), (APPROVED, SENDING), (APPROVED, SENDING, PAUSED)])
def test_a_post_in_an_edition_under_way_is_not_taken_into_another(parts, states):
    (new,) = publishing.publish(parts, post(), now=NOW)
    publishing.move(parts, create(parts, new).id, *states, now=NOW)
    assert candidates(parts) == []
    assert candidates(parts, "monthly") == [new]


@pytest.mark.parametrize(
    "states",
    [(CANCELLED,), (APPROVED, CANCELLED), (APPROVED, FAILED), (APPROVED, SENDING, PAUSED, CANCELLED)],
)
def test_an_edition_that_was_not_sent_consumes_nothing(parts, states):
    (new,) = publishing.publish(parts, post(), now=NOW)
    publishing.move(parts, create(parts, new).id, *states, now=NOW)
    assert candidates(parts) == [new]


def test_a_sent_post_never_returns(parts):
    (new,) = publishing.publish(parts, post(), now=NOW)
    publishing.move(parts, create(parts, new).id, APPROVED, SENDING, SENT, now=NOW)
    assert candidates(parts) == []
    assert candidates(parts, "monthly") == [new]


def test_a_post_taken_out_of_a_draft_is_a_candidate_again(parts):
    one, other = publishing.publish(parts, post(), post(), now=NOW)
    made = create(parts, one, other)
    with parts.database.transaction() as session:
        store.set_items(session, made.id, [item(post_id=one)])
    assert candidates(parts) == [other]


# --- placements -----------------------------------------------------------------------------------------------


def test_a_post_is_placed_once_in_a_publication_whoever_tries(parts):
    (new,) = publishing.publish(parts, post(), now=NOW)
    first, second = create(parts, new), create(parts, new)
    publishing.move(parts, first.id, APPROVED, SENDING, now=NOW)
    with pytest.raises(DigestError, match=f"which edition {first.id} has already mailed"):
        publishing.move(parts, second.id, APPROVED, SENDING, now=NOW)
    publishing.move(parts, create(parts, new, publication="monthly").id, APPROVED, SENDING, now=NOW)
    with parts.database.reading() as session:
        assert store.placed(session, "weekly") == {new: first.id}
    assert get(parts, second.id).state is DRAFT


def test_placing_again_changes_nothing(parts):
    (new,) = publishing.publish(parts, post(), now=NOW)
    made = create(parts, new, None)
    for _ in range(2):
        with parts.database.transaction() as session:
            store.place(session, made)
    with parts.database.reading() as session:
        assert store.placed(session, "weekly") == {new: made.id}


# --- snapshots ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Approved:
    html: str
    personal: tuple[str, str]
    dropped: tuple[str, ...] = ()
    more: int = 0


def test_a_snapshot_comes_back_byte_for_byte_and_the_last_one_counts(parts):
    made = create(parts)
    first = Approved(html="<p>\u00e9 \U0001f426\r\n</p>", personal=("a", "b"))
    with parts.database.transaction() as session:
        assert store.snapshot(session, made.id, Approved) is None
        store.save_snapshot(session, made.id, first)
        assert store.snapshot(session, made.id, Approved) == first
    second = replace(first, html="<p>again</p>", dropped=("One",), more=2)
    with parts.database.transaction() as session:
        store.save_snapshot(session, made.id, second)
    with parts.database.reading() as session:
        assert store.snapshot(session, made.id, Approved) == second
