"""Each reader gets what they chose: by topic, by kind, and as often as they want it."""

from datetime import UTC, datetime, timedelta

import pytest

from digest.deliveries import store as deliveries
from digest.deliveries.model import Verdict
from digest.editions import store as editions
from digest.editions.model import EditionState
from digest.errors import DigestError
from digest.workflows import chosen, preview
from tests import mailroom, sending
from tests.mailroom import Mailroom, choose, edition, subscribe

WEEK = timedelta(days=7)
THURSDAY = datetime(2026, 11, 5, 9, 0, tzinfo=UTC)


@pytest.fixture
def out():
    return Mailroom()


@pytest.fixture
def parts(database, out):
    return mailroom.installation(database, out)


def week(number):
    return THURSDAY + number * WEEK


def reason(parts, edition, address):
    with parts.database.reading() as session:
        (found,) = [
            d.reason
            for d, _ in deliveries.listed(session, edition.id, limit=100)
            if d.subscriber_id == address
        ]
    return found


def excluded(parts, edition):
    with parts.database.reading() as session:
        return deliveries.audience(session, edition.id)


# --- topics and kinds -----------------------------------------------------------------------------------------


def test_a_reader_gets_the_topics_they_chose_and_what_has_none(parts, out):
    subscribe(parts, "all@example.net", now=week(-1))
    subscribe(parts, "water@example.net", now=week(-1), topics=["water"])
    subscribe(parts, "both@example.net", now=week(-1), topics=["land", "water"])
    edition(
        parts,
        [(1, ["water"]), (2, ["land"]), (3, []), (4, ["unheard-of"]), (5, ["land", "people"])],
        now=week(0),
    )
    sending.send(parts, now=week(0))
    assert out.stories("all@example.net") == [[1, 2, 3, 4, 5]]
    assert out.stories("water@example.net") == [[1, 3, 4]]
    assert out.stories("both@example.net") == [[1, 2, 3, 4, 5]]


def test_a_topic_that_is_no_longer_offered_is_no_choice(parts, out):
    subscribe(parts, "old@example.net", now=week(-1), topics=["gone"])
    edition(parts, [(1, ["water"]), (2, ["land"])], now=week(0))
    sending.send(parts, now=week(0))
    assert out.stories("old@example.net") == [[1, 2]]


def test_somebody_who_wants_events_only_gets_those_of_their_topics(parts, out):
    subscribe(parts, "dates@example.net", now=week(-1), events_only=True)
    subscribe(parts, "dry@example.net", now=week(-1), events_only=True, topics=["land"])
    edition(parts, [(1, []), (2, ["water"]), (3, ["land"]), (4, [])], now=week(0), events=(2, 3))
    sending.send(parts, now=week(0))
    assert out.stories("dates@example.net") == [[2, 3]]
    assert out.stories("dry@example.net") == [[3]]


def test_nobody_gets_an_empty_mail_and_the_ledger_says_why(parts, out):
    ref = subscribe(parts, "dry@example.net", now=week(-1), topics=["land"])
    subscribe(parts, "all@example.net", now=week(-1))
    sent = edition(parts, [(1, ["water"])], now=week(0))
    sending.send(parts, now=week(0))
    assert out.stories("dry@example.net") == []
    assert sending.counts(parts, sent) == {"accepted": 1, "skipped": 1}
    assert reason(parts, sent, ref.subscriber_id) == "nothing of what they chose"
    assert sending.state(parts, sent).state is EditionState.SENT


def test_two_readers_with_the_same_wishes_get_the_same_copy(parts, out):
    for name in ("a", "b"):
        subscribe(parts, f"{name}@example.net", now=week(-1), topics=["water"])
    edition(parts, [(1, ["water"]), (2, ["land"])], now=week(0))
    sending.send(parts, now=week(0))
    first, second = (data.split(b"\r\n\r\n", 1)[1] for _, data in out.accepted)
    assert len(first) == len(second)


# --- what was missed ------------------------------------------------------------------------------------------


