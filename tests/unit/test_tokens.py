"""What a link in a mail can do, and what nobody can do with it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers import Keys, Purpose, SubscribersError, SubscriptionRef, mint, read_token
from subscribers.tokens import address_hash, address_hashes

OLD, NEW, FOREIGN = "an old secret, " * 3, "a new secret, " * 3, "somebody else's secret, " * 2
KEYS = Keys((OLD,))
REF = SubscriptionRef(subscriber_id=4812, list_id=7)
REFS = st.builds(
    SubscriptionRef,
    subscriber_id=st.integers(min_value=1, max_value=2**40 - 1),
    list_id=st.integers(min_value=1, max_value=2**24 - 1),
)


@given(REFS, st.sampled_from(Purpose))
def test_a_token_names_whom_it_was_made_for(ref: SubscriptionRef, purpose: Purpose) -> None:
    assert read_token(KEYS, purpose, mint(KEYS, purpose, ref)) == ref


@pytest.mark.parametrize("made_for", Purpose)
@pytest.mark.parametrize("used_for", Purpose)
def test_a_token_serves_one_purpose_only(made_for: Purpose, used_for: Purpose) -> None:
    read = read_token(KEYS, used_for, mint(KEYS, made_for, REF))
    assert (read == REF) == (made_for is used_for)


@pytest.mark.parametrize("purpose", Purpose)
def test_a_token_made_before_a_rotation_works_after_it(purpose: Purpose) -> None:
    rotated = Keys((NEW, OLD))
    assert read_token(rotated, purpose, mint(KEYS, purpose, REF)) == REF
    assert read_token(KEYS, purpose, mint(rotated, purpose, REF)) is None


@pytest.mark.parametrize("purpose", Purpose)
def test_a_token_from_another_secret_is_worthless(purpose: Purpose) -> None:
    assert read_token(KEYS, purpose, mint(Keys((FOREIGN,)), purpose, REF)) is None


@given(st.sampled_from(Purpose), st.data())
def test_no_character_of_a_token_can_be_changed(purpose: Purpose, data: st.DataObject) -> None:
    token = mint(KEYS, purpose, REF)
    place = data.draw(st.integers(min_value=0, max_value=len(token) - 1))
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    if purpose is not Purpose.BOUNCE:
        alphabet += "ABCDEFGHIJKLMNOPQRSTUVWXYZ0189-_"
    other = data.draw(st.sampled_from(alphabet.replace(token[place], "")))
    assert read_token(KEYS, purpose, token[:place] + other + token[place + 1 :]) is None


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize(
    "damage",
    [
        lambda token: token[:-1],
        lambda token: token + "a",
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token * 2,
        lambda token: token + "a" * 100_000,
        lambda token: token.replace(token[3], "é"),
        lambda token: token[:0],
        lambda token: "%00" + token,
    ],
)
def test_a_damaged_token_is_not_read(purpose: Purpose, damage: object) -> None:
    assert read_token(KEYS, purpose, damage(mint(KEYS, purpose, REF))) is None


@given(st.text(max_size=80), st.sampled_from(Purpose))
def test_no_text_breaks_the_reader(text: str, purpose: Purpose) -> None:
    assert read_token(KEYS, purpose, text) is None


@given(REFS)
def test_tokens_fit_headers_and_addresses(ref: SubscriptionRef) -> None:
    for purpose in (Purpose.UNSUBSCRIBE, Purpose.PREFERENCES):
        token = mint(KEYS, purpose, ref)
        assert 22 <= len(token) <= 43
        assert re.fullmatch(r"[A-Za-z0-9_-]+", token)
    bounce = mint(KEYS, Purpose.BOUNCE, ref)
    assert re.fullmatch(r"[a-z2-7]+", bounce)
    assert len(f"b+{bounce}") <= 64


def test_a_bounce_token_survives_a_server_that_changes_case() -> None:
    assert read_token(KEYS, Purpose.BOUNCE, mint(KEYS, Purpose.BOUNCE, REF).upper()) == REF


def test_an_unsubscribe_token_minds_its_case() -> None:
    token = mint(KEYS, Purpose.UNSUBSCRIBE, REF)
    assert read_token(KEYS, Purpose.UNSUBSCRIBE, token.swapcase()) is None


def test_a_token_is_the_same_whenever_it_is_made() -> None:
    assert mint(KEYS, Purpose.UNSUBSCRIBE, REF) == mint(Keys((OLD, NEW)), Purpose.UNSUBSCRIBE, REF)


@pytest.mark.parametrize("secrets", [(), ("short",), (NEW, "short")])
def test_a_weak_secret_is_refused(secrets: tuple[str, ...]) -> None:
    with pytest.raises(SubscribersError, match="at least 32 characters"):
        Keys(secrets)


def test_keys_never_show_their_secrets() -> None:
    assert OLD not in repr(KEYS)
    assert "secret" not in repr(KEYS)


def test_an_address_hash_depends_on_the_key_and_is_found_under_every_one() -> None:
    rotated = Keys((NEW, OLD))
    old = address_hash(KEYS, "jo@example.org")
    assert address_hash(rotated, "jo@example.org") != old
    assert address_hashes(rotated, "jo@example.org") == [address_hash(rotated, "jo@example.org"), old]
    assert old not in address_hashes(rotated, "joe@example.org")
