"""Signing up in a browser: the form, the site it may stand on, the link that confirms, and what no visitor can do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import httpx2
import pytest
from starlette.requests import Request

import subscribers
from digest.database import Database
from digest.web.app import create_app
from digest.web.visitor import visitor_ip
from digest.workflows import enrol, join, sign_up
from digest.workflows.parts import Parts
from subscribers import Purpose, SuppressionReason
from tests import web
from tests.factories import NOW

OURS = {"Sec-Fetch-Site": "same-origin"}
PARTNER = "https://www.example.org"
EMBEDDED = {"Sec-Fetch-Site": "cross-site", "Origin": PARTNER}
READERS = "readers.example"


class Clock:
    """The present moment of the app, which a test moves on."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def parts(database: Database) -> Parts:
    made = web.parts(database)
    site = made.settings.site.model_copy(update={"embed_origins": (PARTNER,)})
    return replace(made, settings=made.settings.model_copy(update={"site": site}))


@pytest.fixture
def client(parts: Parts, clock: Clock) -> Iterator[httpx2.Client]:
    with (
        web.serving(create_app(parts, clock=clock)) as url,
        httpx2.Client(base_url=url, trust_env=False) as client,
    ):
        yield client


def fields(page: str) -> dict[str, str]:
    """The fields of the form on a page as a browser would send them, untouched."""
    inputs = re.findall(r"<input ([^>]*)>", page)
    named = [dict(re.findall(r'(\w+)="([^"]*)"', one)) for one in inputs]
    return {one["name"]: unescape(one["value"]) for one in named if one["type"] != "checkbox"}


def fill(client: httpx2.Client, clock: Clock, address: str, path: str = "/s/weekly") -> httpx2.Response:
    """Open the form, take a while to fill it in, and send it."""
    form = fields(client.get(path).text)
    clock.now += timedelta(seconds=20)
    return client.post(path.partition("?")[0], data=form | {"email": address}, headers=OURS)


def mails(parts: Parts) -> list[tuple[str, str]]:
    """Who is written to, and what."""
    with parts.database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT recipient, text FROM notices ORDER BY id")
        return [(recipient, text) for recipient, text in rows]


def link(parts: Parts) -> str:
    """Where the latest mail asks to be confirmed."""
    return re.findall(r"https://news\.example\.org(/c/[\w-]+)", mails(parts)[-1][1])[0]


def test_a_form_a_mail_and_one_button_make_a_subscriber(client, parts, clock):
    answer = fill(client, clock, f"ada@{READERS}")
    assert answer.status_code == 200
    assert "look into your mailbox" in answer.text
    assert f"ada@{READERS}" not in answer.text
    page = client.get(link(parts))
    assert page.text.count("<button") == 1
    assert "a•••@" in page.text
    done = client.post(link(parts), headers=OURS)
    assert done.status_code == 200
    assert "You are subscribed" in done.text
    assert enrol.show(parts, f"ada@{READERS}").shown.subscriptions[0].confirmed_at == clock.now


def test_looking_at_a_link_changes_nothing_however_often(client, parts, clock):
    fill(client, clock, f"ada@{READERS}")
    where = link(parts)
    for _ in range(50):
        assert client.get(where).status_code == 200
        assert client.head(where).status_code == 200
    assert enrol.show(parts, f"ada@{READERS}").shown.subscriptions[0].confirmed_at is None
    assert len(mails(parts)) == 1


def test_the_answer_is_the_same_whoever_the_address_belongs_to(client, parts, clock):
    web.subscribed(parts, address=f"active@{READERS}")
    fill(client, clock, f"waiting@{READERS}")
    for who, reason in (("dead", "hard-bounce"), ("complained", "complained"), ("manual", "manual")):
        enrol.suppress(parts, f"{who}@{READERS}", reason=SuppressionReason(reason), now=NOW)
    enrol.erase(parts, f"erased@{READERS}", now=NOW)
    people = ("new", "active", "waiting", "dead", "complained", "manual", "erased")
    answers = [fill(client, clock, f"{who}@{READERS}") for who in people]
    assert {(one.status_code, one.text) for one in answers} == {(200, answers[0].text)}
    kept = [{k: v for k, v in one.headers.items() if k != "date"} for one in answers]
    assert all(one == kept[0] for one in kept)


@pytest.mark.parametrize("path", ["/s/weekly", "/c/x"])
def test_the_pages_are_private_to_the_visitor(client, path):
    headers = client.get(path).headers
    assert headers["cache-control"] == "no-store"
    assert "noindex" in headers["x-robots-tag"]
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]


