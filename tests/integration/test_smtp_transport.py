"""One lane against a scripted server: what each fault at each phase comes to."""

import asyncio
import contextlib
import dataclasses
import os
import random
import shutil
import socket
import ssl
import threading
from datetime import UTC, datetime

import aiosmtplib
import pytest
import trustme

from digest.deliveries.model import Phase, Scope, Verdict
from digest.deliveries.transports import smtp as smtp_module
from digest.deliveries.transports.base import CannotOpen, TransportConfig
from digest.errors import DigestError
from tests.mailing import message, smtp
from tests.smtp_server import ACCEPT_AND_DROP, DROP, SILENCE, recording_server

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Marks:
    """Counts how often the body was about to begin."""

    def __init__(self):
        self.made = 0

    async def __call__(self):
        self.made += 1


@pytest.fixture
def marks():
    return Marks()


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


def server_tls(authority, *names):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


@pytest.fixture
def ca_file(authority, tmp_path):
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def at(name, answer, *, only=lambda _step: True):
    return lambda step: answer if step.name == name and only(step) else None


async def one(server, marks, **config):
    lane = smtp(server.port, **config).lane()
    try:
        return await lane.send(message(), before_body=marks)
    finally:
        await lane.close()


@pytest.mark.parametrize(
    ("step", "answer", "verdict", "phase", "marked"),
    [
        ("mail", "451 4.3.0 later", Verdict.DEFERRED, Phase.MAIL, 0),
        ("mail", DROP, Verdict.DEFERRED, Phase.MAIL, 0),
        ("rcpt", "550 5.1.1 no such user", Verdict.REFUSED, Phase.RCPT, 0),
        ("rcpt", "451 4.7.1 greylisted", Verdict.DEFERRED, Phase.RCPT, 0),
        ("rcpt", DROP, Verdict.DEFERRED, Phase.RCPT, 0),
        ("data", "451 4.3.0 later", Verdict.DEFERRED, Phase.DATA, 0),
        ("data", "250 what", Verdict.DEFERRED, Phase.DATA, 0),
        ("data", DROP, Verdict.DEFERRED, Phase.DATA, 0),
        ("body", DROP, Verdict.UNCERTAIN, Phase.DOT, 1),
        ("dot", DROP, Verdict.UNCERTAIN, Phase.DOT, 1),
        ("dot", ACCEPT_AND_DROP, Verdict.UNCERTAIN, Phase.DOT, 1),
        ("dot", "hello", Verdict.UNCERTAIN, Phase.DOT, 1),
        ("dot", "554 5.7.1 spam", Verdict.REFUSED, Phase.DOT, 1),
        ("dot", "421 4.3.0 bye", Verdict.DEFERRED, Phase.DOT, 1),
        ("dot", "452 4.3.1 disk full here", Verdict.DEFERRED, Phase.DOT, 1),
        ("quit", DROP, Verdict.ACCEPTED, Phase.DOT, 1),
        ("quit", "500 no", Verdict.ACCEPTED, Phase.DOT, 1),
    ],
)
async def test_a_fault_is_known_by_its_phase(marks, step, answer, verdict, phase, marked):
    async with recording_server(at(step, answer)) as server:
        result = await one(server, marks)
    assert (result.verdict, result.phase, marks.made) == (verdict, phase, marked)


@pytest.mark.parametrize(
    ("step", "verdict", "phase"),
    [("rcpt", Verdict.DEFERRED, Phase.RCPT), ("dot", Verdict.UNCERTAIN, Phase.DOT)],
)
async def test_silence_ends_at_its_own_deadline(marks, step, verdict, phase):
    async with recording_server(at(step, SILENCE)) as server:
        result = await one(server, marks, command_timeout=0.2, dot_timeout=0.3)
    assert (result.verdict, result.phase, result.closed) == (verdict, phase, True)
    assert "did not answer in time" in result.reply.text


async def test_a_lane_carries_many_messages_and_is_renewed_when_it_is_due(marks):
    async with recording_server() as server:
        lane = smtp(server.port, max_per_connection=4).lane()
        for n in range(10):
            assert (
                await lane.send(message(address=f"r{n}@example.net"), before_body=marks)
            ).verdict is Verdict.ACCEPTED
        await lane.close()
    assert [m.connection for m in server.messages] == [1] * 4 + [2] * 4 + [3] * 2
    assert [m.rcpt for m in server.messages] == [f"r{n}@example.net" for n in range(10)]


