"""`digest sources`: how each source is doing."""

from __future__ import annotations

from typing import Annotated

import typer

from digest.cli.common import ConfigOption, JsonOption, command, emit


def sources(
    publication: Annotated[
        str | None, typer.Argument(metavar="[PUBLICATION]", help="Only its sources.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show each source's last success, its last error in words, and when it is looked at next."""
    with command(config) as parts:
        from digest.workflows import look

        found = look.sources(parts, publication)
        lines = []
        for one in found:
            lines.append(f"{one.kind} {one.url}: {one.posts} posts")
            last = f"{one.last_success_at:%Y-%m-%d %H:%M} UTC" if one.last_success_at else "never"
            following = f"{one.next_try_at:%Y-%m-%d %H:%M} UTC" if one.next_try_at else "at the next collect"
            lines.append(f"  last success {last}; next look {following}")
            lines += [f"  failed {one.failures} times: {one.last_error}"] if one.last_error else []
            lines += [f"  note: {warning}" for warning in one.warnings]
        emit(found, json=json, text="\n".join(lines) or "No source is configured.")
