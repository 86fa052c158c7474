"""Asking for a subscription and confirming it, as the library does it, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

import subscribers
from digest.database import Database
from subscribers import (
    Answer,
    Consent,
    EndedReason,
    Keys,
    Limit,
    Requested,
    Standing,
    SubscriptionState,
    SuppressionReason,
)

KEYS = Keys(("a secret of the tests, long enough to sign",))
NOW = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ADA = "ada@example.org"


def ask(
    database: Database, address: str = ADA, *, now: datetime = NOW, publication: str = "weekly"
) -> Requested:
    with database.transaction() as session:
        return subscribers.request(
            session,
            keys=KEYS,
            address=address,
            publication=publication,
            consent=Consent(text="Mail me.", source="a form", at=now, ip="192.0.2.1"),
            topics=["Rivers"],
            language="fr",
            now=now,
        )


def token(requested: Requested) -> str:
    return subscribers.mint_request(KEYS, requested.request_id)


def press(database: Database, requested: Requested, *, now: datetime = NOW):
    with database.transaction() as session:
        return subscribers.confirm(session, keys=KEYS, token=token(requested), now=now)


def shown(database: Database, address: str = ADA):
    with database.reading() as session:
        return subscribers.show(session, keys=KEYS, address=address)


def gets(database: Database, number: int, publication: str = "weekly") -> bool:
    with database.reading() as session:
        found = subscribers.recipients(
            session, keys=KEYS, publication=publication, subscriber_ids=[number], now=NOW
        )
    return isinstance(found[number], subscribers.Recipient)


def test_nobody_is_subscribed_who_has_not_confirmed(database):
    asked = ask(database)
    assert (asked.answer, asked.mail, asked.mails, asked.address) == (Answer.CONFIRM, True, 0, ADA)
    (one,) = shown(database).subscriptions
    assert one.state is SubscriptionState.REQUESTED
    assert not gets(database, asked.ref.subscriber_id)


def test_confirming_subscribes_with_the_consent_and_choices_of_the_form(database):
    asked = ask(database)
    confirmed = press(database, asked, now=NOW + HOUR)
    assert confirmed is not None
    assert (confirmed.standing, confirmed.new, confirmed.publication) == (Standing.CONFIRMED, True, "weekly")
    known = shown(database)
    (one,) = known.subscriptions
    assert (one.state, one.requested_at, one.confirmed_at) == (SubscriptionState.CONFIRMED, NOW, NOW + HOUR)
    assert one.consent == Consent(text="Mail me.", source="a form", at=NOW, ip="192.0.2.1")
    assert one.topics == ("rivers",)
    assert known.subscriber is not None
    assert known.subscriber.language == "fr"
    assert gets(database, asked.ref.subscriber_id)


def test_confirming_twice_changes_nothing_the_second_time(database):
    asked = ask(database)
    press(database, asked)
    again = press(database, asked, now=NOW + DAY)
    assert again is not None
    assert (again.standing, again.new) == (Standing.CONFIRMED, False)
    assert shown(database).subscriptions[0].confirmed_at == NOW


def test_a_link_to_confirm_is_worth_nothing_for_a_later_request(database):
    first = ask(database)
    press(database, first)
    with database.transaction() as session:
        subscribers.end(session, keys=KEYS, address=ADA, reason=EndedReason.UNSUBSCRIBED, now=NOW)
    second = ask(database, now=NOW + DAY)
    replayed = press(database, first, now=NOW + DAY)
    assert replayed is not None
    assert replayed.standing is Standing.OVER
    assert not gets(database, first.ref.subscriber_id)
    press(database, second, now=NOW + DAY)
    assert gets(database, first.ref.subscriber_id), "only a fresh confirmation of their own brings them back"


def test_a_link_to_confirm_ends_after_seven_days_even_when_nobody_tidied(database):
    asked = ask(database)
    late = press(database, asked, now=NOW + 7 * DAY)
    assert late is not None
    assert late.standing is Standing.OVER
    assert not gets(database, asked.ref.subscriber_id)


def test_signing_up_twice_mails_once_an_hour_and_three_times_in_all(database):
    mailed = [ask(database, now=NOW + n * timedelta(minutes=20)).mail for n in range(12)]
    assert mailed == [True, False, False] * 3 + [False] * 3
    (one,) = shown(database).subscriptions
    assert one.requested_at == NOW


def test_somebody_else_signing_up_a_subscriber_does_not_unconfirm_or_change_them(database):
    asked = ask(database)
    press(database, asked)
    before = shown(database)
    with database.transaction() as session:
        again = subscribers.request(
            session,
            keys=KEYS,
            address=ADA.upper(),
            publication="weekly",
            consent=Consent(text="Other words.", source="elsewhere", at=NOW),
            topics=["spam"],
            language="ar",
            now=NOW + DAY,
        )
    assert (again.answer, again.mail) == (Answer.ALREADY, True)
    assert shown(database) == before
    assert not ask(database, now=NOW + DAY).mail, "at most one an hour"


@pytest.mark.parametrize(
    "reason", [SuppressionReason.HARD_BOUNCE, SuppressionReason.SOFT_LIMIT, SuppressionReason.MANUAL]
)
def test_a_suppressed_address_is_not_mailed_and_nothing_is_kept_of_the_request(database, reason):
    with database.transaction() as session:
        subscribers.suppress(session, keys=KEYS, address=ADA, reason=reason, now=NOW)
    asked = ask(database)
    assert (asked.answer, asked.mail) == (Answer.NOTHING, False)
    known = shown(database)
    assert known.subscriber is None
    assert known.subscriptions == ()


def test_an_erased_address_stays_forgotten(database):
    asked = ask(database)
    press(database, asked)
    with database.transaction() as session:
        subscribers.erase(session, keys=KEYS, address=ADA, now=NOW)
    assert ask(database, now=NOW + DAY).answer is Answer.NOTHING
    assert shown(database).subscriber is None


def test_only_a_fresh_confirmation_lifts_a_complaint(database):
    asked = ask(database)
    press(database, asked)
    with database.transaction() as session:
        subscribers.suppress(
            session, keys=KEYS, address=ADA, reason=SuppressionReason.COMPLAINED, now=NOW + HOUR
        )
    again = ask(database, now=NOW + DAY)
    assert (again.answer, again.mail) == (Answer.CONFIRM, True)
    assert shown(database).suppressed, "asking alone lifts nothing"
    assert not gets(database, asked.ref.subscriber_id)
    press(database, again, now=NOW + DAY)
    assert not shown(database).suppressed
    assert gets(database, asked.ref.subscriber_id)


def test_a_complaint_beside_a_dead_mailbox_lifts_neither(database):
    with database.transaction() as session:
        for reason in (SuppressionReason.COMPLAINED, SuppressionReason.HARD_BOUNCE):
            subscribers.suppress(session, keys=KEYS, address=ADA, reason=reason, now=NOW)
    assert ask(database).answer is Answer.NOTHING


def test_a_mailbox_that_died_while_the_request_waited_cannot_confirm(database):
    asked = ask(database)
    with database.transaction() as session:
        subscribers.suppress(session, keys=KEYS, address=ADA, reason=SuppressionReason.HARD_BOUNCE, now=NOW)
    late = press(database, asked)
    assert late is not None
    assert late.standing is Standing.OVER


def test_one_reminder_comes_after_a_day_and_no_second(database):
    ask(database)
    due = []
    for hours in range(1, 24 * 7):
        with database.transaction() as session:
            found = subscribers.mails_due(session, keys=KEYS, now=NOW + hours * HOUR)
        due += [(hours, one.publication, one.requested.mails) for one in found]
    assert due == [(24, "weekly", 1)]


def test_a_second_publication_asked_for_in_the_same_hour_gets_its_mail_an_hour_later(database):
    ask(database)
    later = ask(database, publication="events", now=NOW + timedelta(minutes=1))
    assert not later.mail
    with database.transaction() as session:
        (due,) = subscribers.mails_due(session, keys=KEYS, now=NOW + HOUR + timedelta(minutes=1))
    assert (due.publication, due.requested.mails) == ("events", 0)


def test_nobody_is_reminded_of_what_they_confirmed(database):
    press(database, ask(database))
    with database.transaction() as session:
        assert subscribers.mails_due(session, keys=KEYS, now=NOW + DAY) == []


def test_what_nobody_confirms_is_forgotten_after_seven_days(database):
    asked = ask(database)
    with database.transaction() as session:
        assert subscribers.expire_requests(session, now=NOW + 7 * DAY - HOUR) == (0, 0)
        assert subscribers.expire_requests(session, now=NOW + 7 * DAY) == (1, 1)
        assert subscribers.expire_requests(session, now=NOW + 8 * DAY) == (0, 0)
    known = shown(database)
    assert known.subscriber is None
    with database.reading() as session:
        assert not any("ada@" in piece for piece in subscribers.export_csv(session))
    late = press(database, asked, now=NOW + 8 * DAY)
    assert late is not None
    assert (late.standing, late.masked_address) == (Standing.OVER, "")
    fresh = ask(database, now=NOW + 40 * DAY)
    assert fresh.ref.subscriber_id != asked.ref.subscriber_id, "a number is never given out twice"


def test_who_gets_something_else_is_not_forgotten_with_a_request_they_did_not_confirm(database):
    press(database, ask(database))
    ask(database, publication="events", now=NOW + DAY)
    with database.transaction() as session:
        assert subscribers.expire_requests(session, now=NOW + 9 * DAY) == (1, 0)
    assert {one.publication: one.state for one in shown(database).subscriptions} == {
        "weekly": SubscriptionState.CONFIRMED,
        "events": SubscriptionState.ENDED,
    }


def test_ip_addresses_are_forgotten_when_their_time_is_over(database):
    press(database, ask(database))
    with database.transaction() as session:
        assert subscribers.forget_ips(session, before=NOW) == 0
        assert subscribers.forget_ips(session, before=NOW + HOUR) == 1
    assert shown(database).subscriptions[0].consent.ip == ""


def test_the_same_statements_run_whoever_the_address_belongs_to(database):
    press(database, ask(database, "active@example.org"))
    ask(database, "waiting@example.org")
    with database.transaction() as session:
        for address, reason in (
            ("dead@example.org", SuppressionReason.HARD_BOUNCE),
            ("complained@example.org", SuppressionReason.COMPLAINED),
        ):
            subscribers.suppress(session, keys=KEYS, address=address, reason=reason, now=NOW)
    ran: dict[str, list[str]] = {}
    for who in ("new", "active", "waiting", "dead", "complained"):
        heard: list[str] = []

        def hear(_c, _cursor, statement, _p, _context, _many, heard=heard):
            heard.append(_shape(statement))

        event.listen(database.engine, "before_cursor_execute", hear)
        ask(database, f"{who}@example.org", now=NOW + timedelta(minutes=5))
        event.remove(database.engine, "before_cursor_execute", hear)
        ran[who] = heard
    assert len(ran["new"]) > 8
    assert ran["new"] == ran["active"] == ran["waiting"] == ran["dead"] == ran["complained"]


def test_a_limit_holds_for_all_who_count_and_starts_anew_when_its_time_is_over(database):
    limits = [Limit(name="one", most=2, seconds=3600), Limit(name="all", most=3, seconds=86400)]

    def use(at: datetime) -> str | None:
        with database.transaction() as session:
            reached = subscribers.take(session, keys=KEYS, limits=limits, now=at)
        return reached.name if reached else None

    assert [use(NOW) for _ in range(4)] == [None, None, "one", "one"]
    assert use(NOW + HOUR) is None, "what one limit refused was not counted by the other"
    assert use(NOW + HOUR) == "all"
    assert use(NOW + DAY) is None


def test_a_limit_keeps_no_address(database):
    with database.transaction() as session:
        subscribers.take(session, keys=KEYS, limits=[Limit(name=f"mail/{ADA}", most=1, seconds=60)], now=NOW)
    with database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM subscriber_limits").all()
    assert len(rows) == 1
    assert "ada" not in str(rows)
    with database.transaction() as session:
        subscribers.tidy_limits(session, now=NOW + HOUR)
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT * FROM subscriber_limits").all() == []


def test_the_doors_close_and_open_for_everybody_at_once(database):
    with database.reading() as session:
        assert subscribers.doors_closed_at(session) is None
    for now in (NOW, NOW + HOUR):
        with database.transaction() as session:
            subscribers.close_doors(session, now=now)
    with database.reading() as session:
        assert subscribers.doors_closed_at(session) == NOW
    with database.transaction() as session:
        subscribers.open_doors(session)
    with database.reading() as session:
        assert subscribers.doors_closed_at(session) is None


def _shape(statement: str) -> str:
    """A statement without the number of its savepoint, kept or rolled back."""
    name = statement.split(" sa_savepoint_", maxsplit=1)[0]
    return "end of savepoint" if name in {"RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT"} else name
