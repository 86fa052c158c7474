"""The rules of the house that no linter knows: sizes, traces, words and pages that must agree with the program."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from docs import generate

HOME = Path(__file__).resolve().parents[2]
LONGEST_FILE = 300
LONGEST_FUNCTION = 60
MAY_BE_LONGER = {  # a file, and why it reads better whole
    "digest/settings.py": "every table of the configuration on one page, with the sentences for what is wrong",
    "digest/posts/model.py": "the words of the first stage, which every other stage uses, in one place",
}
_TRACES = re.compile(
    r"(?:^|[\s\"'(=])/(?:work|root|home/\w+|Users/\w+|workspace)/"  # a path of somebody's machine
    r"|index-url|/simple/|\bfind-links = |registry = "  # where somebody's packages come from
    r"|\b(?:10|192\.168)(?:\.\d{1,3}){2,3}:\d+|\b[a-z0-9-]+\.(?:internal|corp|lan)\b",  # a private host
    re.IGNORECASE,
)
_NOTES = re.compile(r"\b(?:TODO|FIXME|XXX)\b|raise NotImplementedError|pragma: no cover")
_ODD_ADDRESSES = ("tests/", "digest/posts/sources/")  # whose subject private hosts are


def tracked(*patterns: str) -> list[Path]:
    """The files git knows, for the patterns given; in a source archive without git, none."""
    run = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=HOME, capture_output=True, check=False, text=True
    )
    if run.returncode != 0:
        pytest.skip("this is not a git checkout")
    return [HOME / name for name in run.stdout.split("\0") if name and (HOME / name).exists()]


def our_code() -> list[Path]:
    return [path for path in tracked("digest/*.py", "subscribers/*.py") if "versions" not in path.parts]


def test_files_are_short_enough_to_read() -> None:
    lengths = {_name(path): len(path.read_text().splitlines()) for path in our_code()}
    long = {name: length for name, length in lengths.items() if length > LONGEST_FILE}
    unexplained = {name: length for name, length in long.items() if name not in MAY_BE_LONGER}
    assert not unexplained, f"over {LONGEST_FILE} lines: split them, or give the reason in MAY_BE_LONGER"
    assert set(MAY_BE_LONGER) <= set(long), "these are short again: take them out of MAY_BE_LONGER"


def test_functions_are_short_enough_to_read() -> None:
    long = [f"{place}: {length} lines" for place, length in _functions() if length > LONGEST_FUNCTION]
    assert not long, f"functions over {LONGEST_FUNCTION} lines"


def test_every_module_says_what_it_is_for() -> None:
    silent = [_name(path) for path in our_code() if ast.get_docstring(ast.parse(path.read_text())) is None]
    assert not silent, "modules start with a docstring of one or two sentences"


def test_nothing_is_left_for_later() -> None:
    notes = _lines(_NOTES, [path for path in tracked("*.py") if path != Path(__file__)])
    assert not notes, "finish it, or write it down where work is planned"


def test_no_machine_and_no_private_host_is_named() -> None:
    paths = [path for path in tracked() if path != Path(__file__) and _is_text(path)]
    traces = [line for line in _lines(_TRACES, paths) if not line.startswith(_ODD_ADDRESSES)]
    assert not traces, "use example.org, loopback or a relative path"


def test_the_lock_files_name_no_index_and_carry_hashes() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (HOME / name).read_text()
        assert "://" not in text
        pinned = re.findall(r"^([\w.-]+)==", text, re.MULTILINE)
        assert len(pinned) == len(re.findall(r"^[\w.-]+==[^\n]*\\\n    --hash=sha256:", text, re.MULTILINE))


def test_the_lock_files_hold_every_dependency() -> None:
    project = tomllib.loads((HOME / "pyproject.toml").read_text())
    groups, extras = project["dependency-groups"], project["project"]["optional-dependencies"]
    runtime = [*project["project"]["dependencies"], *extras["postgres"], *extras["dkim"], *groups["build"]]
    for name, wanted in (
        ("requirements.lock", runtime),
        ("requirements-dev.lock", [*runtime, *groups["dev"]]),
    ):
        pinned = set(re.findall(r"^([\w.-]+)==", (HOME / name).read_text(), re.MULTILINE))
        missing = {_distribution(one) for one in wanted} - pinned
        assert not missing, f"{name} is behind pyproject.toml: make lock"


def test_the_page_of_settings_is_what_the_program_says() -> None:
    assert (HOME / "docs/configuration.md").read_text() == generate.configuration(), "make docs"


def test_every_setting_says_what_it_means() -> None:
    silent = [
        f"{heading} {key}"
        for heading, model in generate.TABLES
        for key, f in generate.keys(model)
        if not f.description
    ]
    assert not silent, "give these a description in digest/settings.py"


def test_the_page_of_commands_is_what_the_program_says() -> None:
    assert (HOME / "docs/commands.md").read_text() == generate.commands(), "make docs"


def test_every_command_and_option_says_what_it_does() -> None:
    silent = [path for path, one in generate.every_command() if not one.help]
    silent += [
        f"{path} {option.opts[0]}"
        for path, one in generate.every_command()
        for option in one.params
        if option.param_type_name == "option" and not option.help
    ]
    assert not silent, "the help of a command is its docstring; that of an option stands beside it"


def test_the_containers_run_commands_that_exist() -> None:
    services = yaml.safe_load((HOME / "docker-compose.yml").read_text())["services"]
    ours = {name: service["command"] for name, service in services.items() if service.get("build")}
    assert {"migrate", "web", "scheduler", "worker"} <= set(ours)
    commands = dict(generate.every_command())
    for name, (first, *rest) in ours.items():
        assert first in commands, f"{name} runs `digest {first}`, which does not exist"
        options = {opt for option in commands[first].params for opt in option.opts}
        unknown = {word for word in rest if word.startswith("--")} - options
        assert not unknown, f"{name} gives `digest {first}` options it does not have"


def test_the_example_configuration_is_valid() -> None:
    from digest.settings import load

    assert "weekly" in load(HOME / "digest.example.toml", environ={}).publications


def test_every_link_between_our_pages_leads_somewhere() -> None:
    broken = [
        f"{_name(page)}: {target}"
        for page in tracked("*.md")
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
        if "://" not in target and "…" not in target and not (page.parent / target).exists()
    ]
    assert not broken


def test_the_index_of_decisions_is_complete() -> None:
    index = (HOME / "docs/adr/README.md").read_text()
    pages = sorted((HOME / "docs/adr").glob("[0-9]*.md"))
    for number, page in enumerate(pages, start=1):
        title = page.read_text().splitlines()[0].removeprefix("# ")
        assert page.name.startswith(f"{number:04}-"), "decisions are numbered without gaps"
        assert f"[{number:04}]({page.name}) | {title[6:]} |" in index, f"docs/adr/README.md lacks {title}"


@pytest.mark.parametrize(
    "word",
    [
        "publication",
        "edition",
        "source",
        "post",
        "event",
        "item",
        "excerpt",
        "proof",
        "delivery",
        "uncertain",
    ],
)
def test_the_glossary_has_the_word(word: str) -> None:
    assert f"| **{word}** |" in (HOME / "docs/glossary.md").read_text()


def test_every_state_stands_on_the_page_of_states() -> None:
    from digest.deliveries.model import DeliveryState
    from digest.editions.model import EditionState

    page = (HOME / "docs/architecture.md").read_text()
    assert [state for state in (*EditionState, *DeliveryState) if f"`{state.value}`" not in page] == []


def _functions() -> Iterator[tuple[str, int]]:
    for path in our_code():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                yield f"{_name(path)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def _lines(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    return [
        f"{_name(path)}:{number}: {line.strip()[:120]}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]


def _is_text(path: Path) -> bool:
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _name(path: Path) -> str:
    return path.relative_to(HOME).as_posix()


def _distribution(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement)[0].lower().replace("_", "-").replace(".", "-")
