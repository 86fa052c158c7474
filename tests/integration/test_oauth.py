"""Signing in to a mail server with access tokens: a scripted token address over TLS, a scripted mail server."""

import asyncio
import base64
import json
import logging
import ssl
import urllib.parse
from contextlib import asynccontextmanager

import httpx2
import pytest
import trustme

from digest.deliveries.model import Phase, Scope, Verdict
from digest.deliveries.transports.base import CannotOpen, OAuth
from digest.deliveries.transports.oauth import NoToken, Tokens
from digest.settings import SettingsError, load
from digest.wiring import transport_config
from tests.mailing import message, smtp, smtp_config
from tests.smtp_server import recording_server

SECRET, REFRESH = "client/secret+1", "1//refresh-token"


class TokenAddress:
    """Answers each request with what `script` makes of its form and number; None for the usual answer."""

    def __init__(self, script):
        self.script = script
        self.port = 0
        self.forms = []
        self.paths = []

    @property
    def url(self):
        return f"https://localhost:{self.port}/tenant/token"

    async def met(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(head.lower().partition("content-length:")[2].split()[0])
            form = urllib.parse.parse_qs((await reader.readexactly(length)).decode())
            self.paths.append(head.split()[1])
            self.forms.append({key: values[0] for key, values in form.items()})
            answer = self.script(len(self.forms)) if self.script else None
            if answer is None:
                answer = usual(len(self.forms))
            if answer is not SILENT:
                writer.write(answer)
                await writer.drain()
            else:
                await asyncio.Event().wait()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()


SILENT = object()


def said(status, body, *headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(data)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + data


def usual(n, **changes):
    return said(200, {"access_token": f"T{n}", "token_type": "Bearer", "expires_in": 3600, **changes})


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture
def server_tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def ca_file(authority, tmp_path):
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def serving(server_tls):
    @asynccontextmanager
    async def start(script=None):
        address = TokenAddress(script)
        conversations = set()

        async def met(reader, writer):
            task = asyncio.current_task()
            assert task
            conversations.add(task)
            await address.met(reader, writer)

        server = await asyncio.start_server(met, "127.0.0.1", 0, ssl=server_tls)
        address.port = server.sockets[0].getsockname()[1]
        try:
            yield address
        finally:
            server.close()
            for one in conversations:
                one.cancel()
            await asyncio.gather(*conversations, return_exceptions=True)

    return start


class Clock:
    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def grant(address, **changes):
    return OAuth(**{"token_url": address.url, "client_id": "app", "client_secret": SECRET, **changes})


@pytest.fixture
def tokens(authority, clock):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return lambda address, *, seconds=10.0, **changes: Tokens(
        grant(address, **changes), tls=context, seconds=seconds, clock=clock
    )


async def refused(tokens):
    with pytest.raises(NoToken) as caught:
        await tokens.get()
    for hidden in (SECRET, REFRESH):
        assert hidden not in str(caught.value)
    return caught.value


# --- getting a token ------------------------------------------------------------------------------------------


async def test_a_client_asks_in_its_own_name_with_its_secret_and_scope(serving, tokens):
    async with serving() as address:
        token = await tokens(address, scope="https://mail.example/.default").get()
    assert token.value == "T1"
    assert address.paths == ["/tenant/token"]
    assert address.forms == [
        {
            "grant_type": "client_credentials",
            "client_id": "app",
            "client_secret": SECRET,
            "scope": "https://mail.example/.default",
        }
    ]


async def test_a_refresh_token_speaks_for_a_person_and_its_successor_is_used_from_then_on(serving, tokens):
    async with serving(lambda n: usual(n, refresh_token=f"next-{n}")) as address:
        asking = tokens(address, refresh_token=REFRESH, client_secret="")
        first = await asking.get()
        await asking.get(instead_of=first)
    assert [form["refresh_token"] for form in address.forms] == [REFRESH, "next-1"]
    assert {form["grant_type"] for form in address.forms} == {"refresh_token"}
    assert "client_secret" not in address.forms[0]


async def test_a_token_is_kept_until_shortly_before_it_expires(serving, tokens, clock):
    async with serving() as address:
        asking = tokens(address)
        first = await asking.get()
        clock.now += 3600 - 121
        assert await asking.get() is first
        clock.now += 2
        assert (await asking.get()).value == "T2"


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        ("3600", 3480),
        (60, 30),
        (None, 180),
        ("soon", 180),
        (-5, 0),
        ("inf", 180),
        (10**400, 180),
        (10**9, 86_280),
    ],
)
async def test_a_life_that_is_stated_oddly_is_bounded(serving, tokens, clock, stated, kept):
    async with serving(lambda n: usual(n, expires_in=stated)) as address:
        asking = tokens(address)
        await asking.get()
        clock.now += max(kept - 1, 0)
        again = await asking.get()
        assert again.value == ("T1" if kept else "T2")
        clock.now += 2
        assert (await asking.get()).value != again.value