@pytest.mark.parametrize("answer", ["421 4.4.2 idle too long", DROP])
async def test_a_connection_that_ended_between_two_messages_costs_neither(marks, answer):
    only = lambda step: step.connection == 1 and step.message == 2  # noqa: E731
    async with recording_server(at("mail", answer, only=only)) as server:
        lane = smtp(server.port).lane()
        results = [await lane.send(message(address=f"r{n}@example.net"), before_body=marks) for n in range(3)]
        await lane.close()
    assert [r.verdict for r in results] == [Verdict.ACCEPTED] * 3
    assert [m.rcpt for m in server.messages] == [f"r{n}@example.net" for n in range(3)]


async def test_a_refused_recipient_leaves_the_connection_for_the_next(marks):
    only = lambda step: step.argument == "r1@example.net"  # noqa: E731
    async with recording_server(at("rcpt", "550 5.1.1 unknown", only=only)) as server:
        lane = smtp(server.port).lane()
        results = [await lane.send(message(address=f"r{n}@example.net"), before_body=marks) for n in range(3)]
        await lane.close()
    assert [r.verdict for r in results] == [Verdict.ACCEPTED, Verdict.REFUSED, Verdict.ACCEPTED]
    assert server.connections == 1
    assert server.commands.count("RSET") == 1


async def test_nothing_is_sent_when_the_mark_cannot_be_made():
    async def broken():
        raise RuntimeError("the database is gone")

    async with recording_server() as server:
        lane = smtp(server.port).lane()
        with pytest.raises(RuntimeError):
            await lane.send(message(), before_body=broken)
        await lane.close()
    assert server.messages == []


async def test_an_address_outside_ascii_is_refused_alone_where_the_server_cannot(marks):
    async with recording_server(extensions=("SIZE 1000000",)) as server:
        lane = smtp(server.port).lane()
        refused = await lane.send(message(address="zoë@example.net"), before_body=marks)
        accepted = await lane.send(message(), before_body=marks)
        await lane.close()
    assert (refused.verdict, refused.scope) == (Verdict.REFUSED, Scope.RECIPIENT)
    assert "SMTPUTF8" in refused.reply.text
    assert accepted.verdict is Verdict.ACCEPTED


async def test_we_introduce_ourselves_by_our_own_name(marks):
    async with recording_server() as server:
        await one(server, marks)
    assert server.commands[0] == "EHLO news.example.org"


async def test_an_over_long_or_many_lined_reply_is_only_a_reply(marks):
    many = "\n".join(["550-5.1.1 line " + "x" * 300] * 20) + "\n550 5.1.1 end"
    async with recording_server(at("rcpt", many)) as server:
        result = await one(server, marks)
    assert (result.verdict, result.scope) == (Verdict.REFUSED, Scope.RECIPIENT)
    assert len(result.reply.text) <= 500


# --- how a session is opened ----------------------------------------------------------------------------------


async def opened(server, **config):
    """The sentence with which opening a lane was refused."""
    lane = smtp(server.port, **config).lane()
    with pytest.raises(CannotOpen) as refused:
        await lane.open()
    await lane.close()
    assert server.messages == []
    assert not any(c.startswith(("MAIL", "RCPT", "DATA")) for c in server.commands)
    return refused.value


async def test_starttls_protects_the_session_and_the_login(authority, ca_file, marks):
    tls = server_tls(authority, "localhost")
    async with recording_server(tls=tls, login=("us", "secret")) as server:
        result = await one(
            server,
            marks,
            host="localhost",
            security="starttls",
            ca_file=ca_file,
            username="us",
            password="secret",
        )
    assert result.verdict is Verdict.ACCEPTED
    assert [c.split()[0] for c in server.commands[:4]] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]


async def test_tls_from_the_start_works_too(authority, ca_file, marks):
    async with recording_server(tls=server_tls(authority, "localhost"), implicit_tls=True) as server:
        result = await one(server, marks, host="localhost", security="tls", ca_file=ca_file)
    assert result.verdict is Verdict.ACCEPTED


