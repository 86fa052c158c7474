"""Private keys for DKIM, read from files: an RSA key every receiver can check, and an Ed25519 key beside it."""

from __future__ import annotations

import binascii
import stat
from base64 import b64decode
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from digest.errors import DigestError
from digest.messages.dkim import Key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_LARGEST_FILE = 65_536
_RSA_BITS = (2048, 4096)  # RFC 8301 section 3.2: signers use 2048 at least, verifiers need not take over 4096
_RSA = f"expected an RSA private key of {_RSA_BITS[0]} to {_RSA_BITS[1]} bits as PEM"
_ED25519 = "expected an Ed25519 private key, as PEM or as the base64 of its 32 octets"


class BadKey(DigestError):
    """A key file that messages cannot be signed with; the sentence names the setting and the file, never the key."""


class NoCryptography(DigestError):
    """Signing is set up, and the library for it is not installed."""


def rsa(path: Path, *, selector: str, setting: str) -> Key:
    """The RSA key in `path`, PKCS #1 or PKCS #8, as rsa-sha256; `setting` is what named the file.

    Raises `BadKey` when it cannot be used, and `NoCryptography`.
    """
    _require_cryptography()
    from cryptography.hazmat.primitives.asymmetric import padding, utils
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256

    found = f"{setting}: {path}"
    private = _from_pem(_contents(path, found, _RSA), found, _RSA)
    if not isinstance(private, RSAPrivateKey):
        raise BadKey(f"{found} holds a key of another kind; {_RSA}.")
    if not _RSA_BITS[0] <= private.key_size <= _RSA_BITS[1]:
        raise BadKey(f"{found} holds an RSA key of {private.key_size} bits; {_RSA}.")
    sign = partial(private.sign, padding=padding.PKCS1v15(), algorithm=utils.Prehashed(SHA256()))
    return Key(algorithm="rsa-sha256", selector=selector, sign=sign)


def ed25519(path: Path, *, selector: str, setting: str) -> Key:
    """The Ed25519 key in `path`, PEM or bare base64, as ed25519-sha256 (RFC 8463: the digest is what it signs).

    Raises `BadKey` when it cannot be used, and `NoCryptography`.
    """
    _require_cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    found = f"{setting}: {path}"
    data = _contents(path, found, _ED25519)
    if b"-----BEGIN" in data:
        private = _from_pem(data, found, _ED25519)
        if not isinstance(private, Ed25519PrivateKey):
            raise BadKey(f"{found} holds a key of another kind; {_ED25519}.")
    else:
        private = Ed25519PrivateKey.from_private_bytes(_seed(data, found))
    return Key(algorithm="ed25519-sha256", selector=selector, sign=private.sign)


def is_exposed(path: Path) -> bool:
    """Whether everybody on this machine may read or write the file."""
    return bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))


def _require_cryptography() -> None:
    try:
        import cryptography  # noqa: F401 - only whether it is there
    except ImportError:
        raise NoCryptography(
            "mail.dkim_key asks for signing, which needs one more library: "
            'pip install "newsletter-digest[dkim]".'
        ) from None


def _contents(path: Path, found: str, expected: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except FileNotFoundError:
        raise BadKey(f"{found} is not there; {expected}.") from None
    except OSError as error:
        raise BadKey(f"{found} cannot be read ({error.strerror}); {expected}.") from None
    if len(data) > _LARGEST_FILE:
        raise BadKey(f"{found} is too long for a key; {expected}.")
    return data


def _from_pem(data: bytes, found: str, expected: str) -> PrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if b"PUBLIC KEY-----" in data and b"PRIVATE KEY-----" not in data:
        raise BadKey(f"{found} holds a public key, which is for DNS; {expected}.")
    try:
        return load_pem_private_key(data, password=None)
    except TypeError:
        raise BadKey(f"{found} is protected by a password; {expected}, without one.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadKey(f"{found} holds no private key that can be read; {expected}.") from None


def _seed(data: bytes, found: str) -> bytes:
    try:
        seed = b64decode(b"".join(data.split()), validate=True)
    except binascii.Error:
        seed = b""
    if len(seed) != 32:
        raise BadKey(f"{found} holds no private key that can be read; {_ED25519}.")
    return seed
