"""A call before a title is read and taken off; an excerpt loses what it repeats and nothing else."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.posts.happenings import plain_title, without_echo
from digest.posts.hosts import hides_its_target, is_home, is_web, link_kind, links_in
from digest.posts.model import CtaKind, EventStatus
from digest.posts.titles import read_title


@pytest.mark.parametrize(
    ("title", "plain"),
    [
        ("REGISTER NOW: Rivers in summer", "Rivers in summer"),
        ("Register: Rivers", "Rivers"),
        ("🎉 RSVP – Lantern supper", "Lantern supper"),
        ("Register now! Rivers in summer", "Rivers in summer"),
        ("REGISTER：Rivers", "Rivers"),
        ("REGISTER NOW Keeping rivers cool", "Keeping rivers cool"),
        ("[REGISTER NOW] Rivers", "Rivers"),
        ("(Save the date) Rivers", "Rivers"),
        ("【Register】Rivers", "Rivers"),
        ("Reminder: Register for the river day", "The river day"),
        ("Last chance to register: River day", "River day"),
        ("Registration is now open for River day", "River day"),
        ("Join us for a walk along the weir", "A walk along the weir"),
        ("You’re invited to the opening", "The opening"),
        ("You're invited! The opening", "The opening"),
        ("Tickets: Quarry choir", "Quarry choir"),
        ("CANCELLED: Register now: River day", "River day"),
        ("River day – CANCELLED", "River day"),
        ("River day (postponed)", "River day"),
        ("River day: register now!", "River day"),
        ("Inscrivez-vous : balade au canal", "Balade au canal"),
        ("Inscrivez-vous à l’atelier des potiers", "L’atelier des potiers"),
        ("Atelier des potiers – inscrivez-vous !", "Atelier des potiers"),
        ("¡Inscríbete ya! Taller de compost", "Taller de compost"),
        ("Jetzt anmelden: Moortag", "Moortag"),
        ("سجل الآن: ورشة الأسطح", "ورشة الأسطح"),
        ("Реєструйтесь: міські сади", "Міські сади"),
        # A word that says what it is stays.
        ("Webinar: Rivers", "Webinar: Rivers"),
        ("REGISTER NOW | Webinar: Rivers", "Webinar: Rivers"),
        ("[Virtual] River day", "[Virtual] River day"),
        ("Einladung zum Sommerfest", "Einladung zum Sommerfest"),
        # What is nothing but a call stays whole.
        ("Register now!", "Register now!"),
        ("SAVE THE DATE", "SAVE THE DATE"),
        ("REGISTER NOW!!! ***", "REGISTER NOW!!! ***"),
        # No call at all.
        ("Registers of old trees", "Registers of old trees"),
        ("Live-streaming the sea", "Live-streaming the sea"),
        ("Spring in the parks: an invitation", "Spring in the parks: an invitation"),
        ("Tickets: why prices doubled", "Tickets: why prices doubled"),
        ("Update: New ferry times", "Update: New ferry times"),
        ("Book: A history of salt", "Book: A history of salt"),
        ("Event horizon: dark water", "Event horizon: dark water"),
        ("Save the date for iPhone night", "iPhone night"),
    ],
)
def test_a_title_loses_its_call_and_nothing_else(title, plain):
    assert plain_title(title) == plain


@pytest.mark.parametrize(
    ("title", "status"),
    [
        ("CANCELLED: Bat walk", EventStatus.CANCELLED),
        ("Canceled – Bat walk", EventStatus.CANCELLED),
        ("POSTPONED: Bat walk", EventStatus.POSTPONED),
        ("(cancelled) bat walk", EventStatus.CANCELLED),
        ("Bat walk [CANCELLED]", EventStatus.CANCELLED),
        ("Verschoben: Moortag", EventStatus.POSTPONED),
        ("Скасовано: зустріч", EventStatus.CANCELLED),
        ("Rescheduled: Bat walk", None),
        ("Cancelled: the debt of twelve towns", None),
        ("Statement on the cancelled vote", None),
    ],
)
def test_a_title_tells_what_became_of_an_event(title, status):
    assert read_title(title).status is status


CREEK = "What happened at the creek in May"


@pytest.mark.parametrize(
    ("excerpt", "rest"),
    [
        (f"{CREEK} Volunteers planted reeds on both banks.", "Volunteers planted reeds on both banks."),
        (f"{CREEK.upper()}: reeds on both banks.", "Reeds on both banks."),
        (f"{CREEK}.", ""),
        ("REGISTER NOW The councils of four towns invite you.", "The councils of four towns invite you."),
        ("Register here: https://example.org/r/1 The evening begins at six.", "The evening begins at six."),
        ("Register now!", ""),
        ("By Jo Writer The council voted.", "The council voted."),
        ("By Jo Writer | 3 March 2026 The council voted.", "The council voted."),
        ("By: Jo Writer. The council voted.", "The council voted."),
        ("By Jo Writer and Ann de la Cruz | The council voted.", "The council voted."),
        ("Jo Writer | 3 March 2026 The council voted.", "The council voted."),
        ("Par Jean Dupont Le conseil a voté.", "Le conseil a voté."),
        (f"{CREEK} | By Jo Writer | REGISTER NOW: the council votes.", "The council votes."),
        # Sentences that only begin alike.
        ("By noon the river was high.", None),
        ("By New York Times standards it was small.", None),
        ("By Friday – so the council – all was dry.", None),
        ("By Prime Minister Ann Lee. A letter.", None),
        ("By design, nothing is printed twice.", None),
        (f"{CREEK} was good for the reeds.", None),
        ("Register now for the free workshop on reeds.", None),
        ("RSVP by 3 May so that we bake enough bread.", None),
        ("RSVP: jo@example.org", None),
        ("Tickets: two crowns at the door.", None),
        ("3 March 2026 at the hall.", None),
        ("", None),
    ],
)
def test_an_excerpt_loses_its_echo_and_nothing_else(excerpt, rest):
    assert without_echo(excerpt, title=CREEK) == (excerpt if rest is None else rest)


def test_a_short_title_that_begins_a_sentence_is_no_echo():
    assert (
        without_echo("Spring walk leaders are needed.", title="Spring walk")
        == "Spring walk leaders are needed."
    )
    assert without_echo("Fair. Games for all.", title="Fair") == "Fair. Games for all."


def test_the_plain_title_is_an_echo_too():
    assert without_echo("Summer fair – games for all", title="Join us: Summer fair") == "Games for all"


@given(st.text(max_size=300), st.text(max_size=80))
def test_no_text_makes_titles_and_excerpts_fail_or_grow(text, title):
    assert len(without_echo(text, title=title)) <= len(text) + 2  # one letter may become two as a capital
    assert bool(plain_title(title).strip()) == bool(title.strip())


@given(
    st.sampled_from(["REGISTER NOW: ", "RSVP: ", "Save the date – ", "[CANCELLED] "]), st.text(max_size=60)
)
def test_taking_the_call_off_twice_changes_nothing(call, title):
    once = plain_title(call + title)
    assert plain_title(once) == once or read_title(once).calls


@pytest.mark.parametrize(
    "text",
    [
        "By " + "Aa " * 7000,
        "By " + "A" * 20_000,
        "Register now " * 2000,
        "!" * 20_000,
        "- " * 10_000,
        " " * 20_000,
        "free " * 4000 + ": x",
        "[" * 20_000,
        "Aa, " * 5000,
    ],
)
def test_hostile_openings_take_no_time(text):
    began = time.perf_counter()
    without_echo(text, title=text)
    read_title(text)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://www.eventbrite.co.uk/e/1", CtaKind.REGISTER),
        ("https://us02web.zoom.us/webinar/register/WN_1", CtaKind.REGISTER),
        ("https://us02web.zoom.us/j/123?pwd=x", CtaKind.JOIN),
        ("https://zoom.us/rec/share/abc", None),
        ("https://teams.microsoft.com/l/meetup-join/19%3a", CtaKind.JOIN),
        ("https://teams.microsoft.com/registration/abc", CtaKind.REGISTER),
        ("https://meet.google.com/abc-defg-hij", CtaKind.JOIN),
        ("https://example.webex.com/meet/jo", CtaKind.JOIN),
        ("https://whereby.com/river", CtaKind.JOIN),
        ("https://bbb.example.org/b/jo-abc", CtaKind.JOIN),
        ("https://lu.ma/river", CtaKind.REGISTER),
        ("https://docs.google.com/forms/d/1/viewform", CtaKind.REGISTER),
        ("https://docs.google.com/document/d/1", None),
        ("https://www.facebook.com/events/123", CtaKind.REGISTER),
        ("https://www.facebook.com/river", None),
        ("https://buytickets.at/quarry/1", CtaKind.TICKETS),
        ("https://tickets.example.org/7", CtaKind.TICKETS),
        ("https://register.example.org/7", CtaKind.REGISTER),
        ("https://eventbrite.com.example.net/e/1", None),
        ("https://noteventbrite.com/e/1", None),
        ("https://example.org/eventbrite.com/e/1", None),
        ("https://user:pw@eventbrite.com@example.org/", None),
        ("javascript:alert(1)//zoom.us/j/1", None),
        ("https://[::1", None),
        ("", None),
    ],
)
def test_what_a_link_is_for_is_told_by_its_host(url, kind):

    assert link_kind(url) is kind


def test_short_and_counting_hosts_hide_where_they_lead():
    hidden = ["https://bit.ly/x", "http://click.example.org/x", "https://example.us1.list-manage.com/track"]
    open_ones = [
        "https://example.org/bit.ly",
        "https://habit.ly/x",
        "https://eventbrite.com/e/1",
        "no address",
    ]
    assert [hides_its_target(url) for url in hidden] == [True] * 3
    assert [hides_its_target(url) for url in open_ones] == [False] * 4


def test_links_are_found_in_a_text_without_the_stop_that_follows():
    text = "See https://example.org/a. Or (http://example.org/b), or https://example.org/a"
    assert links_in(text) == ("https://example.org/a", "http://example.org/b")
    assert (
        is_home("https://example.org/"),
        is_home("https://example.org/?p=1"),
        is_web("ftp://example.org"),
    ) == (
        True,
        False,
        False,
    )


@given(st.text(max_size=200))
def test_no_address_makes_the_hosts_fail(url):
    link_kind(url)
    hides_its_target("https://" + url)
    links_in(url + " https://" + url)
