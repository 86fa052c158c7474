"""Who may be mailed at all: the operator's allow-list of addresses and domains."""

from __future__ import annotations

from collections.abc import Sequence


def permits(only: Sequence[str], address: str) -> bool:
    """Whether `address` is on the list `only`, of addresses, *@domains, or * for everybody; case does not matter."""
    wanted = address.strip().lower()
    domain = wanted.rpartition("@")[2]
    for entry in only:
        allowed = entry.strip().lower()
        if allowed in {"*", wanted} or (allowed.startswith("*@") and allowed[2:] == domain):
            return True
    return False
