"""Lists in and out: every row accounted for, nothing revived, nothing lost, on both databases."""

from __future__ import annotations

import csv
import io
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import subscribers
from digest.database import Database
from subscribers import (
    Consent,
    EndedReason,
    Format,
    Imported,
    Keys,
    Recipient,
    SubscriptionState,
    SuppressionReason,
    store,
)
from subscribers.csvfile import defused
from subscribers.csvfile.model import Notes, Row, RowProblem
from subscribers.csvfile.rows import read
from subscribers.store import NewPerson
from subscribers.tables import PersonRow, SubscriptionRow, SuppressionRow

NOW = datetime(2026, 11, 19, 9, tzinfo=UTC)
LATER = NOW + timedelta(days=7)
KEYS = Keys(("a secret of some length, " * 2,))
CONSENT = Consent(text="They signed the form at the autumn fair.", source="import", at=NOW)


def take(database: Database, text: str | bytes, *, format: Format = Format.CSV, **more: Any) -> Imported:
    data = text if isinstance(text, bytes) else text.encode()
    given: dict[str, Any] = {"publication": "weekly", "now": NOW} | more
    return subscribers.import_csv(
        database.transaction, io.BytesIO(data), keys=KEYS, consent=CONSENT, format=format, **given
    )


def tally(imported: Imported) -> tuple[int, int, int, int, int]:
    assert imported.read == imported.added + imported.updated + imported.unchanged + imported.refused
    return imported.read, imported.added, imported.updated, imported.unchanged, imported.refused


def audience(database: Database, publication: str = "weekly") -> set[str]:
    with database.reading() as session:
        numbers = list(session.scalars(subscribers.audience(publication)))
        found = subscribers.recipients(session, keys=KEYS, publication=publication, subscriber_ids=numbers)
    return {one.address for one in found.values() if isinstance(one, Recipient)}


def shown(database: Database, address: str) -> subscribers.Shown:
    with database.reading() as session:
        return subscribers.show(session, keys=KEYS, address=address)


def export(database: Database, publication: str | None = None) -> str:
    with database.reading() as session:
        return "".join(subscribers.export_csv(session, publication=publication))


def rows(text: str | bytes, format: Format = Format.CSV) -> list[Row | RowProblem]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(read(io.BytesIO(data), format, notes=Notes()))


# --- what becomes of a list ------------------------------------------------------------------------------------


def test_each_bad_row_is_reported_by_line_and_the_rest_is_imported(database: Database) -> None:
    imported = take(
        database,
        "email,name\njo@example.org,Jo\nnot an address,Ann\n\nann@example.org,Ann\npostmaster@example.org,\n",
    )
    assert tally(imported) == (4, 2, 0, 0, 2)
    assert [(one.line, one.value) for one in imported.errors] == [
        (3, "not an address"),
        (6, "postmaster@example.org"),
    ]
    assert "@-sign" in imported.errors[0].reason
    assert "duty" in imported.errors[1].reason
    assert audience(database) == {"jo@example.org", "ann@example.org"}


def test_the_consent_is_recorded_with_each_subscription(database: Database) -> None:
    take(
        database,
        "email,consent_at,consent_source\njo@example.org,2024-05-06,the website\nann@example.org,,\n",
    )
    jo, ann = (
        shown(database, "jo@example.org").subscriptions[0],
        shown(database, "ann@example.org").subscriptions[0],
    )
    assert jo.consent == Consent(text=CONSENT.text, source="the website", at=datetime(2024, 5, 6, tzinfo=UTC))
    assert jo.confirmed_at == datetime(2024, 5, 6, tzinfo=UTC)
    assert ann.consent == CONSENT


def test_importing_the_same_list_again_changes_nothing(database: Database) -> None:
    text = "email,name,topics,frequency,language\njo@example.org,Jo,Water;Health,monthly,pt_BR\nann@example.org,,,,\n"
    assert tally(take(database, text)) == (2, 2, 0, 0, 0)
    assert tally(take(database, text, now=LATER)) == (2, 0, 0, 2, 0)
    one = shown(database, "jo@example.org").subscriptions[0]
    assert (one.topics, one.frequency, one.confirmed_at) == (("water", "health"), "monthly", NOW)


