"""The command line: one file per command group, each a thin door to a workflow."""

from __future__ import annotations

import typer

from digest.cli import (
    collect,
    config,
    deliveries,
    demo,
    doors,
    editions,
    events,
    inbox,
    init,
    service,
    sources,
    subscribers,
    templates,
)
from digest.cli.common import ConfigOption, named_for_all

app = typer.Typer(
    name="digest",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # a wrong word is answered in a plain line, not in a box
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(init.init)
app.command("demo")(demo.demo)
app.command("run")(service.run)
app.command("web")(service.web)
app.command("scheduler")(service.scheduler)
app.command("worker")(service.worker)
app.command("migrate")(service.migrate)
app.command("arm")(service.arm)
app.command("collect")(collect.collect)
app.command("sources")(sources.sources)
app.add_typer(config.app, name="config")
app.add_typer(editions.app, name="editions")
app.add_typer(events.app, name="events")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(inbox.app, name="inbox")
app.add_typer(subscribers.app, name="subscribers")
subscribers.app.command("doors")(doors.doors)
app.add_typer(templates.app, name="templates")


@app.callback()
def program(config: ConfigOption = None) -> None:
    """Collect new posts, compose a digest, and mail it to each subscriber once."""
    named_for_all.set(config)


def main() -> None:
    """The `digest` command."""
    app()