def test_what_a_refused_reader_missed_comes_once_with_the_next_edition(parts, out):
    subscribe(parts, "full@example.net", now=week(-1), topics=["water"])
    subscribe(parts, "all@example.net", now=week(-1))
    out.says["full@example.net"] = Verdict.REFUSED
    edition(parts, [(1, ["water"]), (2, ["land"])], now=week(0))
    sending.send(parts, now=week(0))
    out.says.clear()
    for number in (1, 2):
        edition(parts, [(10 * number, ["water"])], now=week(number))
        sending.send(parts, now=week(number))
    assert out.stories("full@example.net") == [[1, 10], [20]]
    assert out.stories("all@example.net") == [[1, 2], [10], [20]]


def test_what_is_uncertain_counts_as_had(parts, out):
    subscribe(parts, "lost@example.net", now=week(-1))
    out.says["lost@example.net"] = Verdict.UNCERTAIN
    edition(parts, [(1, [])], now=week(0))
    sending.send(parts, now=week(0))
    out.says.clear()
    edition(parts, [(2, [])], now=week(1))
    sending.send(parts, now=week(1))
    assert out.stories("lost@example.net") == [[1], [2]]


def test_a_pause_ends_with_one_mail_that_brings_what_was_missed(parts, out):
    ref = subscribe(parts, "away@example.net", now=week(-1))
    edition(parts, [(1, [])], now=week(0))
    sending.send(parts, now=week(0))
    choose(parts, ref, now=week(0), paused_until=week(3) - timedelta(days=1))
    for number in (1, 2, 3):
        sent = edition(parts, [(10 * number, [])], now=week(number))
        assert excluded(parts, sent).excluded == ({"paused": 1} if number < 3 else {})
        sending.send(parts, now=week(number))
    assert out.stories("away@example.net") == [[1], [10, 20, 30]]
    assert "No. 3" in out.of("away@example.net")[1]


def test_what_went_out_before_somebody_signed_up_is_not_brought(parts, out):
    edition(parts, [(1, [])], now=week(0))
    sending.send(parts, now=week(0))
    subscribe(parts, "new@example.net", now=week(0) + timedelta(hours=1))
    edition(parts, [(2, [])], now=week(1))
    sending.send(parts, now=week(1))
    assert out.stories("new@example.net") == [[2]]


def test_an_event_that_is_over_or_was_moved_since_is_not_brought(parts, out):
    subscribe(parts, "full@example.net", now=week(-1))
    out.says["full@example.net"] = Verdict.REFUSED
    edition(parts, [(1, []), (2, [])], now=week(0), events=(2,))
    sending.send(parts, now=week(0))
    out.says.clear()
    edition(parts, [(3, [])], now=week(3))
    sending.send(parts, now=week(3))
    assert out.stories("full@example.net") == [[1, 3]]


def test_what_does_not_fit_is_linked_to_the_archive(parts, out):
    ref = subscribe(parts, "away@example.net", now=week(-1))
    choose(parts, ref, now=week(-1), paused_until=week(4))
    sent = [
        edition(parts, [(100 * number + n, []) for n in range(30)], now=week(number)) for number in range(5)
    ]
    sending.send(parts, now=week(4))
    (mail,) = out.of("away@example.net")
    (stories,) = out.stories("away@example.net")
    assert len(mail.partition("</html>")[0].encode()) < 100_000
    assert set(range(400, 430)) <= set(stories)
    assert not set(range(30)) & set(stories)
    for one in sent[:4]:
        assert f"https://news.example.org/a/weekly/{one.number}" in mail


# --- how often ------------------------------------------------------------------------------------------------


def test_a_monthly_reader_gets_the_month_with_the_first_edition_of_the_next(parts, out):
    subscribe(parts, "monthly@example.net", now=week(-1), frequency="monthly", topics=["water"])
    subscribe(parts, "all@example.net", now=week(-1))
    for number in range(5):  # 5, 12, 19, 26 November, 3 December
        sent = edition(parts, [(10 * number, ["water"]), (10 * number + 1, ["land"])], now=week(number))
        audience = excluded(parts, sent)
        waits = 1 if number in {1, 2, 3} else 0
        assert audience.excluded == ({"not this time": 1} if waits else {})
        assert (audience.candidates, audience.enqueued) == (2, 2 - waits)
        sending.send(parts, now=week(number))
    assert out.stories("monthly@example.net") == [[0], [10, 20, 30, 40]]
    assert len(out.stories("all@example.net")) == 5