def test_a_row_that_says_something_new_updates_and_one_that_says_nothing_takes_nothing_away(
    database: Database,
) -> None:
    take(database, "email,name,topics,language\njo@example.org,Jo,water,en\n")
    assert tally(take(database, "email,name,topics\njo@example.org,Jo Bloggs,health\n")) == (1, 0, 1, 0, 0)
    assert tally(take(database, "email,name,topics\njo@example.org,,\n")) == (1, 0, 0, 1, 0)
    person = shown(database, "jo@example.org")
    assert person.subscriber is not None
    assert (person.subscriber.name, person.subscriber.language) == ("Jo Bloggs", "en")
    assert person.subscriptions[0].topics == ("health",)


def test_one_person_in_many_rows_is_one_subscriber(database: Database) -> None:
    imported = take(database, "email,name\njo@example.org,Jo\nJO@example.org,Jo\njo@EXAMPLE.org,Jo Bloggs\n")
    assert tally(imported) == (3, 1, 1, 1, 0)
    person = shown(database, "jo@example.org").subscriber
    assert person is not None
    assert person.name == "Jo Bloggs"


def test_people_known_from_another_publication_are_added_to_this_one(database: Database) -> None:
    take(database, "email\njo@example.org\n", publication="monthly")
    assert tally(take(database, "email\njo@example.org\n")) == (1, 1, 0, 0, 0)
    with database.reading() as session:
        assert session.query(PersonRow).count() == 1


def test_nobody_who_left_is_brought_back(database: Database) -> None:
    take(database, "email\njo@example.org\nann@example.org\nbo@example.org\n")
    with database.transaction() as session:
        for address, reason in (
            ("jo@example.org", EndedReason.UNSUBSCRIBED),
            ("ann@example.org", EndedReason.MANUAL),
        ):
            subscribers.end(session, keys=KEYS, address=address, publication="weekly", reason=reason, now=NOW)
    imported = take(database, "email\njo@example.org\nann@example.org\nbo@example.org\n", now=LATER)
    assert tally(imported) == (3, 0, 0, 1, 2)
    assert "they unsubscribed" in imported.errors[0].reason
    assert "was ended here" in imported.errors[1].reason
    assert audience(database) == {"bo@example.org"}


def test_a_mailbox_for_a_duty_that_a_file_suppresses_leaves_the_audience(database: Database) -> None:
    with database.transaction() as session:
        subscribers.add(
            session, keys=KEYS, address="noc@example.org", publication="weekly", consent=CONSENT, now=NOW
        )
    assert tally(take(database, "email,suppressed\nnoc@example.org,complained\n")) == (1, 0, 1, 0, 0)
    with database.reading() as session:
        assert subscribers.audience_counts(session, "weekly").candidates == 0


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("reason", sorted(set(SuppressionReason) - {SuppressionReason.ERASED}))
def test_nobody_suppressed_is_brought_back(
    database: Database, reason: SuppressionReason, *, known: bool
) -> None:
    if known:
        take(database, "email\njo@example.org\n")
    with database.transaction() as session:
        subscribers.suppress(session, keys=KEYS, address="jo@example.org", reason=reason, now=NOW)
    imported = take(database, "email\nJO@example.org\nann@example.org\n")
    assert tally(imported) == (2, 1, 0, 0, 1)
    assert audience(database) == {"ann@example.org"}


def test_an_erased_address_stays_away(database: Database) -> None:
    take(database, "email\njo@example.org\n")
    with database.transaction() as session:
        subscribers.erase(session, keys=KEYS, address="jo@example.org", now=NOW)
    imported = take(database, "email\njo@example.org\n")
    assert [one.reason for one in imported.errors] == ["its owner asked to be forgotten."]
    with database.reading() as session:
        assert session.query(PersonRow).filter(PersonRow.address.is_not(None)).count() == 0


@pytest.mark.parametrize("before", ["", "email\njo@example.org\n"])
def test_a_row_that_says_somebody_left_is_recorded_so(database: Database, before: str) -> None:
    if before:
        take(database, before)
    text = "email,state\njo@example.org,unsubscribed\n"
    assert tally(take(database, text, now=LATER)) == (1, 0, 1, 0, 0)
    assert tally(take(database, text, now=LATER)) == (1, 0, 0, 1, 0)
    assert audience(database) == set()
    assert shown(database, "jo@example.org").subscriptions[-1].ended_reason is EndedReason.UNSUBSCRIBED
    assert tally(take(database, "email\njo@example.org\n")) == (1, 0, 0, 0, 1)


