"""A key that cannot be signed with is refused at the start, with a sentence that says what was expected."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from digest import wiring
from digest.errors import DigestError
from digest.messages import dkimkeys
from digest.messages.dkimkeys import BadKey, NoCryptography
from digest.messages.personalise import compile_edition
from digest.settings import Mail, Settings, SettingsError, load
from tests import mailing, signing
from tests.factories import NOW
from tests.signing import ed25519_key, pem, rsa_key

AN_RSA_KEY = "expected an RSA private key of 2048 to 4096 bits"
AN_ED25519_KEY = "expected an Ed25519 private key, as PEM or as the base64"
LOCKED = BestAvailableEncryption(b"hush")
RIGHT = """
[site]
base_url = "https://news.example.org"
secret = "0123456789abcdef0123456789abcdef"
[publications.weekly]
name = "The Weekly Brief"
from = "The Weekly Brief <brief@news.example.org>"
postal_address = "1 Example Street, Example City"
cut_off = "wed 15:00"
send = "thu 09:00"
[mail]
"""


def public():
    return rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def seed():
    return base64.b64encode(ed25519_key().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))


def rsa(path):
    return dkimkeys.rsa(path, selector="one", setting="mail.dkim_key")


def ed25519(path):
    return dkimkeys.ed25519(path, selector="two", setting="mail.dkim_ed25519_key")


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_rsa_key_is_read_in_both_its_forms(tmp_path, form):
    path = tmp_path / "key"
    path.write_bytes(pem(rsa_key(), form))
    signature = rsa(path).sign(bytes(32))
    assert signature == signing.signer(tmp_path).keys[0].sign(bytes(32))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda: pem(ed25519_key()), id="pem"),
        pytest.param(seed, id="base64"),
        pytest.param(lambda: seed() + b"\n", id="base64 and a line end"),
        pytest.param(lambda: seed()[:20] + b"\r\n" + seed()[20:], id="base64 on two lines"),
    ],
)
def test_an_ed25519_key_is_read_as_pem_and_as_base64(tmp_path, content):
    path = tmp_path / "key"
    path.write_bytes(content())
    ed25519_key().public_key().verify(ed25519(path).sign(bytes(32)), bytes(32))


@pytest.mark.parametrize(
    ("read", "content", "sentence"),
    [
        pytest.param(read, content, sentence, id=f"{read.__name__}, {name}")
        for read, name, content, sentence in (
            (rsa, "short", lambda: pem(rsa_key(1024)), f"holds an RSA key of 1024 bits; {AN_RSA_KEY}"),
            (rsa, "of ed25519", lambda: pem(ed25519_key()), f"holds a key of another kind; {AN_RSA_KEY}"),
            (rsa, "public", public, f"holds a public key, which is for DNS; {AN_RSA_KEY}"),
            (
                rsa,
                "locked",
                lambda: pem(rsa_key(), protection=LOCKED),
                "is protected by a password; expected",
            ),
            (rsa, "empty", lambda: b"", "holds no private key that can be read"),
            (rsa, "binary", lambda: b"\x00\xff" * 40, "holds no private key that can be read"),
            (rsa, "cut off", lambda: pem(rsa_key())[:600], "holds no private key that can be read"),
            (rsa, "endless", lambda: b"-" * 70_000, "is too long for a key"),
            (rsa, "base64", seed, "holds no private key that can be read"),
            (ed25519, "of rsa", lambda: pem(rsa_key()), f"holds a key of another kind; {AN_ED25519_KEY}"),
            (
                ed25519,
                "cut off",
                lambda: seed()[:-8],
                f"holds no private key that can be read; {AN_ED25519_KEY}",
            ),
            (ed25519, "prose", lambda: b"not base64 at all!", "holds no private key that can be read"),
            (ed25519, "not ascii", "ключ".encode, "holds no private key that can be read"),
            (ed25519, "public", public, "holds a public key"),
            (ed25519, "empty", lambda: b"", "holds no private key that can be read"),
        )
    ],
)
def test_what_is_no_key_for_signing_is_refused_in_words_that_never_hold_it(tmp_path, read, content, sentence):
    path = tmp_path / "key"
    path.write_bytes(content())
    with pytest.raises(BadKey) as refused:
        read(path)
    said = str(refused.value)
    assert said.startswith(("mail.dkim_key: ", "mail.dkim_ed25519_key: "))
    assert f"{path} {sentence}" in said
    assert "BEGIN" not in said


@pytest.mark.parametrize(
    ("make", "sentence"), [(lambda _: None, "is not there"), (Path.mkdir, "cannot be read")]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, make, sentence):
    path = tmp_path / "key"
    make(path)
    with pytest.raises(BadKey, match=sentence):
        rsa(path)


def test_without_its_library_signing_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(NoCryptography, match=r'pip install "newsletter-digest\[dkim\]"'):
        rsa(tmp_path / "key")


# --- from the settings ----------------------------------------------------------------------------------------


def mail(folder: Path, **changes) -> Mail:
    signing.files(folder)
    return Mail(**{"dkim_selector": "one", "dkim_key": "rsa.pem", **changes})


def test_keys_are_found_beside_the_configuration(tmp_path):
    both = mail(
        tmp_path, dkim_ed25519_selector="two", dkim_ed25519_key="ed25519.pem", dkim_domain="Example.ORG"
    )
    signer = wiring.signer(both, tmp_path)
    assert signer.domain == "example.org"
    assert [(key.algorithm, key.selector) for key in signer.keys] == [
        ("rsa-sha256", "one"),
        ("ed25519-sha256", "two"),
    ]
    message = compile_edition(
        mailing.rendered(), mailing.sender(), edition_key="w", sent_at=NOW, signer=signer
    ).addressed(mailing.reader(), position_key="1")
    assert signing.verdicts(message.data) == [True, True]
    assert wiring.signer(mail(tmp_path), Path("/elsewhere") / tmp_path).keys[0].selector == "one"


def test_nothing_is_signed_unless_a_key_is_named(tmp_path):
    assert wiring.signer(Mail(), tmp_path) is None
    assert b"DKIM" not in mailing.message().data


def test_a_key_that_others_may_read_is_used_and_the_log_says_so(tmp_path):
    settings = mail(tmp_path)
    with structlog.testing.capture_logs() as quiet:
        wiring.signer(settings, tmp_path)
    (tmp_path / "rsa.pem").chmod(0o644)
    with structlog.testing.capture_logs() as told:
        assert wiring.signer(settings, tmp_path)
    assert quiet == []
    assert [line["event"] for line in told] == ["dkim.key_exposed"]


def test_only_a_process_that_sends_needs_the_key(tmp_path):
    site = {"base_url": "https://a.example", "secret": "0123456789abcdef0123456789abcdef"}
    parts = wiring.build(
        Settings.model_validate({"site": site, "mail": mail(tmp_path)}), home=tmp_path / "none"
    )
    with pytest.raises(DigestError, match=r"mail\.dkim_key: .*none/rsa\.pem is not there"):
        parts.signer()
    parts.database.dispose()


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ('dkim_selector = "one"', "signing needs both dkim_selector and dkim_key, or neither"),
        ('dkim_key = "a"', "signing needs both dkim_selector and dkim_key, or neither"),
        ('dkim_domain = "example.org"', "stand beside dkim_selector and dkim_key only"),
        (
            'dkim_ed25519_key = "b"\ndkim_ed25519_selector = "two"',
            "stand beside dkim_selector and dkim_key only",
        ),
        ('dkim_key = "a"\ndkim_selector = "one"\ndkim_ed25519_key = "b"', "a second signature needs both"),
        (
            'dkim_key = "a"\ndkim_selector = "one"\ndkim_ed25519_key = "b"\ndkim_ed25519_selector = "ONE"',
            "each of the two keys needs a selector of its own",
        ),
        (
            'dkim_key = "a"\ndkim_selector = "one two"',
            'mail.dkim_selector is "one two"; expected a name for DNS',
        ),
        ('dkim_key = "a"\ndkim_selector = "one; l=1"', "expected a name for DNS"),
        ('dkim_key = "a"\ndkim_selector = "one"\ndkim_domain = "org"', 'such as "example.org"'),
        ('dkim_key = "a"\ndkim_selector = "one"\ndkim_domain = "bücher.example"', "xn--"),
        (
            'dkim_key = "a"\ndkim_selector = "one"\ndkim_domain = "example.com"',
            'mail.dkim_domain is "example.com", but publications.weekly.from is at "news.example.org"; expected that',
        ),
        ('dkim_key = "a"\ndkim_selector = "one"\ndkim_domain = "ws.example.org"', "or one above or below it"),
    ],
)
def test_each_mistake_in_the_settings_is_said(tmp_path, lines, sentence):
    path = tmp_path / "digest.toml"
    path.write_text(RIGHT + lines, encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load(path, environ={})
    assert sentence in str(refused.value)


@pytest.mark.parametrize("domain", ["news.example.org", "example.org", "a.news.example.org"])
def test_a_domain_in_line_with_the_senders_is_taken(tmp_path, domain):
    path = tmp_path / "digest.toml"
    path.write_text(
        f'{RIGHT}dkim_key = "a"\ndkim_selector = "x1.brief"\ndkim_domain = "{domain}"', encoding="utf-8"
    )
    assert load(path, environ={}).mail.dkim_domain == domain


def test_a_key_given_where_its_file_should_be_named_is_refused_and_not_repeated(tmp_path):
    path, key = tmp_path / "digest.toml", tmp_path / "key"
    path.write_text(f'{RIGHT}dkim_selector = "one"', encoding="utf-8")
    key.write_bytes(pem(rsa_key()))
    with pytest.raises(SettingsError) as refused:
        load(path, environ={"DIGEST_MAIL_DKIM_KEY_FILE": str(key)})
    assert "mail.dkim_key: expected the name of a file that holds the key, not the key" in str(refused.value)
    assert "BEGIN" not in str(refused.value)