async def test_a_server_without_starttls_gets_nothing():
    async with recording_server() as server:
        error = await opened(server, security="starttls")
    assert error.outcome.phase is Phase.TLS
    assert "does not offer STARTTLS, so nothing was sent" in str(error)
    assert error.outcome.verdict is Verdict.REFUSED
    assert server.commands == ["EHLO news.example.org"]


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_from_nobody_we_know_gets_nothing(authority, security):
    tls = server_tls(authority, "localhost")
    async with recording_server(tls=tls, implicit_tls=security == "tls", login=("us", "secret")) as server:
        error = await opened(server, host="localhost", security=security, username="us", password="secret")
    assert "is not trusted" in str(error)
    assert (error.outcome.verdict, error.outcome.phase) == (Verdict.REFUSED, Phase.TLS)
    assert not any(c.startswith("AUTH") for c in server.commands)


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_for_another_name_gets_nothing(authority, ca_file, security):
    tls = server_tls(authority, "elsewhere.example")
    async with recording_server(tls=tls, implicit_tls=security == "tls") as server:
        error = await opened(server, host="localhost", security=security, ca_file=ca_file)
    assert "does not belong to that name" in str(error)
    assert (error.outcome.verdict, error.outcome.phase) == (Verdict.REFUSED, Phase.TLS)


async def test_a_certificate_whose_time_is_over_gets_nothing(authority, ca_file):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", not_after=LONG_AGO).configure_cert(context)
    async with recording_server(tls=context) as server:
        error = await opened(server, host="localhost", security="starttls", ca_file=ca_file)
    assert "is not trusted (certificate has expired)" in str(error)


async def test_a_server_that_speaks_no_tls_where_tls_was_asked_for_is_named():
    async with recording_server() as server:
        error = await opened(server, host="localhost", security="tls")
    assert str(error).startswith("No protected connection to the mail server localhost:")
    assert error.outcome.phase is Phase.TLS


async def test_a_server_that_puts_tls_off_is_asked_again_later(authority, ca_file):
    tls = server_tls(authority, "localhost")
    async with recording_server(at("starttls", "454 4.7.0 TLS not available"), tls=tls) as server:
        error = await opened(server, host="localhost", security="starttls", ca_file=ca_file)
    assert (error.outcome.verdict, error.outcome.phase) == (Verdict.DEFERRED, Phase.TLS)


async def test_no_password_ever_travels_in_the_clear_to_another_machine():
    # "127.1" is a name like any other to us: that it leads here is what a resolver says.
    async with recording_server(login=("us", "secret")) as server:
        error = await opened(server, host="127.1", username="us", password="secret")
    assert "is not protected, so no password or token was sent" in str(error)
    assert not any(c.startswith("AUTH") for c in server.commands)


async def test_what_was_offered_before_tls_is_forgotten(authority, ca_file, marks):
    greeted = []

    def offers(step):
        if step.name != "ehlo":
            return None
        greeted.append(step.connection)
        if len(greeted) == 1:
            return "250-mail.test.example\n250-SIZE 10\n250-SMTPUTF8\n250-AUTH PLAIN\n250 STARTTLS"
        return "250 mail.test.example"

    async with recording_server(offers, tls=server_tls(authority, "localhost")) as server:
        lane = smtp(server.port, host="localhost", security="starttls", ca_file=ca_file).lane()
        accepted = await lane.send(message(), before_body=marks)
        refused = await lane.send(message(address="zoë@example.net"), before_body=marks)
        await lane.close()
    assert accepted.verdict is Verdict.ACCEPTED
    assert server.messages[0].options == ""
    assert "SMTPUTF8" in refused.reply.text


async def test_what_a_server_offers_is_read_anew_on_each_connection(marks):
    offers = lambda step: "250-me\n250 SIZE 99999" if step.connection == 2 else "250 me"  # noqa: E731
    async with recording_server(lambda s: offers(s) if s.name == "ehlo" else None) as server:
        lane = smtp(server.port, max_per_connection=1).lane()
        for _ in range(3):
            await lane.send(message(), before_body=marks)
        await lane.close()
    size = f"SIZE={len(message().data)}"
    assert [m.options for m in server.messages] == ["", size, ""]


