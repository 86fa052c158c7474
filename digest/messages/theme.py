"""The look of an edition as its `theme.toml` sets it: one accent, faces, logo, radius and density.

Every other colour follows, and each is moved until it can be read on what it stands on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from digest.templating import TemplateFault, Templates, read_toml

TEXT_CONTRAST = 4.5
_DARK_CONTRAST = 7.0
_LOUDEST_WASH = 1.2
_SERIF = Markup("Georgia, 'Times New Roman', serif")
_SANS = Markup("-apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif")
_STACKS = {
    "serif": _SERIF,
    "georgia": _SERIF,
    "palatino": Markup("'Palatino Linotype', Palatino, 'Book Antiqua', Georgia, serif"),
    "times": Markup("'Times New Roman', Times, serif"),
    "sans": _SANS,
    "helvetica": Markup("'Helvetica Neue', Helvetica, Arial, sans-serif"),
    "verdana": Markup("Verdana, Geneva, sans-serif"),
    "trebuchet": Markup("'Trebuchet MS', 'Lucida Grande', Arial, sans-serif"),
    "mono": Markup("Menlo, Consolas, 'Courier New', monospace"),
}
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_FACES = re.compile(r"[A-Za-z0-9 ,'_-]{1,200}")
_SPACES = {"calm": 1.0, "compact": 0.7}


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours of one scheme, each "#rrggbb": what is written on, what is written, what can be pressed."""

    page: str
    card: str
    ink: str
    soft: str
    line: str
    accent: str
    on_accent: str
    wash: str
    good: str
    warn: str
    bad: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """What templates may use of the look; sizes are in pixels. The defaults are the house's own."""

    light: Palette = Palette(
        page="#f4f1ea",
        card="#ffffff",
        ink="#22211f",
        soft="#6a665e",
        line="#e4e0d8",
        accent="#0b5d4e",
        on_accent="#ffffff",
        wash="#eef5f2",
        good="#1f6f43",
        warn="#8a5a00",
        bad="#a3261d",
    )
    dark: Palette = Palette(
        page="#151514",
        card="#1e1e1c",
        ink="#ecebe7",
        soft="#a5a198",
        line="#35332f",
        accent="#7fd1bd",
        on_accent="#10201c",
        wash="#17302a",
        good="#86cf9f",
        warn="#e6b566",
        bad="#f2a099",
    )
    reading: Markup = _SERIF
    operating: Markup = _SANS
    logo: str = ""
    logo_dark: str = ""
    logo_width: int = 160
    radius: int = 6
    density: float = 1.0

    def space(self, pixels: int) -> int:
        """`pixels` of room, fewer where the theme is compact; always a multiple of two."""
        return max(2, round(pixels * self.density / 2) * 2)


def theme_of(templates: Templates, template: str) -> Theme:
    """The look of the edition template; an operator's theme.toml changes only the keys it has.

    Raises `TemplateFault` for a value that is not usable.
    """
    return _theme(*_table(templates, template))


def theme_remarks(templates: Templates, template: str) -> tuple[str, ...]:
    """What the automatic contrast check changed in the colours asked for, as sentences for staff."""
    table, name = _table(templates, template)
    used, remarks = _theme(table, name), []
    for key, palette in (("accent", used.light), ("accent_dark", used.dark)):
        asked = str(table.get(key, ""))
        if asked and asked.lower() != palette.accent:
            ratio = contrast(asked, palette.card)
            remarks.append(
                f"{key} {asked} has a contrast of {ratio:.1f}:1 on {palette.card}, which is hard to read; "
                f"{palette.accent} is used instead."
            )
    return tuple(remarks)


def contrast(one: str, other: str) -> float:
    """The WCAG contrast ratio of two "#rrggbb" colours, 1 to 21."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def mixed(colour: str, into: str, share: float) -> str:
    """`share` of `colour` mixed into another."""
    pairs = zip(_channels(colour), _channels(into), strict=True)
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in pairs)


def legible(colour: str, *, on: str, ratio: float) -> str:
    """`colour`, moved towards black or white only as far as `ratio` against `on` asks for."""
    towards = "#000000" if _luminance(on) > 0.18 else "#ffffff"
    for step in range(0, 101, 2):
        moved = mixed(towards, colour, step / 100)
        if contrast(moved, on) >= ratio:
            return moved
    return towards


def _table(templates: Templates, template: str) -> tuple[dict[str, Any], str]:
    """The keys of theme.toml, the operator's over ours, and the name of the file."""
    name = f"editions/{template}/theme.toml"
    table: dict[str, Any] = {}
    for root in reversed(templates.roots):
        own = read_toml(root / name)
        if "accent" in own:
            table.pop("accent_dark", None)  # it went with the accent that is replaced
        table |= own
    return table, name


