"""`digest demo`: the main job in one process, on a made-up organisation's site, with mail into the outbox."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from digest.cli.common import CommandFailed, plainly

if TYPE_CHECKING:
    from digest.demo.site import Site
    from digest.editions.model import Edition
    from digest.workflows.parts import Parts

PUBLICATION = "weekly"
_ZONE = "Europe/London"
_CONFIG = """# Written by `digest demo`: everything here is made up and nothing leaves this machine.
[site]
base_url = "http://127.0.0.1:{port}"
database = "sqlite:///digest.db"
instance = "demo"
secret = "{secret}"

[mail]
transport = "outbox"
outbox_dir = "outbox"

[publications.weekly]
name = "The {name} Brief"
from = "{name} <brief@saltmarsh.example>"
reply_to = "hello@saltmarsh.example"
postal_address = "2 Harbour Row, Oxley Creek"
language = "{language}"
timezone = "{zone}"
cut_off = "{day} 00:00"
send = "{day} {time}"
approval = "required"
tagline = "{tagline}"
first_edition = 7
staff = ["comms@saltmarsh.example"]
site_url = "{site}/"

[[publications.weekly.sources]]
kind = "rss"
url = "{site}/feed/"
allow_private = true

[[publications.weekly.sources]]
kind = "events-calendar"
url = "{site}/"
allow_private = true
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What the demo made: the edition, and where to look at it."""

    edition: Edition
    accepted: int
    mail_url: str
    leave_url: str
    outbox: Path


def demo(
    once: Annotated[bool, typer.Option("--once", help="Exit when the mail is in the outbox.")] = False,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port of the web pages; 0 picks one.")
    ] = 8000,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--dir", metavar="DIR", help="Keep everything here; a new temporary folder if not given."
        ),
    ] = None,
) -> None:
    """Play the main job: collect a site's posts, cut an edition, approve it, mail it to 50 readers' outbox."""
    with plainly():
        from digest import logs
        from digest.demo import site as demo_site

        logs.set_up(level="WARNING")
        home = _home(directory)
        port = _free(port)
        with demo_site.serving(now=datetime.now(UTC)) as site, _parts(home, site, port) as parts:
            played = play(parts, site, home)
            _say_where_to_look(played, home, port, stays=not once)
            if not once:
                from digest.cli.service import serve_all

                serve_all(parts, host="127.0.0.1", port=port)


def play(parts: Parts, site: Site, home: Path) -> Played:
    """The main job from posts to mail, told line by line."""
    from digest.demo.stories import NAME, READERS
    from digest.workflows import approve, close, collect, deliver, launch, look, preview

    def now() -> datetime:
        return datetime.now(UTC)

    _say(f"{NAME} has a site at {site.url} with {len(site.stories)} posts and a calendar.")
    _subscribe(parts, READERS, now=now())
    _say(f"{len(READERS)} readers are subscribed, each with a recorded consent.")
    for found in asyncio.run(collect.collect(parts, publication=PUBLICATION, force=True, now=now())):
        if found.error:
            raise CommandFailed(found.error)
        what = "events of its calendar" if found.kind == "events-calendar" else "posts of its feed"
        _say(f"Collected: {found.new} {what}.")
    edition = close.cut(parts, PUBLICATION, now=now())
    _say(f"Cut edition {edition.number}: {len(edition.items)} items, subject “{edition.subject}”.")
    seen = preview.preview(parts, edition.id, now=now())
    notes = f"{len(seen.findings)} notes, nothing that blocks" if seen.findings else "nothing to mend"
    _say(
        f"Rendered through Jinja2 and MJML: {len(seen.html.encode()) / 1000:.0f} kB of HTML; preflight: {notes}."
    )
    approved = approve.approve(parts, edition.id, by="the demo", overrides=(), now=now())
    _say(f"Approved these very bytes, fingerprint {approved.fingerprint[:12]}.")
    launch.launch(parts, edition.id, now=now())
    asyncio.run(deliver.deliver(parts, now=now, until_done=True, stop=None))
    status = look.delivery_status(parts, edition.id)
    accepted = status.counts["accepted"]
    _say(f"Mailed: {accepted} of {status.audience} accepted, each copy with its own unsubscribe link.")
    return Played(
        edition=look.edition(parts, edition.id),
        accepted=accepted,
        mail_url=f"{parts.settings.site.base_url}/a/{PUBLICATION}/{edition.number}",
        leave_url=_unsubscribe_link(home / "outbox"),
        outbox=home / "outbox",
    )


def _home(given: Path | None) -> Path:
    if given is None:
        return Path(tempfile.mkdtemp(prefix="digest-demo-"))
    if (given / "digest.toml").exists():
        raise CommandFailed(f"{given} holds a digest.toml already; the demo wants an empty folder.")
    try:
        given.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(f"{given} cannot be used: {error.strerror}.") from error
    return given.resolve()


def _free(port: int) -> int:
    """`port` if nobody listens there, else one that the system picks."""
    for wanted in (port, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise CommandFailed("No port is free on 127.0.0.1.")


@contextmanager
def _parts(home: Path, site: Site, port: int) -> Iterator[Parts]:
    from digest import migrate, settings, wiring
    from digest.demo.stories import LANGUAGE, NAME, TAGLINE

    config = home / "digest.toml"
    # The edition carries the date of its send, so the demo's send is due in a few minutes, not next week.
    today = datetime.now(ZoneInfo(_ZONE)) + timedelta(minutes=5)
    text = _CONFIG.format(
        port=port,
        secret=secrets.token_urlsafe(32),
        name=NAME,
        language=LANGUAGE,
        tagline=TAGLINE,
        site=site.url,
        zone=_ZONE,
        day=f"{today:%a}".lower(),
        time=f"{today:%H:%M}",
    )
    config.write_text(text, encoding="utf-8")
    config.chmod(0o600)
    parts = wiring.build(settings.load(config), home=home)
    migrate.upgrade(parts.database)
    try:
        yield parts
    finally:
        parts.database.dispose()


def _subscribe(parts: Parts, addresses: tuple[str, ...], *, now: datetime) -> None:
    from digest.workflows import enrol

    for address in addresses:
        enrol.add(parts, address, publication=PUBLICATION, consent="Signed up at the shore meeting.", now=now)


def _unsubscribe_link(outbox: Path) -> str:
    """The link in the List-Unsubscribe header of one delivered mail."""
    import email
    import email.policy

    for file in sorted(outbox.rglob("new/*")):
        header = email.message_from_bytes(file.read_bytes(), policy=email.policy.compat32)["List-Unsubscribe"]
        if header:
            return str(header).split(">")[0].strip().removeprefix("<")
    raise CommandFailed("No delivered mail carries an unsubscribe link.")


def _say(line: str) -> None:
    typer.echo(f"  ✓ {line}")


def _say_where_to_look(played: Played, home: Path, port: int, *, stays: bool) -> None:
    typer.echo("")
    if stays:
        typer.echo(f"The mail in a browser:   {played.mail_url}")
        typer.echo(f"One reader's way out:    {played.leave_url}")
    typer.echo(f"All {played.accepted} mails:            {played.outbox}")
    typer.echo(f"Try the commands:        {_program()} editions list --config {home / 'digest.toml'}")
    typer.echo(f"With your own site:      {_program()} init https://your.site.example --into my-digest")
    if stays:
        typer.echo("\nRunning until Ctrl-C.")


def _program() -> str:
    """How this program can be called from where the person is."""
    called = Path(sys.argv[0])
    if shutil.which("digest"):
        return "digest"
    here = called.resolve()
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else str(here)