@pytest.mark.parametrize(
    ("mechanisms", "answers", "tried"),
    [
        ("CRAM-MD5 LOGIN PLAIN", ["535 5.7.8 no"], ["PLAIN"]),
        ("PLAIN LOGIN", ["504 5.5.4 unknown mechanism", "235 2.7.0 yes"], ["PLAIN", "LOGIN"]),
        ("PLAIN LOGIN", ["421 4.3.2 closing"], ["PLAIN"]),
        ("PLAIN LOGIN", ["454 4.7.0 later"], ["PLAIN"]),
    ],
)
async def test_a_password_is_shown_once_unless_the_way_of_showing_it_was_refused(mechanisms, answers, tried):
    given = iter(answers)
    script = lambda step: next(given) if step.name == "auth" else None  # noqa: E731
    async with recording_server(script, login=("us", "secret"), mechanisms=mechanisms) as server:
        lane = smtp(server.port, username="us", password="secret").lane()
        with contextlib.suppress(CannotOpen):
            await lane.open()
        await lane.close()
    assert [c.split()[1] for c in server.commands if c.startswith("AUTH")] == tried
    assert next(given, None) is None


async def test_a_bad_login_stops_everything_with_the_servers_words():
    async with recording_server(login=("us", "secret")) as server:
        error = await opened(server, username="us", password="wrong")
    assert str(error).startswith("The mail server refused our login: 535")
    assert error.outcome.verdict is Verdict.REFUSED
    assert not any("wrong" in str(part) for part in (error, error.outcome))


async def test_a_server_that_is_not_there_may_come_back():
    async with recording_server() as server:
        port = server.port
    lane = smtp(port).lane()
    with pytest.raises(CannotOpen) as refused:
        await lane.open()
    assert refused.value.outcome.verdict is Verdict.DEFERRED
    assert "cannot be reached" in str(refused.value)


async def test_a_greeting_that_says_no_is_told_apart_from_one_that_says_later():
    for greeting, verdict in (("554 5.7.1 go away", Verdict.REFUSED), ("421 4.3.2 busy", Verdict.DEFERRED)):
        async with recording_server(at("greeting", greeting)) as server:
            error = await opened(server)
        assert error.outcome.verdict is verdict


def test_a_ca_file_that_is_none_is_said_at_the_start(tmp_path):
    (tmp_path / "ca.pem").write_text("hello")
    with pytest.raises(DigestError, match=r"ca\.pem cannot be read as PEM"):
        smtp(25, security="tls", ca_file=str(tmp_path / "ca.pem"))


async def test_one_lane_is_used_by_one_message_at_a_time_and_several_work_side_by_side(marks):
    async with recording_server() as server:
        transport = smtp(server.port)
        lanes = [transport.lane() for _ in range(8)]
        results = await asyncio.gather(
            *(
                lane.send(message(address=f"r{n}@example.net"), before_body=marks)
                for n, lane in enumerate(lanes)
            )
        )
        await asyncio.gather(*(lane.close() for lane in lanes))
    assert {r.verdict for r in results} == {Verdict.ACCEPTED}
    assert sorted(m.rcpt for m in server.messages) == sorted(f"r{n}@example.net" for n in range(8))


@pytest.mark.parametrize("greeting", ["SSH-2.0-OpenSSH_9.9", "HTTP/1.1 400 Bad Request", "\0\1\2", "220"])
async def test_what_is_no_greeting_is_never_a_crash(greeting, marks):
    async with recording_server(at("greeting", greeting)) as server:
        result = await one(server, marks)
    good = greeting == "220"
    assert result.verdict is (Verdict.ACCEPTED if good else Verdict.DEFERRED)
    assert result.phase is (Phase.DOT if good else Phase.CONNECT)


