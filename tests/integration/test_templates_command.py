"""`digest templates` as an operator meets it: what there is, what is wrong, and one plain sentence for each slip."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from digest.cli.templates import app

LOOKS = ("bulletin", "letter", "weekly")
STATES = ("usual", "bare", "event-only", "busy", "right-to-left", "proof")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a configuration in it, which these commands need not read."""
    (tmp_path / "digest.toml").write_text("")
    return tmp_path


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--config", str(home / "digest.toml")])


def write(home: Path, file: str, text: str) -> None:
    path = home / "templates" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_the_list_tells_which_files_are_the_operators(home: Path) -> None:
    write(home, "editions/letter/theme.toml", "")
    write(home, "partials/footer.mjml", "")
    listed = json.loads(run(home, "list", "--json").stdout)
    assert [one["name"] for one in listed if one["kind"] == "editions"] == list(LOOKS)
    own = {one["name"]: one["overridden"] for one in listed if one["overridden"]}
    assert own == {"letter": ["theme.toml"], "partials": ["footer.mjml"]}


def test_a_mistake_is_told_with_file_and_line_and_a_code(home: Path) -> None:
    write(home, "partials/letter_story.mjml", "<mj-text>\n{{ item.titel }}</mj-text>")
    result = run(home, "check", "letter")
    assert result.exit_code == 1
    said = "partials/letter_story.mjml:2: item has no attribute 'titel'; did you mean title?"
    assert said in result.stdout
    (first, *_) = json.loads(run(home, "check", "letter", "--json").stdout)
    assert first["file"] == "partials/letter_story.mjml"
    assert first["line"] == 2


@pytest.mark.parametrize(
    "command", [("check", "lettr"), ("eject", "lettr"), ("preview", "lettr", "--out", "o")]
)
def test_a_misspelt_name_is_answered_with_the_nearest(home: Path, command: tuple[str, ...]) -> None:
    result = run(home, *command)
    assert result.exit_code == 1
    assert "did you mean letter?" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../..", "/etc/passwd", "../../etc", "a" * 3000, "editions/\n"]
)
def test_only_our_own_templates_can_be_ejected(home: Path, name: str) -> None:
    result = run(home, "eject", name)
    assert result.exit_code == 1
    assert result.stderr.startswith("There is no template")
    assert not (home / "templates").exists()


@pytest.mark.parametrize("name", ["letter", "partials/footer.mjml", "partials"])
def test_what_was_ejected_is_used_unchanged_and_never_overwritten(home: Path, name: str) -> None:
    assert run(home, "eject", name).exit_code == 0
    copied = sorted(path for path in (home / "templates").rglob("*") if path.is_file())
    copied[0].write_text("mine")
    again = run(home, "eject", name)
    assert again.stdout == "Nothing copied: every file is there already.\n"
    assert copied[0].read_text() == "mine"


def test_a_file_in_the_way_of_the_folder_is_told(home: Path) -> None:
    (home / "templates").write_text("")
    result = run(home, "eject", "letter")
    assert result.exit_code == 1
    assert result.stderr.startswith("The template cannot be written to ")


def test_a_folder_that_may_not_be_written_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, _data: bytes) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    result = run(home, "eject", "letter")
    assert result.exit_code == 1
    assert result.stderr == f"The template cannot be written to {home / 'templates'}: Permission denied.\n"


def test_a_configuration_in_a_folder_that_is_not_there_makes_none(home: Path) -> None:
    result = run(home / "nowhere", "eject", "letter")
    assert result.exit_code == 1
    assert result.stderr.startswith("There is no folder ")
    assert not (home / "nowhere").exists()


def test_a_preview_shows_every_template_in_every_state(home: Path) -> None:
    out = home / "preview"
    result = run(home, "preview", "--out", str(out), "--json")
    assert result.exit_code == 0, result.stderr
    shown = json.loads(result.stdout)
    assert {(one["template"], one["state"]) for one in shown} == {(t, s) for t in LOOKS for s in STATES}
    index = (out / "index.html").read_text(encoding="utf-8")
    for one in shown:
        page = Path(one["html"]).read_text(encoding="utf-8")
        assert Path(one["html"]).name in index
        assert Path(one["text"]).read_text(encoding="utf-8")
        assert "slot-" not in page
        assert "/pictures/" not in page, "a preview asks no server for pictures"
    assert (out / "sample.svg").is_file()


def test_a_preview_can_speak_another_language(home: Path) -> None:
    assert run(home, "preview", "letter", "--out", str(home / "p"), "--language", "fr").exit_code == 0
    assert "Bien à vous," in (home / "p" / "letter-bare.txt").read_text(encoding="utf-8")
    assert "مع أطيب" in (home / "p" / "letter-right-to-left.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--language", "../../x"), 'The language is "../../x"; expected a tag such as fr or pt-BR.'),
        (("--out", "digest.toml"), "The samples cannot be written to "),
    ],
)
def test_a_preview_that_cannot_be_made_says_why(
    home: Path, arguments: tuple[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    result = run(home, "preview", "letter", "--out", "preview", *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith(said)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("partials/letter_story.mjml", "<mj-text>{{ ''.__class__ }}</mj-text>", "with letter"),
        ("editions/letter/body.mjml", "<mjml>{% if %}</mjml>", "editions/letter/body.mjml, line 1: "),
        ("editions/letter/theme.toml", "accent = ", "theme.toml: cannot be read as TOML"),
        (
            "editions/letter/body.mjml",
            "<mjml><mj-body><mj-include path='/etc/passwd' /></mj-body></mjml>",
            "The MJML",
        ),
    ],
)
def test_a_preview_of_a_broken_template_is_one_sentence(home: Path, file: str, text: str, said: str) -> None:
    write(home, file, text)
    result = run(home, "preview", "letter", "--out", str(home / "p"))
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output
