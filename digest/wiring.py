"""Build the parts of one process from its settings; called once, by an edge."""

from __future__ import annotations

import functools
import importlib.util
import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

import structlog

import subscribers
from digest import migrate
from digest.database import Database
from digest.deliveries.job import Engine
from digest.deliveries.transports import registry
from digest.deliveries.transports.base import OAuth, TransportConfig
from digest.errors import DigestError
from digest.messages import dkimkeys
from digest.messages.dkim import Signer
from digest.posts.sources.http import Client
from digest.settings import Mail, Settings
from digest.templating import Templates
from digest.workflows.parts import Parts

log = structlog.get_logger()


class NotMigrated(DigestError):
    """The database does not have this version's tables."""


def build(settings: Settings, *, home: Path = Path()) -> Parts:
    """The parts for `settings`; relative paths in it are taken from `home`, the configuration's directory."""
    database = Database(_database_url(settings.site.database, home))
    return Parts(
        settings=settings,
        database=database,
        templates=templates(home),
        keys=subscribers.Keys(settings.site.secrets),
        transport=registry.build(transport_config(settings, home)),
        client=Client,
        home=home,
        signer=functools.cache(lambda: signer(settings.mail, home)),
        engine=engine(database),
    )


def engine(database: Database) -> Engine | None:
    """What hands out work to several machines: with PostgreSQL and the extra `postgres`, else nothing but the rows."""
    if database.is_sqlite or importlib.util.find_spec("procrastinate") is None:
        return None
    from digest.engine.queue import Queue

    return Queue(database)


def templates(home: Path) -> Templates:
    """The templates, with those in `home`/templates winning; in a checkout that folder is our own already."""
    folder = home / "templates"
    own = Templates()
    return Templates(folder) if folder.is_dir() and folder.resolve() != own.builtin.resolve() else own


def require_current(parts: Parts) -> None:
    """Raise `NotMigrated` or `DatabaseUnavailable` unless the database can be used by this version."""
    parts.database.check()
    if not migrate.is_current(parts.database):
        raise NotMigrated("The database does not have this version's tables yet; run `digest migrate`.")


def transport_config(settings: Settings, home: Path) -> TransportConfig:
    """The mail settings as transports take them."""
    mail: Mail = settings.mail
    return TransportConfig(
        kind=mail.transport,
        outbox_dir=home / mail.outbox_dir,
        host=mail.host,
        port=mail.effective_port,
        security=mail.security,
        ca_file=str(home / mail.ca_file) if mail.ca_file else "",
        username=mail.username,
        password=mail.password.get_secret_value(),
        oauth=_oauth(mail),
        ehlo_name=mail.ehlo_name or _own_name(settings),
        command_timeout=mail.command_timeout,
        dot_timeout=mail.dot_timeout,
        max_per_connection=mail.max_per_connection,
        pipelining=mail.pipelining,
    )


def _oauth(mail: Mail) -> OAuth | None:
    """Where access tokens come from; None where the login is by password."""
    if mail.auth == "password":
        return None
    return OAuth(
        token_url=mail.oauth_token_url,
        client_id=mail.oauth_client_id,
        client_secret=mail.oauth_client_secret.get_secret_value(),
        refresh_token=mail.oauth_refresh_token.get_secret_value(),
        scope=mail.oauth_scope,
    )


def signer(mail: Mail, home: Path) -> Signer | None:
    """What signs our mail, with its keys read; None where none are configured. Raises `DigestError`.

    A key that everybody on the machine may read is used, and the log says so: secrets mounted into a container
    often are.
    """
    if not mail.dkim_key:
        return None
    first, second = home / mail.dkim_key, home / mail.dkim_ed25519_key
    keys = [dkimkeys.rsa(first, selector=mail.dkim_selector, setting="mail.dkim_key")]
    files = [first]
    if mail.dkim_ed25519_key:
        setting = "mail.dkim_ed25519_key"
        keys.append(dkimkeys.ed25519(second, selector=mail.dkim_ed25519_selector, setting=setting))
        files.append(second)
    for exposed in filter(dkimkeys.is_exposed, files):
        log.warning("dkim.key_exposed", file=str(exposed), remedy="chmod o-rwx")
    return Signer(keys=tuple(keys), domain=mail.dkim_domain)


def _own_name(settings: Settings) -> str:
    """How we introduce ourselves to a mail server: a name, or an address in brackets (RFC 5321 section 4.1.3)."""
    host = urlsplit(settings.site.base_url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "[127.0.0.1]" if host in {"", "localhost"} else host.encode("idna").decode("ascii")
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


def _database_url(url: str, home: Path) -> str:
    """`url` with a relative SQLite path taken from `home`."""
    prefix = "sqlite:///"
    if not url.startswith(prefix) or url == prefix or url.startswith((prefix + "/", prefix + ":memory:")):
        return url
    return f"{prefix}{(home / url.removeprefix(prefix)).resolve()}"
