"""Which texts are addresses that can be mailed, and which two of them are one mailbox."""

from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

import subscribers
from subscribers import addresses
from subscribers.addresses import BadAddress, masked, parse, wire_form

LOCALS = st.text(alphabet="aZ09.+-_'!@ \"\\", max_size=70)
DOMAINS = st.text(alphabet="aZ9.-_xn ", max_size=80)
ENDINGS = st.sampled_from(["", ".org", ".example", ".test", ".invalid", ".local", ".onion", ".a1", ".1", "."])


@pytest.mark.parametrize(
    "text",
    [
        "jo@example.org",
        "jo.bloggs+news@mail.example.org",
        "o'brien@example.org",
        "x@a.example",
        "reader@site.test",
        "reader@site.invalid",
        "READER@SITE.INVALID",
        "a" * 64 + "@example.org",
        "jo@xn--bcher-kva.example",
        "jo@bücher.example",
        "zoë@example.org",
        "用户@例え.example",
    ],
)
def test_ordinary_and_international_addresses_are_taken(text: str) -> None:
    assert parse(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "jo",
        "jo@",
        "@example.org",
        "jo@example",
        "jo@test",
        "jo@@example.org",
        "jo bloggs@example.org",
        "jo@exam ple.org",
        ".jo@example.org",
        "jo.@example.org",
        "j..o@example.org",
        "jo@-example.org",
        "jo@example-.org",
        "jo@exa_mple.org",
        "jo@example..org",
        "jo@example.org.",
        "jo@example.123",
        "jo@[127.0.0.1]",
        '"jo bloggs"@example.org',
        "Jo <jo@example.org>",
        "jo@host.local",
        "jo@printer.localhost",
        "jo@hidden.onion",
        "jo@in-addr.arpa",
        "jo@ab--cd.example",
        "jo@xn--zzzzzz99.example",
        "a" * 65 + "@example.org",
        "é" * 33 + "@example.org",
        "jo@" + "a" * 64 + ".org",
        "jo@" + ".".join(["abcdefgh"] * 30) + ".org",
        "x" * 100_000 + "@example.org",
    ],
)
def test_what_is_no_address_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(BadAddress) as refusal:
        parse(text)
    assert refusal.value.reason.endswith((".", ")"))
    assert len(str(refusal.value)) < 600


@pytest.mark.parametrize(
    "text",
    [
        "x@y.example>\r\nRCPT TO:<z@w.example",
        "jo@example.org\r\n",
        "jo@example.org\n",
        "jo\x00@example.org",
        "jo@example.org\x00",
        "jo>@example.org",
        "<jo@example.org",
        "jo\u202e@example.org",
        "jo@exam\u2066ple.org",
        "jo\u200b@example.org",
        "jo\u2028@example.org",
        "jo\u0085@example.org",
        "jo\ud800@example.org",
    ],
)
def test_nothing_can_be_smuggled_into_a_mail_conversation(text: str) -> None:
    with pytest.raises(BadAddress):
        parse(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Jo@Example.ORG", "jo@example.org"),
        (" jo@example.org\t", "jo@example.org"),
        ("jo@BÜCHER.example", "jo@xn--bcher-kva.example"),
        ("jo@bücher.example", "jo@bu\u0308cher.example"),
        ("ｊｏ＠ｅｘａｍｐｌｅ．ｏｒｇ", "jo@example.org"),
        ("ZOË@example.org", "zoë@example.org"),
        ("jo@SITE.INVALID", "jo@site.invalid"),
    ],
)
def test_two_spellings_of_one_mailbox_have_one_key(one: str, other: str) -> None:
    assert parse(one).key == parse(other).key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("jo+news@example.org", "jo@example.org"),
        ("j.o@example.org", "jo@example.org"),
        ("jo@mail.example.org", "jo@example.org"),
        ("jo@site.invalid", "jo@site.example"),
        ("jö@example.org", "jo@example.org"),
    ],
)
def test_nothing_is_stripped_from_an_address_to_compare_it(one: str, other: str) -> None:
    assert parse(one).key != parse(other).key


def test_the_form_its_owner_wrote_is_kept() -> None:
    assert parse("Jo.Bloggs@Example.org").text == "Jo.Bloggs@Example.org"


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("Jo@Example.org", "Jo@Example.org"),
        ("Jo@Bücher.example", "Jo@xn--bcher-kva.example"),
        ("Zoë@Bücher.example", "Zoë@xn--bcher-kva.example"),
        ("zoë@site.invalid", "zoë@site.invalid"),
    ],
)
def test_a_mail_server_is_given_the_domain_in_ascii(text: str, wire: str) -> None:
    address = parse(text)
    assert wire_form(address.text, address.key) == wire


