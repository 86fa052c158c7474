"""One polite, guarded HTTP client: it follows redirects as a guest should, and reads only as much as it must.

`Client.get` is the only way a source reaches the network; where it may connect to is decided in network.py.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import httpx2

from digest.posts.sources.base import SourceError
from digest.posts.sources.hops import BadRedirect, credentials, is_header_value, next_hop, web_address
from digest.posts.sources.network import CheckedBackend, GuardedTransport, Resolver, system_resolver
from digest.posts.sources.words import error_in_words, retry_after, shown, status_in_words, too_large

USER_AGENT = "newsletter-digest/0.1 (feed collector; one visit every few minutes at most)"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})
_UNREADABLE_CODINGS = frozenset({"br", "zstd", "compress"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one fetch may cost: decoded bytes, seconds in all (waiting for a turn not counted), redirects.

    `per_host` and `connections` bound how many fetches of one client talk at the same time.
    """

    max_bytes: int = 5_000_000
    seconds: float = 30.0
    redirects: int = 5
    per_host: int = 2
    connections: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A successful answer: the final `url`, decoded `body`, headers that ignore case.

    `permanent_url` is the final address when every redirect on the way was permanent (301, 308), else None.
    `not_modified` means the validators sent still hold; the body is then empty.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    permanent_url: str | None = None
    not_modified: bool = False

    def text(self) -> str:
        """The body as text, by its byte order mark, its stated charset or UTF-8; never raises."""
        for mark, codec in (
            (b"\xef\xbb\xbf", "utf-8"),
            (b"\xff\xfe", "utf-16-le"),
            (b"\xfe\xff", "utf-16-be"),
        ):
            if self.body.startswith(mark):
                return self.body[len(mark) :].decode(codec, "replace")
        stated = re.search(r"charset=[\"']?([\w.:-]+)", self.headers.get("content-type", ""), re.IGNORECASE)
        try:
            return self.body.decode(stated[1] if stated else "utf-8", "replace")
        except (LookupError, ValueError):
            return self.body.decode("utf-8", "replace")

    @property
    def is_web_page(self) -> bool:
        """Whether the body is an HTML page, whatever its content type says."""
        start = self.body[:4000].decode("ascii", "ignore").lstrip("\ufeff \t\r\n\0").lower().replace("\0", "")
        start = re.sub(r"^(?:<\?xml[^>]*\?>|<!--.*?-->|\s)+", "", start, flags=re.DOTALL)
        return re.match(r"<!doctype\s+html|<(?:html|head|body|script|div|meta)[\s>]", start) is not None


