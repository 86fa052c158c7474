"""Logging: facts under stable names, one line each, and never an address, token or password in them."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_ADDRESS = re.compile(r"[^\s<>@\"',;:]+@[^\s<>@\"',;:]+")
_TOKEN = re.compile(r"(/[ucp]/)[A-Za-z0-9_~-]{16,}")
_SECRET_KEYS = frozenset({"password", "secret", "token", "authorization"})


def redact(text: str) -> str:
    """`text` with every mail address and personal link token replaced."""
    return _TOKEN.sub(r"\1<token>", _ADDRESS.sub("<address>", text))


def set_up(*, json: bool = False, level: str = "INFO") -> None:
    """Send log lines to standard error, as text for people or JSON for machines."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    renderer: Any = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact_values,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level)),
        # Asked anew for each line: whoever redirects standard error later gets what comes later.
        logger_factory=lambda *_args: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _redact_values(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if key in _SECRET_KEYS:
            event[key] = "<redacted>"
        elif isinstance(value, str):
            event[key] = redact(value)
    return event
