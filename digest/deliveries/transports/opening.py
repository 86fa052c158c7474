"""Why no session with the mail server came about, in sentences, and how TLS is verified."""

from __future__ import annotations

import base64
import ipaddress
import ssl

from digest.deliveries import replies
from digest.deliveries.model import Outcome, Phase, Reply, Scope, Verdict
from digest.deliveries.transports.base import CannotOpen
from digest.errors import DigestError

_OTHER_NAME = frozenset({62, 64})  # OpenSSL: the certificate is for another host name, another address
_SHORTEST = 4


def tls_context(ca_file: str) -> ssl.SSLContext:
    """A verifying context; making one costs more than a message. Raises `DigestError` for a file that is none."""
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise DigestError(
                f"mail.ca_file {ca_file} cannot be read as PEM certificates: {error}."
            ) from error
    return context


def cannot(phase: Phase, sentence: str, *, verdict: Verdict = Verdict.REFUSED) -> CannotOpen:
    """The error that says `sentence`, which stops the edition."""
    return CannotOpen(
        Outcome(
            verdict=verdict,
            phase=phase,
            scope=Scope.SENDER,
            reply=Reply(text=sentence),
            stop=sentence,
            closed=True,
        )
    )


def failed(phase: Phase, error: BaseException, where: str, *, said: str) -> CannotOpen:
    """What `error` at `phase` means: a certificate is a matter for a person, a silence may pass.

    `said` is the error in words, without any secret.
    """
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            wrong = cause.verify_message or str(cause)
            name = "does not belong to that name" if cause.verify_code in _OTHER_NAME else "is not trusted"
            return cannot(
                Phase.TLS,
                f"The certificate of the mail server {where} {name} ({wrong}), so nothing was sent.",
            )
        if isinstance(cause, ssl.SSLError):
            return cannot(
                Phase.TLS,
                f"No protected connection to the mail server {where} came about: {cause.reason or cause}.",
            )
    detail = replies.redact(said).rstrip(".") or type(error).__name__
    return cannot(phase, f"The mail server {where} cannot be reached: {detail}.", verdict=Verdict.DEFERRED)


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by its very name; what a resolver says of other names is not asked."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def without_secrets(text: str, username: str, *secrets: str) -> str:
    """`text` without our credentials, should a server repeat what it was told: plain or in SASL's base64."""
    for secret in secrets:
        forms = (
            f"\0{username}\0{secret}",
            f"user={username}\1auth=Bearer {secret}\1\1",
            secret,
        )
        for form in forms if len(secret) >= _SHORTEST else ():
            encoded = base64.b64encode(form.encode()).decode()
            text = text.replace(encoded, "<secret>").replace(form, "<secret>")
    return text


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
