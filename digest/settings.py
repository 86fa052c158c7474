"""The configuration: digest.toml and DIGEST_* variables, read once, validated whole, frozen.

Every error names the key, the value and what was expected. Secrets may come from the environment
(`DIGEST_SECRET`, `DIGEST_MAIL_PASSWORD`) or from a file that `DIGEST_…_FILE` names.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import tomllib
import zoneinfo
from collections.abc import Mapping
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from digest.editions.cadence import Cadence
from digest.editions.frequency import EVERY, Frequency
from digest.errors import DigestError
from digest.locales import Locale, UnknownLocaleError
from digest.messages.headers import Unmailable, wire_address
from digest.posts.model import SourceSpec

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
SECRET_LENGTH = 32
_LISTS = frozenset({"secret", "only", "embed_origins", "trusted_proxies"})
SourceKind = Literal["rss", "jsonfeed", "wordpress", "ghost", "folder", "events-calendar", "ical"]
SOURCE_KINDS: tuple[str, ...] = get_args(SourceKind)
EVENT_KINDS = frozenset({"events-calendar", "ical"})
MOST_POSTS, MOST_EVENTS = 100, 500  # of one look; a calendar shows months, a feed the latest weeks


class SettingsError(DigestError):
    """The configuration is not usable; the message has one line for each thing to mend."""


def seconds(text: object) -> int:
    """The seconds in a duration like "90s", "15m", "12h" or "7d"; raises ValueError for anything else."""
    match = re.fullmatch(r"\s*(\d{1,6})\s*([smhd])\s*", text) if isinstance(text, str) else None
    if not match:
        raise ValueError('expected a duration such as "90s", "15m", "12h" or "7d"')
    return int(match[1]) * _UNITS[match[2]]


def _mailbox(text: str) -> str:
    _, address = parseaddr(text)
    if "@" not in address or any(c in text for c in "\r\n\0") or not address.split("@")[1]:
        raise ValueError('expected an address such as "comms@example.org" or "Name <comms@example.org>"')
    return text


def _zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        raise ValueError(f'expected a time zone name such as "Europe/London"{hint}') from error
    return name


def _language(tag: str) -> str:
    try:
        Locale.of(tag)
    except (UnknownLocaleError, ValueError) as error:
        raise ValueError('expected a language tag such as "en", "fr" or "pt-BR"') from error
    return tag


def _cadence(text: str) -> str:
    Cadence.parse(text)
    return text


def _mail_domain(address: str) -> str:
    try:
        return wire_address(address)[0].rpartition("@")[2].lower()
    except Unmailable as error:
        raise ValueError(f'"{address}": {error}') from error


Duration = Annotated[int, BeforeValidator(seconds)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
TimeZone = Annotated[str, AfterValidator(_zone)]
Language = Annotated[str, AfterValidator(_language)]
CadenceText = Annotated[str, AfterValidator(_cadence)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Site(_Table):
    """[site]: where the web app lives, where the data is, and which installation this is."""

    base_url: str = Field(description="Public address of the web app; https unless it is a loopback address.")
    database: str = Field("sqlite:///digest.db", description="SQLite file or PostgreSQL database, as a URL.")
    instance: str = Field(
        "production", description="Name of this installation; a database armed for another refuses to send."
    )
    secret: tuple[SecretStr, ...] = Field(
        description="At least 32 characters that sign every link; a list rotates: the first signs, all verify."
    )
    sign_up: bool = Field(
        True, description="Whether anybody may sign up anywhere; false closes every form at once."
    )
    embed_origins: tuple[str, ...] = Field(
        (), description='Sites whose pages may hold a sign-up form, such as "https://www.example.org".'
    )
    trusted_proxies: tuple[str, ...] = Field(
        (),
        description="Addresses or networks of our own proxies; only they are believed about whom they speak for"
        " (X-Forwarded-For).",
    )
    sign_ups_per_prefix_per_hour: int = Field(
        20, ge=0, description="Sign-ups from one network (IPv4 /24, IPv6 /48) in an hour; 0 for no limit."
    )
    sign_ups_per_prefix_per_day: int = Field(
        60, ge=0, description="Sign-ups from one network in a day; 0 for no limit."
    )
    sign_ups_per_hour: int = Field(
        300, ge=0, description="Sign-ups from everywhere in an hour; 0 for no limit."
    )
    sign_ups_per_day: int = Field(
        2000, ge=0, description="Sign-ups from everywhere in a day; 0 for no limit."
    )
    keep_ip: Duration = Field(
        0,
        validate_default=False,
        description='How long the IP address of a consent is kept as evidence, such as "90d"; not at all unless set.',
    )

    @field_validator("embed_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            parts = urlsplit(origin)
            if (
                parts.scheme not in {"http", "https"}
                or not parts.netloc
                or origin.rstrip("/") != (f"{parts.scheme}://{parts.netloc}")
            ):
                raise ValueError(f'"{origin}" is no origin; expected one such as "https://www.example.org"')
        return tuple(origin.rstrip("/").lower() for origin in value)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError as error:
                raise ValueError(
                    f'"{network}" is no network; expected one such as "127.0.0.1" or "192.0.2.0/24"'
                ) from error
        return value

    @field_validator("base_url")
    @classmethod
    def _https(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError('expected a web address such as "https://news.example.org"')
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValueError("expected https: links in delivered mail must not travel in the clear")
        return value.rstrip("/")

    @field_validator("database")
    @classmethod
    def _known_database(cls, value: str) -> str:
        expected = 'expected "sqlite:///digest.db" or "postgresql+psycopg://user:password@host/name"'
        try:
            backend = make_url(value).get_backend_name()
        except ArgumentError as error:
            raise ValueError(expected) from error
        if backend not in {"sqlite", "postgresql"}:
            raise ValueError(expected)
        return value

    @field_validator("secret", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list | tuple) or not values:
            raise ValueError("expected a text of at least 32 characters, or a list of such texts")
        if any(not isinstance(v, str) or len(v) < SECRET_LENGTH for v in values):
            raise ValueError("expected at least 32 characters; `digest init` makes a good one")
        return tuple(values)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The signing secrets in the clear, newest first."""
        return tuple(s.get_secret_value() for s in self.secret)


