"""What a DKIM signature costs on each reader's message, ours beside dkimpy's, in one process: `python -m bench.sign`."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from digest.messages import dkimkeys
from digest.messages.dkim import SIGNED, Key, Signer
from digest.messages.model import Reader, Rendered, Sender
from digest.messages.personalise import Compiled, compile_edition
from digest.messages.render import render
from digest.messages.showcase import showcase
from digest.templating import Templates

NOW = datetime(2026, 3, 5, 9, 0, tzinfo=UTC)
SECONDS = 1.0  # for each row
SENDER = Sender(
    from_name="The Weekly Brief",
    from_email="brief@example.org",
    reply_to="comms@example.org",
    list_id="weekly.example.org",
    list_name="The Weekly Brief",
    message_domain="example.org",
    base_url="https://news.example.org",
    envelope_from="bounces@example.org",
    feedback_id="12:weekly:digest:example-org",
)


def main() -> None:
    samples = {sample.name: sample for sample in showcase("weekly")}
    rendered = render(samples["busy"].content, Templates(), nonce="bench00000000000")
    pem, rsa, ed25519 = _keys()
    free = Key(algorithm="rsa-sha256", selector="one", sign=lambda _digest: bytes(256))
    plain = _compiled(rendered)
    print(f"{len(_message(plain, 1)):,} B a message, one core, all but the last row through the same code")
    rows: list[tuple[str, Callable[[int], object]]] = [("not signed", lambda n: _message(plain, n))]
    for name, keys in (
        ("all but the key's own work", (free,)),
        ("RSA-2048", (rsa,)),
        ("Ed25519 (for comparison)", (ed25519,)),
        ("RSA-2048 and Ed25519", (rsa, ed25519)),
    ):
        compiled = _compiled(rendered, Signer(keys=keys))
        rows.append((name, lambda n, compiled=compiled: _message(compiled, n)))  # type: ignore[misc]
    rows.append(("RSA-2048 by dkimpy", lambda n: _by_dkimpy(_message(plain, n), pem)))
    taken = {name: _micros(work) for name, work in rows}
    print(f"{'':<28}{'each':>12}{'a second':>12}{'dkimpy / this':>16}")
    for name, micros in taken.items():
        ratio = taken["RSA-2048 by dkimpy"] / micros
        print(f"{name:<28}{micros:>9,.0f} us{1e6 / micros:>12,.0f}{ratio:>15.1f}x")


def _micros(work: Callable[[int], object]) -> float:
    work(0)
    done, start = 0, time.process_time()
    while (spent := time.process_time() - start) < SECONDS:
        done += 1
        work(done)
    return spent / done * 1e6


def _keys() -> tuple[bytes, Key, Key]:
    made = (
        generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        ),
        Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    with TemporaryDirectory() as folder:
        first, second = Path(folder, "rsa.pem"), Path(folder, "ed25519.pem")
        first.write_bytes(made[0])
        second.write_bytes(made[1])
        rsa = dkimkeys.rsa(first, selector="one", setting="bench")
        return made[0], rsa, dkimkeys.ed25519(second, selector="two", setting="bench")


def _compiled(rendered: Rendered, signer: Signer | None = None) -> Compiled:
    return compile_edition(rendered, SENDER, edition_key="bench-1", sent_at=NOW, signer=signer)


def _message(compiled: Compiled, number: int) -> bytes:
    reader = Reader(
        address=f"reader{number}@example.net",
        unsubscribe_url=f"https://news.example.org/u/{number:024}",
        preferences_url=f"https://news.example.org/p/{number:024}",
        signed_up="1 March 2026",
    )
    return compiled.addressed(reader, position_key=str(number), now=NOW).data


def _by_dkimpy(data: bytes, pem: bytes) -> bytes:
    """The same headers, canonicalisation and key."""
    names = [name.lower().encode() for name in SIGNED]
    return bytes(
        dkim.sign(
            data, b"one", b"example.org", pem, canonicalize=(b"relaxed", b"relaxed"), include_headers=names
        )
    )


if __name__ == "__main__":
    main()
