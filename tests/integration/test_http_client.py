"""The guarded client against real servers on loopback: where it may go, how much it reads, what it says."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import trustme

from digest.posts.sources.base import SourceError
from digest.posts.sources.http import USER_AGENT, Client, Limits, Response
from digest.posts.sources.network import is_allowed
from digest.posts.sources.words import retry_after, shown
from tests.served import Answer, Asked, Site, serving


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as served:
        yield served


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client(limits=Limits(seconds=5)) as opened:
        yield opened


async def _sentence(client: Client, url: str, **options: object) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await client.get(url, **{"allow_private": True, **options})  # type: ignore[arg-type]
    text = str(caught.value)
    assert text.endswith((".", "?).")) and "Traceback" not in text
    return caught.value


@contextlib.asynccontextmanager
async def _speaking(
    script: Callable[[asyncio.StreamWriter], Awaitable[None]], **options: object
) -> AsyncIterator[int]:
    """A server whose every answer is what `script` writes after a request; yields its port, leaves nothing open."""
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())  # type: ignore[arg-type]
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            await script(writer)
        writer.close()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, **options)  # type: ignore[arg-type]
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()


# --- where it may go ---


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "100.100.100.200", "0.0.0.0", "0.1.2.3", "192.0.0.8", "192.0.0.192", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1",
        "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1",
        "2002:7f00:1::", "2002:808:808::1", "2001:db8::1", "2001::1", "100::1", "not an address", "",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_unicast_is_refused(address):
    assert not is_allowed(address, allow_private=False)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8"])
def test_a_public_address_is_allowed(address):
    assert is_allowed(address, allow_private=False)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "192.168.1.1", "100.64.0.1", "::1", "fd12::1", "::ffff:127.0.0.1"]
)
def test_allow_private_opens_loopback_and_private_addresses(address):
    assert is_allowed(address, allow_private=True)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fe80::1",
        "224.0.0.1",
        "0.0.0.0",
        "::",
        "fd00:ec2::254",
        "100.100.100.200",
        "64:ff9b::a00:1",
    ],
)
def test_allow_private_never_opens_metadata_link_local_or_translation(address):
    assert not is_allowed(address, allow_private=True)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "0",
    ],
)
async def test_every_spelling_of_loopback_is_refused_before_connecting_pitfall_16(site, client, host):
    site.routes["/"] = Answer("secret")
    port = site.url.rpartition(":")[2]
    error = await _sentence(client, f"http://{host}:{port}/", allow_private=False)
    assert "is not a public address" in str(error) or "There is no host" in str(error)
    assert site.asked == []


async def test_a_private_source_is_reached_when_the_operator_allows_it(site, client):
    site.routes["/"] = Answer("hello")
    assert (await client.get(site.url + "/", allow_private=True)).body == b"hello"


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.org/", "gopher://x/", "http://", "nonsense", "http:///x"]
)
async def test_only_http_and_https_are_spoken(client, url):
    await _sentence(client, url)


async def test_one_private_address_among_public_ones_refuses_the_host(site):
    async def resolve(host, port):
        return ["93.184.216.34", "127.0.0.1"]

    async with Client(resolve=resolve) as client:
        error = await _sentence(client, "http://mixed.example/", allow_private=False)
    assert "127.0.0.1, which is not a public address" in str(error)


async def test_a_name_that_changes_its_mind_is_asked_once_and_dialled_by_address(site):
    """DNS rebinding: the checked answer is the one used, so a second, different answer is never asked for."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    asked = []

    async def resolve(host, port):
        asked.append(host)
        return next(answers)

    site.routes["/"] = Answer("first")
    port = site.url.rpartition(":")[2]
    async with Client(resolve=resolve) as client:
        response = await client.get(f"http://rebind.example:{port}/", allow_private=True)
    assert response.body == b"first" and asked == ["rebind.example"]
    assert site.asked[0].headers["host"] == f"rebind.example:{port}"


async def test_every_redirect_hop_is_checked_again(site):
    port = site.url.rpartition(":")[2]

    async def resolve(host, port):
        return ["127.0.0.1"] if host == "good.example" else ["169.254.169.254"]

    site.routes["/"] = Answer(
        status=302, headers={"Location": f"http://evil.example:{port}/latest/meta-data"}
    )
    async with Client(resolve=resolve) as client:
        error = await _sentence(client, f"http://good.example:{port}/")
    assert "169.254.169.254" in str(error) and site.paths == ["/"]


async def test_a_host_without_an_address_is_a_sentence(client):
    async def nothing(host, port):
        return []

    assert "There is no host named no.example" in str(await _sentence(client, "http://no.example/"))
    async with Client(resolve=nothing) as empty:
        assert "There is no host" in str(await _sentence(empty, "http://no.example/"))


