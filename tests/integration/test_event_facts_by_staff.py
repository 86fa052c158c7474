"""What staff say of an event at the command line, on both databases: kept as said, and refused where it cannot be."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from digest.cli import events
from digest.cli.common import CommandFailed
from digest.posts.model import EventStatus, Occurrence, Verdict
from digest.workflows import confirm
from digest.workflows.parts import Parts
from tests import factories, publishing
from tests.factories import NOW

DAY = timedelta(days=1)


@pytest.fixture
def parts(database) -> Parts:
    made = publishing.parts(database)
    publishing.start(made, now=NOW - 30 * DAY)
    return made


@pytest.fixture
def post_id(parts: Parts) -> int:
    return publishing.publish(parts, factories.post(title="Evening at the mill"), now=NOW)[0]


def say(parts: Parts, post_id: int, **facts):
    return confirm.is_event(parts, post_id, **{"by": "jo", "now": NOW, **facts}).judged.event


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"starts": date(9999, 12, 31)}, "The year 9999 is too far away"),
        ({"starts": datetime(2062, 12, 3, 18, 0)}, "The year 2062 is too far away"),
        ({"starts": date(1, 1, 1)}, "The year 1 is too far away"),
        ({"starts": NOW + DAY, "ends": datetime(9999, 1, 1)}, "The year 9999 is too far away"),
        ({"starts": datetime(2025, 12, 3, 18, 0)}, "The event would be over: 2025-12-03 is past"),
        ({"starts": date(2026, 11, 18)}, "The event would be over: 2026-11-18 is past"),
        ({"starts": NOW + DAY, "register_url": "http://[::1"}, "is not the full address"),
        ({"starts": NOW + DAY, "register_url": "https://exa mple.org/x"}, "is not the full address"),
        ({"starts": NOW + DAY, "register_url": "javascript:alert(1)"}, "is not the full address"),
        ({"starts": NOW + DAY, "register_url": "/register"}, "is not the full address"),
        ({"status": EventStatus.CANCELLED}, "say when it starts"),
        ({"timezone": "Europe/Paris"}, "needs the start beside it"),
        ({"ends": NOW + DAY}, "needs the start beside it"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence_and_nothing_is_kept(parts, post_id, facts, sentence):
    with pytest.raises(confirm.NotAFact) as refused:
        say(parts, post_id, **facts)
    assert sentence in str(refused.value)
    assert confirm.happening(parts, post_id, now=NOW).judged.verdict is Verdict.POST


@pytest.mark.parametrize("number", [0, -1, 2**31, 10**30])
def test_a_number_that_is_no_posts_is_told_plainly(parts, number):
    with pytest.raises(confirm.NoSuchPost):
        confirm.is_no_event(parts, number, by="jo", now=NOW)


def test_today_is_not_past(parts, post_id):
    assert say(parts, post_id, starts=date(2026, 11, 19)).all_day


def test_what_was_said_before_stays_when_something_else_is_said(parts, post_id):
    say(parts, post_id, starts=NOW + DAY, place="Mill Lane", register_url="https://www.example.org/r")
    event = say(parts, post_id, full=True)
    assert (event.starts_at, event.place, event.full) == (NOW + DAY, "Mill Lane", True)
    moved = say(parts, post_id, starts=NOW + 2 * DAY)
    assert (moved.starts_at, moved.place, moved.full) == (NOW + 2 * DAY, "Mill Lane", True)


def test_a_new_start_does_not_keep_the_old_end(parts, post_id):
    say(parts, post_id, starts=NOW + DAY, ends=NOW + 2 * DAY)
    assert say(parts, post_id, starts=NOW + 5 * DAY).ends_at is None


def test_what_was_said_before_a_rejection_is_not_said_any_more(parts, post_id):
    say(parts, post_id, starts=NOW + DAY, place="Mill Lane")
    confirm.is_no_event(parts, post_id, by="jo", now=NOW)
    assert say(parts, post_id, starts=NOW + DAY).place == ""


def test_calling_a_series_off_needs_no_date_and_keeps_those_it_has(parts):
    dates = (Occurrence(starts_at=NOW + 8 * DAY),)
    choir = factories.event(title="Choir", starts_at=NOW + DAY, ends_at=None, dates=dates)
    (post_id,) = publishing.publish(parts, factories.post(title="Choir", event=choir), now=NOW)
    event = say(parts, post_id, status=EventStatus.CANCELLED)
    assert (event.status, event.starts_at, len(event.dates)) == (EventStatus.CANCELLED, NOW + DAY, 1)


def test_an_empty_address_is_that_there_is_nowhere_to_register(parts):
    told = factories.post(title="The fair", event=factories.event(title="The fair"))
    (post_id,) = publishing.publish(parts, told, now=NOW)
    event = say(parts, post_id, register_url="")
    assert (event.register_url, event.cta) == (None, None)


def test_what_no_database_can_hold_is_cleaned(parts, post_id):
    event = say(parts, post_id, starts=NOW + DAY, place="Mill\udcff\0 Lane\n4", by="\udcff")
    assert event.place == "Mill? Lane 4"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-12-03", date(2026, 12, 3)),
        ("20261203", date(2026, 12, 3)),
        (" 2026-12-03 ", date(2026, 12, 3)),
        ("2026-12-03 18:00", datetime(2026, 12, 3, 18, 0)),
        ("2026-12-03T18:00Z", datetime(2026, 12, 3, 18, 0, tzinfo=UTC)),
    ],
)
def test_a_day_is_a_day_however_it_is_typed(text, meant):
    assert events._read(text, "--starts") == meant


@pytest.mark.parametrize("text", ["", "tomorrow", "18:00", "2026-13-03", "2026-12-03 25:00", "3.12.2026"])
def test_what_is_no_day_is_refused_with_an_example(text):
    with pytest.raises(CommandFailed, match='expected a day and a time such as "2026-12-03 18:00"'):
        events._read(text, "--starts")


@pytest.mark.parametrize("name", ["", "localtime", "Factory", "../etc/passwd", "Europe", "Mars/Base"])
def test_a_zone_nobody_else_knows_is_refused(name):
    with pytest.raises(CommandFailed, match="expected a name such as"):
        events._zone(name)


def test_a_zone_may_be_typed_in_any_case():
    assert events._zone("europe/london") == "Europe/London"
    assert events._zone(None) is None


def test_an_end_that_only_the_clock_shows_after_the_start_is_refused(parts, post_id):
    # The clocks in London skip from one to two: half past one is half past two.
    start, end = datetime(2027, 3, 28, 1, 30), datetime(2027, 3, 28, 2, 30)
    with pytest.raises(confirm.NotAFact, match="ends before it starts"):
        say(parts, post_id, starts=start, ends=end, timezone="Europe/London")