async def test_all_lanes_share_one_fetch(serving, tokens):
    async with serving() as address:
        asking = tokens(address)
        found = await asyncio.gather(*(asking.get() for _ in range(16)))
    assert len(address.forms) == 1
    assert {token.value for token in found} == {"T1"}


async def test_all_lanes_share_one_failure(serving, tokens):
    async with serving(lambda _n: said(503, b"")) as address:
        asking = tokens(address)
        found = await asyncio.gather(*(asking.get() for _ in range(16)), return_exceptions=True)
        assert {type(one) for one in found} == {NoToken}
        assert len(address.forms) == 1
        await refused(asking)
    assert len(address.forms) == 2


async def test_lanes_refused_with_the_same_token_renew_it_once(serving, tokens):
    # The address may well hand out the same text again, so it is the token that counts, not its letters.
    async with serving(lambda _n: usual(1)) as address:
        asking = tokens(address)
        first = await asking.get()
        found = await asyncio.gather(*(asking.get(instead_of=first) for _ in range(8)))
    assert len(address.forms) == 2
    assert len(set(map(id, found))) == 1


def test_tokens_serve_one_event_loop_after_another(serving, tokens):
    async def found():
        async with serving() as address:
            asking = kept.setdefault("tokens", tokens(address))
            asking._oauth = grant(address)  # the port is another each time
            first, _ = await asyncio.gather(asking.get(), asking.get())
            return await asyncio.gather(*(asking.get(instead_of=first) for _ in range(3)))

    kept = {}
    for _ in range(2):
        assert len(set(map(id, asyncio.run(found())))) == 1


# --- rubbish and refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "passing", "words"),
    [
        (
            said(
                401,
                {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid secret.\r\nTrace"},
            ),
            False,
            "refuses us a token: invalid_client: AADSTS7000215: Invalid secret. Trace.",
        ),
        (said(400, {"error": "invalid_grant", "error_description": ["x"]}), False, "invalid_grant."),
        (said(400, {"error": "temporarily_unavailable"}), True, "cannot give a token now"),
        (said(403, b"<html>no"), False, "refuses us a token: 403."),
        (said(429, {}), True, "cannot give a token now: 429."),
        (said(502, b"\xff\xfe"), True, "cannot give a token now: 502."),
        (said(302, b"", "Location: http://127.0.0.1/steal"), False, "redirect, so no secret was sent on"),
        (said(200, b"<html>sign in to the network"), False, "did not answer with an access token"),
        (said(200, b"[" * 60_000), False, "did not answer with an access token"),
        (said(200, ["T1"]), False, "did not answer with an access token"),
        (said(200, {"access_token": "T1\r\nRSET"}), False, "did not answer with an access token"),
        (said(200, {"access_token": "T" * 9_000}), False, "did not answer with an access token"),
        (said(200, {"access_token": ""}), False, "did not answer with an access token"),
        (usual(1, token_type="mac"), False, "expected a bearer token"),
        (said(200, b" " * 70_000 + b'{"access_token": "T1"}'), False, "did not answer with an access token"),
        (said(200, b"\x1f\x8b", "Content-Encoding: gzip"), False, "did not answer with an access token"),
        (b"SSH-2.0-nothing\r\n", True, "cannot be reached"),
        (b"", True, "cannot be reached"),
        (
            said(400, {"error": "invalid_request", "error_description": f"bad {SECRET} and {REFRESH}"}),
            False,
            "bad <secret> and <secret>",
        ),
    ],
)
async def test_an_answer_without_a_token_is_one_plain_sentence(serving, tokens, answer, passing, words):
    async with serving(lambda _n: answer) as address:
        error = await refused(tokens(address, refresh_token=REFRESH))
    assert error.passing is passing
    assert words in str(error)
    assert str(error).startswith("The token address localhost ")
    assert str(error).isprintable() and str(error).endswith((".", ").")) and len(str(error)) < 700


