"""What a check of templates reports."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FAULT = re.compile(r"^(?P<file>[^,\s]+), line (?P<line>\d+): (?P<message>.+)$", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in a template: the file as templates name it, the line (0 when none is known), a sentence."""

    file: str
    line: int
    message: str


def problem_of(sentence: str, file: str) -> Problem:
    """The problem that a fault's sentence tells: "file, line N: what"; of `file` where it names none."""
    match = _FAULT.match(sentence)
    if match:
        return Problem(file=match["file"], line=int(match["line"]), message=match["message"])
    return Problem(file=file, line=0, message=sentence.removeprefix(f"{file}: "))
