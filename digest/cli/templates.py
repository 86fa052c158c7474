"""`digest templates`: what there is, whether it is right, and how to make it one's own."""

from __future__ import annotations

from datetime import UTC, datetime
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
        lines = [f"{p.file}:{p.line}: {p.message}" for p in problems]
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

        copied = workflow.eject(_templates(config), name, into=config_path(config).parent / "templates")
        text = (
            "\n".join(f"copied {path}" for path in copied) or "Nothing copied: every file is there already."
        )
        emit(copied, json=json, text=text)


@app.command()
def preview(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A template for editions.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write body.html and body.txt.")],
    language: Annotated[
        str, typer.Option("--language", metavar="TAG", help="Language of the fixed words.")
    ] = "en",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Fill a template with a sample edition and write it down."""
    with plainly():
        from digest.demo.sample import sample_content
        from digest.workflows.preview import sample

        content = sample_content(template=name, language=language, now=datetime.now(UTC))
        html, text = sample(content, _templates(config))
        files = {"body.html": out / "body.html", "body.txt": out / "body.txt"}
        try:
            out.mkdir(parents=True, exist_ok=True)
            files["body.html"].write_text(html, encoding="utf-8")
            files["body.txt"].write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandFailed(f"The preview cannot be written to {out}: {error.strerror}.") from error
        emit(files, json=json, text="\n".join(str(path) for path in files.values()))


def _templates(config: Path | None) -> Templates:
    from digest import wiring

    return wiring.templates(config_path(config).parent)
