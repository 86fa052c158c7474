"""Access tokens for the mail server's login: fetched over https, kept in memory, renewed shortly before they expire."""

from __future__ import annotations

import asyncio
import json
import math
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from digest.deliveries import replies
from digest.deliveries.transports.base import OAuth
from digest.errors import DigestError

_SECONDS: Final = 30.0
_LARGEST: Final = 65_536
_EARLY: Final = 120.0  # no token is used that might expire while we log in
_UNSTATED: Final = 300.0  # `expires_in` is only recommended (RFC 6749 section 5.1)
_DAY: Final = 86_400.0
_TOKEN: Final = re.compile(
    r"[A-Za-z0-9._~+/-]{1,8000}=*", re.ASCII
)  # RFC 6750 section 2.1; fits into one AUTH line
_PASSING: Final = frozenset({"temporarily_unavailable", "server_error", "slow_down"})


class NoToken(DigestError):
    """No access token was given; `passing` says that asking again later may help."""

    def __init__(self, sentence: str, *, passing: bool = False) -> None:
        super().__init__(sentence)
        self.passing = passing


@dataclass(frozen=True, slots=True, eq=False)
class AccessToken:
    """One access token; it never appears in a repr."""

    value: str = field(repr=False)


class Tokens:
    """The access tokens of one mail server login, shared by all lanes of the process.

    `clock` counts seconds from any fixed point; `seconds` bounds one fetch as a whole.
    """

    def __init__(
        self,
        oauth: OAuth,
        *,
        tls: ssl.SSLContext,
        seconds: float = _SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._oauth = oauth
        self._tls = tls
        self._seconds = seconds
        self._clock = clock
        self._refresh_token = oauth.refresh_token
        self._current: AccessToken | None = None
        self._until = 0.0
        self._fetches = 0
        self._failure: NoToken | None = None
        self._turn: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    async def get(self, *, instead_of: AccessToken | None = None) -> AccessToken:
        """A token that is good for some while; never `instead_of`, which the mail server has refused.

        Whoever asks while a fetch is under way shares what comes of it. Raises `NoToken`.
        """
        fetches = self._fetches
        async with self._lock():
            if self._failure and self._fetches != fetches:
                raise NoToken(str(self._failure), passing=self._failure.passing)
            current = self._current
            if current and current is not instead_of and self._clock() < self._until:
                return current
            return await self._renew()

    async def _renew(self) -> AccessToken:
        self._current, self._failure = None, None
        asked_at = self._clock()
        try:
            answer = await self._fetch()
            token = _token(answer, self._host)
        except NoToken as error:
            self._failure = error
            raise
        finally:
            self._fetches += 1
        life = _lifetime(answer.get("expires_in"))
        self._until = asked_at + life - min(_EARLY, life / 2)
        self._current = AccessToken(token)
        successor = answer.get("refresh_token")
        if self._refresh_token and isinstance(successor, str) and successor:
            self._refresh_token = successor
        return self._current

    async def _fetch(self) -> dict[str, Any]:
        """What the token address answers, as a JSON object of success; raises `NoToken` for all else."""
        try:
            async with (
                asyncio.timeout(self._seconds),
                httpx2.AsyncClient(verify=self._tls, trust_env=False, timeout=self._seconds) as client,
                client.stream(
                    "POST",
                    self._oauth.token_url,
                    data=self._form(),
                    headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                ) as response,
            ):
                status, body = response.status_code, await _bounded(response)
        except TimeoutError:
            raise NoToken(
                f"The token address {self._host} did not answer within {self._seconds:g} seconds.",
                passing=True,
            ) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            # What the library raised could hold the request with its secrets, so only its words go on.
            detail = self._cleaned(str(error)) or type(error).__name__
            raise NoToken(
                f"The token address {self._host} cannot be reached: {detail.rstrip('.')}.", passing=True
            ) from None
        return self._judged(status, _json(body))

    def _judged(self, status: int, answer: dict[str, Any]) -> dict[str, Any]:
        if status == 200:
            return answer
        if 300 <= status <= 399:
            raise NoToken(
                f"The token address {self._host} answers with a redirect, so no secret was sent on; "
                "expected in mail.oauth_token_url the address that gives tokens itself."
            )
        said = [answer.get(key) for key in ("error", "error_description")]
        words = self._cleaned(": ".join(word for word in said if isinstance(word, str) and word))
        if status >= 500 or status in {408, 429} or answer.get("error") in _PASSING:
            raise NoToken(
                f"The token address {self._host} cannot give a token now: {words or status}.", passing=True
            )
        raise NoToken(f"The token address {self._host} refuses us a token: {words or status}.")

    def _form(self) -> dict[str, str]:
        form = {"grant_type": "client_credentials", "client_id": self._oauth.client_id}
        if self._refresh_token:
            form |= {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        if self._oauth.client_secret:
            form["client_secret"] = self._oauth.client_secret
        if self._oauth.scope:
            form["scope"] = self._oauth.scope
        return form

    def _cleaned(self, text: str) -> str:
        for secret in (self._oauth.client_secret, self._oauth.refresh_token, self._refresh_token):
            text = text.replace(secret, "<secret>") if secret else text
        return replies.redact(text).rstrip(".")

    @property
    def _host(self) -> str:
        return urlsplit(self._oauth.token_url).hostname or self._oauth.token_url

    def _lock(self) -> asyncio.Lock:
        """The lock of the running loop: a process may send first in one loop and later in another."""
        loop = asyncio.get_running_loop()
        if self._turn is None or self._turn[0] is not loop:
            self._turn = (loop, asyncio.Lock())
        return self._turn[1]


async def _bounded(response: httpx2.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > _LARGEST:
            return b""
    return bytes(body)


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _token(answer: dict[str, Any], host: str) -> str:
    token, kind = answer.get("access_token"), answer.get("token_type", "Bearer")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token) or str(kind).lower() != "bearer":
        raise NoToken(
            f"The token address {host} did not answer with an access token (expected a bearer token)."
        )
    return token


def _lifetime(stated: object) -> float:
    """The seconds a token lives; some servers state them as text, and some not at all."""
    try:
        seconds = float(stated) if isinstance(stated, str | int | float) else _UNSTATED
    except (ValueError, OverflowError):
        seconds = _UNSTATED
    return min(max(seconds, 0.0), _DAY) if math.isfinite(seconds) else _UNSTATED
