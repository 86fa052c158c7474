"""One lane against a scripted server: what each fault at each phase comes to."""

import asyncio
import ssl

import pytest
import trustme

from digest.deliveries.model import Phase, Scope, Verdict
from digest.deliveries.transports.base import CannotOpen
from digest.errors import DigestError
from tests.mailing import message, smtp
from tests.smtp_server import ACCEPT_AND_DROP, DROP, SILENCE, recording_server


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
    assert not any(c.startswith("MAIL") for c in server.commands)


async def test_a_certificate_from_nobody_we_know_gets_nothing(authority):
    async with recording_server(tls=server_tls(authority, "localhost")) as server:
        error = await opened(server, host="localhost", security="starttls")
    assert "is not trusted" in str(error)
    assert error.outcome.verdict is Verdict.REFUSED


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_for_another_name_gets_nothing(authority, ca_file, security):
    tls = server_tls(authority, "elsewhere.example")
    async with recording_server(tls=tls, implicit_tls=security == "tls") as server:
        error = await opened(server, host="localhost", security=security, ca_file=ca_file)
    assert "does not belong to that name" in str(error)
    assert error.outcome.phase is Phase.TLS


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
