"""Templates are a public interface: what is wrong in one is said with file and line."""

import shutil

import pytest

from digest.messages.check import check_templates, edition_names
from digest.templating import TemplateFault, Templates, Words, direction, wrap

BUILTIN = Templates()


def own(tmp_path, **files):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Templates(tmp_path)


def said(templates, name=None):
    return [(p.file, p.line, p.message) for p in check_templates(templates, name)]


def test_the_templates_that_come_with_the_program_are_clean():
    assert said(BUILTIN) == []
    assert edition_names(BUILTIN) == ["weekly"]


EXTENDS = '{% extends "original/editions/weekly/body.mjml" %}\n{% block intro %}\n'


@pytest.mark.parametrize(
    ("block", "line", "message"),
    [
        ("<mj-txt>x</mj-txt>", 3, "<mj-txt> is not an MJML element; did you mean mj-text?"),
        (
            "<mj-text font-sise='9px'>x</mj-text>",
            3,
            "font-sise is not an attribute of <mj-text>; did you mean font-size?",
        ),
        ("<mj-text>\n<p>open\n</mj-text>", 4, "<p> is not closed before </mj-text>."),
        ("<mj-section><mj-column></mj-column></mj-section>", 3, "<mj-section> may not stand in <mj-column>"),
        ("\n\n<p>loose</p>", 5, "<p> may not stand in <mj-column>"),
        ("<mj-text><script>x</script></mj-text>", 3, "<script> is not an element that mail may use."),
        ("<mj-text><p onclick='x'>x</p></mj-text>", 3, "onclick is script"),
        ("<mj-text></p></mj-text>", 3, "</p> closes nothing"),
        ("<mj-text>\n{{ publication.nmae }}</mj-text>", 4, "has no attribute 'nmae'"),
        ("<mj-text>\n{{ wrod('x') }}</mj-text>", 4, "'wrod' is undefined; did you mean word?"),
        ("<mj-text>\n{% if %}x{% endif %}</mj-text>", 4, "Expected an expression"),
        ("<mj-text>\n{{ word('no_such') }}</mj-text>", 4, 'no words called "no_such"'),
        ("<mj-text>{% raw %}{{ left }}{% endraw %}</mj-text>", 0, "brackets are left in the output"),
        ("<mj-text>\n{{ publication.__class__ }}</mj-text>", 4, "unsafe"),
        ("{% include 'partials/nowhere.mjml' %}", 3, "partials/nowhere.mjml"),
        (
            "<mj-text><img src='https://www.example.org/x.png' width='9'/></mj-text>",
            0,
            "A picture has no alt text.",
        ),
    ],
)
def test_a_mistake_is_found_where_it_stands(block, line, message, tmp_path):
    templates = own(tmp_path, **{"editions/weekly/body.mjml": f"{EXTENDS}{block}\n{{% endblock %}}"})
    problems = said(templates, "weekly")
    assert len({p[:2] for p in problems}) == 1, problems
    assert problems[0][:2] == ("editions/weekly/body.mjml", line)
    assert message in problems[0][2]


def test_a_mistake_in_a_partial_is_found_in_the_partial(tmp_path):
    templates = own(tmp_path, **{"partials/more.mjml": "<mj-text>\n\n{{ edition.mroe }}</mj-text>"})
    assert said(templates, "weekly")[0][:2] == ("partials/more.mjml", 3)


def test_a_footer_without_a_way_out_is_refused(tmp_path):
    templates = own(
        tmp_path,
        **{"partials/footer.mjml": "<mj-section><mj-column><mj-text>Bye</mj-text></mj-column></mj-section>"},
    )
    messages = " ".join(p[2] for p in said(templates, "weekly"))
    assert "no link to unsubscribe" in messages
    assert "postal address" in messages


def test_a_colour_that_is_hard_to_read_is_said_and_replaced(tmp_path):
    templates = own(tmp_path, **{"editions/weekly/theme.toml": 'accent = "#ffcc00"\n'})
    assert "hard to read" in said(templates, "weekly")[0][2]


