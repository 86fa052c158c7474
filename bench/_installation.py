"""An installation of this program to measure: a folder with its configuration, a migrated database, readers, editions."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import subscribers
from bench._processes import BenchFailed
from digest import logs, migrate, wiring
from digest.editions import store as editions
from digest.editions.model import Edition, EditionState, Item
from digest.messages.showcase import showcase
from digest.settings import load
from digest.templating import Templates
from digest.workflows import approve, control, deliver, launch, look
from digest.workflows.parts import Parts

# Publications by what they are for; the number is how many stories make a message as long as its name says, in kB.
STORIES = {"brief-50": 26, "sample-50": 26, "all": 26, "few": 26, "brief-10": 6, "sample-10": 6}
_SHORT = "short"
_SHORT_BODY = """<mjml lang="{{ language }}"><mj-body><mj-section><mj-column>
{% for item in [lead] + cards|list %}<mj-text><h2><a href="{{ item.url }}">{{ item.title }}</a></h2><p>{{ item.excerpt }}</p></mj-text>
{% endfor %}</mj-column></mj-section>{% include "partials/footer.mjml" %}</mj-body></mjml>
"""
_CONFIG = """[site]
base_url = "https://news.example.org"
instance = "bench"
secret = "a secret for the bench only, not for use"
"""
_PUBLICATION = """
[publications.{slug}]
name = "The Weekly Brief"
from = "The Weekly Brief <brief@example.org>"
postal_address = "1 Example Street, Example City"
timezone = "Europe/London"
cut_off = "wed 15:00"
send = "thu 09:00"
template = "{template}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Where one is, its database, and what its workers are told besides, as environment variables."""

    home: Path
    database: str
    told: tuple[tuple[str, str], ...] = ()

    def env(self, *, port: int = 0, lanes: int = 8, **more: str) -> dict[str, str]:
        """The settings of one run, as an operator gives them: the database, and the mail server at `port`."""
        mail = (
            {"TRANSPORT": "smtp", "HOST": "127.0.0.1", "PORT": str(port), "SECURITY": "none"} if port else {}
        )
        mail["LANES"] = str(lanes)
        return {
            "DIGEST_SITE_DATABASE": self.database,
            **{f"DIGEST_MAIL_{name}": value for name, value in mail.items()},
            **dict(self.told),
            **more,
        }


def install(home: Path, database: str, *, readers: Mapping[str, int]) -> Installation:
    """A new installation with so many confirmed readers for each publication named."""
    home.mkdir(parents=True, exist_ok=True)
    tables = (
        _PUBLICATION.format(slug=slug, template=_SHORT if slug.endswith("-10") else "weekly")
        for slug in STORIES
    )
    _write_short_template(home)
    (home / "digest.toml").write_text(_CONFIG + "".join(tables), encoding="utf-8")
    made = Installation(home=home, database=database)
    with opened(made) as parts:
        migrate.upgrade(parts.database)
        launch.arm(parts, now=_now())
        for slug, count in readers.items():
            _subscribe(parts, slug, count)
    return made


@contextmanager
def opened(installation: Installation) -> Iterator[Parts]:
    """Its parts in this process, for what is not measured."""
    logs.set_up(level="ERROR")
    settings = load(installation.home / "digest.toml", environ=installation.env())
    parts = wiring.build(settings, home=installation.home)
    try:
        yield parts
    finally:
        parts.database.dispose()


def approved(parts: Parts, slug: str) -> Edition:
    """An edition as it stands before its launch."""
    now = _now()
    with parts.database.transaction() as session:
        editions.ensure_publication(session, slug, now=now - timedelta(days=30))
        editions.lock_publication(session, slug)
        edition = editions.create(
            session,
            publication=slug,
            state=EditionState.DRAFT,
            cut_at=now,
            send_at=now,
            slot=None,
            items=_items(slug),
            subject="What the river carried past the village",
            preheader="The wall holds, three footpaths open, and the well keepers tell what they learnt this winter.",
        )
    try:
        return approve.approve(parts, edition.id, by="the bench", now=now)
    except approve.NotApproved as refused:
        codes = [finding.code for finding in refused.findings]
        return approve.approve(parts, edition.id, by="the bench", overrides=codes, now=now)


def launched(parts: Parts, slug: str) -> Edition:
    """An edition whose audience is frozen, so that workers may begin."""
    edition = launch.launch(parts, approved(parts, slug).id, now=_now())
    if edition.state is not EditionState.SENDING:
        raise BenchFailed(f"The edition to measure is {edition.state}: {edition.reason}.")
    return edition


async def sample(installation: Installation, slug: str) -> bytes:
    """One reader's message exactly as this program makes it, by way of the outbox."""
    with opened(installation) as parts:
        edition = launched(parts, slug)
        await deliver.deliver(parts, edition_id=edition.id, now=_now, until_done=True)
    (file,) = (installation.home / "outbox" / "new").iterdir()
    message = file.read_bytes()
    file.unlink()
    return b"\r\n".join(message.splitlines()) + b"\r\n"


def accepted(parts: Parts, edition: Edition) -> int:
    """How many the ledger calls accepted; raises `BenchFailed` when any is in doubt or was turned down."""
    counts = dict(look.delivery_status(parts, edition.id).counts)
    odd = {state: n for state, n in counts.items() if n and state not in {"accepted", "pending"}}
    if odd:
        raise BenchFailed(f"The ledger has deliveries that should not be there after a quiet run: {odd}.")
    return counts.get("accepted", 0)


def put_away(parts: Parts, edition: Edition) -> None:
    """End an edition that was stopped on the way, so that no later run finds it."""
    if look.edition(parts, edition.id).state is EditionState.SENDING:
        control.pause(parts, edition.id, now=_now())
        control.cancel(parts, edition.id, now=_now())


def dkim_key(home: Path) -> Path:
    """A new RSA-2048 key in a file that only its owner may read."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = generate_private_key(public_exponent=65537, key_size=2048)
    file = home / "dkim.pem"
    file.touch(mode=0o600)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    return file


def _write_short_template(home: Path) -> None:
    """No template that we ship is as short as 10 kB, so there is one for this: the letter with a bare body."""
    letter, short = Templates().builtin / "editions/letter", home / "templates/editions" / _SHORT
    shutil.copytree(letter, short)
    (short / "body.mjml").write_text(_SHORT_BODY, encoding="utf-8")


def _subscribe(parts: Parts, slug: str, count: int) -> None:
    people = (f"reader{n}@host{n % 997}.example.org\n" for n in range(count))
    now = _now()
    imported = subscribers.import_csv(
        parts.database.transaction,
        io.BytesIO(("email\n" + "".join(people)).encode()),
        keys=parts.keys,
        publication=slug,
        consent=subscribers.Consent(text="They asked for it.", source="import", at=now),
        now=now,
    )
    if imported.refused:
        raise BenchFailed(f"{imported.refused} of {count} readers were refused.")


def _items(slug: str) -> tuple[Item, ...]:
    """Stories written by hand as far as the ledger of posts knows, so that every edition may hold them again."""
    busy = next(one for one in showcase("weekly") if one.name == "busy")
    return tuple(replace(item, post_id=None) for item in busy.content.items[: STORIES[slug]])


def _now() -> datetime:
    return datetime.now(UTC)
