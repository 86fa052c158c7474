"""Mint and verify the links that act for a reader: stateless, bound to one purpose, alive across key rotation.

A token is key id · subscriber · publication · 128 bits of HMAC-SHA256 over all of it and its purpose. It names the
person and the publication, not the subscription row, so a link from an old mail still works after somebody left and
came back. Nothing in the database can make one.
"""

from __future__ import annotations

import base64
import binascii
import enum
import hmac
import struct
from dataclasses import dataclass, field

from subscribers.model import SubscribersError, SubscriptionRef

_VERSION = b"subscribers/1/"
_MAC_BYTES = 16
_BODY = struct.Struct(">BBIBH")  # key id, subscriber (high, low), list (high, low)
_LONGEST_TOKEN = 64
_SHORTEST_SECRET = 32


class Purpose(enum.StrEnum):
    """What a token may be used for; one made for one purpose is worthless for another."""

    UNSUBSCRIBE = "unsubscribe"
    PREFERENCES = "preferences"
    BOUNCE = "bounce"
    RETURN = "return"  # takes back having left, for a while
    NEW_ADDRESS = "new-address"  # names a person and the number of their change of address, as the next does
    OLD_ADDRESS = "old-address"  # takes that change back
    CONFIRM = "confirm"  # names a request, not a person: see mint_request


# Mail servers may change the case of a local part, so these are written in an alphabet that does not mind.
_CASELESS = frozenset({Purpose.BOUNCE})


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets that sign: the first one signs, all of them verify. Put a new one first to rotate.

    A secret may be dropped once no mail signed with it matters any more; suppressions made under it are then
    forgotten too, so the better habit is never to drop one.
    """

    secrets: tuple[str, ...] = field(repr=False)
    _ids: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _derived: dict[str, tuple[bytes, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.secrets or any(len(secret) < _SHORTEST_SECRET for secret in self.secrets):
            raise SubscribersError(
                f"Links need a secret of at least {_SHORTEST_SECRET} characters to be signed with."
            )
        labels = [*(f"token/{purpose}" for purpose in Purpose), "suppression", "limit", "form"]
        object.__setattr__(self, "_ids", tuple(_derive(secret, "key-id")[0] for secret in self.secrets))
        object.__setattr__(
            self,
            "_derived",
            {label: tuple(_derive(secret, label) for secret in self.secrets) for label in labels},
        )

    def signing(self, label: str) -> tuple[int, bytes]:
        """The id of the newest key, and the key made from it for one use."""
        return self._ids[0], self._derived[label][0]

    def verifying(self, label: str, key_id: int) -> list[bytes]:
        """The keys made for one use from every secret that has this id."""
        return [key for known, key in zip(self._ids, self._derived[label], strict=True) if known == key_id]

    def every(self, label: str) -> tuple[bytes, ...]:
        """The keys made for one use from every secret, newest first."""
        return self._derived[label]


def mint(keys: Keys, purpose: Purpose, ref: SubscriptionRef) -> str:
    """A token for one purpose: 34 URL-safe characters, or 40 of a-z2-7 for a bounce address."""
    key_id, key = keys.signing(f"token/{purpose}")
    subscriber, listed = ref.subscriber_id, ref.list_id
    body = _BODY.pack(key_id, subscriber >> 32, subscriber & 0xFFFFFFFF, listed >> 16, listed & 0xFFFF)
    return _encoded(purpose, body + hmac.digest(key, body, "sha256")[:_MAC_BYTES])


def read_token(keys: Keys, purpose: Purpose, token: str) -> SubscriptionRef | None:
    """Whom a token names, or None when it is forged, damaged or made for another purpose."""
    raw = _decoded(purpose, token)
    if raw is None:
        return None
    body, mac = raw[: _BODY.size], raw[_BODY.size :]
    key_id, high, low, list_high, list_low = _BODY.unpack(body)
    for key in keys.verifying(f"token/{purpose}", key_id):
        if hmac.compare_digest(hmac.digest(key, body, "sha256")[:_MAC_BYTES], mac):
            return SubscriptionRef(subscriber_id=high << 32 | low, list_id=list_high << 16 | list_low)
    return None


def mint_request(keys: Keys, request_id: int) -> str:
    """A token that confirms one request, and is worth nothing for the next one of the same person."""
    return mint(keys, Purpose.CONFIRM, SubscriptionRef(subscriber_id=request_id, list_id=0))


def read_request(keys: Keys, token: str) -> int | None:
    """Which request a token confirms, or None when it is forged, damaged or made for another purpose."""
    ref = read_token(keys, Purpose.CONFIRM, token)
    return ref.subscriber_id if ref and ref.list_id == 0 else None


def limit_key(keys: Keys, name: str) -> str:
    """The keyed hash under which the use of a limit is stored."""
    return hmac.digest(keys.every("limit")[0], name.encode(), "sha256").hex()


def seal(keys: Keys, text: str) -> str:
    """What proves that a form with `text` in it came from us: 22 URL-safe characters."""
    return _seal(keys.signing("form")[1], text)


def is_sealed(keys: Keys, text: str, sealed: str) -> bool:
    """Whether `sealed` was made by us for exactly this text, with a key of today or of before."""
    given = sealed.encode("utf-8", "replace")
    return any(hmac.compare_digest(_seal(key, text).encode(), given) for key in keys.every("form"))


def address_hash(keys: Keys, address_key: str) -> str:
    """The keyed hash under which a suppression of this address is stored."""
    return hmac.digest(keys.every("suppression")[0], address_key.encode(), "sha256").hex()


def address_hashes(keys: Keys, address_key: str) -> list[str]:
    """Every hash under which a suppression of this address may have been stored, newest key first."""
    message = address_key.encode()
    return [hmac.digest(key, message, "sha256").hex() for key in keys.every("suppression")]


def _seal(key: bytes, text: str) -> str:
    mac = hmac.digest(key, text.encode("utf-8", "replace"), "sha256")[:_MAC_BYTES]
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def _derive(secret: str, label: str) -> bytes:
    return hmac.digest(secret.encode(), _VERSION + label.encode(), "sha256")


def _encoded(purpose: Purpose, raw: bytes) -> str:
    if purpose in _CASELESS:
        return base64.b32encode(raw).decode().rstrip("=").lower()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(purpose: Purpose, token: str) -> bytes | None:
    if not token.isascii() or len(token) > _LONGEST_TOKEN:
        return None
    try:
        if purpose in _CASELESS:
            token = token.lower()
            raw = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
        else:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    # Only the one spelling that mint would write: decoders forgive what a signature must not.
    if len(raw) != _BODY.size + _MAC_BYTES or _encoded(purpose, raw) != token:
        return None
    return raw