def test_a_broken_notice_is_found(tmp_path):
    templates = own(tmp_path, **{"notices/skipped/body.txt": "\n{{ nobody }}"})
    assert said(templates) == [("notices/skipped/body.txt", 2, "'nobody' is undefined.")]


def test_a_missing_file_is_named(tmp_path):
    templates = own(tmp_path, **{"editions/mine/body.mjml": "<mjml></mjml>"})
    assert ("editions/mine/body.txt", 0, "The file is missing.") in said(templates, "mine")


def test_an_operators_file_wins_and_the_original_stays_reachable(tmp_path):
    templates = own(
        tmp_path,
        **{"partials/section.txt": '== {{ title }} ==\n{% include "original/partials/section.txt" %}'},
    )
    assert templates.render("partials/section.txt", {"title": "Hi"}) == "== Hi ==\n--\nHi\n--\n"


def test_templates_cannot_be_read_from_outside_their_folders(tmp_path):
    outside = tmp_path / "secret.txt"
    outside.write_text("secret")
    templates = own(tmp_path / "own", **{"a.txt": '{% include "../secret.txt" %}'})
    with pytest.raises(TemplateFault):
        templates.render("a.txt", {})
    assert templates.find("../secret.txt") is None


def test_markup_files_escape_and_text_files_do_not(tmp_path):
    templates = own(tmp_path, **{"a.html": "{{ x }}", "a.mjml": "{{ x }}", "a.txt": "{{ x }}"})
    assert templates.render("a.html", {"x": "<&>"}) == "&lt;&amp;&gt;"
    assert templates.render("a.mjml", {"x": "<&>"}) == "&lt;&amp;&gt;"
    assert templates.render("a.txt", {"x": "<&>"}) == "<&>"


def test_every_language_has_every_word():
    english = BUILTIN.words("en")
    folder = BUILTIN.builtin / "words"
    for path in sorted(folder.glob("*.toml")):
        assert BUILTIN.words(path.stem).own == english.names, path.name


def test_an_operator_can_change_one_word(tmp_path):
    templates = own(tmp_path, **{"words/en.toml": 'brief = "Short and sweet"\n'})
    assert templates.words("en")("brief") == "Short and sweet"
    assert templates.words("en")("unsubscribe") == "Unsubscribe"


@pytest.mark.parametrize(
    ("language", "count", "expected"),
    [
        ("en", 1, "1 more on the site"),
        ("uk", 1, "Ще 1 матеріал на сайті"),
        ("uk", 3, "Ще 3 матеріали на сайті"),
        ("uk", 5, "Ще 5 матеріалів на сайті"),
        ("fr", 2, "2 autres sur le site"),
        ("pt-BR", 2, "2 more on the site"),
    ],
)
def test_plurals_are_those_of_the_language(language, count, expected):
    assert BUILTIN.words(language)("more", count=count) == expected


def test_a_value_is_never_read_as_a_placeholder():
    words = Words("en", {"both": "{one} and {two}"}, frozenset({"both"}))
    assert words("both", one="{two}", two="2") == "{two} and 2"


def test_the_direction_comes_from_the_language():
    assert [direction(tag) for tag in ("en", "ar", "he", "fa-IR", "ur", "xx", "")] == [
        "ltr",
        "rtl",
        "rtl",
        "rtl",
        "rtl",
        "ltr",
        "ltr",
    ]


def test_wrapping_never_breaks_an_address():
    address = "https://www.example.org/" + "x" * 200
    assert wrap(f"see {address} there", 40) == f"see\n{address}\nthere"
    assert all(len(line) <= 40 for line in wrap("W" * 500, 40).split("\n"))


def test_an_ejected_copy_of_everything_is_clean(tmp_path):
    shutil.copytree(BUILTIN.builtin, tmp_path / "own")
    assert said(Templates(tmp_path / "own")) == []
