"""Templates are a public interface: what is wrong in one is said with file and line."""

import shutil

import pytest

from digest.messages.check import NoSuchTemplate, check_templates, edition_names
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
    assert edition_names(BUILTIN) == ["bulletin", "letter", "weekly"]


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
        ("{% include 'partials/footr.mjml' %}", 3, "did you mean partials/footer.mjml?"),
        ("{% include '/etc/passwd' %}", 3, 'no file "/etc/passwd" in the templates folders'),
        ("{% include '../../secret.txt' %}", 3, 'no file "../../secret.txt" in the templates folders'),
        ("{% import 'os' as os %}", 3, 'no file "os" in the templates folders'),
        ("<mj-include path='/etc/passwd' />", 3, "<mj-include> reads files past the templates folders"),
        ("<mj-navbar></mj-navbar>", 3, "most mail programs remove"),
        ("<mj-text>\n{{ ''.__class__.__mro__ }}</mj-text>", 4, "is unsafe"),
        ("<mj-text>\n{{ self._TemplateReference__context }}</mj-text>", 4, "is unsafe"),
        ("<mj-text>\n{{ publication['__class__'] }}</mj-text>", 4, "__class__ is unsafe"),
        ("<mj-text>\n{{ theme.space.__globals__ }}</mj-text>", 4, "__globals__ is unsafe"),
        ("<mj-text>\n{{ [].append(1) }}</mj-text>", 4, "unsafe"),
        ("<mj-text>\n{{ publication.name|safe }}</mj-text>", 4, "|safe lets text from posts become markup"),
        ("{% autoescape false %}{{ edition.date }}{% endautoescape %}", 3, "{% autoescape %} lets text"),
        ("<mj-text>\n{{ theme.light.accnt }}</mj-text>", 4, "did you mean accent?"),
        ("{% for item in cards if item.picture.widht %}{% endfor %}", 3, "did you mean width?"),
        ("{% if false %}\n{{ edition.subjct }}{% endif %}", 4, "did you mean subject?"),
        ("{% if false %}\n{{ evnts }}{% endif %}", 4, "'evnts' is undefined; did you mean events?"),
        ("{% if false %}\n{{ ''.__class__ }}{% endif %}", 4, "__class__ is unsafe"),
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


def test_two_mistakes_on_one_line_are_both_told(tmp_path):
    more = "<mj-text font-sise='9px' colour='red'>{{ edition.more }}</mj-text>"
    messages = [p[2] for p in said(own(tmp_path, **{"partials/more.mjml": more}), "letter")]
    assert [message.split()[0] for message in messages] == ["colour", "font-sise"]


@pytest.mark.parametrize(
    ("theme", "line", "message"),
    [
        ("# mine\naccent = \n", 2, "not valid TOML"),
        ("\nacent = '#123456'\n", 2, "acent is not a known key"),
        ("accent = 'blue'\n", 1, 'accent is "blue"; expected a colour such as'),
        ("accent = '#123456'\n\nradius = 900\n", 3, "radius is"),
        ("density = 'tight'\n", 1, 'expected "calm" or "compact"'),
        ("logo = 'javascript:alert(1)'\n", 1, "logo is"),
        ("\naccent = '#ffee00'\n", 2, "hard to read"),
    ],
)
def test_a_mistake_in_the_look_is_found_at_its_key(theme, line, message, tmp_path):
    (problem,) = said(own(tmp_path, **{"editions/letter/theme.toml": theme}), "letter")
    assert problem[:2] == ("editions/letter/theme.toml", line)
    assert message in problem[2]
    assert not problem[2].startswith("editions/")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("partials/foter.mjml", "No template reads this file; did you mean partials/footer.mjml?"),
        ("editions/weekly/bdy.mjml", "did you mean editions/weekly/body.mjml?"),
        ("pages/lft.html", "did you mean pages/left.html?"),
        ("words/english.toml", "not a language tag"),
    ],
)
def test_a_file_that_would_have_no_effect_is_told(file, message, tmp_path):
    (problem,) = said(own(tmp_path, **{file: ""}))
    assert problem[0] == file
    assert message in problem[2]


def test_a_partial_of_ones_own_has_an_effect_once_it_is_included(tmp_path):
    templates = own(
        tmp_path,
        **{
            "partials/mine.mjml": "<mj-text>Mine</mj-text>",
            "partials/more.mjml": '{% include "partials/mine.mjml" %}',
            ".git/HEAD": "x",
        },
    )
    assert said(templates) == []


@pytest.mark.parametrize(
    ("words", "line", "message"),
    [
        ('# ours\nbreif = "Short"\n', 2, 'No template says the words "breif"; did you mean brief?'),
        ("brief = 3\n", 1, '"brief" is neither words in quotes nor plural forms'),
        ('[more]\none = "{count} more"\n', 1, '"more" is neither words in quotes nor plural forms'),
        ('number = "No. {nubmer}"\n', 1, "uses {nubmer}, which is never filled; did you mean number?"),
        ('\nbrief = "Short\n', 2, "not valid TOML"),
    ],
)
def test_a_mistake_in_the_words_is_found_at_its_entry(words, line, message, tmp_path):
    problems = said(own(tmp_path, **{"words/pt-BR.toml": words}), "letter")
    assert [p[:2] for p in problems] == [("words/pt-BR.toml", line)]
    assert message in problems[0][2]


def test_a_file_that_is_not_text_is_told(tmp_path):
    (tmp_path / "partials").mkdir()
    (tmp_path / "partials" / "more.mjml").write_bytes(b"<mj-text>\xff</mj-text>")
    (problem,) = said(Templates(tmp_path), "letter")
    assert problem[0] == "partials/more.mjml"
    assert "UTF-8" in problem[2]


def test_a_template_that_is_not_there_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(NoSuchTemplate, match='There is no edition template "wekly"; did you mean weekly'):
        check_templates(BUILTIN, "wekly")
    with pytest.raises(NoSuchTemplate, match="there are: bulletin, letter, weekly"):
        check_templates(BUILTIN, "q")
    with pytest.raises(NoSuchTemplate):
        check_templates(BUILTIN, "../partials")


def test_a_folder_whose_name_is_misspelt_is_told(tmp_path):
    problems = said(own(tmp_path, **{"editions/wekly/theme.toml": 'accent = "#123456"'}))
    assert ("editions/wekly/body.mjml", 0, "The file is missing; did you mean weekly?") in problems


@pytest.mark.parametrize("look", ["bulletin", "letter", "weekly"])
def test_each_block_can_be_overridden(look, tmp_path):
    blocks = ("head", "masthead", "intro", "lead", "events", "cards", "brief", "more", "footer")
    body = f'{{% extends "original/editions/{look}/body.mjml" %}}\n' + "\n".join(
        f"{{% block {block} %}}{{{{ super() }}}}{{# here: {block} #}}{{% endblock %}}" for block in blocks
    )
    source = (BUILTIN.builtin / "editions" / look / "body.mjml").read_text(encoding="utf-8")
    assert [block for block in blocks if f"{{% block {block} %}}" not in source] == []
    assert said(own(tmp_path, **{f"editions/{look}/body.mjml": body}), look) == []


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
        ("xx", 2, "2 more on the site"),
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
