"""`digest init`: write a digest.toml by looking at the site."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from digest.cli.common import CommandFailed, plainly

if TYPE_CHECKING:
    from digest.posts.model import SourceSpec
    from digest.posts.sources.discover import Discovered

_HEAD = """# Written by `digest init`. Every key is explained in docs/configuration.md.
[site]
base_url = {base_url}            # public address of the web pages; https once it is not this machine
database = "sqlite:///digest.db"
instance = "production"
secret = {secret}                # signs every link; keep it, and keep it to yourself

[mail]
transport = "outbox"             # mail goes into the folder below until you set "smtp" and a host
outbox_dir = "outbox"
# transport = "smtp"
# host = "smtp.example.org"
# security = "starttls"          # or "tls"
# username = "…"                 # password in DIGEST_MAIL_PASSWORD

[publications.weekly]
name = {name}
from = {sender}
{postal}
language = {language}
timezone = {timezone}
cut_off = "wed 15:00"            # when the draft is made
send = "thu 09:00"               # when the approved edition goes out
approval = "required"
template = "weekly"
staff = {staff}
"""
_SOURCE = """
[[publications.weekly.sources]]
kind = {kind}
url = {url}
"""


def init(
    url: Annotated[
        str | None, typer.Argument(metavar="[URL]", help="Your site; it is looked at, nothing is sent.")
    ] = None,
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="Where to write digest.toml.")] = Path(),
    name: Annotated[str | None, typer.Option("--name", help="What readers will know it as.")] = None,
    sender: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="Who the mail is from.")
    ] = None,
    postal_address: Annotated[
        str | None, typer.Option("--postal-address", help="Printed in every mail.")
    ] = None,
    staff: Annotated[
        list[str] | None, typer.Option("--staff", metavar="ADDRESS", help="Who is told of drafts.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", metavar="ZONE", help="Such as Europe/London.")
    ] = None,
    base_url: Annotated[
        str, typer.Option("--base-url", help="Public address of the web pages.")
    ] = "http://127.0.0.1:8000",
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="The site lives on a loopback or private address.")
    ] = False,
) -> None:
    """Write digest.toml for a site: finds its posts, name and language, and makes the signing secret."""
    with plainly():
        target = into / "digest.toml"
        if target.exists():
            raise CommandFailed(
                f"{target} is there already; move it away or choose another folder with --into."
            )
        found = _look_at(url, allow_private=allow_private) if url else None
        title = name or (found.title if found and found.title else "The Weekly Brief")
        host = (urlsplit(found.sources[0].url if found else "").hostname or "example.org").removeprefix(
            "www."
        )
        postal_address = postal_address or _asked("Postal address, printed in every mail")
        sender = sender or _asked("Who the mail is from", default=f"news@{host}") or f"news@{host}"
        text = _HEAD.format(
            base_url=_quoted(base_url),
            secret=_quoted(secrets.token_urlsafe(36)),
            name=_quoted(title),
            sender=_quoted(sender if "<" in sender else f"{_display(title)} <{sender}>"),
            postal=f"postal_address = {_quoted(postal_address)}"
            if postal_address
            else '# postal_address = "…"           # to fill in: the law asks for it in every mail',
            language=_quoted(_known_language(found.language if found else None)),
            timezone=_quoted(timezone or _local_zone()),
            staff=json.dumps(staff or [], ensure_ascii=False),
        )
        for source in _best(found) if found else ():
            text += _SOURCE.format(kind=_quoted(source.kind), url=_quoted(source.url))
            text += "allow_private = true\n" if allow_private else ""
        _write(target, text)
        _check(target)
        _say(target, found, complete=bool(postal_address))


def _best(found: Discovered) -> list[SourceSpec]:
    """The best source of posts, and the best calendar beside it."""
    from digest.settings import EVENT_KINDS

    calendars = [source for source in found.sources if source.kind in EVENT_KINDS]
    others = [source for source in found.sources if source.kind not in EVENT_KINDS]
    return [*others[:1], *calendars[:1]]


def _look_at(url: str, *, allow_private: bool) -> Discovered:
    from digest.posts.sources.base import SourceError
    from digest.posts.sources.discover import discover
    from digest.posts.sources.http import Client

    async def look() -> Discovered:
        async with Client() as client:
            return await discover(
                url if "//" in url else f"https://{url}",
                client,
                allow_private=allow_private,
                now=datetime.now(UTC),
            )

    try:
        found = asyncio.run(look())
    except SourceError as error:
        raise CommandFailed(
            str(error).replace("allow_private = true on the source", "--allow-private")
        ) from error
    if not found.sources:
        raise CommandFailed(
            f"{url} has no feed, calendar, WordPress REST or JSON Feed that could be found; write digest.toml by hand."
        )
    return found


def _asked(question: str, *, default: str = "") -> str:
    """The answer of the person at the terminal; the default where nobody sits there."""
    if not sys.stdin.isatty():
        return default
    return str(typer.prompt(question, default=default, show_default=bool(default))).strip()


def _display(name: str) -> str:
    return (
        name if re.fullmatch(r"[\w .!#$%&'*+/=?^`{|}~-]+", name) else '"' + re.sub(r'["\\]', "", name) + '"'
    )


def _quoted(text: str) -> str:
    """`text` as a TOML basic string; JSON's escapes are TOML's but for DEL and the astral pairs it leaves alone."""
    return json.dumps("".join(c for c in text if c.isprintable()), ensure_ascii=False)


def _known_language(tag: str | None) -> str:
    from digest.locales import Locale, UnknownLocaleError

    try:
        return str(Locale.of(tag)).replace("_", "-") if tag else "en"
    except (UnknownLocaleError, ValueError):
        return "en"


def _local_zone() -> str:
    """The zone this machine is set to, UTC where it does not say."""
    import zoneinfo

    link = Path("/etc/localtime")
    named = os.environ.get("TZ", "").lstrip(":") or str(link.resolve()).partition("zoneinfo/")[2]
    return named if named in zoneinfo.available_timezones() and named not in {"Etc/UTC", "UCT"} else "UTC"


def _write(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # It holds the signing secret: for its owner's eyes only.
        with os.fdopen(
            os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(text)
    except OSError as error:
        raise CommandFailed(f"{target} cannot be written: {error.strerror}.") from error


def _check(target: Path) -> None:
    """Anything but a missing postal address in what we wrote is said at once, not at the next command."""
    from digest import settings

    try:
        settings.load(target)
    except settings.SettingsError as error:
        wrong = [line for line in str(error).splitlines() if "postal_address is missing" not in line]
        if wrong:
            target.unlink()
            raise CommandFailed("\n".join(wrong)) from None


def _say(target: Path, found: Discovered | None, *, complete: bool) -> None:
    typer.echo(f"Wrote {target}.")
    if found:
        what = {"wordpress": "its WordPress REST", "jsonfeed": "its JSON Feed", "rss": "its feed"}
        count = f", {found.post_count} posts there now" if found.post_count else ""
        kind = found.sources[0].kind
        typer.echo(f"Posts come from {what.get(kind, kind)} at {found.sources[0].url}{count}.")
    here = "" if target.parent == Path() else f" --config {target}"
    steps = [] if complete else ["fill in postal_address in digest.toml"]
    steps += [
        f"digest migrate{here}",
        f"digest collect{here}",
        f"digest editions next weekly{here}",
        f"digest run{here}",
    ]
    typer.echo("Next:\n" + "\n".join(f"  {step}" for step in steps))
