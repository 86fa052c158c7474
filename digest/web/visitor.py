"""Who sends a request: the other end of the connection, or whom a proxy of ours says it speaks for."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.requests import Request

_MOST_HOPS = 20


def visitor_ip(request: Request, trusted: Sequence[str]) -> str:
    """The IP address a request comes from; empty where the connection has none.

    X-Forwarded-For is read from its end, as each proxy adds whom it heard, and only as far as the addresses are in
    `trusted`: what stands further left may be anybody's invention.
    """
    address = request.client.host if request.client else ""
    networks = [ipaddress.ip_network(network, strict=False) for network in trusted]
    hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    for hop in reversed(hops[-_MOST_HOPS:]):
        if not _is_in(address, networks):
            break
        told = hop.strip().removeprefix("[").partition("]")[0]
        if not _is_address(told):
            break
        address = told
    return address


def _is_in(address: str, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    if not _is_address(address):
        return False
    known = ipaddress.ip_address(address)
    mapped = known.ipv4_mapped if isinstance(known, ipaddress.IPv6Address) else None
    return any((mapped or known) in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
