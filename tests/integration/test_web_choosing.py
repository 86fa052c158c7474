"""The links in a mail as a reader uses them: choosing, pausing, joining, undoing, moving, taking away, erasing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

import subscribers
from digest.database import Database
from digest.deliveries.tables import NoticeRow
from digest.web.app import create_app
from digest.workflows.parts import Parts
from subscribers import Keys, Purpose, Recipient, SubscriptionRef
from tests import web
from tests.factories import NOW

OURS = {"Sec-Fetch-Site": "same-origin"}
WIDE = web.PUBLICATION | {
    "name": "The Wide Brief",
    "topics": {"rivers": ["Rivers"], "town-hall": ["Council"], "schools": ["Schools"]},
    "farewell": True,
}
OFTEN = web.PUBLICATION | {"name": "As Often as You Like", "frequencies": ["every", "monthly"]}
CLOSED = web.PUBLICATION | {"name": "For Members", "open": False}


class Reader:
    """Somebody with a browser and a mailbox; `later` moves the clock of the app."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.now = NOW
        self.refs = web.subscribed(parts, "wide")
        self.ref = self.refs["wide"]
        self.client = httpx2.Client(trust_env=False)

    def link(self, purpose: Purpose = Purpose.PREFERENCES) -> str:
        letter = {Purpose.PREFERENCES: "p", Purpose.UNSUBSCRIBE: "u", Purpose.RETURN: "r"}[purpose]
        return f"/{letter}/{web.token(self.parts, self.ref, purpose)}"

    def open(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200
        return answer.text

    def press(self, path: str, **data: Any) -> httpx2.Response:
        return self.client.post(path, data=data, headers=OURS)

    def later(self, by: timedelta) -> None:
        self.now += by

    def subscription(self, publication: str = "wide") -> subscribers.Subscription:
        with self.parts.database.reading() as session:
            shown = subscribers.portrait(session, keys=self.parts.keys, subscriber_id=self.ref.subscriber_id)
        assert shown is not None
        return [one for one in shown.subscriptions if one.publication == publication][-1]

    def mailed(self) -> str | None:
        """Where the next edition would go now."""
        asked = [self.ref.subscriber_id]
        with self.parts.database.reading() as session:
            found = subscribers.recipients(
                session, keys=self.parts.keys, publication="wide", subscriber_ids=asked, now=self.now
            )
        one = found[self.ref.subscriber_id]
        return one.address if isinstance(one, Recipient) else None

    def mailbox(self, address: str = web.ADDRESS) -> list[tuple[str, str]]:
        """Subjects and texts of the notices to an address, oldest first."""
        with self.parts.database.reading() as session:
            rows = session.scalars(
                select(NoticeRow).where(NoticeRow.recipient == address).order_by(NoticeRow.id)
            )
            return [(row.subject, row.text) for row in rows]

    def mailed_link(self, address: str) -> str:
        found = re.findall(rf"{re.escape(web.BASE_URL)}(/\S+)", self.mailbox(address)[-1][1])
        assert len(found) == 1
        return str(found[0])


@pytest.fixture
def parts(database: Database) -> Parts:
    return web.parts(database, wide=WIDE, members=CLOSED, often=OFTEN)


@pytest.fixture
def reader(parts: Parts) -> Iterator[Reader]:
    reader = Reader(parts)
    with web.serving(create_app(parts, clock=lambda: reader.now)) as url:
        reader.client = httpx2.Client(base_url=url, trust_env=False)
        with reader.client:
            yield reader


def test_topics_events_only_and_a_pause_are_kept_as_pressed(reader: Reader) -> None:
    link = reader.link()
    page = reader.press(
        link,
        save="wide",
        topics=["rivers", "town-hall", "no-such"],
        events_only="yes",
        paused_until="2026-12-24",
    ).text
    assert "Saved for \u2068The Wide Brief\u2069" in page
    kept = reader.subscription()
    assert (kept.topics, kept.events_only) == (("rivers", "town-hall"), True)
    assert kept.paused_until is not None
    assert kept.paused_until.isoformat() == "2026-12-24T00:00:00+00:00"
    assert reader.mailed() is None
    page = reader.open(link)
    assert page.count("checked") == 3
    assert 'value="2026-12-24"' in page
    reader.press(link, save="wide")
    kept = reader.subscription()
    assert (kept.topics, kept.events_only, kept.paused_until) == ((), False, None)
    assert reader.mailed() == web.ADDRESS


def test_ticking_every_topic_is_everything_also_what_is_added_later(reader: Reader) -> None:
    reader.press(reader.link(), save="wide", topics=["rivers", "town-hall", "schools"])
    assert reader.subscription().topics == ()


def test_how_often_is_asked_where_there_is_a_choice_and_only_what_is_offered_is_kept(
    reader: Reader, parts: Parts
) -> None:
    assert "How often" not in reader.open(reader.link())
    ref = web.subscribed(parts, "often")["often"]
    link = f"/p/{web.token(parts, ref, Purpose.PREFERENCES)}"
    assert 'value="every" checked' in reader.open(link)
    assert 'value="monthly" checked' in reader.press(link, save="often", frequency="monthly").text
    assert reader.subscription("often").frequency == "monthly"
    reader.press(link, save="often", frequency="hourly")
    assert reader.subscription("often").frequency == ""


@pytest.mark.parametrize(
    "until", ["yesterday", "2026-02-30", "0001-01-01", "2020-01-01", "9999-12-31", "x" * 30]
)
def test_a_pause_that_is_none_is_refused_in_words_and_nothing_is_kept(reader: Reader, until: str) -> None:
    page = reader.press(reader.link(), save="wide", topics=["rivers"], paused_until=until).text
    assert "between tomorrow and a year from now" in page
    assert reader.subscription().topics == ()


def test_a_publication_that_is_open_is_joined_by_a_press_and_one_that_is_closed_is_not(
    reader: Reader, parts: Parts
) -> None:
    page = reader.open(reader.link())
    assert 'name="join" value="weekly"' in page
    assert "For Members" not in page
    assert "From now on you get" in reader.press(reader.link(), join="weekly").text
    assert web.gets(parts, reader.ref, "weekly")
    consent = reader.subscription("weekly").consent
    assert consent.source == "preferences"
    assert "The Weekly Brief" in consent.text
    assert "From now on" not in reader.press(reader.link(), join="members").text
    assert not web.gets(parts, reader.ref, "members")


def test_why_do_i_get_this_shows_the_consent_in_its_words(reader: Reader) -> None:
    page = reader.open(reader.link())
    assert "Yes, mail me." in page
    assert "a test" in page


def test_the_pages_speak_the_language_a_reader_chose(reader: Reader) -> None:
    page = reader.press(reader.link(), speak="yes", language="ar").text
    assert '<html lang="ar" dir="rtl">' in page
    assert '<html lang="ar" dir="rtl">' in reader.open(reader.link(Purpose.UNSUBSCRIBE))
    for odd in ("xx", "../en", "a" * 30):
        reader.press(reader.link(), speak="yes", language=odd)
        assert '<html lang="ar"' in reader.open(reader.link())
    assert '<html lang="en"' in reader.press(reader.link(), speak="yes", language="").text


def test_leaving_is_undone_on_the_page_and_the_reason_is_kept(reader: Reader) -> None:
    page = reader.press(reader.link(Purpose.UNSUBSCRIBE)).text
    assert reader.mailed() is None
    back = re.findall(r'action="(/r/[^"]+)"', page)
    assert len(set(back)) == 1
    assert "Your answer has been kept" in reader.press(back[0], why="often", note="So\x00 many").text
    kept = reader.subscription()
    assert (kept.ended_answer, kept.ended_note) == ("often", "So many")
    for _ in range(5):
        reader.open(back[0])
    assert reader.mailed() is None
    assert "You are subscribed again" in reader.press(back[0], undo="yes").text
    assert reader.mailed() == web.ADDRESS
    assert reader.subscription().consent.source == "undo"
    reader.press(reader.link(Purpose.UNSUBSCRIBE))
    assert reader.mailed() is None, "the old link unsubscribes still"


def test_leaving_is_not_undone_after_a_month(reader: Reader) -> None:
    reader.press(reader.link(Purpose.UNSUBSCRIBE))
    reader.later(timedelta(days=30))
    assert "Undo" not in reader.open(reader.link(Purpose.UNSUBSCRIBE))
    reader.press(reader.link(Purpose.RETURN), undo="yes")
    assert reader.mailed() is None


def test_a_farewell_is_mailed_once_where_configured_and_its_link_undoes(reader: Reader, parts: Parts) -> None:
    for _ in range(3):
        reader.press(reader.link(Purpose.UNSUBSCRIBE))
    assert [subject for subject, _ in reader.mailbox()] == ["You have left: The Wide Brief"]
    link = reader.mailed_link(web.ADDRESS)
    reader.open(link)
    assert reader.mailed() is None
    reader.press(link, undo="yes")
    assert reader.mailed() == web.ADDRESS
    reader.later(timedelta(seconds=1))
    reader.press(reader.link(), leave="wide")
    assert len(reader.mailbox()) == 2
    ref = web.subscribed(parts, "weekly", address="quiet@example.org")["weekly"]
    reader.press(f"/u/{web.token(parts, ref)}")
    assert reader.mailbox("quiet@example.org") == []


def test_an_address_is_changed_with_both_ends_told_and_taken_back_by_the_old_one(reader: Reader) -> None:
    page = reader.press(reader.link(), move="ada@new.example").text
    assert "a mail is on its way" in page
    assert reader.mailed() == web.ADDRESS
    new = reader.mailed_link("ada@new.example")
    for _ in range(5):
        assert "a•••@n•••.example" in reader.open(new)
    assert reader.mailed() == web.ADDRESS
    assert "a•••@n•••.example" in reader.press(new).text
    assert reader.mailed() == "ada@new.example"
    assert "does nothing any more" in reader.press(new).text
    old = reader.mailed_link(web.ADDRESS)
    assert "ada@new.example" not in reader.mailbox()[-1][1], "the new address is told masked"
    reader.open(old)
    assert reader.mailed() == "ada@new.example"
    reader.press(old)
    assert reader.mailed() == web.ADDRESS


def test_a_taken_a_suppressed_and_a_free_address_are_answered_alike_and_only_the_free_one_is_mailed(
    reader: Reader, parts: Parts
) -> None:
    web.subscribed(parts, "weekly", address="taken@new.example")
    with parts.database.transaction() as session:
        subscribers.erase(session, keys=parts.keys, address="gone@new.example", now=NOW)
    wanted = ["taken@new.example", "gone@new.example", "free@new.example", web.ADDRESS]
    pages = {reader.press(reader.link(), move=address).text for address in wanted}
    assert len(pages) == 1
    assert [bool(reader.mailbox(address)) for address in wanted] == [False, False, True, False]


def test_nobody_is_mailed_by_a_change_of_address_more_than_once_an_hour(reader: Reader) -> None:
    for _ in range(20):
        reader.press(reader.link(), move="bullied@new.example")
    assert len(reader.mailbox("bullied@new.example")) == 1
    for number in range(20):
        reader.press(reader.link(), move=f"one{number}@new.example")
    assert sum(bool(reader.mailbox(f"one{number}@new.example")) for number in range(20)) == 4


@pytest.mark.parametrize("odd", ["nobody", "a@b", "a@b.example\r\nBcc: c@d.example", "x" * 900])
def test_what_is_no_address_is_said_so(reader: Reader, odd: str) -> None:
    assert "not an address" in reader.press(reader.link(), move=odd).text


def test_everything_kept_is_taken_away_by_who_knows_the_whole_address(reader: Reader) -> None:
    for guess in ("", "ada@example.com", "a•••@e•••.org", "x" * 900):
        answer = reader.press(reader.link(), export="yes", own=guess)
        assert "do not go to that address" in answer.text
        assert web.ADDRESS not in answer.text
    answer = reader.press(reader.link(), export="yes", own=" ADA@example.org ")
    assert answer.headers["content-type"].startswith("application/json")
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    kept = json.loads(answer.text)
    assert kept["address"] == web.ADDRESS
    assert kept["subscriptions"][0]["consent"]["text"] == "Yes, mail me."
    assert kept["deliveries"] == []


def test_erasing_is_asked_twice_and_leaves_neither_address_nor_notice(reader: Reader, parts: Parts) -> None:
    link = reader.link()
    reader.press("/m/wide", address=web.ADDRESS)
    assert reader.mailbox()
    page = reader.press(link, erase="ask", own=web.ADDRESS).text
    assert "Erase everything about you?" in page
    assert reader.mailed() == web.ADDRESS
    reader.press(link, erase="no", own=web.ADDRESS)
    reader.press(link, erase="yes", own="ada@example.com")
    assert reader.mailed() == web.ADDRESS
    assert "Everything is erased" in reader.press(link, erase="yes", own=web.ADDRESS).text
    assert reader.mailed() is None
    assert reader.mailbox() == []
    with parts.database.reading() as session:
        assert subscribers.find(session, address=web.ADDRESS) is None
        shown = subscribers.show(session, keys=parts.keys, address=web.ADDRESS)
        counts = subscribers.audience_counts(session, "wide", now=NOW)
    assert shown.suppressed
    assert counts.candidates == 0
    assert "leads to no mailing" in reader.open(link)
    assert "Undo" not in reader.open(reader.link(Purpose.UNSUBSCRIBE))


def test_a_link_is_mailed_once_an_hour_to_who_gets_mail_and_everybody_is_answered_alike(
    reader: Reader, parts: Parts
) -> None:
    with parts.database.transaction() as session:
        subscribers.suppress(
            session,
            keys=parts.keys,
            address="gone@example.org",
            reason=subscribers.SuppressionReason.MANUAL,
            now=NOW,
        )
    asked = [web.ADDRESS, "stranger@example.org", "gone@example.org", web.ADDRESS.upper()]
    pages = {reader.press("/m/wide", address=address).text for address in asked}
    assert len(pages) == 1
    assert len(reader.mailbox()) == 1
    assert reader.mailbox("stranger@example.org") == reader.mailbox("gone@example.org") == []
    assert "The Wide Brief" in reader.open(reader.mailed_link(web.ADDRESS))
    reader.later(timedelta(hours=1, seconds=1))
    reader.press("/m/", address=web.ADDRESS)
    assert len(reader.mailbox()) == 2


def test_one_network_asks_for_no_more_links_than_a_town_would(reader: Reader, parts: Parts) -> None:
    for number in range(40):
        web.subscribed(parts, "wide", address=f"one{number}@example.org")
        reader.press("/m/", address=f"one{number}@example.org")
    assert sum(bool(reader.mailbox(f"one{number}@example.org")) for number in range(40)) == 30


def test_a_token_is_good_for_one_thing_only(reader: Reader, parts: Parts) -> None:
    """Every kind of token at every address: only its own shows or changes anything."""
    letters = {"p": Purpose.PREFERENCES, "u": Purpose.UNSUBSCRIBE, "r": Purpose.RETURN}
    paths = [*letters, "n", "o"]
    everything = {"leave": "*", "join": "weekly", "save": "wide", "events_only": "yes", "undo": "yes"}
    for purpose in Purpose:
        token = web.token(parts, reader.ref, purpose)
        for letter in paths:
            if letters.get(letter) is purpose:
                continue
            assert "•••" not in reader.open(f"/{letter}/{token}")
            answer = reader.press(f"/{letter}/{token}", **everything)
            assert answer.status_code == 200
            assert "•••" not in answer.text
    assert reader.mailed() == web.ADDRESS
    assert not reader.subscription().events_only
    assert not web.gets(parts, reader.ref, "weekly")


@pytest.mark.parametrize("purpose", [Purpose.PREFERENCES, Purpose.UNSUBSCRIBE, Purpose.RETURN])
def test_a_forged_a_truncated_and_a_stolen_databases_token_do_nothing_and_a_rotated_key_changes_nothing(
    reader: Reader, purpose: Purpose
) -> None:
    path = reader.link(purpose)
    stolen = subscribers.mint(Keys(("guessed by who has the database only",)), purpose, reader.ref)
    other = SubscriptionRef(subscriber_id=reader.ref.subscriber_id + 1, list_id=reader.ref.list_id)
    for odd in (path[:-1], path + "A", path[:-4] + "AAAA", path[:3] + stolen, path.swapcase(), path[:3]):
        assert (
            "•••"
            not in reader.client.get(
                odd.replace("/P/", "/p/").replace("/U/", "/u/").replace("/R/", "/r/")
            ).text
        )
    nobody = path[:3] + web.token(reader.parts, other, purpose)
    assert "•••" not in reader.open(nobody)
    rotated = Keys(("a secret that came after the first one", *reader.parts.settings.site.secrets))
    with reader.parts.database.reading() as session:
        held = subscribers.subscription_of(session, keys=rotated, purpose=purpose, token=path[3:])
    assert held is not None


def test_a_scanner_that_opens_everything_a_hundred_times_changes_nothing(reader: Reader) -> None:
    reader.press(reader.link(), move="ada@new.example")
    reader.press("/m/", address=web.ADDRESS)
    mails = reader.mailbox() + reader.mailbox("ada@new.example")
    links = {path for _, text in mails for path in re.findall(rf"{re.escape(web.BASE_URL)}(/\S+)", text)}
    links |= {reader.link(), reader.link(Purpose.UNSUBSCRIBE), reader.link(Purpose.RETURN), "/m/", "/m/wide"}
    before = reader.subscription()
    query = {"leave": "*", "undo": "yes", "erase": "yes", "own": web.ADDRESS, "move": "x@new.example"}
    for path in sorted(links) * 100:
        assert reader.client.head(path).status_code == 200
    for path in sorted(links) * 3:
        assert reader.client.get(path, params=query).status_code == 200
    assert reader.subscription() == before
    assert reader.mailed() == web.ADDRESS
    assert len(reader.mailbox()) == 1


@pytest.mark.parametrize("path", ["p", "r", "n", "o", "m"])
def test_another_site_cannot_press_a_button(reader: Reader, path: str) -> None:
    link = {"p": reader.link(), "r": reader.link(Purpose.RETURN), "m": "/m/wide"}.get(path, f"/{path}/x")
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = reader.client.post(link, data={"leave": "*", "address": web.ADDRESS}, headers=headers)
    assert answer.status_code == 403
    assert reader.mailed() == web.ADDRESS
    assert reader.mailbox() == []


@pytest.mark.parametrize("path", ["/p/x", "/r/x", "/n/x", "/o/x", "/m/", "/m/wide"])
def test_no_page_of_a_reader_is_kept_indexed_or_passed_on(reader: Reader, path: str) -> None:
    for answer in (reader.client.get(path), reader.press(path)):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "noindex" in answer.headers["x-robots-tag"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
