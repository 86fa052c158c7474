"""Plain examples of mail: a rendered edition with its slots, a sender, readers, and a transport to a test server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from digest.deliveries.transports.base import TransportConfig
from digest.deliveries.transports.smtp import Smtp
from digest.messages.model import Addressed, Reader, Rendered, Sender, SlotName, slot_marker
from digest.messages.personalise import Compiled, compile_edition
from tests.factories import NOW

NONCE = "0123456789abcdef"
TOKEN = "AQIDBAUGBwgJCgsMDQ4PEBES"


def slot(name: SlotName) -> str:
    return slot_marker(NONCE, name)


def rendered(**changes: Any) -> Rendered:
    """A short edition with every slot in both parts."""
    unsubscribe, preferences, signed_up = (slot(name) for name in SlotName)
    return Rendered(
        **{
            "subject": "What happened at the creek",
            "preheader": "Reeds along the north bank",
            "html": (
                '<!doctype html><html lang="en"><body><h1>The creek</h1><p>Zoë planted reeds.</p><!--mine-->'
                f'<p>Since {signed_up}: <a href="{preferences}">preferences</a>, <a href="{unsubscribe}">leave</a>'
                "</p><!--/mine--></body></html>\n"
            ),
            "text": f"The creek\n\nZoë planted reeds.\n\nSince {signed_up}\n{preferences}\nLeave: {unsubscribe}\n",
            "nonce": NONCE,
            "personal": ("<!--mine-->", "<!--/mine-->"),
            **changes,
        }
    )


def sender(**changes: Any) -> Sender:
    return Sender(
        **{
            "from_name": "The Weekly Brief",
            "from_email": "brief@example.org",
            "reply_to": "comms@example.org",
            "list_id": "weekly.example.org",
            "list_name": "The Weekly Brief",
            "message_domain": "example.org",
            "base_url": "https://news.example.org",
            "envelope_from": "bounces@example.org",
            "feedback_id": "12:weekly:digest:example-org",
            "archive_url": "https://news.example.org/a/weekly/12",
            **changes,
        }
    )


def reader(**changes: Any) -> Reader:
    return Reader(
        **{
            "address": "ada@example.net",
            "unsubscribe_url": f"https://news.example.org/u/{TOKEN}",
            "preferences_url": f"https://news.example.org/p/{TOKEN}",
            "signed_up": "3 March 2026",
            "bounce_token": TOKEN,
            **changes,
        }
    )


def compiled(**changes: Any) -> Compiled:
    return compile_edition(rendered(**changes), sender(), edition_key="weekly-12", sent_at=NOW)


def message(**changes: Any) -> Addressed:
    """One message ready for the wire; `changes` are the reader's."""
    return compiled().addressed(reader(**changes), position_key="1", now=NOW)


def smtp_config(port: int, **changes: Any) -> TransportConfig:
    return TransportConfig(
        **{
            "kind": "smtp",
            "host": "127.0.0.1",
            "port": port,
            "security": "none",
            "ehlo_name": "news.example.org",
            "command_timeout": 10,
            "dot_timeout": 10,
            "outbox_dir": Path("outbox"),
            **changes,
        }
    )


def smtp(port: int, **changes: Any) -> Smtp:
    return Smtp(smtp_config(port, **changes))