@pytest.mark.parametrize("before", ["", "email\njo@example.org\n"])
@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("cleaned", "hard-bounce"),
        ("Bounced", "hard-bounce"),
        ("complained", "complained"),
        ("blocklisted", "manual"),
    ],
)
def test_a_row_that_says_never_mail_is_recorded_so(
    database: Database, before: str, state: str, reason: str
) -> None:
    if before:
        take(database, before)
    text = f"email,state\njo@example.org,{state}\n"
    assert tally(take(database, text)) == (1, 0, 1, 0, 0)
    assert tally(take(database, text)) == (1, 0, 0, 1, 0)
    assert [one.reason for one in shown(database, "jo@example.org").suppressions] == [reason]
    assert audience(database) == set()


def test_rows_about_one_person_are_taken_in_their_order(database: Database) -> None:
    imported = take(
        database,
        "email,state\njo@example.org,\njo@example.org,unsubscribed\njo@example.org,confirmed\n"
        "ann@example.org,confirmed\nann@example.org,complained\nann@example.org,confirmed\n",
    )
    assert tally(imported) == (6, 2, 2, 0, 2)
    assert audience(database) == set()
    assert shown(database, "ann@example.org").subscriptions[0].ended_reason is EndedReason.COMPLAINED


def test_somebody_who_never_confirmed_is_not_subscribed(database: Database) -> None:
    imported = take(database, "email,state\njo@example.org,unconfirmed\nann@example.org,sleeping\n")
    assert [one.reason for one in imported.errors] == [
        "they never confirmed; they can sign up themselves.",
        'the state "sleeping" is not known; expected confirmed, ended or suppressed.',
    ]


def test_a_request_that_was_open_is_confirmed_by_the_list(database: Database) -> None:
    take(database, "email\njo@example.org\n")
    with database.transaction() as session:
        session.query(SubscriptionRow).update({"state": "requested", "confirmed_at": None})
    assert tally(take(database, "email\njo@example.org\n", now=LATER)) == (1, 1, 0, 0, 0)
    assert [one.state for one in shown(database, "jo@example.org").subscriptions] == [
        SubscriptionState.CONFIRMED
    ]


@pytest.mark.parametrize(
    ("consent_at", "reason"),
    [("yesterday", 'consent_at is "yesterday"'), ("2031-01-01", "lies in the future")],
)
def test_a_consent_date_must_be_one(database: Database, consent_at: str, reason: str) -> None:
    imported = take(database, f"email,consent_at\njo@example.org,{consent_at}\n")
    assert reason in imported.errors[0].reason
    assert audience(database) == set()


def test_a_dry_run_reports_the_same_and_changes_nothing(database: Database) -> None:
    take(database, "email\njo@example.org\n")
    text = "email,state\n" + "".join(
        f"reader{i % 1500}@example.org,{'cleaned' if i == 7 else ''}\n" for i in range(2500)
    )
    rehearsed = take(database, text, dry_run=True)
    assert rehearsed.dry_run
    with database.reading() as session:
        assert session.query(PersonRow).count() == 1
        assert session.query(SubscriptionRow).count() == 1
        assert session.query(SuppressionRow).count() == 0
    assert tally(rehearsed) == tally(take(database, text)) == (2500, 1499, 1, 999, 1)


def test_progress_counts_every_row_read(database: Database) -> None:
    seen: list[int] = []
    text = "email\n" + "".join(f"reader{i}@example.org\n" for i in range(6000))
    take(database, text, progress=seen.append)
    assert seen[-1] == 6000
    assert seen == sorted(seen)
    assert len(audience(database)) == 6000


def test_an_import_that_breaks_off_keeps_the_batches_before(database: Database) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 300_000:
                raise OSError(5, "Input/output error")
            return super().read(size)

    text = "email\n" + "".join(f"reader{i:06}@example.org\n" for i in range(30_000))
    with pytest.raises(OSError, match="Input/output"):
        subscribers.import_csv(
            database.transaction,
            Broken(text.encode()),
            keys=KEYS,
            publication="weekly",
            consent=CONSENT,
            now=NOW,
        )
    kept = len(audience(database))
    assert kept >= 10_000
    assert tally(take(database, text)) == (30_000, 30_000 - kept, 0, kept, 0)


