"""Excerpts end where a reader would stop, in every script."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.editions.excerpt import excerpt, first_sentence


def test_a_text_that_fits_is_left_alone():
    assert excerpt("A short note.", length=40) == "A short note."


def test_a_long_text_is_cut_at_a_word_with_one_ellipsis():
    assert excerpt("The library opens on Sundays again", length=20) == "The library opens…"


def test_a_word_that_just_fits_is_kept_whole():
    assert excerpt("The library opens on Sundays", length=18) == "The library opens…"


def test_no_comma_or_dash_stands_before_the_ellipsis():
    assert excerpt("We open, as before, – on Sundays", length=22) == "We open, as before…"


@pytest.mark.parametrize("tail", ["…", "...", " …", "....", "… …", ". . ."])
def test_an_ellipsis_that_was_there_is_not_doubled(tail):
    assert excerpt(f"More on the site{tail}", length=60).count("…") <= 1
    assert not excerpt(f"More on the site{tail}", length=60).endswith(("……", "….", "...."))


def test_an_ellipsis_at_the_cut_is_not_doubled():
    assert excerpt("We open soon… and then we close again", length=16) == "We open soon…"


def test_text_without_spaces_is_cut_between_characters():
    assert excerpt("図書館は日曜日に再び開館します。お待ちしています。", length=10) == "図書館は日曜日に再…"


def test_thai_is_never_cut_between_a_letter_and_its_vowel_sign():
    text = "ห้องสมุดเปิดวันอาทิตย์อีกครั้งหนึ่งแล้ว"
    for length in range(3, len(text)):
        cut = excerpt(text, length=length)[:-1]
        assert not unicodedata.category(text[len(cut)]).startswith("M")


def test_arabic_is_cut_at_a_word():
    assert excerpt("تفتح المكتبة أبوابها يوم الأحد", length=15) == "تفتح المكتبة…"


@pytest.mark.parametrize("unit", ["👩‍👩‍👧", "🇫🇷", "👍🏽", "e\u0301", "✌️"])
def test_what_is_read_as_one_character_stays_whole(unit):
    text = unit * 20
    for length in range(2, 40):
        cut = excerpt(text, length=length).removesuffix("…")
        assert cut == unit * (len(cut) // len(unit))


def test_an_address_longer_than_the_excerpt_is_cut_inside():
    cut = excerpt("See https://example.org/" + "a" * 200, length=50)
    assert len(cut) == 50


def test_lines_and_runs_of_spaces_become_single_spaces():
    assert excerpt("One\n\n  two\tthree", length=40) == "One two three"


@given(text=st.text(max_size=300), length=st.integers(1, 120))
def test_an_excerpt_is_never_longer_than_asked_and_only_leaves_out(text, length):
    cut = excerpt(text, length=length)
    assert len(cut) <= length
    line = " ".join(text.split())
    assert cut == line or line.startswith(cut.removesuffix("…").rstrip())


@given(text=st.text(max_size=300), length=st.integers(2, 120))
def test_an_excerpt_of_an_excerpt_is_itself(text, length):
    once = excerpt(text, length=length)
    assert excerpt(once, length=length) == once


@given(
    words=st.lists(st.text("abcdef", min_size=1, max_size=8), min_size=1, max_size=40),
    length=st.integers(25, 90),
)
def test_words_are_never_broken_where_they_are_short(words, length):
    cut = excerpt(" ".join(words), length=length)
    assert cut.removesuffix("…").split() == words[: len(cut.split())]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("We open on Sunday. Do come.", "We open on Sunday."),
        ("Version 3.11 is here. Try it.", "Version 3.11 is here."),
        ("“Is it open?” they ask. Yes.", "“Is it open?”"),
        ("日曜日に開館します。お待ちしています。", "日曜日に開館します。"),
        ("No end at all", "No end at all"),
        ("", ""),
    ],
)
def test_the_first_sentence_ends_at_its_stop(text, sentence):
    assert first_sentence(text) == sentence
