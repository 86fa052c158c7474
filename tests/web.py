"""The web app for tests: its parts without a way to send, and a real server on a loopback port."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI

import subscribers
from digest.database import Database
from digest.deliveries.transports.base import Lane
from digest.posts.sources.http import Client
from digest.settings import Settings
from digest.templating import Templates
from digest.web.app import create_app
from digest.workflows.parts import Parts
from subscribers import Consent, Keys, Purpose, SubscriptionRef
from tests.factories import NOW

SECRET = "a secret of the tests, long enough to sign"
BASE_URL = "https://news.example.org"
ADDRESS = "ada@example.org"
PUBLICATION = {
    "name": "The Weekly Brief",
    "from": "The Weekly Brief <brief@example.org>",
    "postal_address": "1 Example Street, Example City",
    "timezone": "Europe/London",
    "cut_off": "wed 15:00",
    "send": "thu 09:00",
}
EVENTS = PUBLICATION | {"name": "Dates & Places", "language": "fr"}


class NoTransport:
    """The web app never sends."""

    name = "none"

    def lane(self) -> Lane:
        raise AssertionError("the web app opened a lane")


def parts(
    database: Database, *, secrets: tuple[str, ...] = (SECRET,), base_url: str = BASE_URL, **more: Any
) -> Parts:
    """Two publications, `weekly` in English and `events` in French; `more` are publications beside them."""
    publications = {"weekly": PUBLICATION, "events": EVENTS, **more}
    settings = Settings.model_validate(
        {"site": {"base_url": base_url, "secret": list(secrets)}, "publications": publications}
    )
    return Parts(
        settings=settings,
        database=database,
        templates=Templates(),
        keys=Keys(secrets),
        transport=NoTransport(),
        client=Client,
    )


def subscribed(parts: Parts, *publications: str, address: str = ADDRESS) -> dict[str, SubscriptionRef]:
    """Subscribe somebody, and name each subscription as tokens do."""
    refs = {}
    with parts.database.transaction() as session:
        for slug in publications or ("weekly",):
            added = subscribers.add(
                session,
                keys=parts.keys,
                address=address,
                publication=slug,
                consent=Consent(text="Yes, mail me.", source="a test", at=NOW),
                now=NOW,
            )
            who = [added.subscriber_id]
            found = subscribers.recipients(session, keys=parts.keys, publication=slug, subscriber_ids=who)
            recipient = found[added.subscriber_id]
            assert isinstance(recipient, subscribers.Recipient)
            refs[slug] = recipient.subscription_ref
    return refs


def token(parts: Parts, ref: SubscriptionRef, purpose: Purpose = Purpose.UNSUBSCRIBE) -> str:
    """The token a mail to this reader carries."""
    return subscribers.mint(parts.keys, purpose, ref)


def gets(parts: Parts, ref: SubscriptionRef, publication: str = "weekly") -> bool:
    """Whether the next claim would mail this reader."""
    who = [ref.subscriber_id]
    with parts.database.reading() as session:
        found = subscribers.recipients(session, keys=parts.keys, publication=publication, subscriber_ids=who)
    return isinstance(found[ref.subscriber_id], subscribers.Recipient)


@contextmanager
def browsing(parts: Parts) -> Iterator[httpx2.Client]:
    """A bare HTTP client of the app: no cookies kept, no redirect followed, no header of a browser."""
    with (
        serving(create_app(parts, clock=lambda: NOW)) as url,
        httpx2.Client(base_url=url, trust_env=False) as client,
    ):
        yield client


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The app behind a real server; its address. Connections wait in the socket until it accepts them."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, access_log=False, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