def test_a_name_is_kept_whatever_characters_it_has(database: Database) -> None:
    names = ["\\N", "C:\\temp", "a\\tb", "\\", "100%", "%s", "O'Neil", "{a,b}", "zoë 🌊", "null", "\\."]
    text = "email\tname\n" + "".join(f"reader{i}@example.org\t{name}\n" for i, name in enumerate(names))
    take(database, text)
    for i, name in enumerate(names):
        subscriber = shown(database, f"reader{i}@example.org").subscriber
        assert subscriber is not None
        assert subscriber.name == name


def test_people_whom_another_import_adds_at_the_same_moment_are_added_once(database: Database) -> None:
    with database.transaction() as session:
        first = store.insert_people(session, [NewPerson("jo@example.org", "jo@example.org", "", "")], now=NOW)
    both = [NewPerson(f"{name}@example.org", f"{name}@example.org", "", "") for name in ("ann", "jo", "bo")]
    with database.transaction() as session:
        numbers = store.insert_people(session, both, now=NOW)
    assert numbers["jo@example.org"] == first["jo@example.org"]
    assert len(set(numbers.values())) == 3
    with database.transaction() as session:
        assert store.insert_people(session, both, now=NOW) == numbers
        assert session.query(PersonRow).count() == 3


def test_two_imports_of_one_list_at_the_same_time_end_with_everybody_once(database: Database) -> None:
    people = [f"reader{i}@example.org" for i in range(6_000)]
    lists = ["email\n" + "\n".join(some) + "\n" for some in (people, people[::-1])]
    with ThreadPoolExecutor(2) as both:
        done = list(both.map(lambda text: take(database, text), lists))
    assert all(one.refused == 0 and one.read == 6_000 for one in done)
    assert audience(database) == set(people)
    with database.reading() as session:
        assert session.query(SubscriptionRow).count() == 6_000


# --- taking it all away ----------------------------------------------------------------------------------------


def test_an_export_read_into_another_database_restores_everybody(
    database: Database, tmp_path: object
) -> None:
    take(
        database,
        'email,name,topics,frequency,language,consent_at\n"jo@example.org","Bloggs, Jo ""JB""",water;health,monthly,de,2024-05-06\n'
        "zoë@bücher.example,Zoë,,,,\nbo@example.org,=1+1,,,,\n",
    )
    with database.transaction() as session:
        for now, again in ((NOW, True), (LATER, False)):
            subscribers.end(
                session,
                keys=KEYS,
                address="bo@example.org",
                publication="weekly",
                reason=EndedReason.MANUAL,
                now=now,
            )
            if again:
                subscribers.add(
                    session,
                    keys=KEYS,
                    address="bo@example.org",
                    publication="weekly",
                    consent=CONSENT,
                    now=now,
                )
        subscribers.suppress(
            session, keys=KEYS, address="zoë@bücher.example", reason=SuppressionReason.HARD_BOUNCE, now=NOW
        )
    text = export(database, "weekly")
    other = Database(f"sqlite:///{tmp_path}/other.db")
    subscribers.metadata.create_all(other.engine)
    imported = take(other, text, now=LATER)
    assert imported.refused == 0
    assert audience(other) == audience(database) == {"jo@example.org"}
    for address in ("jo@example.org", "bo@example.org"):
        before, after = shown(database, address), shown(other, address)
        assert before.subscriber is not None
        assert after.subscriber is not None
        assert after.subscriber.name == before.subscriber.name
        assert {(one.state, one.ended_at, one.ended_reason, one.topics) for one in before.subscriptions} == {
            (one.state, one.ended_at, one.ended_reason, one.topics) for one in after.subscriptions
        }
    assert shown(other, "zoë@bücher.example").suppressed
    assert tally(take(other, text, now=LATER))[:2] == (4, 0)
    other.dispose()


