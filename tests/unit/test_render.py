"""Rendering: one mail from content, whatever the posts hold."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from digest.editions.model import Item, ItemKind, Section
from digest.messages import samples
from digest.messages.model import SlotName, slot_marker
from digest.messages.render import MOST_BYTES, RenderError, filled, render, web_copy
from digest.messages.theme import Theme, contrast, theme_of
from digest.posts.model import CallToAction, Event, EventStatus, Image
from digest.templating import TemplateFault, Templates

NONCE = "f00dfeedcafe1234"
TEMPLATES = Templates()
USUAL = samples.usual("weekly")
NAMES = ["usual", "bare", "arabic", "dates"]
HOSTS = {"www.example.org", "news.example.org", "calendar.google.com", "outlook.live.com"}
VALUES = {
    SlotName.UNSUBSCRIBE_URL: "https://news.example.org/u/abc?x=1&y=2",
    SlotName.PREFERENCES_URL: "https://news.example.org/p/abc",
    SlotName.SIGNED_UP: "3 March 2026",
}


def item(number=1, **changes):
    known = {
        "post_id": number,
        "title": f"Title {number}",
        "url": f"https://www.example.org/posts/{number}",
        "position": number,
        "excerpt": "An excerpt.",
    }
    return Item(**{**known, **changes})


def with_items(*items, **changes):
    return replace(USUAL, **{"items": tuple(items), "intro": "", **changes})


def rendered_of(*items, **changes):
    return render(with_items(*items, **changes), TEMPLATES, nonce=NONCE)


def page_of(*items, **changes):
    return LexborHTMLParser(rendered_of(*items, **changes).html)


def seen(html):
    body = LexborHTMLParser(re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)).body
    return " ".join(body.text(separator=" ").split())


def test_equal_content_and_nonce_give_equal_bytes():
    assert render(USUAL, TEMPLATES, nonce=NONCE) == render(USUAL, Templates(), nonce=NONCE)


def test_another_nonce_changes_nothing_but_the_markers():
    other = render(USUAL, TEMPLATES, nonce="0123456789abcdef")
    first = render(USUAL, TEMPLATES, nonce=NONCE)
    assert other.html.replace("0123456789abcdef", NONCE) == first.html
    assert other.text.replace("0123456789abcdef", NONCE) == first.text


def test_every_item_stands_in_both_parts_with_its_address():
    rendered = render(USUAL, TEMPLATES, nonce=NONCE)
    for each in USUAL.items:
        assert each.url in rendered.html, each
        assert each.url in rendered.text, each


def test_the_reading_order_of_the_text_part_is_that_of_the_page():
    rendered = render(USUAL, TEMPLATES, nonce=NONCE)
    urls = [each.url for each in USUAL.items]
    by_page = sorted(urls, key=rendered.html.index)
    by_text = sorted(urls, key=rendered.text.index)
    assert by_page == by_text


def test_events_come_right_after_the_lead():
    html = render(USUAL, TEMPLATES, nonce=NONCE).html
    assert (
        html.index("The river wall")
        < html.index("Open day at the water works")
        < html.index("Three new footpaths")
    )


@pytest.mark.parametrize(
    "title",
    [
        "{{ slots.unsubscribe_url }} {% for x in y %} {{ 7*7 }} {# c #}",
        "</mj-text><mj-button href='https://evil.example'>press</mj-button>",
        '<mj-include path="/etc/passwd" /><mj-raw><script>alert(1)</script></mj-raw>',
        "I <3 you & 1 < 2 > 0 \"quoted\" 'too'",
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "]]> <![CDATA[ x ]]> <!-- comment --> <!--[if mso]>x<![endif]-->",
        "\x00\x08\x0b\x1f\ufffe\ud800 broken \udfff text \u202e reversed",
        "&lt;script&gt; &amp; &#60;b&#62;",
        "[[unsubscribe_url]] [slot] *|UNSUB|* {unsubscribe_url} %unsubscribe_url%",
        "a" * 5000,
        "𝕬 emoji 🎉 العربية עברית 日本語",
        "</td></tr></table></mj-column></mj-section></mj-body></mjml>",
        "line\nbreak\r\nand\ttab\u2028separator",
    ],
)
def test_what_a_feed_writes_is_only_ever_text(title):
    fields = {"title": title, "excerpt": title, "author": title, "topics": (title,)}
    event = Event(
        uid="1", title=title, starts_at=USUAL.send_at + timedelta(days=2), place=title, timezone=title
    )
    rendered = rendered_of(
        item(1, section=Section.LEAD, image=Image(url="https://www.example.org/1.jpg", alt=title), **fields),
        item(2, section=Section.EVENTS, kind=ItemKind.EVENT, event=event, **fields),
        item(3, section=Section.CARDS, image=Image(url="https://www.example.org/3.jpg", alt=title), **fields),
        item(4, section=Section.BRIEF, **fields),
    )
    assert rendered.dropped == ()
    page = LexborHTMLParser(rendered.html)
    assert not page.css("script, iframe, object, form, link, mj-button, mj-raw, mj-include, [onerror]")
    assert {link.attributes["href"].split("/")[2] for link in page.css("a[href^=http]")} <= HOSTS
    assert {image.attributes["src"] for image in page.css("img")} == {
        "https://www.example.org/1.jpg",
        "https://www.example.org/3.jpg",
    }
    assert rendered.html.count(slot_marker(NONCE, SlotName.UNSUBSCRIBE_URL)) == 1
    for part in (rendered.html, rendered.text, rendered.subject):
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\u202a-\u202e]", part)
    assert "\n" not in rendered.subject


def test_a_title_that_guesses_our_marker_gets_nothing():
    guess = slot_marker(NONCE, SlotName.UNSUBSCRIBE_URL)
    url = f"https://www.example.org/{guess}"
    hostile = item(
        1, title=f"Win {guess}", excerpt=guess, author=guess, url=url, image=Image(url=url, alt=guess)
    )
    rendered = rendered_of(hostile, intro=f"{guess} [x]({url})", preheader=guess, tagline=guess)
    html, text = filled(rendered, VALUES)
    assert rendered.html.count(guess) == 1
    assert rendered.text.count(guess) == 1
    assert html.count("/u/abc") == 1
    assert text.count("/u/abc") == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    title=st.text(min_size=1, max_size=80),
    excerpt=st.text(max_size=200),
    alt=st.text(max_size=40),
    intro=st.text(max_size=120),
)
def test_no_text_whatever_breaks_the_page(title, excerpt, alt, intro):
    picture = Image(url="https://www.example.org/1.jpg", alt=alt)
    bad, good = item(1, title=title, excerpt=excerpt, image=picture), item(2, title="The good one")
    rendered = render(with_items(bad, good), TEMPLATES, nonce=NONCE)
    noted = render(replace(with_items(good), intro=intro), TEMPLATES, nonce=NONCE)
    assert "The good one" in rendered.html
    assert "The good one" in noted.html
    assert rendered.subject.strip()
    assert len(LexborHTMLParser(rendered.html).css("h3")) + len(rendered.dropped) == 2


def test_an_item_without_a_usable_link_is_named_and_left_out():
    rendered = rendered_of(item(1, url="javascript:alert(1)", title="Bad"), item(2, title="Good"))
    assert rendered.dropped == ("Bad: its link is not a web address",)
    assert "javascript" not in rendered.html
    assert "Good" in rendered.html


def test_an_item_whose_title_is_nothing_but_controls_is_left_out():
    rendered = rendered_of(item(1, title="\x00\u202e "), item(2, title="Good"))
    assert len(rendered.dropped) == 1


def test_one_item_that_breaks_an_operators_template_costs_only_itself(tmp_path):
    folder = tmp_path / "partials"
    folder.mkdir()
    (folder / "post.mjml").write_text("<mj-text><p>{{ item.excerpt|safe }}</p></mj-text>")
    content = with_items(
        item(1, title="Broken", excerpt="<p>never closed"), item(2, title="Whole", excerpt="fine words")
    )
    rendered = render(content, Templates(tmp_path), nonce=NONCE)
    assert "fine words" in rendered.html
    assert len(rendered.dropped) == 1
    assert rendered.dropped[0].startswith("Broken: ")


def test_a_template_that_is_broken_itself_is_refused_with_file_and_line(tmp_path):
    folder = tmp_path / "partials"
    folder.mkdir()
    (folder / "footer.mjml").write_text("<mj-section>\n<mj-column>{{ nobody }}</mj-column></mj-section>")
    with pytest.raises(TemplateFault, match=r"partials/footer\.mjml, line 2: 'nobody' is undefined"):
        render(USUAL, Templates(tmp_path), nonce=NONCE)


def test_a_template_cannot_leave_the_sandbox(tmp_path):
    folder = tmp_path / "partials"
    folder.mkdir()
    (folder / "footer.mjml").write_text("{{ publication.__class__.__mro__ }}")
    with pytest.raises(TemplateFault):
        render(USUAL, Templates(tmp_path), nonce=NONCE)


def test_an_operator_can_replace_one_block(tmp_path):
    folder = tmp_path / "editions" / "weekly"
    folder.mkdir(parents=True)
    (folder / "body.mjml").write_text(
        '{% extends "original/editions/weekly/body.mjml" %}'
        "{% block masthead %}<mj-text><h1>Our own head</h1></mj-text>{% endblock %}"
    )
    html = render(USUAL, Templates(tmp_path), nonce=NONCE).html
    assert "Our own head" in html
    assert "The river wall holds" in html


def test_an_unknown_template_is_refused_in_words():
    with pytest.raises(TemplateFault, match='no template "monthly"'):
        render(replace(USUAL, template="monthly"), TEMPLATES, nonce=NONCE)
    with pytest.raises(RenderError, match="folder under templates/editions"):
        render(replace(USUAL, template="../secrets"), TEMPLATES, nonce=NONCE)


@pytest.mark.parametrize("count", [40, 120, 600])
def test_a_mail_never_grows_over_its_limit_and_says_what_it_left(count):
    posts = [item(n, title=f"Post {n} " + "word " * 12, excerpt="x " * 300) for n in range(1, count + 1)]
    rendered = rendered_of(*posts)
    html, _ = filled(rendered, VALUES)
    assert len(html.encode()) <= MOST_BYTES
    printed = sum(f'/posts/{n}"' in html for n in range(1, count + 1))
    assert printed + rendered.more == count
    if rendered.more:
        assert f"{rendered.more} more on the site" in seen(html)
        assert USUAL.site_url in html


def test_cards_fall_to_brief_before_anything_is_left_to_the_site():
    posts = [item(n, title=f"Post {n}", excerpt="word " * 300) for n in range(1, 61)]
    rendered = rendered_of(*posts)
    assert rendered.more == 0
    assert "In brief" in rendered.html


def test_the_web_copy_holds_nothing_personal():
    rendered = render(USUAL, TEMPLATES, nonce=NONCE)
    html = web_copy(rendered)
    assert NONCE not in html
    assert "Unsubscribe" not in html
    assert USUAL.postal_address in html
    assert "The river wall holds" in html


def test_a_template_whose_slots_are_outside_the_personal_part_has_no_web_copy(tmp_path):
    folder = tmp_path / "partials"
    folder.mkdir()
    (folder / "more.mjml").write_text("")
    footer = (TEMPLATES.builtin / "partials" / "footer.mjml").read_text()
    (folder / "footer.mjml").write_text(
        footer.replace("{{ slots.personal }}", "").replace("{{ slots.end_personal }}", "")
    )
    rendered = render(USUAL, Templates(tmp_path), nonce=NONCE)
    with pytest.raises(RenderError, match="web copy"):
        web_copy(rendered)


def test_filling_escapes_what_goes_into_the_page_and_leaves_no_marker():
    html, text = filled(render(USUAL, TEMPLATES, nonce=NONCE), VALUES)
    assert "https://news.example.org/u/abc?x=1&amp;y=2" in html
    assert "https://news.example.org/u/abc?x=1&y=2" in text
    assert f"slot-{NONCE}" not in html + text


def test_a_proof_says_so_in_subject_and_body():
    rendered = render(replace(USUAL, proof=True), TEMPLATES, nonce=NONCE)
    assert rendered.subject.startswith("[TEST] ")
    assert "Proof for staff" in rendered.html
    assert "Proof for staff" in rendered.text
    assert "Proof for staff" not in render(USUAL, TEMPLATES, nonce=NONCE).html


@pytest.mark.parametrize(
    ("asked", "titles", "expected"),
    [
        ("Asked\n for  this", ["A"], "Asked for this"),
        ("", ["Only one"], "Only one"),
        ("", ["First", "Second", "Third"], "First and 2 more"),
        (" \x00 ", ["First", "Second"], "First and 1 more"),
        ("", [], "The Weekly Brief 42"),
    ],
)
def test_the_subject_is_never_empty(asked, titles, expected):
    items = [item(n, title=title) for n, title in enumerate(titles)]
    assert rendered_of(*items, subject=asked).subject == expected


def test_the_preheader_is_hidden_and_padded():
    rendered = rendered_of(item(1), preheader="Look inside")
    hidden = LexborHTMLParser(rendered.html).css_first("div[style*='display:none']")
    assert hidden.text().strip().startswith("Look inside")
    assert len(hidden.text()) > 150


def test_a_maybe_has_no_date_and_one_link():
    event = Event(uid="1", title="Supper", starts_at=USUAL.send_at + timedelta(days=3))
    html = rendered_of(item(1, kind=ItemKind.MAYBE, section=Section.EVENTS, event=event)).html
    assert "Details and registration" in html
    assert "March" not in seen(html).split("Coming up")[1].split("You get")[0]


def event_page(**facts):
    known = {
        "uid": "1",
        "title": "Roundtable",
        "starts_at": datetime(2026, 3, 24, 14, 0, tzinfo=UTC),
        "timezone": "America/New_York",
        "register_url": "https://www.example.org/register",
    }
    event = Event(**{**known, **facts})
    return rendered_of(
        item(1, title="REGISTER NOW: Roundtable", kind=ItemKind.EVENT, section=Section.EVENTS, event=event)
    )


def test_an_event_states_weekday_date_time_zone_place_and_one_button():
    rendered = event_page(ends_at=datetime(2026, 3, 24, 15, 30, tzinfo=UTC), place="Room 4", online=True)
    words = seen(rendered.html)
    assert "Tuesday, 24 March 2026" in words
    assert "10:00–11:30, New York time (EDT)" in words
    assert "Online · Room 4" in words
    button = LexborHTMLParser(rendered.html).css(".button a")
    assert [b.attributes["href"] for b in button] == ["https://www.example.org/register"]
    assert button[0].attributes["aria-label"] == "Register: Roundtable"
    assert "REGISTER NOW" not in rendered.html
    for part in ("Tuesday, 24 March 2026", "10:00–11:30", "Room 4", "https://www.example.org/register"):
        assert part in rendered.text


def test_an_events_own_call_to_action_wins():
    rendered = event_page(cta=CallToAction(label="Get tickets", url="https://tickets.example.org/1"))
    assert "Get tickets" in rendered.html
    assert 'href="https://tickets.example.org/1"' in rendered.html


@pytest.mark.parametrize("status", [EventStatus.CANCELLED, EventStatus.POSTPONED])
def test_a_cancelled_or_postponed_event_says_so_and_has_no_button(status):
    rendered = event_page(status=status)
    assert status.value.capitalize() in seen(rendered.html)
    assert status.value.capitalize() in rendered.text
    assert not LexborHTMLParser(rendered.html).css(".button")
    assert "https://www.example.org/register" not in rendered.html + rendered.text


def test_a_past_event_is_never_printed_as_upcoming():
    rendered = event_page(
        starts_at=USUAL.send_at - timedelta(hours=2), ends_at=USUAL.send_at - timedelta(minutes=1)
    )
    assert "Register" not in rendered.html
    assert rendered.dropped == ("REGISTER NOW: Roundtable: the event is over when the mail is sent",)


def test_an_event_that_is_still_going_on_is_printed():
    rendered = event_page(
        starts_at=USUAL.send_at - timedelta(hours=2), ends_at=USUAL.send_at + timedelta(hours=1)
    )
    assert rendered.dropped == ()


@pytest.mark.parametrize(
    ("facts", "lines"),
    [
        (
            {"all_day": True, "timezone": "Europe/Paris", "starts_at": datetime(2026, 3, 23, 23, tzinfo=UTC)},
            ["Tuesday, 24 March 2026"],
        ),
        (
            {
                "all_day": True,
                "timezone": "Europe/Paris",
                "starts_at": datetime(2026, 3, 23, 23, tzinfo=UTC),
                "ends_at": datetime(2026, 3, 24, 23, tzinfo=UTC),
            },
            ["Tuesday, 24 March 2026"],
        ),
        ({}, ["Tuesday, 24 March 2026", "from 10:00, New York time (EDT)"]),
        ({"timezone": "Asia/Kathmandu"}, ["from 19:45, Kathmandu time (UTC+5:45)"]),
        ({"timezone": "UTC"}, ["from 14:00, UTC"]),
        ({"timezone": "No/Such"}, ["from 14:00, London time (GMT)"]),
        (
            {"ends_at": datetime(2026, 3, 25, 15, tzinfo=UTC)},
            ["Tuesday, 24 March 2026, 10:00 –", "Wednesday, 25 March 2026, 11:00"],
        ),
    ],
)
def test_times_carry_their_zone(facts, lines):
    text = event_page(**facts).text
    for line in lines:
        assert line in text.split("\n"), text


def test_dates_and_words_follow_language_and_zone():
    french = render(replace(USUAL, language="fr", timezone="Europe/Paris"), TEMPLATES, nonce=NONCE)
    assert "jeudi 5 mars 2026" in french.html
    assert "Se désabonner" in french.html
    american = render(replace(USUAL, language="en-US", timezone="America/New_York"), TEMPLATES, nonce=NONCE)
    assert "Thursday, March 5, 2026" in american.html


def test_a_language_without_words_of_its_own_is_said_in_english():
    html = render(replace(USUAL, language="nl", timezone="Europe/Amsterdam"), TEMPLATES, nonce=NONCE).html
    assert "donderdag 5 maart 2026" in html
    assert "Unsubscribe" in html


class _Outline(HTMLParser):
    def __init__(self):
        super().__init__()
        self.levels = []

    def handle_starttag(self, tag, attrs):
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))


@pytest.mark.parametrize("content", samples.contents("weekly"), ids=NAMES)
def test_the_page_can_be_read_by_everyone(content):
    html = render(content, TEMPLATES, nonce=NONCE).html
    page = LexborHTMLParser(html)
    expected = ("ar", "rtl") if content.language == "ar" else ("en", "ltr")
    for node in (
        page.root if page.root.tag == "html" else page.css_first("html"),
        page.css_first("div[role=article]"),
    ):
        assert (node.attributes["lang"], node.attributes["dir"]) == expected
    assert page.css_first("title").text()
    assert all(table.attributes.get("role") == "presentation" for table in page.css("table"))
    assert all("alt" in image.attributes for image in page.css("img"))
    assert all(image.attributes.get("width") for image in page.css("img"))
    outline = _Outline()
    outline.feed(html)
    assert outline.levels.count(1) == 1
    assert outline.levels[0] == 1
    assert all(deeper - level <= 1 for level, deeper in zip(outline.levels, outline.levels[1:], strict=False))


def test_nothing_is_loaded_but_pictures():
    html = render(USUAL, TEMPLATES, nonce=NONCE).html
    page = LexborHTMLParser(html)
    assert not page.css("link, script, iframe")
    assert "url(" not in html
    assert "@import" not in html
    assert "fonts.g" not in html
    loaded = {image.attributes["src"].split("/")[2] for image in page.css("img")}
    assert loaded == {"www.example.org"}
    assert not page.css("[background], [srcset], [poster]")
    assert {link.attributes["href"].split("/")[2] for link in page.css("a[href^=http]")} == HOSTS


def test_comments_for_outlook_survive_and_others_do_not():
    html = render(USUAL, TEMPLATES, nonce=NONCE).html
    assert html.count("<!--[if mso") > 3
    assert html.count("<!--[if mso") <= html.count("<![endif]-->")
    plain = re.findall(r"<!--(?!\[if|<!\[endif|>)(.*?)-->", html)
    assert plain == [f"personal-{NONCE}-begin", f"personal-{NONCE}-end"]


def test_dark_mode_speaks_to_all_three_kinds_of_readers():
    html = render(USUAL, TEMPLATES, nonce=NONCE).html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert "[data-ogsc] .page" in html


@pytest.mark.parametrize("content", samples.contents("weekly"), ids=NAMES)
def test_what_sets_a_colour_is_also_given_a_ground(content):
    html = re.sub(r"<style.*?</style>", "", render(content, TEMPLATES, nonce=NONCE).html, flags=re.DOTALL)
    coloured = 0
    for node in LexborHTMLParser(html).css("body *[style]"):
        style = node.attributes["style"] or ""
        if re.search(r"(?:^|;)\s*color:", style):
            coloured += 1
            assert "background" in style, node.html[:300]
    assert coloured > 10


@pytest.mark.parametrize("content", samples.contents("weekly"), ids=NAMES)
def test_no_stylesheet_is_so_large_that_a_reader_drops_it(content):
    sheets = re.findall(r"<style[^>]*>(.*?)</style>", render(content, TEMPLATES, nonce=NONCE).html, re.DOTALL)
    assert all(len(sheet.encode()) < 8_000 for sheet in sheets)
    assert sum(len(sheet.encode()) for sheet in sheets) < 8_192
    for sheet in sheets:
        assert sheet.count("{") == sheet.count("}")


def test_what_is_pressed_is_large_enough_for_a_thumb():
    html = render(USUAL, TEMPLATES, nonce=NONCE).html
    page = LexborHTMLParser(html)
    targets = page.css(".button a, a.go, a.foot-link")
    assert len(targets) > 5
    for link in targets:
        parts = (part.partition(": ") for part in (link.attributes["style"] or "").split(";"))
        style = {name.strip(): value.strip() for name, _, value in parts}
        above, *rest = (int(size.removesuffix("px")) for size in style["padding"].split() if size != "auto")
        below = rest[1] if len(rest) > 1 else above
        assert int(style["line-height"].removesuffix("px")) + above + below >= 44, link.html
    phone = html[
        html.index("max-width:599px") if "max-width:599px" in html else html.index("max-width: 599px") :
    ]
    calendar = re.search(r"\.calendar a \{([^}]*)\}", phone)
    assert "padding: 12px 10px" in calendar[1]  # 12 + 20 + 12, and 10 + 24 + 10 across
    assert "min-width: 24px" in calendar[1]


def test_the_tile_stands_on_the_side_reading_begins():
    html = render(samples.arabic("weekly"), TEMPLATES, nonce=NONCE).html
    table = LexborHTMLParser(html).css_first(".tile").parent.parent
    while table.tag != "table":
        table = table.parent
    assert table.attributes["dir"] == "rtl"
    cell = LexborHTMLParser(html).css_first("td.tile-cell")
    assert "padding-left: 16px" in cell.attributes["style"]


def test_the_mail_keeps_its_look_without_its_stylesheets():
    html = re.sub(r"<style.*?</style>", "", render(USUAL, TEMPLATES, nonce=NONCE).html, flags=re.DOTALL)
    button = LexborHTMLParser(html).css_first(".button a").attributes["style"]
    assert "padding: 13px 24px" in button
    assert "line-height: 20px" in button  # 13 + 20 + 13: more than 44 pixels to press
    assert "font-size: 40px" in LexborHTMLParser(html).css_first("h1").attributes["style"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_houses_colours_can_be_read(scheme):
    colours = getattr(Theme(), scheme)
    for on in (colours.card, colours.page, colours.wash):
        for text in (colours.ink, colours.soft, colours.accent):
            assert contrast(text, on) >= 4.5, (scheme, text, on)
    for on in (colours.card, colours.wash):
        for note in (colours.good, colours.warn, colours.bad):
            assert contrast(note, on) >= 4.5, (scheme, note, on)
    assert contrast(colours.on_accent, colours.accent) >= 4.5
    assert contrast(colours.card, colours.soft) >= 4.5  # the month of an event that was called off


@pytest.mark.parametrize("accent", ["#ffff00", "#ff69b4", "#0000ff", "#777777", "#ffffff", "#000000"])
def test_any_accent_becomes_one_that_can_be_read(accent, tmp_path):
    folder = tmp_path / "editions" / "weekly"
    folder.mkdir(parents=True)
    (folder / "theme.toml").write_text(f'accent = "{accent}"\naccent_dark = "{accent}"\n')
    theme = theme_of(Templates(tmp_path), "weekly")
    for colours in (theme.light, theme.dark):
        assert contrast(colours.accent, colours.card) >= 4.5
        assert contrast(colours.accent, colours.wash) >= 4.5
        assert contrast(colours.accent, colours.page) >= 4.5
        assert contrast(colours.on_accent, colours.accent) >= 4.5
        assert contrast(colours.ink, colours.wash) >= 4.5
        assert contrast(colours.soft, colours.wash) >= 4.5
        for note in (colours.good, colours.warn, colours.bad):
            assert contrast(note, colours.wash) >= 4.5
            assert contrast(note, colours.card) >= 4.5


@pytest.mark.parametrize(
    "line",
    [
        'accent = "red"',
        "radius = 99",
        'density = "loud"',
        'colour = "#000000"',
        'reading = "x; } body { color: red"',
        "accent =",
    ],
)
def test_a_theme_that_is_not_usable_is_refused_in_words(line, tmp_path):
    folder = tmp_path / "editions" / "weekly"
    folder.mkdir(parents=True)
    (folder / "theme.toml").write_text(line)
    with pytest.raises(TemplateFault, match=r"theme\.toml"):
        render(USUAL, Templates(tmp_path), nonce=NONCE)


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        ("serif", "Georgia, 'Times New Roman', serif"),
        ("helvetica", "'Helvetica Neue', Helvetica, Arial, sans-serif"),
        ("Cambria, Georgia, serif", "Cambria, Georgia, serif"),
    ],
)
def test_faces_are_named_or_listed(asked, used, tmp_path):
    folder = tmp_path / "editions" / "weekly"
    folder.mkdir(parents=True)
    (folder / "theme.toml").write_text(f'reading = "{asked}"\n')
    assert theme_of(Templates(tmp_path), "weekly").reading == used
    page = LexborHTMLParser(render(USUAL, Templates(tmp_path), nonce=NONCE).html)
    assert page.css_first(".lead-title").parent.attributes["style"].count(f"font-family: {used}") == 1


def test_another_accent_is_another_in_the_dark_too(tmp_path):
    folder = tmp_path / "editions" / "weekly"
    folder.mkdir(parents=True)
    (folder / "theme.toml").write_text('accent = "#b3261e"\n')
    ours, theirs = theme_of(TEMPLATES, "weekly"), theme_of(Templates(tmp_path), "weekly")
    assert theirs.dark.accent != ours.dark.accent
    red, green, blue = (int(theirs.dark.accent[n : n + 2], 16) for n in (1, 3, 5))
    assert red > max(green, blue)
    assert contrast(theirs.dark.wash, theirs.dark.card) <= 1.2


def test_a_compact_theme_leaves_less_room(tmp_path):
    folder = tmp_path / "editions" / "weekly"
    folder.mkdir(parents=True)
    (folder / "theme.toml").write_text('density = "compact"\nradius = 0\n')
    html = render(USUAL, Templates(tmp_path), nonce=NONCE).html
    assert theme_of(Templates(tmp_path), "weekly").space(40) == 28
    assert "border-radius: 6px" not in html
    assert html != render(USUAL, TEMPLATES, nonce=NONCE).html


def test_pictures_are_never_enlarged_or_distorted():
    picture = Image(url="https://www.example.org/1.jpg", alt="A tall one", width=400, height=800)
    image = page_of(item(1, section=Section.LEAD, image=picture)).css_first(".wide img")
    width, height = int(image.attributes["width"]), int(image.attributes["height"])
    assert width <= 400
    assert height <= 420
    assert abs(height / width - 2) < 0.02


@pytest.mark.parametrize(
    "url",
    [
        "http:///x.jpg",
        "data:image/png;base64,AAAA",
        "//cdn.example/x.jpg",
        "https://x.example/a.svg",
        "https://x.example/a b.jpg",
    ],
)
def test_a_picture_that_mail_cannot_show_is_left_out(url):
    assert not page_of(item(1, image=Image(url=url))).css("img")


@pytest.mark.parametrize("alt", ["IMG_2034.JPG", "photo-12", "DSC_0034", "header.webp"])
def test_a_file_name_is_no_alt_text(alt):
    image = page_of(item(1, image=Image(url="https://www.example.org/1.jpg", alt=alt))).css_first("img")
    assert image.attributes["alt"] in ("", None)


def test_the_note_by_staff_is_markdown_without_markup():
    note = "# Big\n\nHello **you**, see [this](https://www.example.org/x) or [that](javascript:alert(1)) <b>raw</b> ![p](/p.gif) [rel](/x)"
    rendered = render(replace(with_items(item(1)), intro=note), TEMPLATES, nonce=NONCE)
    page = LexborHTMLParser(rendered.html)
    intro = page.css_first(".intro")
    assert intro.css_first("strong").text() == "you"
    assert [a.attributes.get("href") for a in intro.css("a[href]")] == ["https://www.example.org/x"]
    assert not intro.css("b, img, h1")
    assert "this (https://www.example.org/x)" in rendered.text


def test_text_lines_are_short_and_addresses_whole():
    address = "https://www.example.org/" + "very-long-" * 20
    rendered = rendered_of(
        item(1, url=address, title="word " * 40, excerpt="W" * 400), item(2, excerpt="longer words " * 50)
    )
    lines = rendered.text.split("\n")
    assert address in lines
    assert all(len(line) <= 78 for line in lines if "://" not in line and not line.startswith("slot-"))
    assert "\n\n\n" not in rendered.text


def test_the_text_part_has_the_ways_out_and_the_address():
    rendered = render(USUAL, TEMPLATES, nonce=NONCE)
    for name in SlotName:
        assert slot_marker(NONCE, name) in rendered.text
    assert USUAL.postal_address in rendered.text
    assert "personal-" not in rendered.text


def test_an_item_in_another_language_says_so():
    heading = page_of(item(1, title="مرحبا", language="ar")).css_first("h3")
    assert (heading.attributes["lang"], heading.attributes["dir"]) == ("ar", "rtl")


def test_links_are_named_differently():
    page = LexborHTMLParser(render(USUAL, TEMPLATES, nonce=NONCE).html)
    names = [
        (link.attributes.get("aria-label") or link.text().strip(), link.attributes["href"])
        for link in page.css("a[href]")
        if link.attributes.get("aria-hidden") != "true" and not link.css("img")
    ]
    assert len({name for name, _ in names}) == len(set(names))
