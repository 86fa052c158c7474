"""Every kind of finding: told where it should be, by its code, and on the page for staff."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from digest.editions.model import Item, ItemKind, Section
from digest.messages import samples
from digest.messages.model import Severity, SlotName, slot_marker
from digest.messages.preflight import (
    KINDS,
    check,
    events,
    headers,
    pictures,
    size,
    structure,
    support,
    textpart,
)
from digest.messages.preflight.mail import mail_of
from digest.messages.render import render
from digest.posts.model import Event, Evidence, Image, Origin, Suggestion
from digest.templating import Templates

NONCE = "f00dfeedcafe1234"
USUAL = replace(
    samples.usual("weekly"),
    subject="The river wall holds",
    preheader="Three new footpaths, an open day, and ten more stories",
    items=tuple(item for item in samples.usual("weekly").items if item.kind is not ItemKind.MAYBE),
)
GOOD = render(USUAL, Templates(), nonce=NONCE)
AT = USUAL.send_at


def found(module, rendered=GOOD, content=USUAL):
    return [(f.code, f.message) for f in module.findings(mail_of(rendered, content))]


def codes(module, rendered=GOOD, content=USUAL):
    return [code for code, _ in found(module, rendered, content)]


def with_html(old, new):
    assert old in GOOD.html
    return replace(GOOD, html=GOOD.html.replace(old, new))


def inside(markup):
    return with_html("</body>", f"{markup}</body>")


# --- the page for staff -----------------------------------------------------------------------------------------


def test_every_finding_stands_on_the_page_for_staff_and_no_other():
    from digest.messages.preflight import table

    page = (Path(__file__).parents[2] / "docs/staff.md").read_text(encoding="utf-8")
    assert table() in page, "put what digest.messages.preflight.table() gives into docs/staff.md"


def test_every_kind_says_what_it_means_and_what_to_do():
    assert all(kind.meaning.endswith(".") and kind.remedy for kind in KINDS.values())
    assert all(code == kind.code and code == code.lower() for code, kind in KINDS.items())


def test_every_kind_is_told_somewhere_in_the_code():
    home = Path(__file__).parents[2] / "digest"
    code = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("messages/preflight", "workflows")
        for path in (home / folder).glob("*.py")
        if path.name != "findings.py"
    )
    assert [kind for kind in KINDS if f'"{kind}"' not in code] == []


# --- size -------------------------------------------------------------------------------------------------------


def long_edition():
    items = tuple(
        Item(
            post_id=n,
            title=f"Story {n} & more",
            url=f"https://www.example.org/{n}",
            position=n,
            excerpt="Words. " * 20,
        )
        for n in range(20)
    )
    content = replace(USUAL, items=items)
    return content, render(content, Templates(), nonce=NONCE)


def test_the_place_where_gmail_would_cut_is_named_with_what_would_be_hidden():
    content, rendered = long_edition()
    at = rendered.html.index("Story 7 &amp; more")
    large = replace(rendered, html=rendered.html[:at] + "<!--" + "x" * 110_000 + "-->" + rendered.html[at:])
    ((code, message),) = found(size, large, content)
    assert code == "too-large"
    assert message.endswith("within or after “Story 6 & more”, and 13 more would be hidden.")


def test_a_mail_cut_off_before_its_first_item_says_so():
    content, rendered = long_edition()
    large = replace(rendered, html=rendered.html.replace("<body", "<!--" + "x" * 110_000 + "--><body", 1))
    assert found(size, large, content)[0][1].endswith("before the first item.")


def test_the_readers_own_links_are_counted():
    body = len(GOOD.html.encode())
    just = replace(GOOD, html=GOOD.html + "x" * (size.CLIPPED_AT - body - 100))
    assert codes(size, just) == ["too-large"]


def test_a_mail_that_only_its_encoding_makes_large_is_a_note():
    wide = replace(GOOD, html=GOOD.html + "ب" * 20_000)
    ((code, message),) = found(size, wide)
    assert code == "large-encoded"
    assert KINDS[code].severity is Severity.NOTE
    assert "as it is encoded" in message


@pytest.mark.parametrize("text", ["plain words\n" * 500, "ünï=cödé " * 500, GOOD.html])
def test_the_encoded_size_is_near_the_truth(text):
    from digest.messages import quoted

    truth, guess = len(quoted.encode(text)), size.encoded_size(text.encode())
    assert abs(truth - guess) < truth * 0.06


def test_a_block_of_styles_that_gmail_would_drop_is_told():
    assert codes(size, inside(f"<style>{'p { color: red } ' * 500}</style>")) == ["style-large"]
    assert codes(size, inside("<style>p { color: red</style>")) == ["style-broken"]


# --- leaving ----------------------------------------------------------------------------------------------------


def test_a_link_to_leave_that_nobody_sees_is_none():
    from digest.messages.preflight import leaving

    marker = slot_marker(NONCE, SlotName.UNSUBSCRIBE_URL)
    gone = replace(GOOD, html=GOOD.html.replace(marker, "https://www.example.org/"))
    hidden = replace(
        gone,
        html=gone.html.replace("</body>", f'<p style="display:none"><a href="{marker}">x</a></p></body>'),
    )
    wordless = replace(gone, html=gone.html.replace("</body>", f'<a href="{marker}"></a></body>'))
    for one in (gone, hidden, wordless):
        assert codes(leaving, one) == ["unsubscribe-missing"]


def test_a_part_without_preferences_is_told():
    from digest.messages.preflight import leaving

    marker = slot_marker(NONCE, SlotName.PREFERENCES_URL)
    assert codes(leaving, replace(GOOD, text=GOOD.text.replace(marker, ""))) == ["preferences-missing"]
    assert codes(leaving, with_html(marker, "https://www.example.org/")) == ["preferences-missing"]


# --- subject and preheader --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("The river wall holds", []),
        ("x" * 60, []),
        ("x" * 61, ["subject-length"]),
        ("x" * 101, ["subject-long"]),
        ("THE RIVER WALL HOLDS", ["subject-capitals"]),
        ("NASA", []),
        ("السور يصمد أمام النهر", []),
        ("🎉🎉🎉", ["subject-emoji"]),
        ("— … —", ["subject-emoji"]),
        ("🎉 News", []),
        ("", ["subject-empty"]),
        ("[TEST] " + "x" * 60, []),
    ],
)
def test_a_subject(subject, expected):
    assert codes(headers, replace(GOOD, subject=subject)) == expected


@pytest.mark.parametrize(
    ("preheader", "expected"),
    [
        ("Three new footpaths, an open day, and more", []),
        ("x" * 40, []),
        ("x" * 130, []),
        ("x" * 39, ["preheader-length"]),
        ("x" * 131, ["preheader-length"]),
        ("", ["preheader-empty"]),
        ("The river wall holds: read all about it in this mail", ["preheader-repeats"]),
        ("“The River wall: holds”, and so does the dam above it", ["preheader-repeats"]),
    ],
)
def test_a_preheader(preheader, expected):
    assert codes(headers, replace(GOOD, preheader=preheader)) == expected


# --- items ------------------------------------------------------------------------------------------------------


def item_codes(*items):
    from digest.messages.preflight import items as module

    return codes(module, content=replace(USUAL, items=items))


def post(number, title, url=None, **more):
    return Item(post_id=number, title=title, url=url or f"https://www.example.org/{number}", **more)


def event(number, title, *, days, **facts):
    starts = AT + timedelta(days=days)
    known = Event(uid=str(number), title=title, starts_at=starts, **facts)
    return post(number, title, kind=ItemKind.EVENT, section=Section.EVENTS, event=known)


def test_what_stands_there_twice_is_told_once():
    assert item_codes(post(1, "A"), post(2, "B")) == []
    assert item_codes(post(1, "A"), post(2, "a")) == ["duplicate-title"]
    twin = post(2, "B", url="http://www.example.org/1/?utm_source=x#y")
    assert item_codes(post(1, "A"), twin) == ["duplicate-post"]
    assert item_codes(post(1, "A"), post(2, "A", url="https://www.example.org/1")) == ["duplicate-title"]


def test_one_event_on_two_days_is_no_double():
    assert item_codes(event(1, "Course", days=3), event(2, "Course", days=5)) == []
    assert item_codes(event(1, "Course", days=3), event(2, "Course", days=3)) == ["duplicate-title"]


def test_a_lead_without_a_picture_is_a_note():
    assert item_codes(post(1, "A", section=Section.LEAD)) == ["lead-without-picture"]


# --- events -----------------------------------------------------------------------------------------------------


def event_findings(*items):
    return found(events, content=replace(USUAL, items=items))


def test_events_that_are_over_undated_floating_or_disputed_are_told():
    assert event_findings(event(1, "Fair", days=3)) == []
    assert event_findings(event(1, "Fair", days=-1)) == [
        ("past-event", "Fair is over when the mail is sent.")
    ]
    undated = post(1, "Fair", kind=ItemKind.EVENT, event=Event(uid="1", title="Fair"))
    assert event_findings(undated) == [("event-undated", "Fair has no date.")]
    assert event_findings(event(1, "Fair", days=3, floating=True)) == [
        ("event-zone-assumed", "Fair: the source names no zone; its time is taken as Europe/London.")
    ]
    doubt = Evidence(
        fact="disagreement", origin=Origin.JSON_LD, quote="the page says 18:00, the calendar 19:00"
    )
    assert event_findings(event(1, "Fair", days=3, evidence=(doubt,))) == [
        ("event-disagreement", "Fair: the page says 18:00, the calendar 19:00.")
    ]


def test_a_possible_event_gives_the_sentence_that_seems_to_tell_its_date():
    told = Suggestion(phrase="3 May", sentence="We meet on 3 May at the mill.")
    maybe = post(1, "Supper", kind=ItemKind.MAYBE, suggestions=(told,))
    assert event_findings(maybe) == [
        ("maybe-event", "Supper may be an event; it is printed with a link and no date."),
        ("event-suggestion", "Supper: its text says: “We meet on 3 May at the mill.” (3 May)"),
    ]


# --- pictures and third parties ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ('<img src="https://www.example.org/l.png" alt="Logo" width="9">', []),
        ('<img src="https://www.example.org/l.png" width="9">', ["alt-missing"]),
        ('<img src="https://www.example.org/l.png" alt width="9">', []),
        ('<img src="https://www.example.org/l.png" alt="IMG_1234.jpg" width="9">', ["alt-file-name"]),
        ('<img src="https://www.example.org/l.png" alt="DSC-0042" width="9">', ["alt-file-name"]),
        (
            '<img src="https://www.example.org/l.png" alt="Screenshot 2024-05-01" width="9">',
            ["alt-file-name"],
        ),
        ('<img src="https://www.example.org/l.png" alt="" width="400">', ["alt-empty"]),
        ('<img src="http://www.example.org/l.png" alt="Logo" width="9">', ["picture-not-https"]),
        ('<img src="data:image/png;base64,x" alt="Logo" width="9">', ["picture-format"]),
        ('<img src="cid:logo" alt="Logo" width="9">', ["picture-format"]),
        ('<img src="https://www.example.org/l.png" alt="Logo">', ["picture-size-unknown"]),
        ('<img src="https://cdn.elsewhere.example/l.png" alt="Logo" width="9">', ["picture-elsewhere"]),
        ('<img src="https://www.example.org/o" alt="" width="1">', ["tracking-pixel"]),
        (
            '<img src="https://www.example.org/l.png" srcset="https://x/2 2x" alt="L" width="9">',
            ["third-party"],
        ),
        ('<table role="presentation" background="https://x.example/b.png"></table>', ["third-party"]),
        ('<p style="background: URL (https://x.example)">x</p>', ["third-party"]),
        ('<style>@import "https://x.example/a.css";</style>', ["third-party"]),
        ('<form action="https://x.example"></form>', ["third-party"]),
        ('<!--[if mso]><v:fill src="https://x.example/a.png" /><![endif]-->', ["third-party"]),
        ('<!--[if mso]><link href="https://x.example/a.css" rel="stylesheet"><![endif]-->', ["third-party"]),
        ("<!--[if mso]><table><tr><td>x</td></tr></table><![endif]-->", []),
    ],
)
def test_a_picture_or_a_loader(markup, expected):
    assert codes(pictures, inside(markup)) == expected


def test_pictures_whose_size_nobody_knows_are_counted():
    vague = replace(USUAL.items[0], image=Image(url="https://www.example.org/pictures/1.jpg", alt="A"))
    ((code, message),) = found(pictures, content=replace(USUAL, items=(vague, *USUAL.items[1:])))
    assert (code, message) == ("picture-size-unknown", "One picture has no known width and height.")


# --- structure --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<h1>Another</h1><p>x</p>", ["heading-main"]),
        ("<h2>Next</h2><h4>Deep</h4>", ["heading-skip"]),
        ('<h2>Next</h2><h3>A</h3><h2>After</h2><a href="https://a.example">x</a>', []),
        ("<h2>Nothing here</h2>", ["empty-section"]),
        ('<h2>Nothing here</h2><h2><a href="https://a.example">Lead</a></h2>', ["empty-section"]),
        ('<h2>Only ours</h2><a href="https://news.example.org/a/sample/42">x</a>', ["empty-section"]),
        ("<table><tr><td>x</td></tr></table>", ["table-role"]),
        ('<table role="none"><tr><td>x</td></tr></table>', []),
        ('<h1 style="display:none">Hidden</h1>', []),
    ],
)
def test_what_a_listener_would_stumble_over(markup, expected):
    assert codes(structure, inside(markup)) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('<html lang="en" dir="ltr"', "<html"),
        ('<html lang="en" dir="ltr"', '<html lang="en" dir="auto"'),
        ('role="article" lang="en" dir="ltr"', 'role="article"'),
        ('role="article" lang="en"', 'role="article" lang="fr"'),
    ],
)
def test_language_and_direction_stand_in_both_places(old, new):
    assert codes(structure, with_html(old, new)) == ["language-missing"]


# --- what mail programs know ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markup", "slug"),
    [
        ('<p style="display: flex">x</p>', "css-display-flex"),
        ('<p style="display:grid">x</p>', "css-display-grid"),
        ('<p style="gap: 4px">x</p>', "css-gap"),
        ('<p style="box-shadow: 0 0 3px red">x</p>', "css-box-shadow"),
        ('<p style="color: var(--ink)">x</p>', "css-variables"),
        ('<p style="width: calc(100% - 3px)">x</p>', "css-unit-calc"),
        ('<p style="font-size: 2rem">x</p>', "css-unit-rem"),
        ('<p style="height: 50vh">x</p>', "css-unit-vh"),
        ('<p style="position: absolute">x</p>', "css-position"),
        ('<p style="background-image: linear-gradient(red, blue)">x</p>', "css-linear-gradient"),
        ("<style>p::after { content: 'x' }</style>", "css-pseudo-element-after"),
        ("<style>p:has(a) { color: red }</style>", "css-pseudo-class-has"),
        ("<style>p ~ p { color: red }</style>", "css-selector-general-sibling"),
        ("<style>@font-face { font-family: X }</style>", "css-at-font-face"),
        ("<style>@keyframes x { from { color: red } }</style>", "css-at-keyframes"),
        ("<svg></svg>", "html-svg"),
        ("<video></video>", "html-video"),
        ("<progress></progress>", "html-progress"),
        ('<img src="https://www.example.org/a.webp" alt="" width="9">', "image-webp"),
        ('<div popover="auto">x</div>', "html-popover"),
    ],
)
def test_what_some_program_does_not_know_is_told_with_its_page(markup, slug):
    told = {f.place: f.message for f in support.findings(mail_of(inside(markup), USUAL))}
    page = f"https://www.caniemail.com/features/{slug}/"
    assert page in told
    assert "unknown to " in told[page]


@pytest.mark.parametrize(
    "markup",
    [
        "<p style=\"font-family: 'Flex Grid', rem; color: red\">gap</p>",
        '<p style="mso-line-height-rule: exactly; -webkit-text-size-adjust: 100%">x</p>',
        "<style>/* display: flex */ p { color: #0aff2e }</style>",
        "<p>display: grid</p>",
    ],
)
def test_what_only_looks_like_it_is_not_told(markup):
    assert codes(support, inside(markup)) == []


def test_what_we_accept_is_a_feature_and_has_a_reason():
    slugs = {feature.slug for feature in support.features().values()}
    assert set(support.ACCEPTED) <= slugs
    assert all(support.ACCEPTED.values())


def test_every_feature_that_comes_with_us_is_unknown_to_somebody():
    assert all(feature.unknown_to for feature in support.features().values())
    flex = support.features()["values display: flex"]
    assert "Outlook for Windows" in flex.unknown_to and "Gmail" not in flex.unknown_to


def test_the_licence_of_the_data_comes_with_it():
    folder = Path(support.__file__).parent
    assert "MIT License" in (folder / "caniemail.LICENSE").read_text(encoding="utf-8")


# --- the text part ----------------------------------------------------------------------------------------------


def without(words):
    assert words in GOOD.text
    return replace(GOOD, text=GOOD.text.replace(words, ""))


@pytest.mark.parametrize(
    ("words", "lacks"),
    [
        ("Minutes of the February meeting", "the title “Minutes of the February meeting”"),
        (
            "https://www.example.org/posts/1\n",
            "the address of “The river wall holds, and the valley with it”",
        ),
        (
            "https://www.example.org/register/2",
            "the address of the button “Register: Open day at the water works”",
        ),
        ("spring is here", "the note at the beginning"),
    ],
)
def test_what_the_text_part_lacks_is_named(words, lacks):
    ((code, message),) = found(textpart, without(words))
    assert code == "text-incomplete"
    assert lacks in message


def test_a_title_that_is_wrapped_is_there_all_the_same():
    wrapped = replace(GOOD, text=GOOD.text.replace(" ", "\n  "))
    assert codes(textpart, wrapped) == []


# --- all together -----------------------------------------------------------------------------------------------


TRUE_OF_SAMPLES = {"subject-made", "maybe-event", "event-undated", "preheader-empty", "preheader-length"}
TEMPLATES = sorted(path.name for path in (Templates().builtin / "editions").iterdir())


@pytest.mark.parametrize("template", TEMPLATES)
def test_our_templates_come_out_clean_but_for_what_is_true_of_the_samples(template):
    for content in samples.contents(template):
        told = check(render(content, Templates(), nonce=NONCE), content)
        assert [f for f in told if f.code not in TRUE_OF_SAMPLES] == []
