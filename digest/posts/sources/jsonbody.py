"""Read JSON that a stranger wrote: nothing in it is trusted to be there or to have the type it should have."""

from __future__ import annotations

import json
from typing import Any

from digest.posts.sources.base import SourceError
from digest.posts.sources.http import Response
from digest.posts.sources.words import shown

JSON = "application/json, */*;q=0.1"


def read_json(response: Response, *, expected: str) -> Any:
    """The JSON in `response`; raises `SourceError` saying what came instead of `expected`."""
    where = shown(response.url)
    if response.is_web_page:
        raise SourceError(
            f"{where} answered with a web page instead of {expected} (a login page or bot wall?)."
        )
    try:
        return json.loads(response.text().lstrip("\ufeff"))
    except (ValueError, RecursionError):
        raise SourceError(f"{where} answered with something that is not JSON; expected {expected}.") from None


def text_at(value: Any, *path: str | int) -> str:
    """The text or number at `path` inside `value`, as text; "" where there is none."""
    found = at(value, *path)
    if isinstance(found, str):
        return found
    return str(found) if isinstance(found, int | float) and not isinstance(found, bool) else ""


def list_at(value: Any, *path: str | int) -> list[Any]:
    """The list at `path` inside `value`; empty where there is none."""
    found = at(value, *path)
    return found if isinstance(found, list) else []


def at(value: Any, *path: str | int) -> Any:
    """Whatever is at `path` inside `value`, or None."""
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value
