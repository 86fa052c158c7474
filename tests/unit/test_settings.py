"""A wrong configuration is refused with one sentence for each thing to mend; a right one is read whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from digest.settings import Settings, SettingsError, load, seconds

RIGHT = """
[site]
base_url = "https://news.example.org/"
secret = "0123456789abcdef0123456789abcdef"
[publications.weekly]
name = "The Weekly Brief"
from = "The Weekly Brief <brief@example.org>"
postal_address = "1 Example Street, Example City"
timezone = "Europe/London"
cut_off = "wed 15:00"
send = "thu 09:00"
[[publications.weekly.sources]]
kind = "rss"
url = "https://example.org/feed/"
interval = "30m"
"""


def read(tmp_path: Path, text: str, **environ: str) -> Settings:
    path = tmp_path / "digest.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, environ=environ)


def complaint(tmp_path: Path, text: str, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text, **environ)
    return str(caught.value).replace(f"{tmp_path}/digest.toml: ", "")


@pytest.mark.parametrize("only", ["everyone", "example.org", "*@", "@example.org", "*@*"])
def test_an_allow_list_that_would_let_nobody_through_is_refused(tmp_path: Path, only: str) -> None:
    said = complaint(tmp_path, RIGHT + f'[mail]\nonly = ["ada@example.org", "{only}"]\n')
    assert f'"{only}" is nobody; expected addresses, "*@example.org" for a domain' in said


def test_an_allow_list_names_addresses_domains_or_everybody(tmp_path: Path) -> None:
    for only in (("*",), ("*@example.org", "ada@example.net"), ()):
        assert read(tmp_path, RIGHT, DIGEST_MAIL_ONLY=",".join(only)).mail.only == only


def test_a_small_configuration_is_enough_and_mails_nobody_by_default(tmp_path: Path) -> None:
    settings = read(tmp_path, RIGHT)
    assert settings.site.base_url == "https://news.example.org"
    assert settings.mail.transport == "outbox"
    assert settings.publications["weekly"].sender == ("The Weekly Brief", "brief@example.org")
    assert settings.publications["weekly"].sources[0].spec().interval_seconds == 1800


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("https://news", "http://news", 'site.base_url is "http://news.example.org/"; expected https'),
        ("Europe/London", "Europe/Lodnon", 'did you mean "Europe/London"?'),
        ('"wed 15:00"', '"wedn 15:00"', "publications.weekly.cut_off"),
        ('kind = "rss"', 'kind = "rrs"', "publications.weekly.sources.0.kind is \"rrs\"; expected 'rss'"),
        ("https://example.org/feed/", "ftp://example.org/", "expected an http or https address"),
        ('interval = "30m"', 'interval = "30 minutes"', 'expected a duration such as "90s"'),
        ('interval = "30m"', 'intervall = "30m"', "intervall is not a known key; did you mean interval?"),
        ("brief@example.org>", "nowhere>", "publications.weekly.from is"),
        (
            'postal_address = "1 Example Street, Example City"',
            "",
            "publications.weekly.postal_address is missing",
        ),
        ('cdef"', '"', "site.secret: expected at least 32 characters"),
        (
            "[publications.weekly]\n",
            '[publications.weekly]\nlanguage = "klingon"\n',
            "expected a language tag",
        ),
        ("[site]\n", '[site]\ndatabase = "mysql://x"\n', 'site.database is "mysql://x"; expected "sqlite'),
        ("[site]\n", "[mail]\nport = 99999\n[site]\n", 'mail.port is "99999"; expected less than or equal'),
        ("[site]\n", '[mail]\ntransport = "smtp"\n[site]\n', "needs mail.host"),
        (
            "[site]\n",
            '[mail]\ntransport = "smtp"\nhost = "mx.example.org"\nsecurity = "none"\n[site]\n',
            "would send mail and password in the clear",
        ),
        ("publications.weekly", "publications.Weekly", '"Weekly" names a publication; expected lower-case'),
        ("[site]", "[site", "is not valid TOML"),
    ],
)
def test_each_mistake_is_said_with_its_key_its_value_and_what_was_expected(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in RIGHT
    assert said in complaint(tmp_path, RIGHT.replace(old, new))


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    wrong = RIGHT.replace("Europe/London", "Mars/Olympus").replace('"thu 09:00"', '"someday"')
    assert len(complaint(tmp_path, wrong).splitlines()) == 2


def test_a_secret_is_never_repeated_in_a_complaint(tmp_path: Path) -> None:
    said = complaint(tmp_path, RIGHT.replace("0123456789abcdef0123456789abcdef", "hunter2"))
    assert "hunter2" not in said


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="digest init"):
        load(tmp_path / "nowhere.toml", environ={})


def test_the_environment_wins_over_the_file_and_may_name_a_file_with_a_secret(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from a file\n", encoding="utf-8")
    settings = read(
        tmp_path,
        RIGHT,
        DIGEST_SECRET="newest-secret-0123456789-0123456789,0123456789abcdef0123456789abcdef",
        DIGEST_SITE_DATABASE="sqlite:///other.db",
        DIGEST_MAIL_PORT="2525",
        DIGEST_MAIL_PASSWORD_FILE=str(tmp_path / "password"),
        DIGEST_MAIL_CA_FILE="ca.pem",
        DIGEST_TEST_POSTGRES="is none of our business",
    )
    assert settings.site.secrets[0].startswith("newest-secret")
    assert len(settings.site.secrets) == 2
    assert settings.site.database == "sqlite:///other.db"
    assert settings.mail.port == 2525
    assert settings.mail.password.get_secret_value() == "from a file"
    assert settings.mail.ca_file == "ca.pem"


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert "DIGEST_SECRET_FILE names" in complaint(tmp_path, RIGHT, DIGEST_SECRET_FILE=str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90), ("15m", 900), ("12h", 43200), ("7d", 604800), (" 1 h ", 3600)]
)
def test_durations_are_read_in_words(text: str, expected: int) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "12", "1w", "-5m", "1.5h", "9999999d", 5, None])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        seconds(text)
