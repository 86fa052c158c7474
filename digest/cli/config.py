"""`digest config`: what is configured, and whether it is right."""

from __future__ import annotations

from typing import Any

import typer

from digest.cli.common import ConfigOption, JsonOption, config_path, emit, settings_from

app = typer.Typer(help="Show or check the configuration.", no_args_is_help=True)
_HIDDEN = "(set, not shown)"


@app.command()
def check(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Say whether the configuration is right, and when each publication is due next."""
    with settings_from(config) as settings:
        from datetime import UTC, datetime
        from zoneinfo import ZoneInfo

        from digest.editions import cadence

        now = datetime.now(UTC)
        due: list[dict[str, Any]] = [
            {
                "publication": slug,
                "slot": window.slot,
                "cut_off": window.cut_at,
                "send_at": window.send_at,
                "timezone": publication.timezone,
            }
            for slug, publication in settings.publications.items()
            for window in cadence.upcoming(
                cadence.Cadence.parse(publication.cut_off),
                cadence.Cadence.parse(publication.send),
                ZoneInfo(publication.timezone),
                after=now,
                count=5,
            )
        ]
        emit(
            {"file": config_path(config), "publications": list(settings.publications), "next": due},
            json=json,
            text=lambda: _in_words(due, settings.publications),
        )


@app.command()
def show(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Print the whole configuration as it is in force, defaults included; secrets are not shown."""
    with settings_from(config) as settings:
        values = settings.model_dump(mode="json", by_alias=True)
        values["site"]["secret"] = _HIDDEN
        if values["mail"]["password"]:
            values["mail"]["password"] = _HIDDEN
        for publication in values["publications"].values():
            for source in publication["sources"]:
                if source["api_key"]:
                    source["api_key"] = _HIDDEN
        emit(values, json=json, text=lambda: "\n".join(_lines(values)))


def _in_words(due: list[dict[str, Any]], publications: dict[str, Any]) -> str:
    from zoneinfo import ZoneInfo

    if not publications:
        return "The configuration is right, but no publication is configured yet."
    lines = ["The configuration is right. What comes next:"]
    for row in due:
        zone = ZoneInfo(row["timezone"])
        cut, send = row["cut_off"].astimezone(zone), row["send_at"].astimezone(zone)
        lines.append(
            f"  {row['publication']}: draft {cut:%a %d %b %H:%M}, mail {send:%a %d %b %Y %H:%M} {row['timezone']}"
            f" ({row['send_at']:%H:%M} UTC)"
        )
    return "\n".join(lines)


def _lines(values: Any, prefix: str = "") -> list[str]:
    if isinstance(values, dict):
        return [
            line
            for key, value in values.items()
            for line in _lines(value, f"{prefix}.{key}" if prefix else key)
        ]
    if isinstance(values, list) and values and isinstance(values[0], dict):
        return [line for i, value in enumerate(values) for line in _lines(value, f"{prefix}[{i}]")]
    return [f"{prefix} = {values!r}"]