@pytest.mark.parametrize("step", ["greeting", "ehlo", "mail", "rcpt", "data", "dot"])
async def test_421_anywhere_ends_the_connection_and_the_next_message_has_a_new_one(marks, step):
    only = lambda s: s.connection == 1  # noqa: E731
    async with recording_server(at(step, "421 4.3.2 shutting down", only=only)) as server:
        lane = smtp(server.port).lane()
        first = await lane.send(message(), before_body=marks)
        second = await lane.send(message(address="bo@example.net"), before_body=marks)
        await lane.close()
    assert (first.verdict, first.closed, first.reply.code) == (Verdict.DEFERRED, True, 421)
    assert second.verdict is Verdict.ACCEPTED
    assert [(m.rcpt, m.connection) for m in server.messages] == [("bo@example.net", 2)]


# --- the envelope and the message -----------------------------------------------------------------------------


async def test_each_recipient_has_a_transaction_of_their_own(marks):
    async with recording_server() as server:
        lane = smtp(server.port).lane()
        for n in range(2):
            await lane.send(message(address=f"r{n}@example.net"), before_body=marks)
        await lane.close()
    assert [c.split(":")[0] for c in server.commands[1:-1]] == ["MAIL FROM", "RCPT TO", "DATA"] * 2


async def test_a_message_too_big_is_refused_before_any_recipient_is_named(marks):
    def small(step):
        if step.name == "ehlo":
            return "250-mail.test.example\n250 SIZE 100"
        return (
            "552 5.3.4 Message size exceeds fixed limit"
            if step.name == "mail" and "SIZE=" in step.argument
            else None
        )

    async with recording_server(small) as server:
        result = await one(server, marks)
    assert (result.verdict, result.scope, result.phase) == (Verdict.REFUSED, Scope.CONTENT, Phase.MAIL)
    assert result.stop.startswith("The message is larger than the mail server takes")
    assert not any(c.startswith("RCPT") for c in server.commands)
    assert marks.made == 0


async def test_the_size_announced_is_that_of_the_message(marks):
    async with recording_server(extensions=("SIZE",)) as server:
        await one(server, marks)
    assert server.messages[0].options == f"SIZE={len(server.messages[0].data)}"


async def test_a_server_without_any_extension_is_served_in_seven_bits(marks):
    async with recording_server(extensions=()) as server:
        result = await one(server, marks)
    assert result.verdict is Verdict.ACCEPTED
    assert server.messages[0].options == ""
    assert server.messages[0].data.isascii()
    assert max(map(len, server.messages[0].data.split(b"\r\n"))) <= 998


async def test_an_address_outside_ascii_goes_where_the_server_can(marks):
    async with recording_server(extensions=("8BITMIME", "SMTPUTF8")) as server:
        lane = smtp(server.port).lane()
        result = await lane.send(message(address="zoë@bücher.example"), before_body=marks)
        await lane.close()
    assert result.verdict is Verdict.ACCEPTED
    assert server.messages[0].options == "SMTPUTF8 BODY=8BITMIME"
    assert server.messages[0].rcpt == "zoë@xn--bcher-kva.example"


async def test_a_domain_outside_ascii_needs_no_extension(marks):
    async with recording_server(extensions=()) as server:
        lane = smtp(server.port).lane()
        result = await lane.send(message(address="user@bücher.example"), before_body=marks)
        await lane.close()
    assert result.verdict is Verdict.ACCEPTED
    assert "RCPT TO:<user@xn--bcher-kva.example>" in server.commands


@pytest.mark.parametrize(
    "address",
    [
        "x@y.example>\r\nRCPT TO:<z@w.example",
        "x@y.example\n",
        "x@y.example> NOTIFY=NEVER",
        "x y@z.example",
        "x@y.example\0",
        "<x@y.example>",
        "x\ud800@y.example",
        "x\x7f@y.example",
    ],
)
async def test_an_address_that_would_say_more_than_itself_never_reaches_a_server(marks, address):
    async with recording_server() as server:
        lane = smtp(server.port).lane()
        to = await lane.send(dataclasses.replace(message(), rcpt_to=address), before_body=marks)
        by = await lane.send(dataclasses.replace(message(), mail_from=address), before_body=marks)
        await lane.close()
    assert (to.verdict, to.scope, to.phase, to.stop) == (Verdict.REFUSED, Scope.RECIPIENT, Phase.CHECK, "")
    assert (by.verdict, by.scope, by.phase) == (Verdict.REFUSED, Scope.SENDER, Phase.CHECK)
    assert by.stop.startswith("Our own sender address cannot be used")
    assert server.connections == 0
    assert marks.made == 0


