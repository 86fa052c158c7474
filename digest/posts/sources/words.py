"""When a fetch fails: the sentence for it, without a credential or key in it, and how long to stay away."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import httpx2

LONGEST_WAIT = 86_400
_SECRET_PARAMETER = re.compile(
    r"([?&;][^=&;]*(?:key|token|secret|pass|auth|sig)[^=&;]*=)[^&;#]*", re.IGNORECASE
)


def shown(url: object) -> str:
    """`url` fit for a message: without credentials, and with the value of every secret parameter left out."""
    text = re.sub(r"(//)[^/?#]*@", r"\1", str(url))
    return _SECRET_PARAMETER.sub(r"\1…", text)[:300]


def status_in_words(url: str, status: int) -> str:
    """The sentence for an error status; `url` as it may be shown."""
    known = {
        400: "did not understand the request (400)",
        401: "asks for a login (401)",
        402: "asks for payment (402)",
        403: "refuses to answer us (403)",
        404: "was not found (404)",
        410: "is gone for good (410); take this source out of the configuration",
        429: "asks us to come less often (429)",
        503: "is not available at the moment (503)",
    }
    kind = "failed on the server's side" if status >= 500 else "answered with an unexpected status"
    return f"{url} {known.get(status, f'{kind} ({status})')}."


def error_in_words(url: httpx2.URL, error: Exception) -> str:
    """The sentence for a connection that failed or broke off."""
    where, cause = shown(url), str(error)
    if "CERTIFICATE_VERIFY_FAILED" in cause or "certificate" in cause.lower():
        return f"{where} has a TLS certificate that cannot be verified."
    if isinstance(error, httpx2.TimeoutException):
        return f"{where} did not answer in time."
    if isinstance(error, httpx2.ConnectError):
        return f"{where} could not be reached."
    if isinstance(error, httpx2.DecodingError):
        return f"{where} sent a body that could not be decompressed."
    if isinstance(error, httpx2.RemoteProtocolError | httpx2.ReadError):
        return f"{where} broke off in the middle of the answer."
    return f"{where} could not be read ({type(error).__name__})."


def too_large(url: httpx2.URL, max_bytes: int) -> str:
    """The sentence for a body over its limit."""
    return f"{shown(url)} sent more than {max_bytes / 1_000_000:g} MB, which is refused."


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Seconds the server asks us to stay away, from seconds or an HTTP date, at most a day; None if unsaid.

    A date is measured against the server's own Date header, so that neither clock needs to be right.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,12}", value):
        return min(int(value), LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(int(wait.total_seconds()), 0), LONGEST_WAIT)
