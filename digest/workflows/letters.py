"""Notices to readers and would-be readers, made in the language they chose and queued ahead of editions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import subscribers
from digest.database import Session
from digest.deliveries import store as deliveries
from digest.messages.notice import Notice, notice
from digest.workflows.compose import base_url, cadence_words
from digest.workflows.parts import Parts
from subscribers import Purpose, SubscriptionRef

CONFIRM, REMINDER, ALREADY, WELCOME = "confirm", "reminder", "already", "welcome"


def spoken(parts: Parts, publication: str, language: str) -> str:
    """`language` where we have words in it, else the publication's own."""
    known = language and parts.templates.find(f"words/{language}.toml") is not None
    return language if known else parts.publication(publication).language


def letter(
    parts: Parts,
    publication: str,
    kind: str,
    *,
    language: str,
    ref: SubscriptionRef | None = None,
    request_id: int = 0,
    asked_at: datetime,
    latest: Mapping[str, str] | None = None,
) -> Notice:
    """The notice `kind` to one reader; raises `TemplateFault`.

    It holds nothing that a visitor typed: who asks for a confirmation in another's name has no words to send them.
    """
    configured = parts.publication(publication)
    home = base_url(parts)
    links = {
        "confirm_url": f"{home}/c/{subscribers.mint_request(parts.keys, request_id)}",
        "preferences_url": f"{home}/p/{_token(parts, Purpose.PREFERENCES, ref)}" if ref else "",
        "unsubscribe_url": unsubscribe_url(parts, ref) if ref else "",
    }
    context: dict[str, Any] = {
        "publication": configured.name,
        "cadence": cadence_words(parts, configured, language=language),
        "asked_at": asked_at,
        "timezone": configured.timezone,
        "latest": dict(latest or {}),
        "postal_address": configured.postal_address,
        **links,
    }
    return notice(parts.templates, kind, context, language=language)


def unsubscribe_url(parts: Parts, ref: SubscriptionRef) -> str:
    """The link with which one reader leaves."""
    return f"{base_url(parts)}/u/{_token(parts, Purpose.UNSUBSCRIBE, ref)}"


def post(
    session: Session,
    made: Notice,
    *,
    key: str,
    publication: str,
    recipient: str,
    language: str,
    unsubscribe_url: str = "",
    now: datetime,
) -> bool:
    """Queue a notice in the caller's transaction; False when its `key` was queued before."""
    return deliveries.enqueue_notice(
        session,
        key=key,
        publication=publication,
        recipient=recipient,
        subject=made.subject,
        html=made.html,
        text=made.text,
        language=language,
        unsubscribe_url=unsubscribe_url,
        now=now,
    )


def _token(parts: Parts, purpose: Purpose, ref: SubscriptionRef) -> str:
    return subscribers.mint(parts.keys, purpose, ref)