def test_somebody_who_came_back_is_restored_as_subscribed_with_their_history(database: Database) -> None:
    take(database, "email,state,ended_at,consent_at\njo@example.org,,,2026-03-01\n")
    imported = take(database, "email,state,ended_at\njo@example.org,ended,2025-01-01\n")
    assert tally(imported) == (1, 0, 1, 0, 0)
    assert audience(database) == {"jo@example.org"}
    assert sorted(one.state for one in shown(database, "jo@example.org").subscriptions) == [
        "confirmed",
        "ended",
    ]
    assert audience(database) == {"jo@example.org"}


def test_an_export_names_who_is_only_suppressed_and_nobody_who_was_erased(database: Database) -> None:
    take(database, "email\njo@example.org\nann@example.org\n")
    with database.transaction() as session:
        subscribers.erase(session, keys=KEYS, address="ann@example.org", now=NOW)
        subscribers.suppress(
            session, keys=KEYS, address="jo@example.org", reason=SuppressionReason.MANUAL, now=NOW
        )
    text = export(database)
    assert "ann@" not in text
    assert text.splitlines()[1].startswith("jo@example.org,")
    assert ",manual," in text


def test_an_export_of_everything_does_not_put_people_into_the_wrong_publication(database: Database) -> None:
    take(database, "email\njo@example.org\n")
    take(database, "email\nann@example.org\n", publication="monthly")
    imported = take(database, export(database))
    assert tally(imported) == (2, 0, 0, 1, 1)
    assert imported.errors[0].reason == 'it belongs to the publication "monthly".'


def test_an_export_of_a_publication_nobody_knows_is_a_header(database: Database) -> None:
    assert len(export(database, "unheard-of").splitlines()) == 1


# --- other systems' exports ------------------------------------------------------------------------------------


def test_mailchimp_files_are_read_with_their_dates_and_fates(database: Database) -> None:
    head = "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,TAGS"
    imported = take(
        database,
        f'{head}\njo@example.org,Jo,Bloggs,2,2020-01-01 09:00:00,2020-01-02 09:00:00,"""Water"",""Health"""\n',
        format=Format.MAILCHIMP,
    )
    assert tally(imported) == (1, 1, 0, 0, 0)
    jo = shown(database, "jo@example.org")
    assert jo.subscriber is not None
    assert jo.subscriber.name == "Jo Bloggs"
    assert jo.subscriptions[0].confirmed_at == datetime(2020, 1, 2, 9, tzinfo=UTC)
    assert jo.subscriptions[0].topics == ("water", "health")
    take(
        database,
        "Email Address,OPTIN_TIME,UNSUB_TIME,UNSUB_REASON\nann@example.org,2020-01-01,2021-01-01 10:00:00,N/A\n",
        format=Format.MAILCHIMP,
    )
    ended = shown(database, "ann@example.org").subscriptions[0]
    assert (ended.ended_reason, ended.ended_at) == (
        EndedReason.UNSUBSCRIBED,
        datetime(2021, 1, 1, 10, tzinfo=UTC),
    )
    take(database, "Email Address,CLEAN_TIME\nbo@example.org,2021-01-01 10:00:00\n", format=Format.MAILCHIMP)
    assert [one.reason for one in shown(database, "bo@example.org").suppressions] == ["hard-bounce"]


def test_listmonk_files_are_read(database: Database) -> None:
    text = (
        "uuid,email,name,attributes,status,created_at,updated_at\n"
        '0,jo@example.org,Jo,"{""city"": ""Ghent""}",enabled,2023-01-02T03:04:05.123456Z,\n'
        "1,ann@example.org,Ann,{},blocklisted,2023-01-02T03:04:05Z,\n"
    )
    assert tally(take(database, text, format=Format.LISTMONK)) == (2, 1, 1, 0, 0)
    assert audience(database) == {"jo@example.org"}
    assert shown(database, "ann@example.org").suppressed


def test_mailpoet_files_are_read(database: Database) -> None:
    text = (
        "Email,First name,Last name,Global Status,List Status\n"
        "jo@example.org,Jo,Bloggs,Subscribed,Subscribed\n"
        "ann@example.org,Ann,,Subscribed,Unsubscribed\n"
        "bo@example.org,Bo,,Bounced,\n"
        "cy@example.org,Cy,,Unconfirmed,\n"
    )
    assert tally(take(database, text, format=Format.MAILPOET)) == (4, 1, 2, 0, 1)
    assert audience(database) == {"jo@example.org"}