async def test_proxies_in_the_environment_are_ignored(site, client, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    site.routes["/"] = Answer("direct")
    async with Client() as fresh:
        assert (await fresh.get(site.url + "/", allow_private=True)).body == b"direct"


# --- redirects ---


@pytest.mark.parametrize("status", [301, 308])
async def test_a_permanent_redirect_is_reported_pitfall_18(site, client, status):
    site.routes["/old"] = Answer(status=status, headers={"Location": "/new"})
    site.routes["/new"] = Answer("here")
    response = await client.get(site.url + "/old", allow_private=True)
    assert response.permanent_url == response.url == site.url + "/new"


@pytest.mark.parametrize("chain", [[302], [303], [307], [301, 302], [302, 301]])
async def test_a_redirect_that_is_temporary_anywhere_is_not_permanent_pitfall_18(site, client, chain):
    for number, status in enumerate(chain):
        site.routes[f"/{number}"] = Answer(status=status, headers={"Location": f"/{number + 1}"})
    site.routes[f"/{len(chain)}"] = Answer("here")
    response = await client.get(site.url + "/0", allow_private=True)
    assert response.permanent_url is None and response.body == b"here"


async def test_five_redirects_are_followed_and_six_are_not_pitfall_18(site, client):
    for number in range(7):
        site.routes[f"/{number}"] = Answer(status=301, headers={"Location": f"/{number + 1}"})
    site.routes["/7"] = Answer("far")
    assert (await client.get(site.url + "/2", allow_private=True)).body == b"far"
    assert "more than 5 times" in str(await _sentence(client, site.url + "/1"))


async def test_a_redirect_circle_ends(site, client):
    site.routes["/a"] = Answer(status=301, headers={"Location": "/b"})
    site.routes["/b"] = Answer(status=301, headers={"Location": "/a"})
    assert "circle" in str(await _sentence(client, site.url + "/a"))


@pytest.mark.parametrize("location", ["", "file:///etc/passwd", "javascript:alert(1)", "http://[", "//"])
async def test_a_redirect_to_no_web_address_is_refused(site, client, location):
    site.routes["/"] = Answer(status=301, headers={"Location": location} if location else {})
    await _sentence(client, site.url + "/")


# --- TLS ---


@pytest.fixture
async def tls_site() -> AsyncIterator[tuple[int, trustme.CA, list[bytes]]]:
    """An HTTPS server with a certificate of its own authority; answers are taken from a list."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("secure.example").configure_cert(context)
    answers: list[bytes] = []

    async def script(writer):
        writer.write(answers[0])
        await writer.drain()

    async with _speaking(script, ssl=context) as port:
        yield port, authority, answers


async def _loopback(host, port):
    return ["127.0.0.1"]


async def test_a_certificate_is_verified_against_the_name_asked_for(tls_site):
    port, authority, answers = tls_site
    answers.append(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with Client(resolve=_loopback, ssl_context=trusting) as client:
        response = await client.get(f"https://secure.example:{port}/", allow_private=True)
        assert response.body == b"ok"
        assert "certificate" in str(await _sentence(client, f"https://other.example:{port}/"))
    async with Client(resolve=_loopback) as strict:
        assert "certificate" in str(await _sentence(strict, f"https://secure.example:{port}/"))


async def test_a_redirect_from_https_to_http_is_refused_pitfall_18(tls_site, site):
    port, authority, answers = tls_site
    answers.append(f"HTTP/1.1 301 Moved\r\nLocation: {site.url}/\r\nContent-Length: 0\r\n\r\n".encode())
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with Client(resolve=_loopback, ssl_context=trusting) as client:
        error = await _sentence(client, f"https://secure.example:{port}/")
    assert "from https to http" in str(error) and site.asked == []


# --- politeness ---


async def test_it_says_who_it_is_and_asks_without_cookies(site, client):
    site.routes["/"] = Answer("x", headers={"Set-Cookie": "a=b"})
    await client.get(site.url + "/", accept="application/rss+xml", allow_private=True)
    await client.get(site.url + "/", allow_private=True)
    assert site.asked[0].headers["user-agent"] == USER_AGENT
    assert site.asked[0].headers["accept"] == "application/rss+xml"
    assert "cookie" not in site.asked[1].headers


async def test_validators_are_echoed_verbatim_pitfall_17(site, client):
    site.routes["/"] = Answer(status=304)
    weak, date = 'W/"a b-gzip"', "Sat, 1 Jan 2024 00:00:00 +0000"
    response = await client.get(site.url + "/", etag=weak, last_modified=date, allow_private=True)
    assert response.not_modified and response.status == 304
    assert site.asked[0].headers["if-none-match"] == weak
    assert site.asked[0].headers["if-modified-since"] == date


async def test_a_validator_cannot_smuggle_a_header(site, client):
    site.routes["/"] = Answer("x")
    await client.get(site.url + "/", etag='"a"\r\nX-Evil: 1', last_modified="ü", allow_private=True)
    assert not {"if-none-match", "if-modified-since", "x-evil"} & set(site.asked[0].headers)


async def test_a_304_with_a_body_is_still_a_304_pitfall_17():
    async def script(writer):
        writer.write(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        await writer.drain()

    async with _speaking(script) as port, Client() as client:
        response = await client.get(f"http://127.0.0.1:{port}/", etag='"a"', allow_private=True)
    assert response.not_modified and response.body == b""


async def test_a_304_to_an_unconditional_question_is_a_failure_pitfall_17(site, client):
    site.routes["/"] = Answer(status=304)
    assert "304" in str(await _sentence(client, site.url + "/"))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120),
        ({"retry-after": "999999999"}, 86_400),
        ({"retry-after": "Wed, 21 Oct 2026 07:30:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 120),
        ({"retry-after": "Wed, 21 Oct 2026 07:00:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0),
        ({"retry-after": "Wed, 21 Oct 2999 07:00:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 86_400),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_bounded_pitfall_19(headers, seconds):
    assert retry_after(headers) == seconds


@pytest.mark.parametrize("status", [429, 503])
async def test_the_wish_to_wait_reaches_whoever_plans_the_next_visit_pitfall_19(site, client, status):
    site.routes["/"] = Answer(status=status, headers={"Retry-After": "77"})
    error = await _sentence(client, site.url + "/")
    assert error.wait_seconds == 77 and error.status == status and not error.gone


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 418, 500, 502, 503, 599, 204, 206, 300])
async def test_every_status_but_success_is_one_sentence_with_its_number_pitfall_19(site, client, status):
    site.routes["/"] = Answer(status=status, headers={"Location": ""})
    error = await _sentence(client, site.url + "/")
    assert str(status) in str(error) and not error.gone


async def test_gone_is_told_apart_pitfall_19(site, client):
    site.routes["/"] = Answer(status=410)
    assert (await _sentence(client, site.url + "/")).gone


async def test_no_more_than_two_fetches_talk_to_one_host_at_once(site):
    now, most = 0, 0
    gate = asyncio.Event()

    async def script(writer):
        nonlocal now, most
        now += 1
        most = max(most, now)
        if now == 2:
            gate.set()
        await gate.wait()
        now -= 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()

    async with _speaking(script) as port, Client(limits=Limits(per_host=2, seconds=20)) as client:
        url = f"http://127.0.0.1:{port}/"
        await asyncio.gather(*(client.get(url + str(n), allow_private=True) for n in range(8)))
    assert most == 2


async def test_waiting_for_a_turn_does_not_use_up_the_time_of_a_fetch():
    async def script(writer):
        await asyncio.sleep(0.05)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()

    async with _speaking(script) as port, Client(limits=Limits(per_host=1, seconds=0.5)) as client:
        url = f"http://127.0.0.1:{port}/"
        answers = await asyncio.gather(*(client.get(url, allow_private=True) for _ in range(15)))
    assert len(answers) == 15


# --- limits ---


async def test_a_feed_of_200_mb_is_refused_before_it_is_read_pitfall_15(client):
    sent = 0

    async def script(writer):
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
        while not writer.is_closing() and sent < 200_000_000:
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()

    async with _speaking(script) as port:
        url = f"http://127.0.0.1:{port}/feed"
        error = await _sentence(client, url)
        assert str(error) == f"{url} sent more than 5 MB, which is refused."
    assert sent < 20_000_000


async def test_a_body_without_a_length_is_counted_while_it_streams_pitfall_15(client):
    sent = 0

    async def script(writer):
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing() and sent < 200_000_000:
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            sent += 65536
            await writer.drain()

    async with _speaking(script) as port:
        error = await _sentence(client, f"http://127.0.0.1:{port}/")
    assert "more than 5 MB" in str(error) and sent < 20_000_000


@pytest.mark.parametrize("coding", ["gzip", "deflate", "gzip, gzip"])
async def test_a_compression_bomb_is_refused_by_what_it_unfolds_to_pitfall_15(site, client, coding):
    zeroes = b"\0" * 60_000_000
    body = zlib.compress(zeroes) if coding == "deflate" else gzip.compress(zeroes)
    body = gzip.compress(body) if coding == "gzip, gzip" else body
    assert len(body) < 100_000
    site.routes["/"] = Answer(body, headers={"Content-Encoding": coding})
    assert "more than 5 MB" in str(await _sentence(client, site.url + "/"))


async def test_compressed_answers_are_read(site, client):
    site.routes["/"] = Answer(gzip.compress(b"hello"), headers={"Content-Encoding": "gzip"})
    assert (await client.get(site.url + "/", allow_private=True)).body == b"hello"
    assert site.asked[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize(("coding", "body"), [("gzip", b"not gzip at all"), ("br", b"x"), ("zstd", b"x")])
async def test_a_body_that_cannot_be_unfolded_is_a_sentence(site, client, coding, body):
    site.routes["/"] = Answer(body, headers={"Content-Encoding": coding})
    await _sentence(client, site.url + "/")


async def test_a_limit_can_be_narrowed_for_one_fetch(site, client):
    site.routes["/"] = Answer("x" * 101)
    assert "more than" in str(await _sentence(client, site.url + "/", max_bytes=100))
    assert (await client.get(site.url + "/", max_bytes=101, allow_private=True)).body == b"x" * 101


async def test_a_server_that_drips_is_cut_off_by_one_deadline_for_the_whole_fetch_pitfall_15():
    async def script(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with _speaking(script) as port, Client(limits=Limits(seconds=0.2)) as client:
        url = f"http://127.0.0.1:{port}/"
        assert "did not finish within 0.2 seconds" in str(await _sentence(client, url))


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"garbage\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000,
    ],
)
async def test_a_line_that_breaks_is_a_sentence(client, raw):
    async def script(writer):
        writer.write(raw)
        await writer.drain()

    async with _speaking(script) as port:
        await _sentence(client, f"http://127.0.0.1:{port}/")


async def test_nobody_listening_is_a_sentence(client):
    with serving() as gone:
        url = gone.url
    assert "could not be reached" in str(await _sentence(client, url))


# --- secrets ---


async def test_keys_and_passwords_are_in_no_message_and_no_log(site, client, caplog):
    caplog.set_level(logging.DEBUG)
    url = site.url.replace("//", "//user:hunter2@") + "/x?key=abcdef&page=2"
    error = await _sentence(client, url)
    assert "abcdef" not in str(error) and "hunter2" not in str(error) and "page=2" in str(error)
    assert "abcdef" not in caplog.text and "hunter2" not in caplog.text


def test_an_address_is_shown_without_its_secrets():
    assert shown("https://u:p@x.org/a?b=1&api_key=s3&token=t4#f") == "https://x.org/a?b=1&api_key=…&token=…#f"


async def test_credentials_in_the_address_stay_with_its_host(site, client):
    with serving() as other:
        site.routes["/"] = Answer(status=302, headers={"Location": other.url + "/"})
        other.routes["/"] = Answer("ok")
        await client.get(site.url.replace("//", "//user:pass@") + "/", allow_private=True)
        assert site.asked[0].headers["authorization"].startswith("Basic ")
        assert "authorization" not in other.asked[0].headers


# --- what came back ---


@pytest.mark.parametrize(
    ("body", "is_page"),
    [
        (b"<!DOCTYPE html><html>", True),
        (b"\xef\xbb\xbf\n <!-- wall --><html lang='en'>", True),
        (b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "x">', True),
        ("<html>".encode("utf-16"), True),
        (b"<script>location='/'</script>", True),
        (b'<?xml version="1.0"?><rss version="2.0">', False),
        (b"<feed xmlns='http://www.w3.org/2005/Atom'>", False),
        (b"{}", False),
        (b"", False),
    ],
)
def test_a_web_page_is_recognised_by_its_content_pitfall_20(body, is_page):
    assert (
        Response(url="x", status=200, headers={"content-type": "application/xml"}, body=body).is_web_page
        is is_page
    )


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("é".encode(), "text/plain", "é"),
        (b"\xe9", "text/plain; charset=ISO-8859-1", "é"),
        (b"\xe9", "text/plain; charset=nonsense", "\ufffd"),
        ("é".encode("utf-16"), "text/plain", "é"),
        (b"x", "text/plain; charset=base64", "x"),
    ],
)
def test_text_is_decoded_by_mark_charset_or_utf8_and_never_raises(body, content_type, text):
    assert Response(url="x", status=200, headers={"content-type": content_type}, body=body).text() == text


async def test_headers_ignore_case(site, client):
    site.routes["/"] = lambda asked: (
        Answer("x", headers={"ETAG": '"1"'}) if isinstance(asked, Asked) else Answer()
    )
    assert (await client.get(site.url + "/", allow_private=True)).headers["EtAg"] == '"1"'