@pytest.mark.parametrize(
    ("text", "shown"),
    [("jo@example.org", "j•••@e•••.org"), ("x@a.b.example", "x•••@a•••.example"), ("", "")],
)
def test_a_page_shows_only_a_hint_of_an_address(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize("text", ["abuse@example.org", "Postmaster@example.org", "NO-REPLY@example.org"])
def test_a_mailbox_for_a_duty_is_known_as_one(text: str) -> None:
    assert parse(text).is_role


@pytest.mark.parametrize("text", ["info@example.org", "jo@abuse.example", "abuses@example.org"])
def test_a_mailbox_that_people_read_is_not_a_duty(text: str) -> None:
    assert not parse(text).is_role


@given(LOCALS, DOMAINS, ENDINGS)
@example("a" * 64, "b", ".org")
@example("a", "b--c", ".org")
@example("a", "xn--a", ".org")
def test_the_short_cut_accepts_nothing_that_the_validator_refuses(
    local: str, domain: str, ending: str
) -> None:
    text = f"{local}@{domain}{ending}"
    if not addresses._PLAIN.match(text.lower()):
        return
    checked = validate_email(text, check_deliverability=False, strict=True)
    assert parse(text).key.rpartition("@")[2] == checked.ascii_domain.lower()


# What goes wrong with addresses at their edges: dots, hyphens, lengths, names that are no names, digits only.
_LOCAL_PARTS = (
    *(
        "a",
        "A.b",
        "a..b",
        ".a",
        "a.",
        "a-b",
        "-a",
        "a+b",
        "a'b",
        "a b",
        '"a b"',
        "a@b",
        "",
        "\\a",
        "a,b",
        "a;b",
    ),
    *(
        "a" * 64,
        "a" * 65,
        "a" * 31 + "." + "b" * 32,
        "a" * 32 + "." + "b" * 32,
        "!#$%&'*+-/=?^_`{|}~",
        "(a)",
        "<a>",
    ),
    *("é", "0", "postmaster", "a:b", "a\t", "a\n", "a\x7f", "a[b]"),
)
_DOMAIN_NAMES = (
    *(
        "b.org",
        "b",
        "",
        "b..org",
        ".b.org",
        "b.org.",
        "-b.org",
        "b-.org",
        "b.-org",
        "b--c.org",
        "b_c.org",
        "b.o",
    ),
    *(
        "xn--b.org",
        "xn--bcher-kva.example",
        "xn--.org",
        "ab--c.org",
        "1.2",
        "1.2.3.4",
        "[1.2.3.4]",
        "b.1",
        "b.1a",
    ),
    *(
        "b.a1",
        "a" * 63 + ".org",
        "a" * 64 + ".org",
        "é.org",
        "b.org ",
        "b.c-d",
        "b.c-",
        "b/c.org",
        "b:25.org",
    ),
    *(
        ".".join(["a" * 59] * 4) + ".orgs",
        ".".join(["a" * 60] * 4) + ".org",
        ".".join(["a" * 61] * 4) + ".orgorg",
    ),
    *("a." * 90 + "org", "a." * 126 + "org", "b.xn--p1ai", "b.test", "b.invalid", "b.example", "example.com"),
)
_SPECIAL_USE = ("arpa", "invalid", "local", "localhost", "onion", "test", "example")


def test_the_short_cut_agrees_with_the_validator_on_every_pair_of_odd_parts() -> None:
    special = [
        f"{label}{name}" for name in _SPECIAL_USE for label in ("", "b.", "b.c.", "a-", "b.a-", "b.A-")
    ]
    domains = (*_DOMAIN_NAMES, *special, *(name.upper() for name in special))
    texts = [f"{local}@{domain}" for local in _LOCAL_PARTS for domain in domains]
    taken = [text for text in texts if text.isascii() and addresses._PLAIN.match(text.lower())]
    for text in taken:
        checked = validate_email(text, check_deliverability=False, strict=True)
        assert parse(text).text == text
        assert parse(text).key == f"{checked.local_part.lower()}@{checked.ascii_domain.lower()}"
    assert len(taken) > 300
    assert len(taken) < len(texts) / 2


@given(LOCALS, DOMAINS, ENDINGS)
def test_every_plain_address_the_validator_accepts_is_taken(local: str, domain: str, ending: str) -> None:
    text = f"{local}@{domain}{ending}".strip()
    try:
        validate_email(text, check_deliverability=False, strict=True)
    except EmailNotValidError:
        return
    assert parse(text).text == text


@pytest.mark.parametrize("text", ["jo\x1b[2J", "jo\u202e", "\ud800", "jo\nbloggs"])
def test_a_refusal_can_be_printed_on_any_terminal(text: str) -> None:
    with pytest.raises(BadAddress) as refusal:
        parse(text)
    assert str(refusal.value).isprintable()


def test_a_key_that_grows_in_comparison_still_fits_its_column() -> None:
    assert len(parse("\ufdfa" * 21 + "@" + "a" * 60 + ".example").key) < 1024


@given(st.text(max_size=300))
def test_any_text_is_an_address_or_is_refused_and_an_address_reads_the_same_again(text: str) -> None:
    try:
        address = parse(text)
    except BadAddress:
        return
    assert parse(address.text) == address
    assert not set(address.text) & set("\r\n<> \0")


def test_the_front_door_offers_the_same_judgement() -> None:
    assert subscribers.parse_address("Jo@example.org") == parse("Jo@example.org")
    with pytest.raises(subscribers.SubscribersError, match='"jo" is not an address that can be mailed'):
        subscribers.parse_address("jo")