def test_switching_between_monthly_and_every_loses_and_repeats_nothing(parts, out):
    ref = subscribe(parts, "reader@example.net", now=week(-1))
    for number in range(7):
        if number == 1:
            choose(parts, ref, now=week(1) - timedelta(days=1), frequency="monthly")
        if number == 3:
            choose(parts, ref, now=week(3) - timedelta(days=1), frequency="every")
        if number == 4:
            choose(parts, ref, now=week(4) - timedelta(days=1), frequency="monthly")
        edition(parts, [(number, [])], now=week(number))
        sending.send(parts, now=week(number))
    assert out.stories("reader@example.net") == [[0], [1, 2, 3], [4]]


def test_a_wish_that_is_not_offered_counts_as_the_first_that_is(database, out):
    parts = mailroom.installation(database, out, frequencies=["monthly", "every"])
    subscribe(parts, "none@example.net", now=week(-1))
    subscribe(parts, "odd@example.net", now=week(-1), frequency="hourly")
    subscribe(parts, "every@example.net", now=week(-1), frequency="every")
    for number in range(2):
        edition(parts, [(number, [])], now=week(number))
        sending.send(parts, now=week(number))
    assert out.stories("none@example.net") == out.stories("odd@example.net") == [[0]]
    assert out.stories("every@example.net") == [[0], [1]]


# --- the ledger's answer --------------------------------------------------------------------------------------


def test_the_latest_edition_somebody_had_is_found_however_far_back(parts, out):
    ref = subscribe(parts, "full@example.net", now=week(-1))
    never = subscribe(parts, "never@example.net", now=week(-1))
    out.says["never@example.net"] = Verdict.REFUSED
    sent = []
    for number in range(4):
        if number == 1:
            out.says["full@example.net"] = Verdict.REFUSED
        sent.append(edition(parts, [(number, [])], now=week(number)).id)
        sending.send(parts, now=week(number))
    ids = [ref.subscriber_id, never.subscriber_id]
    with parts.database.reading() as session:
        assert deliveries.latest_had(session, ids, sent[::-1]) == {ref.subscriber_id: sent[0]}
        assert deliveries.latest_had(session, ids, sent[:0:-1]) == {}
        assert deliveries.latest_had(session, ids, []) == {}
        last = editions.get(session, sent[-1])
        assert [e.id for e in chosen.launched_before(session, last, now=week(3))] == sent[-2::-1]


# --- looking at a copy beforehand -----------------------------------------------------------------------------


def copy(parts, edition, *, now, **wanted):
    return preview.preview(parts, edition.id, now=now, wanted=preview.Wanted(**wanted))


def test_a_preview_shows_the_copy_of_any_wishes_as_those_readers_get_it(parts, out):
    subscribe(parts, "water@example.net", now=week(-1), topics=["water"])
    subscribe(parts, "monthly@example.net", now=week(-1), frequency="monthly", topics=["land"])
    last = None
    for number in range(5):
        told = [(10 * number, ["water"]), (10 * number + 1, ["land"])]
        last = edition(parts, told, now=week(number), events=[40])
        sending.send(parts, now=week(number))
    water = copy(parts, last, now=week(4), topics=("water",))
    monthly = copy(parts, last, now=week(4), topics=("land",), frequency="monthly")
    dates = copy(parts, last, now=week(4), events_only=True)
    assert stories(water) == out.stories("water@example.net")[-1] == [40]
    assert stories(monthly) == out.stories("monthly@example.net")[-1] == [11, 21, 31, 41]
    assert stories(dates) == [40]
    with pytest.raises(preview.NothingChosen, match="they get no mail"):
        copy(parts, last, now=week(4), topics=("people",))


def test_a_preview_of_what_nobody_can_choose_says_what_can_be_chosen(parts):
    made = edition(parts, [(1, ["water"])], now=week(0))
    with pytest.raises(DigestError, match=r'"fire" is not a topic of weekly; .*: water, land, people\.'):
        copy(parts, made, now=week(0), topics=("fire",))
    with pytest.raises(DigestError, match=r"they may choose: every, monthly\."):
        copy(parts, made, now=week(0), frequency="quarterly")


def stories(seen):
    return sorted({int(n) for n in mailroom.STORY.findall(mailroom.read(seen.message))})