class Client:
    """Fetches over http and https as a guest should; use it as an async context manager.

    `resolve` and `ssl_context` are for tests; TLS certificates are always verified.
    """

    def __init__(
        self,
        *,
        user_agent: str = USER_AGENT,
        limits: Limits | None = None,
        resolve: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.user_agent = user_agent
        self.limits = limits or Limits()
        self._resolve = resolve or system_resolver
        self._ssl_context = ssl_context
        self._transports: dict[bool, httpx2.AsyncHTTPTransport] = {}
        self._hosts: dict[str, asyncio.Semaphore] = {}
        self._turns = asyncio.Semaphore(self.limits.connections)

    async def __aenter__(self) -> Self:
        context = self._ssl_context or httpx2.create_ssl_context(trust_env=False)
        for allow_private in (False, True):
            backend = CheckedBackend(resolve=self._resolve, allow_private=allow_private)
            transport = GuardedTransport(backend, context, self.limits.connections)
            self._transports[allow_private] = await transport.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        for transport in self._transports.values():
            await transport.aclose()
        self._transports.clear()

    async def get(
        self,
        url: str,
        *,
        accept: str = "*/*",
        etag: str | None = None,
        last_modified: str | None = None,
        allow_private: bool = False,
        max_bytes: int | None = None,
    ) -> Response:
        """What `url` answers, redirects followed; validators are echoed verbatim.

        `allow_private` lets the answer come from a loopback or private address. Raises `SourceError` for
        everything but a success: a refused address or redirect, an error status, a limit, a broken line.
        """
        start = web_address(url)
        ask = _Ask(
            headers=self._headers(accept, etag, last_modified),
            conditional=bool(etag or last_modified),
            credentials=credentials(start),
            origin=(start.scheme, start.host, start.port),
            allow_private=allow_private,
            max_bytes=self.limits.max_bytes if max_bytes is None else max_bytes,
            seconds_left=self.limits.seconds,
        )
        here, answer, moved = await self._followed(start, ask)
        return _accepted(here, answer, conditional=ask.conditional, permanent_url=moved)

    async def look(self, url: str, *, method: str = "HEAD", allow_private: bool = False) -> Response:
        """What `url` answers, redirects followed, whatever its status; the body is not read.

        `method` is "HEAD", or "GET" for servers that do not answer that well. Raises `SourceError` where no answer
        came: `NoSuchHost`, `NotPublic` or `BadRedirect` where that is why.
        """
        start = web_address(url)
        ask = _Ask(
            headers=self._headers("*/*", None, None),
            credentials=credentials(start),
            origin=(start.scheme, start.host, start.port),
            allow_private=allow_private,
            max_bytes=None,
            seconds_left=self.limits.seconds,
            method=method,
        )
        here, answer, moved = await self._followed(start, ask)
        return Response(
            url=str(here), status=answer.status, headers=answer.headers, body=b"", permanent_url=moved
        )

    async def _followed(self, start: httpx2.URL, ask: _Ask) -> tuple[httpx2.URL, _Answer, str | None]:
        """The last hop, its answer, and its address where every redirect on the way was permanent."""
        here, seen, all_permanent = start, {str(start)}, True
        for _hop in range(self.limits.redirects + 1):
            answer = await self._hop(here, ask)
            if isinstance(answer, _Answer):
                return here, answer, str(here) if len(seen) > 1 and all_permanent else None
            all_permanent = all_permanent and answer.permanent
            here = next_hop(here, answer.location, start)
            if str(here) in seen:
                raise BadRedirect(f"{shown(start)} redirects in a circle.")
            seen.add(str(here))
        raise BadRedirect(f"{shown(start)} redirects more than {self.limits.redirects} times.")

    def _headers(self, accept: str, etag: str | None, last_modified: str | None) -> dict[str, str]:
        headers = {"User-Agent": self.user_agent, "Accept": accept, "Accept-Encoding": "gzip, deflate"}
        if etag and is_header_value(etag):
            headers["If-None-Match"] = etag
        if last_modified and is_header_value(last_modified):
            headers["If-Modified-Since"] = last_modified
        return headers

    async def _hop(self, url: httpx2.URL, ask: _Ask) -> _Answer | _Redirect:
        """One request; waiting for a turn at the host costs none of the fetch's time."""
        if not self._transports:
            raise RuntimeError("The client is closed; use it inside `async with`.")
        host = self._hosts.setdefault(url.host, asyncio.Semaphore(self.limits.per_host))
        clock = asyncio.get_running_loop().time
        async with host, self._turns:
            began = clock()
            try:
                async with asyncio.timeout(max(ask.seconds_left, 0)):
                    return await self._request(url, ask)
            except TimeoutError:
                raise SourceError(
                    f"{shown(url)} did not finish within {self.limits.seconds:g} seconds."
                ) from None
            except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError) as error:
                raise SourceError(error_in_words(url, error)) from error
            finally:
                ask.seconds_left -= clock() - began

    async def _request(self, url: httpx2.URL, ask: _Ask) -> _Answer | _Redirect:
        headers = dict(ask.headers)
        if ask.credentials and (url.scheme, url.host, url.port) == ask.origin:
            headers["Authorization"] = ask.credentials
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), self.limits.seconds)
        request = httpx2.Request(ask.method, url, headers=headers, extensions={"timeout": timeout})
        response = await self._transports[ask.allow_private].handle_async_request(request)
        try:
            if response.status_code in _REDIRECTS:
                return _Redirect(
                    location=response.headers.get("location", ""),
                    permanent=response.status_code in _PERMANENT,
                )
            if response.status_code != httpx2.codes.OK or ask.max_bytes is None:
                return _Answer(response.status_code, response.headers, b"")
            return _Answer(response.status_code, response.headers, await _body(url, response, ask.max_bytes))
        finally:
            await response.aclose()


@dataclass(slots=True, kw_only=True)
class _Ask:
    """What one fetch carries from hop to hop."""

    headers: dict[str, str]
    conditional: bool = False
    credentials: str
    origin: tuple[str, str, int | None]
    allow_private: bool
    max_bytes: int | None  # None: the body is not wanted
    seconds_left: float
    method: str = "GET"


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Redirect:
    location: str
    permanent: bool


async def _body(url: httpx2.URL, response: httpx2.Response, max_bytes: int) -> bytes:
    """The decoded body, counted while it streams, so that a small bomb cannot become a large one."""
    coding = {part.strip().lower() for part in response.headers.get("content-encoding", "").split(",")}
    if coding & _UNREADABLE_CODINGS:
        raise SourceError(f"{shown(url)} sent a compression that was not asked for.")
    length = response.headers.get("content-length", "")
    if length.isdigit() and int(length) > max_bytes:
        raise SourceError(too_large(url, max_bytes))
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > max_bytes:
            raise SourceError(too_large(url, max_bytes))
        parts.append(part)
    return b"".join(parts)


def _accepted(url: httpx2.URL, answer: _Answer, *, conditional: bool, permanent_url: str | None) -> Response:
    status = answer.status
    if status == httpx2.codes.NOT_MODIFIED and not conditional:
        raise SourceError(
            f'{shown(url)} answered "not modified" (304) though nothing was asked conditionally.'
        )
    if status not in {httpx2.codes.OK, httpx2.codes.NOT_MODIFIED}:
        raise SourceError(
            status_in_words(shown(url), status),
            wait_seconds=retry_after(answer.headers),
            gone=status == httpx2.codes.GONE,
            status=status,
        )
    return Response(
        url=str(url),
        status=status,
        headers=answer.headers,
        body=answer.body,
        permanent_url=permanent_url,
        not_modified=status == httpx2.codes.NOT_MODIFIED,
    )
