"""Where the client may connect to: a name is resolved once, all its addresses checked, and one of those dialled.

So neither a redirect nor a name that changes its mind between two look-ups leads into the private network.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpcore2
import httpx2

from digest.posts.sources.base import SourceError

# `ipaddress.is_global` lets these through on some Python versions, or always.
_NEVER_PUBLIC = tuple(
    ipaddress.ip_network(net)
    for net in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "240.0.0.0/4",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2002::/16",
        "fec0::/10",
    )
)
_MAY_BE_ALLOWED = tuple(
    ipaddress.ip_network(net)
    for net in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)
# Cloud metadata inside the otherwise allowed ranges; the 169.254 one is link-local and never allowed anyway.
_METADATA = frozenset({"fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192"})

# What the resolver says of a name that nobody has; anything else may be better in a minute.
_NOBODY = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})

Resolver = Callable[[str, int], Awaitable[list[str]]]


class NoSuchHost(SourceError):
    """Nobody has the name of the host."""


class NotPublic(SourceError):
    """The host leads to an address that we do not connect to."""


def is_allowed(address: str, *, allow_private: bool) -> bool:
    """Whether a connection to this IP address may be opened.

    Public unicast addresses may. `allow_private` adds loopback, private and shared (CGNAT) ones; link-local,
    multicast, unspecified, metadata and address-translation ranges stay closed.
    """
    try:
        ip = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if str(ip) in _METADATA or "%" in address:
        return False
    if allow_private and _within(ip, _MAY_BE_ALLOWED):
        return True
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not _within(ip, _NEVER_PUBLIC)


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """The library's transport on our own network backend, which it offers no public way to set."""

    def __init__(
        self, backend: httpcore2.AsyncNetworkBackend, context: ssl.SSLContext, connections: int
    ) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=5.0,
            network_backend=backend,
        )


class CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections only to addresses that were checked, by address, so that no second look-up happens."""

    def __init__(self, *, resolve: Resolver, allow_private: bool) -> None:
        self._resolve = resolve
        self._allow_private = allow_private
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to the first checked address that answers; raises `SourceError` if one is forbidden."""
        failure: Exception = httpcore2.ConnectError("no address")
        for address in await self._checked(host, port):
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        """Always refused: no source lives behind a socket file."""
        raise httpcore2.ConnectError(f"refused to open the socket {path}")

    async def sleep(self, seconds: float) -> None:
        """Wait between the pool's own retries."""
        await asyncio.sleep(seconds)

    async def _checked(self, host: str, port: int) -> list[str]:
        """The addresses of `host`, all of them allowed; one forbidden address among them refuses the host."""
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            unheard_of = isinstance(error, socket.gaierror) and error.errno in _NOBODY
            kind = NoSuchHost if unheard_of or isinstance(error, UnicodeError) else SourceError
            raise kind(f"There is no host named {host[:100]}.") from error
        if not addresses:
            raise NoSuchHost(f"There is no host named {host[:100]}.")
        for address in addresses:
            if not is_allowed(address, allow_private=self._allow_private):
                hint = "" if self._allow_private else "; allow_private = true on the source would permit it"
                raise NotPublic(f"{host[:100]} leads to {address}, which is not a public address{hint}.")
        return addresses


async def system_resolver(host: str, port: int) -> list[str]:
    """Every address the operating system knows for `host`; odd spellings such as 127.1 become plain."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _within(ip: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: tuple[Any, ...]) -> bool:
    return any(ip.version == network.version and ip in network for network in networks)