async def test_a_token_address_that_never_answers_ends_at_its_own_deadline(serving, tokens):
    async with serving(lambda _n: SILENT) as address:
        error = await refused(tokens(address, seconds=0.3))
    assert str(error) == "The token address localhost did not answer within 0.3 seconds."
    assert error.passing


async def test_a_token_address_with_a_certificate_we_do_not_know_gets_no_secret(serving):
    async with serving() as address:
        asking = Tokens(grant(address), tls=ssl.create_default_context(), seconds=10)
        error = await refused(asking)
    assert "cannot be reached" in str(error) and "certificate" in str(error).lower()
    assert address.forms == []


async def test_a_token_address_that_is_not_there_may_come_back(serving, tokens):
    async with serving() as address:
        pass
    assert (await refused(tokens(address))).passing


async def test_no_secret_and_no_token_is_ever_shown(serving, tokens, caplog):
    caplog.set_level(logging.DEBUG)
    async with serving() as address:
        asking = tokens(address, refresh_token=REFRESH)
        token = await asking.get()
        config = smtp_config(25, oauth=grant(address, refresh_token=REFRESH), password="pass-word")
    shown = f"{token!r} {asking!r} {config!r} {config.oauth!r}"
    logged = " ".join(record.getMessage() for record in caplog.records if record.name != "asyncio")
    for hidden in (SECRET, REFRESH, "pass-word", "T1"):
        assert hidden not in shown
        assert hidden not in logged


# --- at the mail server ---------------------------------------------------------------------------------------


async def nothing_to_mark():
    pass


@pytest.fixture
def lane_to(ca_file):
    def make(server, address, **changes):
        return smtp(
            server.port,
            **{
                "host": "localhost",
                "security": "starttls",
                "ca_file": ca_file,
                "username": "us@example.org",
                "oauth": grant(address),
                **changes,
            },
        )

    return make


def logins(server):
    return [base64.b64decode(c.split()[2]).decode() for c in server.commands if c.startswith("AUTH XOAUTH2 ")]


def mail_server(server_tls, token="T1", *, mechanisms="LOGIN XOAUTH2", script=None):
    return recording_server(script, tls=server_tls, login=("us@example.org", token), mechanisms=mechanisms)


async def cannot_open(transport):
    lane = transport.lane()
    with pytest.raises(CannotOpen) as caught:
        await lane.open()
    await lane.close()
    return caught.value


async def test_a_token_logs_in_by_its_initial_response(serving, server_tls, lane_to):
    async with serving() as address, mail_server(server_tls) as server:
        lane = lane_to(server, address).lane()
        result = await lane.send(message(), before_body=nothing_to_mark)
        await lane.close()
    assert result.verdict is Verdict.ACCEPTED
    assert logins(server) == ["user=us@example.org\1auth=Bearer T1\1\1"]
    assert [c.split()[0] for c in server.commands[:4]] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]


async def test_a_server_that_offers_nothing_but_tokens_is_served(serving, server_tls, lane_to):
    async with serving() as address, mail_server(server_tls, mechanisms="XOAUTH2") as server:
        lane = lane_to(server, address).lane()
        await lane.open()
        await lane.close()
    assert len(logins(server)) == 1


async def test_lanes_and_reconnections_use_the_same_token(serving, server_tls, lane_to):
    async with serving() as address, mail_server(server_tls) as server:
        transport = lane_to(server, address, max_per_connection=1)
        lanes = [transport.lane() for _ in range(4)]
        for _ in range(2):
            await asyncio.gather(*(lane.send(message(), before_body=nothing_to_mark) for lane in lanes))
        await asyncio.gather(*(lane.close() for lane in lanes))
    assert len(server.messages) == 8
    assert server.connections == 8
    assert len(address.forms) == 1


