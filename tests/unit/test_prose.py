"""Words that may tell a date are shown to staff beside their sentence; none is ever read as one."""

from __future__ import annotations

import dataclasses
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.posts.model import Suggestion
from digest.posts.prose import LONGEST_PHRASE, LONGEST_SENTENCE, MOST_SUGGESTIONS, suggestions


@pytest.mark.parametrize(
    ("text", "language", "phrase"),
    [
        ("We meet on Thursday, 3 December 2026 at 6.30 pm GMT in the hall.", "en", "Thursday, 3 December 2026 at 6.30 pm GMT"),
        ("December 3rd, 2026 is the day.", "en", "December 3rd, 2026"),
        ("DEC 3 AT THE MILL", "en", "DEC 3"),
        ("The fair is on from 24-26 June.", "en", "24-26 June"),
        ("It opens 2026-12-03.", None, "2026-12-03"),
        ("It opens 3/12/2026.", "en", "3/12/2026"),
        ("Open Monday at 18:00, come along.", "en", "Monday at 18:00"),
        ("Begins 9:00 - 10:30 AM ET sharp.", "en", "9:00 - 10:30 AM ET"),
        ("From 8:30-10 EST on.", "en", "8:30-10 EST"),
        ("Am 3. November um 19 Uhr im Saal.", "de", "3. November um 19 Uhr"),
        ("Le jeudi 12 mars 2026 à 18h30, à la mairie.", "fr-CA", "jeudi 12 mars 2026 à 18h30"),
        ("El 5 de mayo de 2026 a las 18:00.", "es", "5 de mayo de 2026 a las 18:00"),
        ("Чекаємо у четвер, 12 березня 2026 о 18:00", "uk", "четвер, 12 березня 2026 о 18:00"),
        ("نلتقي يوم الخميس 12 مارس 2026", "ar", "الخميس 12 مارس 2026"),
        ("会議は2026年5月4日です。", "ja", "2026年5月4日"),
        ("May 5, 2026 whatever the language says", "xx-nonsense", "May 5, 2026"),
    ],
)  # fmt: skip
def test_what_may_be_a_date_is_found_in_the_words_of_its_language(text, language, phrase):
    assert [one.phrase for one in suggestions([text], language=language)] == [phrase]


@pytest.mark.parametrize(
    "text",
    [
        "You may 20 times ask.",
        "They march 20 miles a day.",
        "Now or today, and on Monday too.",
        "In 22 years we saw 40 marks.",
        "Version 1.2.3 costs 10.000.000.",
        "In May we rest, and in 2026 we sail.",
        "Call 12-34-56 or write.",
        "",
    ],
)
def test_words_that_tell_no_day_are_left_alone(text):
    assert suggestions([text], language="en") == ()


def test_each_phrase_comes_with_its_whole_sentence():
    text = "The weir is old. We meet at Dr. Lee's on Dec. 3, 2026, rain or shine! Bring boots."
    (found,) = suggestions([text], language="en")
    assert found == Suggestion(
        phrase="Dec. 3, 2026", sentence="We meet at Dr. Lee's on Dec. 3, 2026, rain or shine!"
    )


def test_a_sentence_without_an_end_is_cut_at_words_and_says_so():
    text = "word " * 100 + "on 3 December 2026 " + "word " * 100
    (found,) = suggestions([text], language="en")
    assert found.sentence.startswith("…word") and found.sentence.endswith("word…")
    assert "3 December 2026" in found.sentence and len(found.sentence) <= LONGEST_SENTENCE


def test_a_phrase_is_named_once_and_at_most_five_are():
    same = ["On 3 December 2026.", "Again: 3 December 2026."]
    assert len(suggestions(same, language="en")) == 1
    many = " ".join(f"On {n} May 2026 we meet." for n in range(1, 20))
    assert len(suggestions([many, many], language="en")) == MOST_SUGGESTIONS


def test_a_suggestion_holds_words_and_no_date():
    assert {one.name: one.type for one in dataclasses.fields(Suggestion)} == {
        "phrase": "str",
        "sentence": "str",
    }


PARTS = st.sampled_from(
    [
        "3",
        " ",
        "May",
        "Monday",
        ":",
        "12:00",
        "pm",
        ".",
        "-",
        "–",
        "UTC",
        "ET",
        "\n",
        "2026",
        "de ",
        "…",
        "á",
        "\u0661",
        "x" * 50,
    ]
)


@given(
    st.one_of(st.text(max_size=400), st.lists(PARTS, max_size=80).map("".join)),
    st.none() | st.sampled_from(["en", "fr", "es", "de", "ar", "uk", "zh-Hant", "he"]) | st.text(max_size=8),
)
def test_no_text_and_no_language_make_it_fail_and_all_is_bounded(text, language):
    found = suggestions([text], language=language)
    assert len(found) <= MOST_SUGGESTIONS
    for one in found:
        assert 0 < len(one.phrase) <= LONGEST_PHRASE and 0 < len(one.sentence) <= LONGEST_SENTENCE
        assert "\n" not in one.phrase + one.sentence


@pytest.mark.parametrize(
    "unit",
    [
        "1 ",
        "1-",
        "Monday ",
        "May ",
        "12:00 - ",
        ".",
        "a. ",
        "9 am ",
        "\n",
        "1:00-",
        "Thursday, the 1st of ",
        "١٢ ",
        "1 May 2026, ",
        "Mon 1",
        "1. ",
    ],
)
def test_twenty_thousand_hostile_characters_take_no_time(unit):
    text = unit * (20_000 // len(unit))
    suggestions(["warm"], language="de")
    began = time.perf_counter()
    suggestions([text], language="de")
    assert time.perf_counter() - began < 2