def test_what_was_typed_is_kept_when_a_form_is_asked_for_again(client, parts):
    form = fields(client.get("/s/weekly").text)
    again = client.post("/s/weekly", data=form | {"email": '"><b>ada'}, headers=OURS)
    assert again.status_code == 422
    assert "<b>ada" not in again.text
    assert fields(again.text)["email"] == '"><b>ada'
    fast = client.post("/s/weekly", data=form | {"email": f"ada@{READERS}"}, headers=OURS)
    assert fast.status_code == 200
    assert "once more" in fast.text
    assert fields(fast.text)["email"] == f"ada@{READERS}"
    assert mails(parts) == []


def test_who_fills_in_what_nobody_sees_gets_nowhere(client, parts, clock):
    form = fields(client.get("/s/weekly").text)
    clock.now += timedelta(minutes=1)
    answer = client.post("/s/weekly", data=form | {"email": f"a@{READERS}", "middle_name": "x"}, headers=OURS)
    assert "once more" in answer.text
    assert fields(answer.text)["middle_name"] == ""
    assert mails(parts) == []


def test_a_form_on_a_page_of_ours_elsewhere_leads_here_with_the_address_kept(client, parts, clock):
    first = client.post("/s/weekly", data={"email": f"ada@{READERS}"}, headers=EMBEDDED)
    assert first.status_code == 200
    form = fields(first.text)
    assert form["email"] == f"ada@{READERS}"
    clock.now += timedelta(seconds=5)
    assert "look into your mailbox" in client.post("/s/weekly", data=form, headers=OURS).text
    shown = enrol.show(parts, f"ada@{READERS}").shown
    assert shown.subscriptions[0].consent.source == f"embedded form on {PARTNER}"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": f"{PARTNER}.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {},
    ],
)
def test_no_other_site_may_post_the_form(client, parts, headers):
    assert client.post("/s/weekly", data={"email": f"ada@{READERS}"}, headers=headers).status_code == 403
    assert client.post("/c/x", headers=headers).status_code == 403


def test_a_partner_may_post_nothing_but_the_form(client, parts, clock):
    fill(client, clock, f"ada@{READERS}")
    assert client.post(link(parts), headers=EMBEDDED).status_code == 403


def test_nobody_can_claim_that_their_form_stood_elsewhere(client, parts, clock):
    form = fields(client.get("/s/weekly").text)
    clock.now += timedelta(seconds=20)
    lie = form | {"email": f"ada@{READERS}", "origin": PARTNER}
    assert "once more" in client.post("/s/weekly", data=lie, headers=OURS).text
    assert mails(parts) == []


def test_closed_doors_are_closed_for_every_request_at_once(client, parts, clock):
    form = fields(client.get("/s/weekly").text)
    join.set_doors(parts, open=False, now=NOW)
    clock.now += timedelta(seconds=20)
    for answer in (
        client.get("/s/weekly"),
        client.post("/s/weekly", data=form | {"email": f"ada@{READERS}"}, headers=OURS),
        client.post("/s/weekly", data={"email": f"ada@{READERS}"}, headers=EMBEDDED),
    ):
        assert answer.status_code == 403
        assert "Sign-up is closed" in answer.text
        assert "<form" not in answer.text
    assert mails(parts) == []


def test_too_many_are_told_when_to_come_back(client, parts, clock):
    answers = [fill(client, clock, f"somebody{n}@{READERS}") for n in range(22)]
    assert [one.status_code for one in answers] == [200] * 20 + [429] * 2
    assert answers[-1].headers["retry-after"] == "3600"
    assert "try again in an hour" in answers[-1].text


def test_an_unknown_publication_has_no_form(client):
    assert client.get("/s/nothing").status_code == 404
    assert client.post("/s/nothing", data={"email": "a@b.example"}, headers=OURS).status_code == 404


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"\xff\xfe=%ff%00&email=%ff", "application/x-www-form-urlencoded"),
        (b"email=" + b"a" * 5000, "application/x-www-form-urlencoded"),
        (b"email=x" * 5000, "application/x-www-form-urlencoded"),
        (b'{"email": 1}', "application/json"),
        (b"--x\r\nrubbish", "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="email"; filename="a"\r\n\r\na@b.example\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        (
            b"stamp=zz.zz&email=a%40b.example&topics=" + b"&topics=x" * 300,
            "application/x-www-form-urlencoded",
        ),
    ],
)
def test_rubbish_is_answered_calmly(client, parts, content, kind):
    answer = client.post("/s/weekly", content=content, headers=OURS | {"Content-Type": kind})
    assert answer.status_code in {200, 400, 413, 422}
    assert mails(parts) == []


@pytest.mark.parametrize("language", ["fr", "ar", "xx", "../../etc/passwd", "e" * 400])
def test_a_visitor_may_choose_a_language_that_we_have(client, language):
    page = client.get("/s/weekly", params={"lang": language})
    assert page.status_code == 200
    spoken = language if language in {"fr", "ar"} else "en"
    assert f'<html lang="{spoken}"' in page.text