async def test_a_token_withdrawn_before_its_time_is_renewed_once_and_the_challenge_answered_by_an_empty_line(
    serving, server_tls, lane_to
):
    async with serving() as address, mail_server(server_tls, "T2") as server:
        lane = lane_to(server, address).lane()
        result = await lane.send(message(), before_body=nothing_to_mark)
        await lane.close()
    assert result.verdict is Verdict.ACCEPTED
    assert [login.partition("Bearer ")[2] for login in logins(server)] == ["T1\1\1", "T2\1\1"]
    refusal = next(n for n, c in enumerate(server.commands) if c.startswith("AUTH"))
    assert server.commands[refusal + 1] == ""
    assert len(server.messages) == 1


async def test_a_fresh_token_that_is_refused_too_stops_everything(serving, server_tls, lane_to):
    async with serving() as address, mail_server(server_tls, "another") as server:
        error = await cannot_open(lane_to(server, address))
    assert len(address.forms) == 2
    assert len(logins(server)) == 2
    assert (error.outcome.verdict, error.outcome.scope) == (Verdict.REFUSED, Scope.SENDER)
    assert str(error).startswith("The mail server refused our login: 535")


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("454 4.7.0 try later", Verdict.DEFERRED),
        ("534 5.7.9 not so", Verdict.REFUSED),
        ("421 4.3.2 bye", Verdict.DEFERRED),
    ],
)
async def test_only_a_refused_credential_renews_the_token(serving, server_tls, lane_to, answer, verdict):
    script = lambda step: answer if step.name == "auth" else None  # noqa: E731
    async with serving() as address, mail_server(server_tls, script=script) as server:
        error = await cannot_open(lane_to(server, address))
    assert (error.outcome.verdict, error.outcome.phase) == (verdict, Phase.AUTH)
    assert answer[:3] in str(error)
    assert len(address.forms) == 1


async def test_a_server_that_takes_no_tokens_is_not_shown_one(serving, server_tls, lane_to):
    async with serving() as address, mail_server(server_tls, mechanisms="PLAIN LOGIN") as server:
        error = await cannot_open(lane_to(server, address))
    assert "takes no access tokens (XOAUTH2)" in str(error)
    assert error.outcome.verdict is Verdict.REFUSED
    assert not any(c.startswith("AUTH") for c in server.commands)


async def test_a_server_that_takes_only_tokens_is_not_shown_a_password(server_tls, ca_file):
    async with mail_server(server_tls, mechanisms="XOAUTH2") as server:
        error = await cannot_open(
            smtp(
                server.port,
                host="localhost",
                security="starttls",
                ca_file=ca_file,
                username="us@example.org",
                password="pass-word",
            )
        )
    assert str(error).endswith('offers no login by password that we know; set mail.auth to "oauth".')
    assert not any(c.startswith("AUTH") for c in server.commands)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [(said(401, {"error": "invalid_client"}), Verdict.REFUSED), (said(503, b""), Verdict.DEFERRED)],
)
async def test_without_a_token_no_server_is_called(serving, server_tls, lane_to, answer, verdict):
    async with serving(lambda _n: answer) as address, mail_server(server_tls) as server:
        error = await cannot_open(lane_to(server, address))
    assert (error.outcome.verdict, error.outcome.phase, error.outcome.scope) == (
        verdict,
        Phase.AUTH,
        Scope.SENDER,
    )
    assert error.outcome.stop.startswith("The token address localhost")
    assert server.connections == 0


async def test_a_server_that_repeats_the_token_does_not_get_it_into_our_records(serving, server_tls, lane_to):
    token = "ya29.a+b/c-d_e~" + "x" * 20

    def echo(step):
        if step.name != "auth":
            return None
        plain = base64.b64encode(token.encode()).decode()
        return f"534 5.7.9 you said {step.argument.split()[1]} that is {plain} or {token}"

    async with (
        serving(lambda n: usual(n, access_token=token)) as address,
        mail_server(server_tls, script=echo) as server,
    ):
        error = await cannot_open(lane_to(server, address))
    said_so = f"{error} {error.outcome!r}"
    for hidden in (token, base64.b64encode(token.encode()).decode(), logins(server)[0]):
        assert hidden not in said_so
    assert "you said <" in said_so


