"""Copy templates into the operator's folder, where a copy wins over ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from digest.errors import DigestError
from digest.messages.grammar import nearest
from digest.templating import Templates

_KINDS = ("editions", "notices")
_SHARED = ("partials", "pages", "words")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One template: what it is for, where it is read from, and whether an operator's file takes part."""

    name: str
    kind: str
    files: tuple[str, ...]
    overridden: tuple[str, ...]


def listing(templates: Templates) -> list[Listed]:
    """Every edition and notice template, ours and the operator's, then the folders they share."""
    own = [
        _listed(templates, kind, name, f"{kind}/{name}")
        for kind in _KINDS
        for name in sorted({p.name for root in templates.roots for p in _folders(root / kind)})
    ]
    return own + [_listed(templates, "shared", name, name) for name in _SHARED]


def eject(templates: Templates, name: str, *, into: Path) -> list[Path]:
    """Copy a template (`weekly`, or any path under templates/) to `into`; raises `DigestError` if unknown.

    Files that are there already are left alone, so nobody's work is overwritten.
    """
    own = templates.builtin.resolve()
    wanted = _wanted(own, name)
    if wanted is None:
        known = [one.name for one in listing(templates)]
        near = nearest(name, [*known, *_every_file(own)])
        others = f"; there are: {', '.join(known)}."
        raise DigestError(f'There is no template "{name}"{near if len(near) > 1 else others}')
    files = [wanted] if wanted.is_file() else sorted(p for p in wanted.rglob("*") if p.is_file())
    copied = []
    try:
        for file in files:
            target = into / file.relative_to(own)
            if target.exists():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
            copied.append(target)
    except OSError as error:
        raise DigestError(f"The template cannot be written to {into}: {error.strerror}.") from error
    return copied


def _wanted(own: Path, name: str) -> Path | None:
    """What `name` means among our templates, None where it means nothing or leads out of them."""
    if ".." in Path(name).parts or not Path(name).parts:
        return None
    paths = [own / kind / name for kind in _KINDS] + [own / name]
    try:
        found = next((path.resolve() for path in paths if path.exists()), own)
    except (OSError, ValueError):
        return None
    return found if found != own and found.is_relative_to(own) else None


def _listed(templates: Templates, kind: str, name: str, where: str) -> Listed:
    files = sorted({p.name for root in templates.roots for p in (root / where).glob("*") if p.is_file()})
    overrides = templates.overrides
    ours = tuple(file for file in files if overrides and (overrides / where / file).is_file())
    return Listed(name=name, kind=kind, files=tuple(files), overridden=ours)


def _every_file(own: Path) -> list[str]:
    return [path.relative_to(own).as_posix() for path in own.rglob("*.*")]


def _folders(root: Path) -> list[Path]:
    return [p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")] if root.is_dir() else []