def _theme(table: Mapping[str, Any], name: str) -> Theme:
    house = Theme()
    unknown = sorted(set(table) - set(_CHECKS))
    if unknown:
        raise TemplateFault(
            f"{name}: {unknown[0]} is not a known key; there are: {', '.join(sorted(_CHECKS))}."
        )
    for key, value in table.items():
        check, expected = _CHECKS[key]
        if not check(value):
            raise TemplateFault(f'{name}: {key} is "{value}"; expected {expected}.')
    changed: dict[str, Any] = {k: table[k] for k in ("logo", "logo_dark") if table.get(k)}
    changed |= {
        # The check above lets nothing but names of faces through.
        k: _STACKS.get(table[k], Markup(table[k]))  # noqa: S704
        for k in ("reading", "operating")
        if table.get(k)
    }
    changed |= {k: table[k] for k in ("logo_width", "radius") if k in table}
    changed["density"] = _SPACES[table.get("density", "calm")]
    if not table.get("accent"):
        return replace(house, **changed)
    accent = str(table["accent"]).lower()
    bright = str(table.get("accent_dark") or mixed("#ffffff", accent, 0.35)).lower()
    ratio = TEXT_CONTRAST if table.get("accent_dark") else _DARK_CONTRAST
    changed["light"] = _tinted(house.light, accent, TEXT_CONTRAST, tint=_wash(accent, house.light, 0.07))
    changed["dark"] = _tinted(house.dark, bright, ratio, tint=_wash(accent, house.dark, 0.2))
    return replace(house, **changed)


def _tinted(palette: Palette, accent: str, ratio: float, *, tint: str) -> Palette:
    """The palette with another accent, its wash, and the writing on it, all readable."""
    used = legible(accent, on=palette.card, ratio=ratio)
    for ground in (tint, palette.page):
        used = legible(used, on=ground, ratio=TEXT_CONTRAST)
    writing = max(("#ffffff", "#14140f"), key=lambda colour: contrast(colour, used))
    good, warn, bad = (
        legible(legible(colour, on=palette.card, ratio=TEXT_CONTRAST), on=tint, ratio=TEXT_CONTRAST)
        for colour in (palette.good, palette.warn, palette.bad)
    )
    return replace(palette, accent=used, wash=tint, on_accent=writing, good=good, warn=warn, bad=bad)


def _wash(accent: str, palette: Palette, share: float) -> str:
    """A hint of the accent on the card, weaker where it would be loud or soft ink could not be read on it."""
    while share > 0:
        tint = mixed(accent, palette.card, share)
        if contrast(palette.soft, tint) >= TEXT_CONTRAST and contrast(tint, palette.card) <= _LOUDEST_WASH:
            return tint
        share -= 0.01
    return palette.card


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    parts = [c / 255 for c in _channels(colour)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _colour(value: Any) -> bool:
    return isinstance(value, str) and (not value or bool(_HEX.fullmatch(value)))


def _faces(value: Any) -> bool:
    return isinstance(value, str) and (not value or bool(_FACES.fullmatch(value)))


def _picture(value: Any) -> bool:
    return isinstance(value, str) and (not value or bool(re.fullmatch(r"https?://[^\s\"<>]{3,1000}", value)))


def _size(largest: int) -> Any:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= largest


_NAMED_FACES = ", ".join(f'"{name}"' for name in _STACKS)
_CHECKS: dict[str, tuple[Any, str]] = {
    "accent": (_colour, 'a colour such as "#0b5d4e"'),
    "accent_dark": (_colour, 'a colour such as "#7fd1bd"'),
    "reading": (_faces, f"{_NAMED_FACES}, or font families separated by commas"),
    "operating": (_faces, f"{_NAMED_FACES}, or font families separated by commas"),
    "logo": (_picture, "the https address of a picture"),
    "logo_dark": (_picture, "the https address of a picture"),
    "logo_width": (_size(536), "a whole number of pixels up to 536"),
    "radius": (_size(24), "a whole number of pixels up to 24"),
    "density": (lambda value: value in _SPACES, '"calm" or "compact"'),
}