def test_the_library_that_fetches_tokens_reads_no_proxy_from_the_environment(monkeypatch):
    seen = {}
    real = httpx2.AsyncClient

    def spy(**options):
        seen.update(options)
        return real(**options)

    monkeypatch.setattr(httpx2, "AsyncClient", spy)
    nowhere = OAuth(token_url="https://localhost:1/token", client_id="app", client_secret=SECRET)
    with pytest.raises(NoToken):
        asyncio.run(Tokens(nowhere, tls=ssl.create_default_context()).get())
    assert seen["trust_env"] is False


# --- in the configuration -------------------------------------------------------------------------------------

SITE = """
[site]
base_url = "https://news.example.org"
secret = "0123456789abcdef0123456789abcdef"
[mail]
transport = "smtp"
host = "smtp.example.org"
"""
RIGHT = """
auth = "oauth"
username = "us@example.org"
oauth_token_url = "https://login.example.org/tenant/token"
oauth_client_id = "app"
oauth_scope = "mail"
"""


def configured(tmp_path, mail, **environ):
    path = tmp_path / "digest.toml"
    path.write_text(SITE + mail, encoding="utf-8")
    return load(path, environ=environ)


def test_the_settings_reach_the_transport_and_show_no_secret(tmp_path):
    (tmp_path / "refresh").write_text(REFRESH + "\n")
    settings = configured(
        tmp_path,
        RIGHT,
        DIGEST_MAIL_OAUTH_CLIENT_SECRET=SECRET,
        DIGEST_MAIL_OAUTH_REFRESH_TOKEN_FILE=str(tmp_path / "refresh"),
    )
    config = transport_config(settings, tmp_path)
    assert config.oauth == OAuth(
        token_url="https://login.example.org/tenant/token",
        client_id="app",
        client_secret=SECRET,
        refresh_token=REFRESH,
        scope="mail",
    )
    for hidden in (SECRET, REFRESH):
        assert hidden not in f"{settings!r} {config!r}"


def test_a_login_by_password_is_what_it_was(tmp_path):
    settings = configured(tmp_path, 'username = "us"\npassword = "pass-word"\n')
    config = transport_config(settings, tmp_path)
    assert (config.oauth, config.username, config.password) == (None, "us", "pass-word")


@pytest.mark.parametrize(
    ("mail", "environ", "words"),
    [
        (RIGHT, {}, "needs DIGEST_MAIL_OAUTH_CLIENT_SECRET, or DIGEST_MAIL_OAUTH_REFRESH_TOKEN"),
        (RIGHT.replace("https:", "http:"), {"DIGEST_MAIL_OAUTH_CLIENT_SECRET": SECRET}, "an https address"),
        (
            RIGHT.replace("login.", "u:p@login."),
            {"DIGEST_MAIL_OAUTH_CLIENT_SECRET": SECRET},
            "an https address",
        ),
        (
            RIGHT.replace("oauth_client_id", "# "),
            {"DIGEST_MAIL_OAUTH_CLIENT_SECRET": SECRET},
            "mail.oauth_client_id",
        ),
        (RIGHT.replace("username", "# "), {"DIGEST_MAIL_OAUTH_CLIENT_SECRET": SECRET}, "needs mail.username"),
        ('auth = "token"\n', {}, "mail.auth"),
        (
            'security = "none"\ninsecure_ok = true\nusername = "us"\n',
            {},
            "never carries a login to another machine",
        ),
        (f'oauth_refresh_token = ["{REFRESH}"]\n', {}, "mail.oauth_refresh_token: expected"),
    ],
)
def test_half_a_configuration_is_refused_with_what_is_missing(tmp_path, mail, environ, words):
    with pytest.raises(SettingsError) as caught:
        configured(tmp_path, mail, **environ)
    assert words in str(caught.value)
    for hidden in (SECRET, REFRESH):
        assert hidden not in str(caught.value)
