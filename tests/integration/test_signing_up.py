"""Signing up as the workflow does it: what is mailed, what is kept, and how little a flood of requests achieves."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import subscribers
from digest.deliveries import store as deliveries
from digest.deliveries.model import QueuedNotice
from digest.templating import Templates
from digest.workflows import enrol, join, sign_up
from digest.workflows.parts import Parts
from digest.workflows.sign_up import Asked, Filled
from subscribers import EndedReason, Standing, SubscriptionState, SuppressionReason
from tests import web
from tests.factories import NOW

FLOOD = int(os.environ.get("DIGEST_FLOOD", "400"))  # make it 10,000 to see that nothing else happens then
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
READING = timedelta(seconds=20)
STAFF = {"staff": ["comms@example.org", "Boss <boss@example.org>"], "topics": {"rivers": ["River"]}}
LANGUAGES = ("en", "fr", "es", "ar", "uk", "de", "pt")


def installed(database: Any, *, site: dict[str, Any] | None = None, **weekly: Any) -> Parts:
    """The parts of the web tests, with other settings."""
    made = web.parts(database)
    settings = made.settings
    home = settings.site.model_copy(update=site or {})
    weekly_one = settings.publications["weekly"].model_copy(update={**STAFF, **weekly})
    publications = settings.publications | {"weekly": weekly_one}
    return replace(made, settings=settings.model_copy(update={"site": home, "publications": publications}))


@pytest.fixture
def parts(database) -> Parts:
    return installed(database)


def send(parts: Parts, address: str, *, now=NOW, publication="weekly", ip="192.0.2.7", **more) -> Asked:
    """Open the form and send it back filled in."""
    stamp = sign_up.form(parts, publication, now=now - READING).stamp
    filled = Filled(address=address, stamp=stamp, ip=ip, **more)
    return sign_up.ask(parts, publication, filled, now=now)


def queued(parts: Parts) -> list[QueuedNotice]:
    """Every notice that waits to be sent, without taking it."""
    with parts.database.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT id, key, publication, recipient, subject, html, text, attempts, language, unsubscribe_url"
            " FROM notices ORDER BY id"
        )
        return [QueuedNotice(**row) for row in rows.mappings()]


def link(notice: QueuedNotice, kind: str = "c") -> str:
    """The token behind a link of a notice."""
    (found,) = set(re.findall(rf"https://news\.example\.org/{kind}/([\w-]+)", notice.text))
    return found


def test_a_form_leads_to_one_plain_question_in_the_mail_of_its_owner(parts):
    assert send(parts, "ada@readers.example") is Asked.DONE
    (mail,) = queued(parts)
    assert mail.recipient == "ada@readers.example"
    assert mail.subject == "Please confirm: The Weekly Brief"
    said = " ".join(mail.text.split())
    assert "asked on 5 March 2026" in said or "asked on" in said
    assert "It comes every Thursday." in said
    assert "1 Example Street" in said
    assert "If it was not you, do nothing" in said
    assert "<img" not in mail.html
    assert mail.unsubscribe_url == ""
    assert set(re.findall(r'href="([^"]+)"', mail.html)) == {f"https://news.example.org/c/{link(mail)}"}


def test_the_button_subscribes_and_a_greeting_with_a_way_out_follows(parts):
    send(parts, "ada@readers.example")
    token = link(queued(parts)[0])
    confirmed = join.confirm(parts, token, now=NOW + HOUR)
    assert confirmed is not None
    assert confirmed.new
    _, welcome = queued(parts)
    assert welcome.subject == "Welcome: The Weekly Brief"
    assert welcome.unsubscribe_url == f"https://news.example.org/u/{link(welcome, 'u')}"
    with parts.database.reading() as session:
        holder = subscribers.subscription_of(
            session, keys=parts.keys, purpose=subscribers.Purpose.UNSUBSCRIBE, token=link(welcome, "u")
        )
    assert holder is not None
    assert holder.subscribed
    for _ in range(3):
        join.confirm(parts, token, now=NOW + DAY)
    assert len(queued(parts)) == 2, "nobody is greeted twice"


def test_no_greeting_is_sent_where_none_is_wanted(database):
    parts = installed(database, welcome="none")
    send(parts, "ada@readers.example")
    join.confirm(parts, link(queued(parts)[0]), now=NOW)
    assert len(queued(parts)) == 1


def test_nothing_that_a_visitor_typed_is_in_a_mail(parts):
    send(
        parts,
        "ada@readers.example",
        topics=("rivers", "Win http://evil.example"),
        language="Win http://evil.example",
        origin="",
    )
    (mail,) = queued(parts)
    assert "evil" not in mail.subject + mail.html + mail.text
    shown = enrol.show(parts, "ada@readers.example").shown
    assert shown.subscriptions[0].topics == ("rivers",)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_visitor_is_written_to_in_their_language(parts, language):
    send(parts, "ada@readers.example", language=language)
    (mail,) = queued(parts)
    words = Templates().words(language)
    assert mail.subject == words("confirm_subject", name="The Weekly Brief")
    assert mail.language == language
    assert f'lang="{language}"' in mail.html
    assert words("confirm_button") in mail.html
    assert all(len(line) <= 78 or "://" in line for line in mail.text.split("\n"))


def test_the_consent_is_kept_word_for_word_and_without_the_ip_unless_that_is_wanted(database):
    parts, address = installed(database), ""
    for keep, kept in ((0, ""), (86400, "192.0.2.7")):
        parts = installed(database, site={"keep_ip": keep})
        address = f"ada{keep}@readers.example"
        send(parts, address)
        consent = enrol.show(parts, address).shown.subscriptions[0].consent
        form = sign_up.form(parts, "weekly", now=NOW)
        assert consent.text == form.consent
        assert "The Weekly Brief" in consent.text
        assert consent.source == "sign-up page https://news.example.org/s/weekly"
        assert (consent.at, consent.ip) == (NOW, kept)
    assert join.tidy(parts, now=NOW + DAY + HOUR).ips == 1
    assert enrol.show(parts, address).shown.subscriptions[0].consent.ip == ""


def test_a_reader_who_signs_up_again_gets_their_link_and_stays_as_they_are(parts):
    web.subscribed(parts, address="ada@readers.example")
    assert send(parts, "ADA@readers.example") is Asked.DONE
    assert send(parts, "ada@readers.example", now=NOW + timedelta(minutes=50)) is Asked.DONE
    (mail,) = queued(parts)
    assert mail.subject == "You are subscribed already: The Weekly Brief"
    assert mail.recipient == "ada@readers.example"
    assert "/p/" in mail.text
    assert "/c/" not in mail.text
    send(parts, "ada@readers.example", now=NOW + HOUR)
    assert len(queued(parts)) == 2


@pytest.mark.parametrize("reason", ["hard-bounce", "soft-limit", "manual"])
def test_a_suppressed_address_gets_the_same_answer_and_no_mail(parts, reason):
    enrol.suppress(parts, "ada@readers.example", reason=SuppressionReason(reason), now=NOW)
    assert send(parts, "ada@readers.example") is Asked.DONE
    assert queued(parts) == []


def test_who_left_comes_back_only_by_their_own_confirmation(parts):
    ref = web.subscribed(parts, address="ada@readers.example")["weekly"]
    enrol.end(parts, "ada@readers.example", reason=EndedReason.UNSUBSCRIBED_ALL, now=NOW)
    send(parts, "ada@readers.example")
    assert not web.gets(parts, ref)
    join.confirm(parts, link(queued(parts)[0]), now=NOW)
    assert web.gets(parts, ref)


def test_who_does_not_confirm_is_reminded_once_and_then_forgotten(parts):
    send(parts, "ada@readers.example")
    assert join.remind(parts, now=NOW + DAY - HOUR) == 0
    for hours in range(24, 24 * 7, 6):
        join.remind(parts, now=NOW + hours * HOUR)
    asked, reminder = queued(parts)
    assert reminder.subject == "Still to confirm: The Weekly Brief"
    assert link(reminder) == link(asked)
    assert join.tidy(parts, now=NOW + 7 * DAY).forgotten == 1
    found = join.look(parts, link(asked), now=NOW + 7 * DAY)
    assert found is not None
    assert (found.standing, found.masked_address) == (Standing.OVER, "")
    assert enrol.show(parts, "ada@readers.example").shown.subscriber is None


def test_the_reminder_s_button_works_too(parts):
    send(parts, "ada@readers.example")
    join.remind(parts, now=NOW + DAY)
    found = join.confirm(parts, link(queued(parts)[1]), now=NOW + DAY)
    assert found is not None
    assert found.standing is Standing.CONFIRMED


# --- doors ----------------------------------------------------------------------------------------------------


def test_closed_doors_take_no_form_and_remind_nobody_until_they_open(parts):
    send(parts, "ada@readers.example")
    join.set_doors(parts, open=False, now=NOW)
    assert send(parts, "ben@readers.example") is Asked.CLOSED
    assert join.remind(parts, now=NOW + DAY) == 0
    join.set_doors(parts, open=True, now=NOW)
    assert send(parts, "ben@readers.example") is Asked.DONE
    assert join.remind(parts, now=NOW + DAY) == 2


def test_who_asked_before_the_doors_closed_may_still_confirm(parts):
    send(parts, "ada@readers.example")
    join.set_doors(parts, open=False, now=NOW)
    found = join.confirm(parts, link(queued(parts)[0]), now=NOW)
    assert found is not None
    assert found.standing is Standing.CONFIRMED


@pytest.mark.parametrize("closed", [{"site": {"sign_up": False}}, {"open": False}])
def test_the_configuration_closes_doors_too(database, closed):
    parts = installed(database, **closed)
    assert send(parts, "ada@readers.example") is Asked.CLOSED
    assert queued(parts) == []


# --- forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "taken"),
    [
        (timedelta(seconds=1.9), False),
        (timedelta(seconds=2), True),
        (HOUR, True),
        (DAY, True),
        (DAY + timedelta(seconds=1), False),
        (-HOUR, False),
    ],
)
def test_a_form_is_for_a_person_today(parts, age, taken):
    stamp = sign_up.form(parts, "weekly", now=NOW - age).stamp
    asked = sign_up.ask(parts, "weekly", Filled(address="ada@readers.example", stamp=stamp), now=NOW)
    assert asked is (Asked.DONE if taken else Asked.AGAIN)


@pytest.mark.parametrize(
    "change",
    [
        {"stamp": ""},
        {"stamp": "."},
        {"stamp": "19d0.AAAAAAAAAAAAAAAAAAAAAA"},
        {"stamp": "\N{LATIN SMALL LETTER E WITH ACUTE}\ud800." * 50},
        {"trap": "x"},
        {"origin": "https://elsewhere.example"},
    ],
)
def test_a_form_that_was_not_made_here_so_is_asked_for_again(parts, change):
    stamp = sign_up.form(parts, "weekly", now=NOW - READING).stamp
    filled = replace(Filled(address="ada@readers.example", stamp=stamp), **change)
    assert sign_up.ask(parts, "weekly", filled, now=NOW) is Asked.AGAIN
    assert queued(parts) == []


def test_a_form_of_one_publication_is_no_form_of_another(parts):
    stamp = sign_up.form(parts, "events", now=NOW - READING).stamp
    filled = Filled(address="ada@readers.example", stamp=stamp)
    assert sign_up.ask(parts, "weekly", filled, now=NOW) is Asked.AGAIN


def test_a_form_handed_out_before_a_rotation_of_the_secret_is_taken_after_it(parts):
    stamp = sign_up.form(parts, "weekly", now=NOW - READING).stamp
    rotated = replace(parts, keys=subscribers.Keys(("another secret, which signs from now on", web.SECRET)))
    filled = Filled(address="ada@readers.example", stamp=stamp)
    assert sign_up.ask(rotated, "weekly", filled, now=NOW) is Asked.DONE


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@",
        "@readers.example",
        "ada@localhost",
        "ada@readers.example\r\nBcc: eve@evil.example",
        "ada@readers.example, eve@evil.example",
        "ada@readers.example> NOTIFY=SUCCESS RCPT TO:<eve@evil.example",
        "<ada@readers.example>",
        '"ada@evil.example>\r\nRCPT TO:<x"@readers.example',
        "ada%eve@evil.example@readers.example",
        "ada@[127.0.0.1]",
        "ada@readers\u2024example",
        "ada\u202e@readers.example",
        "ada@readers.example\0",
        "a" * 65 + "@readers.example",
        "\ud800@readers.example",
        "x" * 1000,
    ],
)
def test_what_is_no_single_address_never_comes_near_a_mail_server(parts, address):
    assert send(parts, address) is Asked.BAD_ADDRESS
    assert queued(parts) == []


@pytest.mark.parametrize(
    ("typed", "mailed"),
    [
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("дмитро@пошта.укр", "дмитро@xn--80a1acn3a.xn--j1amh"),
        (" Ada+news@Readers.Example ", "Ada+news@Readers.Example"),
        ("o'brien@readers.example", "o'brien@readers.example"),
    ],
)
def test_addresses_of_every_script_are_mailed_as_a_server_takes_them(parts, typed, mailed):
    assert send(parts, typed) is Asked.DONE
    assert queued(parts)[0].recipient == mailed


def test_a_mailbox_of_a_machine_is_asked_for_a_person(parts):
    assert send(parts, "postmaster@readers.example") is Asked.OWN_ADDRESS
    assert queued(parts) == []


# --- floods ---------------------------------------------------------------------------------------------------

_FAST = pytest.mark.parametrize(
    "database_url", ["sqlite"], indirect=True
)  # the statements are the same on both


@_FAST
def test_a_flood_of_sign_ups_from_one_network_are_a_handful_of_mails_and_one_alarm(parts):
    answers = [send(parts, f"victim{n}@readers.example", ip=f"203.0.113.{n % 256}") for n in range(FLOOD)]
    mails = queued(parts)
    assert answers.count(Asked.DONE) == 20
    assert answers.count(Asked.BUSY) == FLOOD - 20
    asked = [one for one in mails if one.key.startswith("confirm:")]
    told = [one for one in mails if one.key.startswith("sign-ups-limited:")]
    assert len(asked) == 20
    assert sorted(one.recipient for one in told) == ["boss@example.org", "comms@example.org"]
    assert "one network, 20 in 1 h" in told[0].text
    assert send(parts, "real@readers.example", ip="198.51.100.4") is Asked.DONE, "elsewhere nobody notices"
    assert send(parts, "next@readers.example", ip="203.0.113.9", now=NOW + HOUR) is Asked.DONE


@_FAST
def test_a_flood_of_sign_ups_for_one_address_are_three_mails(parts):
    asked_for = FLOOD // 4  # each of these is taken, and costs what a mail costs
    minutes = 60 * 24 * 7 // asked_for + 1
    for n in range(asked_for):
        asked = send(
            parts,
            "victim@readers.example",
            ip=f"2001:db8:{n:x}::1",
            now=NOW + n * timedelta(minutes=minutes),
        )
        assert asked in {Asked.DONE, Asked.BUSY}
        if n % 10 == 0:
            join.remind(parts, now=NOW + n * timedelta(minutes=minutes))
    assert len([one for one in queued(parts) if one.recipient == "victim@readers.example"]) == 3


@_FAST
def test_a_flood_of_sign_ups_of_anybody_from_anywhere_stay_under_the_cap_and_people_get_in_afterwards(
    database,
):
    parts = installed(database, site={"sign_ups_per_hour": 30})
    answers = [
        send(parts, f"victim{n}@readers.example", ip=f"198.{n >> 8 & 255}.{n & 255}.1") for n in range(FLOOD)
    ]
    assert answers.count(Asked.DONE) == 30
    told = [one for one in queued(parts) if one.key.startswith("sign-ups-limited:")]
    assert len(told) == 2
    assert "from everywhere, 30 in 1 h" in told[0].text
    assert send(parts, "real@readers.example") is Asked.BUSY
    assert send(parts, "real@readers.example", now=NOW + HOUR) is Asked.DONE
    join.confirm(parts, link(queued(parts)[-1]), now=NOW + HOUR)
    assert (
        enrol.show(parts, "real@readers.example").shown.subscriptions[0].state is SubscriptionState.CONFIRMED
    )
    join.tidy(parts, now=NOW + 8 * DAY)
    with parts.database.engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT count(*) FROM subscriber_people WHERE address IS NOT NULL")
        assert kept.scalar() == 1
    join.tidy(parts, now=NOW + 31 * DAY)
    with parts.database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM subscriber_limits").scalar() == 0


def test_the_alarm_is_raised_once_a_day(database):
    parts = installed(database, site={"sign_ups_per_prefix_per_hour": 1})
    for hours in (0, 0, 1, 1, 24, 24):
        send(parts, f"somebody{hours}@readers.example", now=NOW + hours * HOUR)
    told = [one for one in queued(parts) if one.key.startswith("sign-ups-limited:")]
    assert len(told) == 4, "two members of staff, on two days"


def test_networks_are_counted_as_their_owners_get_them(database):
    parts = installed(database, site={"sign_ups_per_prefix_per_hour": 1})
    assert send(parts, "a@readers.example", ip="2001:db8:1:2::3") is Asked.DONE
    assert send(parts, "b@readers.example", ip="2001:db8:1:ffff::9") is Asked.BUSY
    assert send(parts, "c@readers.example", ip="2001:db8:2::1") is Asked.DONE
    assert send(parts, "d@readers.example", ip="192.0.2.1") is Asked.DONE
    assert send(parts, "e@readers.example", ip="::ffff:192.0.2.200") is Asked.BUSY
    assert send(parts, "f@readers.example", ip="192.0.3.1") is Asked.DONE
    assert send(parts, "g@readers.example", ip="") is Asked.DONE
    assert send(parts, "h@readers.example", ip="rubbish") is Asked.BUSY


def test_who_waits_is_not_told_from_who_is_new_by_the_work_that_is_done(parts):
    """One statement more or less would be a clock for strangers."""
    from sqlalchemy import event

    web.subscribed(parts, address="active@readers.example")
    send(parts, "waiting@readers.example")
    enrol.suppress(parts, "dead@readers.example", reason=SuppressionReason.HARD_BOUNCE, now=NOW)
    ran = {}
    for who in ("new", "active", "waiting", "dead"):
        heard: list[str] = []

        def hear(_c, _cursor, statement, _p, _context, _many, heard=heard):
            kind = statement.split(" sa_savepoint_", maxsplit=1)[0]
            heard.append("end" if kind in {"RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT"} else kind)

        event.listen(parts.database.engine, "before_cursor_execute", hear)
        send(parts, f"{who}@readers.example", now=NOW + timedelta(minutes=1))
        event.remove(parts.database.engine, "before_cursor_execute", hear)
        ran[who] = heard
    assert ran["new"] == ran["active"] == ran["waiting"] == ran["dead"]


def test_a_greeting_may_lead_to_the_latest_edition_and_mails_no_post_twice(database):
    from tests.integration.test_accessible_pages import mailed

    parts = installed(database, welcome="latest")
    mailed(parts, "weekly")
    send(parts, "ada@readers.example")
    join.confirm(parts, link(queued(parts)[0]), now=NOW)
    _, welcome = queued(parts)
    assert "https://news.example.org/a/weekly/1" in welcome.text
    with parts.database.reading() as session:
        who = subscribers.find(session, address="ada@readers.example")
        assert who is not None
        assert deliveries.delivery(session, 1, who) is None