def test_a_mailpoet_file_as_it_is_written_today_is_read(database: Database) -> None:
    head = (
        "Email,First name,Last name,Subscription IP,Subscription time,Confirmation time,Confirmation IP,"
        "List status,Global status,List"
    )
    lines = (
        'jo@example.org,"Jo \\"JB\\"",Bloggs,,2023-01-01 08:00:00,2023-01-02 09:00:00,,subscribed,subscribed,News',
        "jo@example.org,Jo,Bloggs,,2023-01-01 08:00:00,2023-01-02 09:00:00,,subscribed,subscribed,Events",
        "ann@example.org,Ann,,,2023-01-01 08:00:00,,,subscribed,unsubscribed,News",
        "bo@example.org,Bo,,,2023-01-01 08:00:00,,,subscribed,bounced,News",
        'cy@example.org,"\'=Cy",,,2023-01-01 08:00:00,,,subscribed,inactive,News',
        "di@example.org,Di,,,2023-01-01 08:00:00,,,unconfirmed,unconfirmed,News",
    )
    imported = take(database, "\ufeff" + "\n".join([head, *lines]) + "\n", format=Format.MAILPOET)
    assert tally(imported) == (6, 2, 3, 0, 1)
    assert audience(database) == {"jo@example.org", "cy@example.org"}
    assert shown(database, "ann@example.org").subscriptions[0].ended_reason is EndedReason.UNSUBSCRIBED
    assert shown(database, "bo@example.org").suppressed
    jo, cy = shown(database, "jo@example.org"), shown(database, "cy@example.org")
    assert jo.subscriptions[0].confirmed_at == datetime(2023, 1, 2, 9, tzinfo=UTC)
    assert cy.subscriptions[0].confirmed_at == datetime(2023, 1, 1, 8, tzinfo=UTC)
    assert cy.subscriber is not None
    assert cy.subscriber.name == "=Cy"


def test_a_listmonk_file_is_read_with_its_times_and_attributes(database: Database) -> None:
    text = (
        "uuid,email,name,attributes,status,created_at,updated_at\n"
        '0,jo@example.org,Jo,"{""language"": ""de"", ""topics"": [""Water"", 7]}",enabled,'
        "2023-01-02 03:04:05.123456 +0200 CEST,2023-01-02 03:04:05 +0000 UTC\n"
        "1,ann@example.org,Ann,{},disabled,2023-01-02 03:04:05.12 +0000 UTC,\n"
        '2,bo@example.org,Bo,"{not json",enabled,2023-01-02 03:04:05 +0000 +0000,\n'
    )
    assert tally(take(database, text, format=Format.LISTMONK)) == (3, 2, 1, 0, 0)
    jo = shown(database, "jo@example.org")
    assert jo.subscriber is not None
    assert (jo.subscriber.language, jo.subscriptions[0].topics) == ("de", ("water",))
    assert jo.subscriptions[0].consent.at == datetime(2023, 1, 2, 1, 4, 5, 123456, tzinfo=UTC)
    assert shown(database, "ann@example.org").subscriptions[0].ended_reason is EndedReason.MANUAL
    assert audience(database) == {"jo@example.org", "bo@example.org"}


def test_the_three_files_of_a_mailchimp_audience_are_read(database: Database) -> None:
    head = (
        "Email Address,First Name,Last Name,Address,Phone Number,{own}MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,"
        "CONFIRM_IP,LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,{gone}LAST_CHANGED,LEID,EUID,NOTES,TAGS\n"
    )
    rest = "51.5,-0.1,0,1,Europe/London,GB,,{gone}2024-05-06 10:00:00,123,abc,,"
    person = (
        '{who}@example.org,Zoë,"O\'Brien, J.","1 Street  City",,2,,,2020-01-02 09:00:00,192.0.2.7,' + rest
    )
    files = (
        ("jo", "", ""),
        (
            "ann",
            "UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,",
            "2024-05-06 10:00:00,May,9,NORMAL,,",
        ),
        ("bo", "CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,", "2024-05-06 10:00:00,May,9,"),
    )
    for who, columns, gone in files:
        text = (
            head.format(own="", gone=columns)
            + person.format(who=who, gone=gone)
            + '"""Water"",""Old friends"""\n'
        )
        assert take(database, text, format=Format.MAILCHIMP).refused == 0
    assert audience(database) == {"jo@example.org"}
    jo = shown(database, "jo@example.org").subscriptions[0]
    assert (jo.topics, jo.confirmed_at) == (("water", "old friends"), datetime(2020, 1, 2, 9, tzinfo=UTC))
    ann = shown(database, "ann@example.org").subscriptions[0]
    assert (ann.ended_reason, ann.ended_at) == (
        EndedReason.UNSUBSCRIBED,
        datetime(2024, 5, 6, 10, tzinfo=UTC),
    )
    assert [one.reason for one in shown(database, "bo@example.org").suppressions] == ["hard-bounce"]