async def test_no_body_goes_to_a_server_that_refused_the_recipient_and_still_asks_for_it(marks):
    def odd(step):
        if step.name == "rcpt" and step.argument == "ada@example.net":
            return "550 5.1.1 unknown"
        return "354 go ahead all the same" if step.name == "data" else None

    async with recording_server(odd) as server:
        lane = smtp(server.port).lane()
        refused = await lane.send(message(), before_body=marks)
        accepted = await lane.send(message(address="bo@example.net"), before_body=marks)
        await lane.close()
    assert (refused.verdict, refused.scope, refused.phase) == (Verdict.REFUSED, Scope.RECIPIENT, Phase.RCPT)
    assert accepted.verdict is Verdict.ACCEPTED
    assert [m.rcpt for m in server.messages] == ["bo@example.net"]
    assert marks.made == 1


# --- slow answers, odd answers, no answers --------------------------------------------------------------------


async def test_the_dot_has_a_deadline_of_its_own_and_a_late_yes_is_one_copy(marks):
    answer = threading.Event()

    def waiting(step):
        if step.name == "dot":
            assert answer.wait(20)

    async with recording_server(waiting) as server:
        lane = smtp(server.port, command_timeout=1, dot_timeout=30).lane()
        await lane.open()
        asyncio.get_running_loop().call_later(1.5, answer.set)
        result = await lane.send(message(), before_body=marks)
        await lane.close()
    assert result.verdict is Verdict.ACCEPTED
    assert len(server.messages) == 1


def test_the_usual_deadlines_are_those_of_the_standard():
    usual = {field.name: field.default for field in dataclasses.fields(TransportConfig)}
    assert usual["command_timeout"] >= 300
    assert usual["dot_timeout"] >= 600


@pytest.mark.parametrize(
    ("reply", "code", "verdict"),
    [
        ("550 5.1.1 caf\udce9 \udcff\udc80 nobody", 550, Verdict.REFUSED),
        ("550 5.1.1 \0\1\2\x1b[31m nobody", 550, Verdict.REFUSED),
        ("550 " + "5.1.1 nobody " * 400, 550, Verdict.REFUSED),
        ("550", 550, Verdict.REFUSED),
        ("550-5.1.1 nobody\n550-\n550 5.1.1 at all", 550, Verdict.REFUSED),
        ("550-5.1.1 first\n451 4.1.1 last", 451, Verdict.DEFERRED),
        ("550 " + "x" * 9_000, None, Verdict.DEFERRED),
        ("\n".join(["550-" + "x" * 4_000] * 10) + "\n550 end", None, Verdict.DEFERRED),
        ("hello", None, Verdict.DEFERRED),
        ("\udcff\udcfe\0\0", None, Verdict.DEFERRED),
        ("099 odd", 99, Verdict.DEFERRED),
        ("354 go ahead", 354, Verdict.DEFERRED),
        ("777 jackpot", 777, Verdict.DEFERRED),
        ("220 and welcome", 220, Verdict.DEFERRED),
    ],
)
async def test_whatever_a_server_says_is_only_an_answer(marks, reply, code, verdict):
    only = lambda step: step.argument == "ada@example.net"  # noqa: E731
    async with recording_server(at("rcpt", reply, only=only)) as server:
        lane = smtp(server.port).lane()
        result = await lane.send(message(), before_body=marks)
        after = await lane.send(message(address="bo@example.net"), before_body=marks)
        await lane.close()
    assert (result.verdict, result.phase) == (verdict, Phase.RCPT)
    assert code is None or result.reply.code == code
    assert result.reply.text.isprintable() and len(result.reply.text) <= 500
    assert after.verdict is Verdict.ACCEPTED
    assert marks.made == 1


