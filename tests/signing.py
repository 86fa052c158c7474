"""Keys to sign with, their records in a DNS of our own, and another implementation's judgement of what was signed."""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dkim
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from digest.messages import dkimkeys
from digest.messages.dkim import Signer
from tests.factories import NOW

SIGNATURES = re.compile(rb"\A(?:DKIM-Signature:[^\r]*\r\n(?:[ \t][^\r]*\r\n)*)+")


@functools.cache
def rsa_key(bits: int = 2048) -> Any:
    return generate_private_key(public_exponent=65537, key_size=bits)


@functools.cache
def ed25519_key() -> Any:
    return Ed25519PrivateKey.generate()


def pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8, protection: Any = None) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, form, protection or NoEncryption()))


def files(folder: Path) -> tuple[Path, Path]:
    """The RSA and the Ed25519 key in files that only their owner may read."""
    made = folder / "rsa.pem", folder / "ed25519.pem"
    for path, key in zip(made, (rsa_key(), ed25519_key()), strict=True):
        path.write_bytes(pem(key))
        path.chmod(0o600)
    return made


def signer(folder: Path, *, domain: str = "", second: bool = True) -> Signer:
    rsa, ed25519 = files(folder)
    keys = [dkimkeys.rsa(rsa, selector="one", setting="mail.dkim_key")]
    if second:
        keys.append(dkimkeys.ed25519(ed25519, selector="two", setting="mail.dkim_ed25519_key"))
    return Signer(keys=tuple(keys), domain=domain)


def records(domain: str = "example.org") -> Callable[..., bytes]:
    """A DNS that knows the public halves under `domain`, and nothing else."""
    rsa = rsa_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ed25519 = ed25519_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    known = {
        f"one._domainkey.{domain}.".encode(): b"v=DKIM1; k=rsa; p=" + base64.b64encode(rsa),
        f"two._domainkey.{domain}.".encode(): b"v=DKIM1; k=ed25519; p=" + base64.b64encode(ed25519),
    }

    def asked(name: bytes, timeout: int = 5) -> bytes:
        return known.get(name, b"")

    return asked


def verdicts(data: bytes, *, domain: str = "example.org", at: datetime = NOW) -> list[bool]:
    """What dkimpy says of each signature of a message that arrives a minute after `at`."""
    with time_machine.travel(at + timedelta(minutes=1), tick=False):
        return [_holds(data, number, domain) for number in range(data.count(b"DKIM-Signature:"))]


def unsigned(data: bytes) -> bytes:
    """The message without its signatures."""
    return SIGNATURES.sub(b"", data)


def _holds(data: bytes, number: int, domain: str) -> bool:
    try:
        return bool(dkim.DKIM(data).verify(idx=number, dnsfunc=records(domain)))
    except dkim.DKIMException:
        return False
