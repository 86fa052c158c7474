"""Notices to staff: plain, calm, and as safe as an edition."""

import pytest
from selectolax.lexbor import LexborHTMLParser

from digest.messages.manual import NOTICE_HELP
from digest.messages.notice import notice
from digest.messages.samples import NOTICE
from digest.templating import TemplateFault, Templates

TEMPLATES = Templates()
KINDS = ("draft-ready", "skipped", "held", "trouble")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["en", "fr", "es", "uk", "ar"])
def test_each_notice_says_what_when_and_why_in_both_parts(kind, language):
    made = notice(TEMPLATES, kind, NOTICE, language=language)
    assert "The Weekly Brief" in made.subject
    page = LexborHTMLParser(made.html)
    for part in (" ".join(page.body.text(separator=" ").split()), " ".join(made.text.split())):
        assert NOTICE["reason"] in part
        assert "2026" in part
        assert "Europe/London" in part
    assert page.css_first("html").attributes["lang"] == language
    assert all(len(line) <= 78 for line in made.text.split("\n"))


@pytest.mark.parametrize("kind", ["draft-ready", "held"])
def test_a_notice_about_a_draft_says_what_to_type(kind):
    made = notice(TEMPLATES, kind, NOTICE, language="en")
    for command in ("digest editions preview 12", "digest editions approve 12", "digest editions cancel 12"):
        assert command in made.text
        assert command in made.html


def test_what_a_post_is_called_is_only_ever_text():
    title = "</p><script>x</script> {{ 7*7 }} \x00 \u202e\r\nBcc: a@b.example"
    hostile = {**NOTICE, "items": [{"title": title, "url": "https://www.example.org"}], "subject_line": title}
    made = notice(TEMPLATES, "draft-ready", hostile, language="en")
    assert not LexborHTMLParser(made.html).css("script")
    assert "{{ 7*7 }}" in made.text
    assert "\x00" not in made.html + made.text
    assert "\n" not in made.subject


def test_a_missing_fact_is_refused_with_its_name():
    with pytest.raises(TemplateFault, match="'send_at' is undefined"):
        notice(TEMPLATES, "held", {k: v for k, v in NOTICE.items() if k != "send_at"}, language="en")


def test_every_name_of_a_notice_is_described():
    assert set(NOTICE_HELP) == {*NOTICE, "subject"}


def test_staff_whose_publication_needs_nobody_are_told_that_it_goes_out_by_itself():
    by_itself = notice(TEMPLATES, "draft-ready", NOTICE | {"automatic": True}, language="en")
    assert by_itself.subject == "Going out by itself: The Weekly Brief, No. 42"
    assert "goes out by itself on" in by_itself.text
    asked = notice(TEMPLATES, "draft-ready", NOTICE, language="en")
    assert asked.subject == "For your approval: The Weekly Brief, No. 42"


def test_english_without_a_country_is_the_worlds():
    told = notice(TEMPLATES, "draft-ready", NOTICE | {"timezone": "UTC"}, language="en")
    assert "Thursday, 5 March 2026" in " ".join(told.text.split())