async def test_no_rubbish_is_ever_taken_for_an_acceptance(marks):
    dice = random.Random(20_240_607)
    alphabet = "0123456789 .\t\0\x1bé\udcff<>x"
    phases = ("mail", "rcpt", "data", "dot")

    def rubbish(step):
        if step.name not in phases or dice.random() > 0.3:
            return None
        return "".join(dice.choice(alphabet) for _ in range(dice.randint(1, 40))) or "?"

    async with recording_server(rubbish) as server:
        lane = smtp(server.port).lane()
        results = [
            await lane.send(message(address=f"r{n}@example.net"), before_body=marks) for n in range(150)
        ]
        await lane.close()
    taken = {f"r{n}@example.net" for n, r in enumerate(results) if r.verdict is Verdict.ACCEPTED}
    assert taken == {m.rcpt for m in server.messages}
    assert 0 < len(taken) < len(results)
    assert {r.phase for r in results if r.verdict is Verdict.UNCERTAIN} == {Phase.DOT}


async def test_a_server_silent_at_quit_is_left_soon_and_changes_nothing(marks, monkeypatch):
    monkeypatch.setattr(smtp_module, "_QUIT_SECONDS", 0.1)
    async with recording_server(at("quit", SILENCE)) as server:
        result = await asyncio.wait_for(one(server, marks), 8)
    assert result.verdict is Verdict.ACCEPTED
    assert len(server.messages) == 1


async def test_a_lane_cancelled_while_it_opens_leaves_no_connection_behind(monkeypatch):
    made, real = [], aiosmtplib.SMTP

    def noted(**options):
        made.append(real(**options))
        return made[-1]

    monkeypatch.setattr(aiosmtplib, "SMTP", noted)
    async with recording_server(at("ehlo", SILENCE)) as server:
        lane = smtp(server.port).lane()
        opening = asyncio.create_task(lane.open())
        while not server.commands:  # noqa: ASYNC110 - the server runs in another thread
            await asyncio.sleep(0.005)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert [client.is_connected for client in made] == [False]


# --- the same against a server that is not ours ---------------------------------------------------------------


@contextlib.asynccontextmanager
async def smtp_sink(*options):
    """Postfix's smtp-sink on a free port of loopback."""
    program = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        if os.environ.get("DIGEST_REQUIRE_TOOLS"):
            pytest.fail("smtp-sink is not here, and DIGEST_REQUIRE_TOOLS asks for it")
        pytest.skip("smtp-sink (of Postfix) is not here")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    rights = ("-u", "nobody") if os.geteuid() == 0 else ()
    sink = await asyncio.create_subprocess_exec(program, *rights, *options, f"127.0.0.1:{port}", "64")
    try:
        async with asyncio.timeout(10):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.01)  # it has no other way to say that it is ready
                else:
                    writer.close()
                    await writer.wait_closed()
                    break
        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            sink.terminate()
        await sink.wait()


@pytest.mark.parametrize(
    ("options", "verdict", "phase"),
    [
        ((), Verdict.ACCEPTED, Phase.DOT),
        (("-q", "."), Verdict.UNCERTAIN, Phase.DOT),
        (("-q", "quit"), Verdict.ACCEPTED, Phase.DOT),
        (("-q", "data"), Verdict.DEFERRED, Phase.DATA),
        (("-q", "rcpt"), Verdict.DEFERRED, Phase.RCPT),
        (("-q", "ehlo"), Verdict.DEFERRED, Phase.EHLO),
        (("-q", "connect"), Verdict.DEFERRED, Phase.CONNECT),
        (("-f", "."), Verdict.REFUSED, Phase.DOT),
        (("-r", "rcpt"), Verdict.DEFERRED, Phase.RCPT),
        (("-8", "-E"), Verdict.ACCEPTED, Phase.DOT),
    ],
)
async def test_a_server_of_others_shows_the_same_windows(marks, options, verdict, phase):
    async with smtp_sink(*options) as port:
        lane = smtp(port).lane()
        result = await lane.send(message(), before_body=marks)
        await lane.close()
    assert (result.verdict, result.phase) == (verdict, phase)
    assert marks.made == (phase is Phase.DOT)


async def test_a_server_of_others_without_smtputf8_refuses_one_address_only(marks):
    async with smtp_sink() as port:
        lane = smtp(port).lane()
        refused = await lane.send(message(address="zoë@example.net"), before_body=marks)
        accepted = await lane.send(message(), before_body=marks)
        await lane.close()
    assert (refused.verdict, refused.scope) == (Verdict.REFUSED, Scope.RECIPIENT)
    assert accepted.verdict is Verdict.ACCEPTED