@pytest.mark.parametrize(
    "text",
    [
        "jo@example.org\nann@example.org\n",  # Mailman 2: list_members; Mailman 3: the CSV export of Postorius
        "jo@example.org\r\nann@example.org\r\n",
        "Jo <jo@example.org>\nAnn Person <ann@example.org>\n",  # list_members --fullnames; mailman members
    ],
)
def test_every_roster_of_mailman_is_read(database: Database, text: str) -> None:
    assert tally(take(database, text, format=Format.MAILMAN)) == (2, 2, 0, 0, 0)
    assert audience(database) == {"jo@example.org", "ann@example.org"}


@given(st.text(alphabet="'=+-@\t\rab ", max_size=6))
def test_what_a_spreadsheet_would_run_is_made_harmless_and_whole_again(text: str) -> None:
    harmless = defused.done(text)
    assert not harmless.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert defused.undone(harmless) == text


def test_no_value_of_an_export_is_a_formula_and_each_comes_back_as_it_was(
    database: Database, tmp_path: object
) -> None:
    names = ["=1+1", "+49", "-x", "@jo", "'=1+1", "''", "Jo"]
    head = "email;name;consent_source\n"
    take(
        database,
        head
        + "".join(
            f"+reader{i}@example.org;'{n};=cmd\n" if n[0] in "=+-@'" else f"+reader{i}@example.org;{n};=cmd\n"
            for i, n in enumerate(names)
        ),
    )
    text = export(database, "weekly")
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    other = Database(f"sqlite:///{tmp_path}/other.db")
    subscribers.metadata.create_all(other.engine)
    assert take(other, text).refused == 0
    assert export(other, "weekly") == text
    other.dispose()


def test_mailman_rosters_are_read(database: Database) -> None:
    text = 'Jo Bloggs <jo@example.org>\nann@example.org\n"Doe, J." <doe@example.org>\nDoe, Jane <jane@example.org\n'
    imported = take(database, text, format=Format.MAILMAN)
    assert tally(imported) == (4, 3, 0, 0, 1)
    person = shown(database, "doe@example.org").subscriber
    assert person is not None
    assert person.name == "Doe, J."


# --- files as they come ----------------------------------------------------------------------------------------


def named(text: str | bytes, format: Format = Format.CSV) -> list[tuple[str, str]]:
    return [(one.address.text, one.name) for one in rows(text, format) if isinstance(one, Row)]


@pytest.mark.parametrize(
    "data",
    [
        "email,name\njo@example.org,Zoë\n".encode(),
        "\ufeffemail,name\r\njo@example.org,Zoë\r\n".encode(),
        "email,name\njo@example.org,Zoë\n".encode("cp1252"),
        "email;name\njo@example.org;Zoë".encode(),
        "email\tname\njo@example.org\tZoë".encode(),
        "name,E-Mail\nZoë,jo@example.org\n".encode(),
        "\n\n email ,NAME\n\n\njo@example.org,Zoë\n\n".encode(),
        "email,name\rjo@example.org,Zoë\r".encode(),
        "email\tname\r\njo@example.org\tZoë\r\n".encode("utf-16"),
        '"email","name"\n"jo@example.org","Zoë"\n'.encode(),
        "jo@example.org,Zoë\n".encode(),
        "Zoë,jo@example.org\n".encode(),
    ],
)
def test_a_list_is_read_however_it_was_saved(data: bytes) -> None:
    assert named(data) == [("jo@example.org", "Zoë")]