class Mail(_Table):
    """[mail]: how messages leave. Nothing is set by default, so mail goes to the outbox directory."""

    transport: Literal["outbox", "smtp"] = Field(
        "outbox", description="Where mail goes: a maildir on disk, or a mail server."
    )
    outbox_dir: str = Field("outbox", description="The maildir that the outbox transport writes.")
    host: str = Field("", description="Name of the mail server.")
    port: int | None = Field(
        None, ge=1, le=65535, description="Its port; 465 for tls, 587 for starttls, 25 for none."
    )
    security: Literal["tls", "starttls", "none"] = Field(
        "starttls", description="How the connection is protected."
    )
    insecure_ok: bool = Field(
        False, description='Allow security = "none" to a server that is not on this machine.'
    )
    ca_file: str = Field(
        "",
        description="Extra certificate authorities (PEM) to trust for the mail server and for oauth_token_url.",
    )
    username: str = Field("", description="Login name; empty for none.")
    auth: Literal["password", "oauth"] = Field(
        "password", description="Whether the login is by password or by access token (XOAUTH2)."
    )
    password: SecretStr = Field(SecretStr(""), description="Its password; better in DIGEST_MAIL_PASSWORD.")
    oauth_token_url: str = Field("", description="For oauth: the https address that gives access tokens.")
    oauth_client_id: str = Field("", description="For oauth: our name at that address.")
    oauth_client_secret: SecretStr = Field(
        SecretStr(""),
        description="For oauth: the secret to that name; better in DIGEST_MAIL_OAUTH_CLIENT_SECRET.",
    )
    oauth_refresh_token: SecretStr = Field(
        SecretStr(""),
        description="For oauth on behalf of a person; better in DIGEST_MAIL_OAUTH_REFRESH_TOKEN. Without it the"
        " service logs in as itself (client credentials).",
    )
    oauth_scope: str = Field("", description="For oauth: what the token is for, as the provider names it.")
    ehlo_name: str = Field(
        "", description="How we introduce ourselves; the host of site.base_url unless set."
    )
    envelope_from: str = Field("", description="Where bounces go; the From address unless set.")
    bounce_domain: str = Field(
        "", description="Turns on one bounce address per recipient, b+<token>@ this domain."
    )
    unsubscribe_mailbox: str = Field(
        "",
        description="A mailbox whose mail goes to `digest inbox take`, so that readers can unsubscribe by mail too;"
        " unsub+<token>@ the bounce domain unless set.",
    )
    dkim_selector: str = Field(
        "", description="Turns on DKIM signing: the name of the RSA key in DNS, before ._domainkey."
    )
    dkim_key: str = Field("", description="File with the RSA private key (PEM, 2048 to 4096 bits).")
    dkim_domain: str = Field(
        "",
        description="The domain that signs; the domain of the From address unless set, and in line with it.",
    )
    dkim_ed25519_selector: str = Field(
        "", description="Name in DNS of an Ed25519 key that signs as well, beside RSA."
    )
    dkim_ed25519_key: str = Field("", description="File with that Ed25519 private key (PEM or base64).")
    only: tuple[str, ...] = Field(("*",), description="Who may be mailed at all: addresses or *@domains.")
    lanes: int = Field(8, ge=1, le=256, description="Connections to the mail server at the same time.")
    max_per_second: float = Field(
        0, ge=0, description="Messages a second, all lanes together; 0 for no limit."
    )
    max_per_minute: int = Field(0, ge=0, description="Messages in any minute; 0 for no limit.")
    max_per_day: int = Field(0, ge=0, description="Messages in any 24 hours; 0 for no limit.")
    max_per_domain_per_minute: int = Field(
        0, ge=0, description="Messages in any minute to one recipient domain; 0 for no limit."
    )
    domains: dict[str, Annotated[int, Field(ge=0)]] = Field(
        {}, description='The same for single domains, such as domains = {"yahoo.com" = 60}; 0 for no limit.'
    )
    warm_up: Duration = Field(
        0,
        validate_default=False,
        description="How long a new sender's day takes to grow to max_per_day, counted from the first message sent so.",
    )
    warm_up_from: int = Field(50, ge=1, description="Messages in the first 24 hours of the warm-up.")
    max_per_connection: int = Field(100, ge=1, description="Messages before a connection is renewed.")
    pipelining: Literal["full", "envelope", "off"] = Field(
        "full",
        description="How much a mail server that offers PIPELINING is told in one breath: a message and the next"
        " one's envelope, an envelope, or one command.",
    )
    survives: Literal["power loss", "crash"] = Field(
        "power loss",
        description="What the mark that is written before each message survives; to survive only a crash is faster"
        " on slow disks, and after a power loss some readers may then get a message twice.",
    )
    dot_timeout: Duration = Field(
        600,
        validate_default=False,
        description="How long the server may take to accept a message (RFC 5321: 10 minutes).",
    )
    command_timeout: Duration = Field(
        300, validate_default=False, description="How long it may take to answer a command."
    )

    @field_validator("only")
    @classmethod
    def _addresses_or_domains(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            if entry != "*" and not re.fullmatch(r"(\*|[^\s@*]+)@[^\s@*]+", entry):
                raise ValueError(
                    f'"{entry}" is nobody; expected addresses, "*@example.org" for a domain, "*" for everybody'
                )
        return value

    @field_validator("dkim_selector", "dkim_ed25519_selector", "dkim_domain")
    @classmethod
    def _host_name(cls, value: str, info: ValidationInfo) -> str:
        least, example = (2, "example.org") if info.field_name == "dkim_domain" else (1, "brief2026")
        labels = value.split(".") if value else []
        if value and (len(value) > 200 or len(labels) < least or not all(map(_LABEL.fullmatch, labels))):
            raise ValueError(f'expected a name for DNS such as "{example}"; xn--… if it is international')
        return value.lower()

    @field_validator("dkim_key", "dkim_ed25519_key")
    @classmethod
    def _a_file_not_a_key(cls, value: str) -> str:
        if "\n" in value or "-----" in value:
            raise ValueError("expected the name of a file that holds the key, not the key")
        return value

    @model_validator(mode="after")
    def _can_sign(self) -> Mail:
        if bool(self.dkim_selector) != bool(self.dkim_key):
            raise ValueError("signing needs both dkim_selector and dkim_key, or neither")
        if bool(self.dkim_ed25519_selector) != bool(self.dkim_ed25519_key):
            raise ValueError(
                "a second signature needs both dkim_ed25519_selector and dkim_ed25519_key, or neither"
            )
        if (self.dkim_ed25519_key or self.dkim_domain) and not self.dkim_key:
            raise ValueError("dkim_domain and the Ed25519 key stand beside dkim_selector and dkim_key only")
        if self.dkim_key and self.dkim_selector == self.dkim_ed25519_selector:
            raise ValueError("each of the two keys needs a selector of its own")
        return self

    @field_validator("unsubscribe_mailbox")
    @classmethod
    def _mailbox(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z0-9._+=-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", value):
            raise ValueError(f'"{value}" is no plain address; expected one such as "leave@news.example.org"')
        return value

    @field_validator("domains")
    @classmethod
    def _domains(cls, value: dict[str, int]) -> dict[str, int]:
        for domain in value:
            if not re.fullmatch(r"[^\s@*.]+(\.[^\s@*.]+)+", domain):
                raise ValueError(f'"{domain}" is no recipient domain; expected one such as "yahoo.com"')
        return {domain.lower(): limit for domain, limit in value.items()}

    @model_validator(mode="after")
    def _grows_to_something(self) -> Mail:
        if self.warm_up and self.warm_up_from > self.max_per_day:
            raise ValueError("warm_up grows to max_per_day, which must be set, and not below warm_up_from")
        return self

    @model_validator(mode="after")
    def _complete(self) -> Mail:
        if self.transport == "smtp" and not self.host:
            raise ValueError('transport = "smtp" needs mail.host, the name of the mail server')
        if self.security == "none" and self.host not in _LOOPBACK | {""} and not self.insecure_ok:
            raise ValueError(
                'security = "none" would send mail and password in the clear; expected "tls" or "starttls", '
                "or mail.insecure_ok = true"
            )
        if self.security == "none" and self.host not in _LOOPBACK | {""} and self.username:
            raise ValueError(
                'security = "none" never carries a login to another machine; expected "tls" or "starttls", '
                "or no mail.username"
            )
        if self.auth == "oauth":
            self._complete_oauth()
        return self

    def _complete_oauth(self) -> None:
        parts = urlsplit(self.oauth_token_url)
        if parts.scheme != "https" or not parts.hostname or parts.username is not None or parts.fragment:
            raise ValueError('auth = "oauth" needs mail.oauth_token_url, an https address')
        if not self.username or not self.oauth_client_id:
            raise ValueError('auth = "oauth" needs mail.username and mail.oauth_client_id')
        if (
            not self.oauth_client_secret.get_secret_value()
            and not self.oauth_refresh_token.get_secret_value()
        ):
            raise ValueError(
                'auth = "oauth" needs DIGEST_MAIL_OAUTH_CLIENT_SECRET, or DIGEST_MAIL_OAUTH_REFRESH_TOKEN, or both'
            )

    @property
    def effective_port(self) -> int:
        """The port to connect to."""
        return self.port or {"tls": 465, "starttls": 587, "none": 25}[self.security]


class Source(_Table):
    """[[publications.X.sources]]: a place posts come from."""

    kind: SourceKind = Field(description="Which adapter reads it.")
    url: str = Field(min_length=1, description="The feed, the site, or for kind folder a directory.")
    topics: tuple[str, ...] = Field((), description="Topics given to all its posts.")
    allow_private: bool = Field(False, description="Lets this source live on a loopback or private address.")
    interval: Duration = Field(900, validate_default=False, description="How often it is collected.")
    api_key: SecretStr = Field(SecretStr(""), description="Content API key, for kind ghost.")

    @model_validator(mode="after")
    def _address(self) -> Source:
        schemes = {"http", "https", "webcal"} if self.kind == "ical" else {"http", "https"}
        if self.kind != "folder" and urlsplit(self.url).scheme not in schemes:
            raise ValueError(f'url is "{self.url}"; expected an http or https address')
        if self.kind == "ghost" and not self.api_key.get_secret_value():
            raise ValueError("kind ghost needs api_key, the site's Content API key")
        return self

    def spec(self, *, home: Path = Path()) -> SourceSpec:
        """This source as the posts stage knows it; `home` is the directory of the configuration file."""
        return SourceSpec(
            kind=self.kind,
            url=self.url,
            topics=self.topics,
            allow_private=self.allow_private,
            interval_seconds=self.interval,
            api_key=self.api_key.get_secret_value(),
            limit=MOST_EVENTS if self.kind in EVENT_KINDS else MOST_POSTS,
            home=str(home),
        )


class Publication(_Table):
    """[publications.X]: a recurring mailing."""

    name: str = Field(min_length=1, description="What readers know it as.")
    from_: Mailbox = Field(alias="from", description="Who it is from, with a display name.")
    reply_to: Mailbox | None = Field(
        None, description="Where a reader's answer goes; the From address unless set."
    )
    postal_address: str = Field(min_length=1, description="Printed in every mail; the law asks for it.")
    language: Language = Field("en", description="Language of fixed words and dates.")
    timezone: TimeZone = Field("UTC", description="Zone of cut_off, send and printed dates.")
    cut_off: CadenceText = Field(
        description='When the draft is made: "wed 15:00" or a five-field cron expression.'
    )
    send: CadenceText = Field(description="When the approved edition goes out.")
    approval: Literal["required", "unless held", "none"] = Field(
        "required", description="Whether a person must approve."
    )
    template: str = Field("weekly", description="Folder under templates/editions.")
    tagline: str = Field("", description="One sentence under the name.")
    subject: str = Field(
        "", description="Subject pattern; {first}, {more}, {name}, {number} and {date} are filled in."
    )
    site_url: str = Field(
        "", description='Where "more on the site" leads; the first source\'s address unless set.'
    )
    staff: tuple[Mailbox, ...] = Field((), description="Who is told of drafts, skips and trouble.")
    sources: tuple[Source, ...] = Field((), description="Where its posts come from.")
    topics: dict[str, tuple[str, ...]] = Field(
        {}, description="Topic to the categories that belong to it; readers choose among the topics."
    )
    frequencies: tuple[Frequency, ...] = Field(
        (EVERY,),
        min_length=1,
        description='What readers may choose: "every" edition, or the first in each week, fortnight, month or quarter,'
        " which brings what they chose of the editions between. The first is for those who chose none.",
    )
    first_edition: int = Field(5, ge=0, description="How many existing posts a new source offers.")
    max_items: int = Field(12, ge=1, description='Cards before "in brief".')
    max_new: int = Field(
        30, ge=1, description="More new posts than this at once hold the edition for a person."
    )
    excerpt_length: int = Field(240, ge=40, le=2000, description="Longest excerpt, in characters.")
    coming_up: Duration = Field(
        5184000,
        validate_default=False,
        description='How far ahead an event announced before still stands under "Coming up"; "0d" for never.',
    )
    event_categories: tuple[str, ...] = Field(
        ("Events", "Event", "Webinars", "Webinar"),
        description="Categories whose posts may be events; staff are asked where nothing else tells.",
    )
    lateness: Duration = Field(43200, validate_default=False, description="How late an edition may start.")
    open: bool = Field(True, description="Whether people may sign up.")
    farewell: bool = Field(False, description="Whether somebody who leaves gets one last mail that says so.")
    welcome: Literal["none", "plain", "latest"] = Field(
        "plain",
        description="The mail after a confirmed sign-up: none, a short one, or one that leads to the latest edition.",
    )

    def goes_out_by_itself(self, *, held: bool) -> bool:
        """Whether a draft needs nobody's approval; `held` says that something about it wants a person."""
        return self.approval == "none" or (self.approval == "unless held" and not held)

    @property
    def sender(self) -> tuple[str, str]:
        """Display name and address of `from`."""
        name, address = parseaddr(self.from_)
        return name or self.name, address


class Settings(_Table):
    """The whole configuration."""

    site: Site
    mail: Mail = Mail()
    publications: dict[str, Publication] = Field(default_factory=dict)

    @field_validator("publications")
    @classmethod
    def _slugs(cls, value: dict[str, Publication]) -> dict[str, Publication]:
        for slug in value:
            if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", slug):
                raise ValueError(
                    f'"{slug}" names a publication; expected lower-case letters, digits and hyphens'
                )
        return value

    @model_validator(mode="after")
    def _aligned(self) -> Settings:
        """Receivers count a signature for the author only where its domain is in line with From (RFC 9989)."""
        signs = self.mail.dkim_domain
        for slug, publication in self.publications.items() if signs else ():
            domain = _mail_domain(publication.sender[1])
            if domain != signs and not domain.endswith(f".{signs}") and not signs.endswith(f".{domain}"):
                raise ValueError(
                    f'mail.dkim_domain is "{signs}", but publications.{slug}.from is at "{domain}"; '
                    "expected that domain, or one above or below it"
                )
        return self


def load(path: Path, *, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and validate the configuration; raises `SettingsError` with one line for each thing to mend."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: there is no such file; `digest init` writes one.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: is not valid TOML: {error}.") from error
    _overlay(data, environ)
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        lines = [f"{path}: {_sentence(problem)}" for problem in error.errors()]
        raise SettingsError("\n".join(lines)) from None


def _overlay(data: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Let DIGEST_SITE_x and DIGEST_MAIL_x (and DIGEST_SECRET) win over the file; x_FILE names a file to read."""
    for name, value in sorted(environ.items()):
        key = name.removesuffix("_FILE")
        if key == "DIGEST_SECRET":
            table, field = "site", "secret"
        else:
            match = re.fullmatch(r"DIGEST_(SITE|MAIL)_([A-Z_]+)", key)
            if not match:
                continue
            table, field = match[1].lower(), match[2].lower()
            if (
                name.endswith("_FILE")
                and name.removeprefix(f"DIGEST_{match[1]}_").lower() in Mail.model_fields
            ):
                field, key = name.removeprefix(f"DIGEST_{match[1]}_").lower(), name
        text = value if name == key else _secret_file(name, value)
        data.setdefault(table, {})[field] = [v for v in text.split(",") if v] if field in _LISTS else text


def _secret_file(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{name} names {path}, which cannot be read: {error.strerror}.") from error


def _sentence(problem: Any) -> str:
    """One plain sentence for a validation error: what, where, what was expected."""
    where = ".".join(str(part) for part in problem["loc"]) or "the file"
    kind, given = problem["type"], problem.get("input")
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(problem["loc"][-1]), _known_keys(problem["loc"][:-1]), n=1)
        return f"{where} is not a known key{f'; did you mean {near[0]}?' if near else '.'}"
    if kind == "missing":
        return f"{where} is missing; {_purpose(problem['loc'])}"
    message = problem["msg"].removeprefix("Value error, ").rstrip(".")
    if kind != "value_error":
        message = "expected " + message.removeprefix("Input should be ").removeprefix("Input ")
    secret = any(word in where for word in ("secret", "password", "refresh_token", "_key"))
    shown = "" if secret or isinstance(given, dict | BaseModel) else f' is "{given}"'
    sentence = f"{where}{shown}{';' if shown else ':'} {message}"
    return sentence if sentence.endswith("?") else f"{sentence}."


def _model_at(location: tuple[Any, ...]) -> type[BaseModel]:
    """The table a location in the configuration belongs to."""
    if not location:
        return Settings
    if location[0] == "publications":
        return Source if "sources" in location else Publication
    tables: dict[str, type[BaseModel]] = {"site": Site, "mail": Mail}
    return tables.get(location[0], Settings)


def _known_keys(location: tuple[Any, ...]) -> list[str]:
    return [info.alias or name for name, info in _model_at(location).model_fields.items()]


def _purpose(location: tuple[Any, ...]) -> str:
    for name, info in _model_at(location[:-1]).model_fields.items():
        if location[-1] in {name, info.alias} and info.description:
            return f"expected: {info.description}"
    return "it is required."
