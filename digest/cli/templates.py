"""`digest templates`: what there is, whether it is right, and how to make it one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli.common import CommandFailed, ConfigOption, JsonOption, config_path, emit, plainly, table

if TYPE_CHECKING:
    from digest.templating import Templates

app = typer.Typer(help="List, check, copy and look at templates.", no_args_is_help=True)


@app.command("list")
def list_(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the templates, and which files the templates folder beside digest.toml overrides."""
    with plainly():
        from digest.workflows import eject

        found = eject.listing(_templates(config))
        rows = [(one.kind, one.name, ", ".join(one.overridden) or "-", ", ".join(one.files)) for one in found]
        emit(found, json=json, text=table(rows, head=("kind", "name", "overridden", "files")))


@app.command()
def check(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this template.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Find mistakes in templates: unknown names, tags and attributes, by file and line; exit code 1 if any."""
    with plainly():
        from digest.messages.check import check_templates

        problems = check_templates(_templates(config), name)
        lines = [f"{p.file}:{p.line}: {p.message}" if p.line else f"{p.file}: {p.message}" for p in problems]
        emit(problems, json=json, text="\n".join(lines) or "No mistake found.")
        if problems:
            raise typer.Exit(1)


@app.command()
def eject(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A template, or one file such as partials/footer.mjml.")
    ],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Copy a template beside digest.toml, where the copy wins over ours."""
    with plainly():
        from digest.workflows import eject as workflow

        copied = workflow.eject(_templates(config), name, into=_home(config) / "templates")
        text = (
            "\n".join(f"copied {path}" for path in copied) or "Nothing copied: every file is there already."
        )
        emit(copied, json=json, text=text)


@app.command()
def preview(
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Where to write them, with an index.html to begin with."),
    ],
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this template.")] = None,
    language: Annotated[
        str, typer.Option("--language", metavar="TAG", help="Language of the fixed words, such as fr.")
    ] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write sample editions in every state: usual, bare, event-only, busy, right-to-left, proof."""
    with plainly():
        from digest.workflows.show import show

        index, shown = show(_templates(config), name, into=out, language=language)
        emit(shown, json=json, text="\n".join(str(path) for path in (index, *(one.html for one in shown))))
        broken = sorted({one.template for one in shown if one.dropped})
        if broken:
            names = ", ".join(broken)
            raise CommandFailed(
                f"Items of the samples could not be printed with {names}; `digest templates check` says why."
            )


def _templates(config: Path | None) -> Templates:
    from digest import wiring

    return wiring.templates(_home(config))


def _home(config: Path | None) -> Path:
    """The folder of the configuration; refuses one that is not there, lest a slip of the pen make it."""
    home = config_path(config).parent
    if not home.is_dir():
        raise CommandFailed(f'There is no folder "{home}"; expected the one that holds digest.toml.')
    return home