def test_lines_that_are_not_utf8_are_told_of() -> None:
    notes = Notes()
    list(
        read(io.BytesIO(b"email,name\njo@example.org,Zo\xeb\nann@example.org,Ann\n"), Format.CSV, notes=notes)
    )
    assert notes.sentences() == (
        "1 lines were not UTF-8 and were read as Windows-1252; check accented names.",
    )


def test_columns_that_were_passed_over_are_told_of(database: Database) -> None:
    imported = take(database, "email,shoe size\njo@example.org,44\n")
    assert imported.notes == ("These columns were passed over: shoe size.",)


@pytest.mark.parametrize(
    "text", ["name,phone\nJo,0123\n", "\x00\x01\x02\x03\n", "<html><body>Sign in</body></html>"]
)
def test_a_file_without_addresses_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(subscribers.SubscribersError, match='expected a column named "email"'):
        rows(text)


@pytest.mark.parametrize("text", ["", "\n\n\n", "email,name\n", "\ufeff"])
def test_an_empty_file_is_an_empty_list(text: str) -> None:
    assert rows(text) == []


def test_a_quoted_field_may_hold_delimiters_quotes_and_lines() -> None:
    text = 'email,name\n"jo@example.org","Bloggs, ""Jo""\nof Ghent"\nann@example.org,Ann\n'
    assert named(text) == [("jo@example.org", 'Bloggs, "Jo"\nof Ghent'), ("ann@example.org", "Ann")]
    assert [one.line for one in rows(text)] == [2, 4]


def test_a_quote_that_never_closes_costs_one_row() -> None:
    text = 'email,name\njo@example.org,"Jo\n' + "".join(f"reader{i}@example.org,R\n" for i in range(300))
    found = rows(text)
    assert [(one.line, one.reason) for one in found if isinstance(one, RowProblem)] == [
        (2, "a quotation mark is never closed.")
    ]
    assert sum(isinstance(one, Row) for one in found) == 300


def test_a_quote_in_the_middle_of_a_field_is_only_a_quote() -> None:
    assert named('email,name\njo@example.org,Jo 5" Bloggs\nann@example.org,"A" B\n') == [
        ("jo@example.org", 'Jo 5" Bloggs'),
        ("ann@example.org", "A B"),
    ]


@pytest.mark.parametrize("size", [70_000, 300_000, 1_000_000])
def test_a_line_without_end_costs_one_row_and_little_memory(size: int) -> None:
    found = rows(b"email\njo@example.org\n" + b"x\xc3" * (size // 2) + b"\nann@example.org\n")
    assert [(one.line, type(one)) for one in found] == [(2, Row), (3, RowProblem), (4, Row)]
    assert len(found[1].value) < 300


def test_short_and_long_rows_are_read_as_far_as_they_go() -> None:
    assert named("email,name,topics\njo@example.org\nann@example.org,Ann,a,b,c,d\n,Bo\n") == [
        ("jo@example.org", ""),
        ("ann@example.org", "Ann"),
    ]


def test_control_characters_do_not_reach_a_report() -> None:
    problem = rows("email\njo\x1b[31m\x00@@example.org\n")[0]
    assert isinstance(problem, RowProblem)
    assert problem.value.isprintable()


@given(st.binary(max_size=2000))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    try:
        found = rows(b"email,name\n" + data)
    except subscribers.SubscribersError:
        return
    lines = [one.line for one in found]
    assert lines == sorted(set(lines))


@given(st.lists(st.text(alphabet='a",;\n\r\t ', max_size=12), max_size=12))
def test_whatever_the_quotes_before_it_the_last_row_is_read(fields: list[str]) -> None:
    found = rows("email,name\n" + "".join(f"{field}\n" for field in fields) + "last@example.org,Last\n")
    assert isinstance(found[-1], Row)
    assert found[-1].address.text == "last@example.org"


def test_a_long_list_is_read_in_flat_memory() -> None:
    class Endless(io.RawIOBase):
        def __init__(self, count: int) -> None:
            self._left = iter([b"email,name\n", *(b"reader%d@example.org,R\n" % i for i in range(count))])

        def read(self, size: int = -1, /) -> bytes:
            from itertools import islice

            return b"".join(islice(self._left, 5_000))

    tracemalloc.start()
    count = sum(1 for _ in read(Endless(60_000), Format.CSV, notes=Notes()))  # type: ignore[arg-type, misc]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 60_000
    assert peak < 20_000_000
