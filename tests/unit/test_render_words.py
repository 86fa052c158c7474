"""The fixed words: every language says everything, in every plural form it has, and drops nothing it is given."""

import re
import tomllib
from datetime import UTC, datetime

import pytest

from digest.locales import Locale
from digest.messages.wording import tile_parts
from digest.templating import Templates, locale

FOLDER = Templates().builtin / "words"
LANGUAGES = sorted(path.stem for path in FOLDER.glob("*.toml"))
NUMBERS = range(1_001)
JANUARY = datetime(2026, 1, 14, 12, tzinfo=UTC)


def catalogue(language):
    return tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


def placeholders(text):
    return set(re.findall(r"\{(\w+)\}", text))


ENGLISH = catalogue("en")


def test_the_languages_that_were_promised_are_there():
    assert {"en", "fr", "es", "ar", "uk", "de", "pt"} <= set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_says_everything_and_nothing_else(language):
    assert set(catalogue(language)) == set(ENGLISH)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_is_empty_and_none_is_left_in_english(language):
    words = catalogue(language)
    assert all(entry if isinstance(entry, str) else all(entry.values()) for entry in words.values())
    same = {name for name, entry in words.items() if entry == ENGLISH[name]}
    assert language == "en" or same <= {"hours", "online"}, same


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_every_plural_form_it_asks_for(language):
    forms = {*Locale(language).plural_form.tags, "other"}
    for name, entry in catalogue(language).items():
        assert isinstance(entry, str) == isinstance(ENGLISH[name], str), name
        assert isinstance(entry, str) or set(entry) == forms, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_prints_what_it_is_given(language):
    plural = Locale(language).plural_form
    for name, entry in catalogue(language).items():
        if isinstance(entry, str):
            assert placeholders(entry) == placeholders(ENGLISH[name]), name
            continue
        expected = placeholders(ENGLISH[name]["other"])
        for form, text in entry.items():
            numbers = [n for n in NUMBERS if plural(n) == form]
            told_by_the_word = {"count"} if len(numbers) == 1 else set()  # "two dates" needs no figure
            assert expected - told_by_the_word <= placeholders(text) <= expected, (name, form)


@pytest.mark.parametrize(
    ("language", "count", "expected"),
    [
        ("en", 1, "+ 1 more date"),
        ("en", 11, "+ 11 more dates"),
        ("fr", 11, "+ 11 autres dates"),
        ("es", 1, "+ 1 fecha más"),
        ("uk", 21, "+ ще 21 дата"),
        ("uk", 3, "+ ще 3 дати"),
        ("uk", 11, "+ ще 11 дат"),
        ("ar", 2, "وموعدان آخران"),
        ("ar", 5, "و5 مواعيد أخرى"),
        ("ar", 11, "و11 موعدًا آخر"),
        ("de", 11, "+ 11 weitere Termine"),
        ("pt", 1, "+ 1 data"),
    ],
)
def test_further_dates_are_counted_as_the_language_counts(language, count, expected):
    assert Templates().words(language)("more_dates", count=count) == expected


@pytest.mark.parametrize(
    ("language", "january"), [("ar", "يناير"), ("ar-LB", "كانون الثاني"), ("de", "Jan"), ("de-AT", "Jän")]
)
def test_no_language_speaks_another_after_it(language, january):
    for other in ("ja", "he", "ar", "de"):
        tile_parts(JANUARY, "UTC", region=locale(other))
    assert tile_parts(JANUARY, "UTC", region=locale(language)) == (january, "14")