# --- links ----------------------------------------------------------------------------------------------------


def asked(parts: Parts, clock: Clock, client: httpx2.Client) -> str:
    fill(client, clock, f"ada@{READERS}")
    return link(parts).removeprefix("/c/")


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1],
        lambda token: token[:10],
        lambda token: ("A" if token[0] != "A" else "B") + token[1:],
        lambda token: token[:-2] + ("AA" if not token.endswith("AA") else "BB"),
        lambda token: token + "A",
        lambda token: token.swapcase(),
        lambda token: token[:0],
        lambda token: "\N{SNOWMAN}" + token[1:],
    ],
)
def test_a_damaged_or_forged_link_confirms_nothing(client, parts, clock, change):
    token = change(asked(parts, clock, client))
    answer = client.post(f"/c/{token}", headers=OURS)
    assert answer.status_code == 200
    assert "does nothing any more" in answer.text
    assert enrol.show(parts, f"ada@{READERS}").shown.subscriptions[0].confirmed_at is None


@pytest.mark.parametrize("purpose", [one for one in Purpose if one is not Purpose.CONFIRM])
def test_a_link_for_another_purpose_confirms_nothing_and_the_other_way_round(client, parts, clock, purpose):
    token = asked(parts, clock, client)
    found = join.look(parts, token, now=clock.now)
    assert found is not None
    for ref in (found.ref, subscribers.SubscriptionRef(subscriber_id=found.request_id, list_id=0)):
        crossed = subscribers.mint(parts.keys, purpose, ref)
        assert "does nothing any more" in client.post(f"/c/{crossed}", headers=OURS).text
    with parts.database.reading() as session:
        assert subscribers.subscription_of(session, parts.keys, purpose, token) is None
    assert enrol.show(parts, f"ada@{READERS}").shown.subscriptions[0].confirmed_at is None


def test_a_stolen_database_holds_nothing_to_confirm_with(client, parts, clock):
    token = asked(parts, clock, client)
    thief = replace(parts, keys=subscribers.Keys(("a secret of the thief, who has the database only",)))
    found = join.look(parts, token, now=clock.now)
    assert found is not None
    forged = subscribers.mint_request(thief.keys, found.request_id)
    assert "does nothing any more" in client.post(f"/c/{forged}", headers=OURS).text


def test_a_link_mailed_before_a_rotation_of_the_secret_works_after_it(client, parts, clock):
    token = asked(parts, clock, client)
    rotated = replace(parts, keys=subscribers.Keys(("another secret, which signs from now on", web.SECRET)))
    found = join.confirm(rotated, token, now=clock.now)
    assert found is not None
    assert found.new


def test_what_a_mail_program_adds_to_a_link_does_no_harm(client, parts, clock):
    token = asked(parts, clock, client)
    assert "You are subscribed" in client.post(f"/c/{token}>.", headers=OURS).text


# --- who visits -----------------------------------------------------------------------------------------------


def request(client_ip: str | None, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    scope: dict[str, Any] = {
        "type": "http",
        "headers": headers,
        "client": (client_ip, 1) if client_ip else None,
    }
    return Request(scope)


@pytest.mark.parametrize(
    ("connected", "forwarded", "trusted", "visitor"),
    [
        ("192.0.2.1", ["198.51.100.9"], [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.9"], ["203.0.113.0/24"], "192.0.2.1"),
        ("203.0.113.5", ["198.51.100.9"], ["203.0.113.0/24"], "198.51.100.9"),
        ("203.0.113.5", ["1.2.3.4, 198.51.100.9"], ["203.0.113.0/24"], "198.51.100.9"),
        ("203.0.113.5", ["1.2.3.4", "198.51.100.9, 203.0.113.6"], ["203.0.113.0/24"], "198.51.100.9"),
        ("203.0.113.5", ["rubbish"], ["203.0.113.0/24"], "203.0.113.5"),
        ("203.0.113.5", [], ["203.0.113.0/24"], "203.0.113.5"),
        ("::1", ["2001:db8::7"], ["::1"], "2001:db8::7"),
        ("::ffff:127.0.0.1", ["2001:db8::7"], ["127.0.0.1"], "2001:db8::7"),
        (None, ["198.51.100.9"], ["127.0.0.1"], ""),
    ],
)
def test_a_visitor_is_who_connects_unless_a_proxy_of_ours_says_whom_it_speaks_for(
    connected, forwarded, trusted, visitor
):
    assert visitor_ip(request(connected, *forwarded), trusted) == visitor


def test_a_form_that_is_fresh_carries_no_name_of_a_visitor(parts):
    form = sign_up.form(parts, "weekly", now=NOW)
    assert "@" not in form.stamp
