"""What templates are given: the documented names, one dataclass each; templates/README.md is made from them."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_args, get_type_hints

from markupsafe import Markup

from digest.messages.manual import NOTICE_HELP, README
from digest.messages.theme import Palette, Theme
from digest.templating import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationView:
    """The recurring mailing."""

    name: Annotated[str, "What readers know it as."]
    tagline: Annotated[str, "One sentence under the name; may be empty."]
    sender_name: Annotated[str, "Who it is from."]
    postal_address: Annotated[str, "Must be printed in every mail."]
    site_url: Annotated[str, "The site; may be empty."]
    cadence: Annotated[str, 'How often it comes, in words such as "every Thursday"; may be empty.']


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionView:
    """This one mail."""

    number: Annotated[int, "Its number."]
    date: Annotated[str, "The date it is sent, in full, in the publication's language."]
    subject: Annotated[str, "The subject line."]
    preheader: Annotated[str, "The line that inboxes show after the subject."]
    intro: Annotated[Markup, "The note by staff as clean HTML; may be empty."]
    intro_text: Annotated[str, "The same note as it was typed, for the text part."]
    web_url: Annotated[str, "Where it can be read in a browser; may be empty."]
    more: Annotated[int, "How many items were left to the site because the mail would be too large."]
    more_events: Annotated[int, "How many dates were left to the site because the list would be too long."]
    proof: Annotated[bool, "Whether this is a proof for staff."]


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureView:
    """A picture, with the size at which it is never enlarged or distorted."""

    url: Annotated[str, "Its address, always http or https."]
    alt: Annotated[str, "What it shows; empty when it only decorates."]
    width: Annotated[int, "Width in pixels at which it is shown across the column."]
    height: Annotated[int | None, "The height that goes with it, where it is known."]


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonView:
    """Something to press."""

    label: Annotated[str, "What the button says."]
    url: Annotated[str, "Where it leads, always http or https."]
    name: Annotated[str, "What a screen reader says: the label and what it is about."]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """The facts of an event; none is ever guessed."""

    state: Annotated[
        str,
        'What can be done about it: "open", "opens-soon", "last-days", "today", "full", "closed", "cancelled", '
        '"postponed", "maybe" (not confirmed) or empty (no date).',
    ]
    note: Annotated[
        str, "That state in words where there is something to say, such as its being cancelled; may be empty."
    ]
    tone: Annotated[str, 'Which colour of the theme suits the note: "good", "warn" or "bad".']
    when: Annotated[
        tuple[str, ...], "Weekday and date, then times and their zone; empty when no date is known."
    ]
    hours: Annotated[str, "Only the times and their zone; empty for whole days and when no date is known."]
    short: Annotated[str, "The date or dates in a word or two; empty when no date is known."]
    weekday: Annotated[str, "The short weekday; empty for several days and when no date is known."]
    until: Annotated[
        str, "The last of several days, its month only where that is another; empty for one day."
    ]
    month: Annotated[str, "The month for a date tile; empty when no date is known."]
    day: Annotated[str, "The day for a date tile; empty when no date is known."]
    place: Annotated[str, "Where it is, or that it is online; may be empty."]
    more_dates: Annotated[str, 'The further dates of a series, such as "+ 11 more dates"; empty without.']
    button: Annotated[ButtonView | None, "What to press; none where pressing it would be of no use."]
    calendar: Annotated[
        tuple[ButtonView, ...], "Ways to add it to a calendar; empty where it has no date or was cancelled."
    ]
    repeat: Annotated[bool, "Whether an earlier edition announced it."]

    @property
    def status(self) -> str:
        """That it is cancelled or postponed, in words; empty otherwise."""
        return self.note if self.state in {"cancelled", "postponed"} else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemView:
    """One post or event as it stands in this edition. All text is plain and is escaped where it is printed."""

    title: Annotated[str, "Its title, never empty."]
    url: Annotated[str, "Its page, always http or https."]
    excerpt: Annotated[str, "Already cut; may be empty."]
    author: Annotated[str, "May be empty."]
    topic: Annotated[str, "Its first topic; may be empty."]
    source: Annotated[str, "Where it was published; may be empty."]
    date: Annotated[str, "The day it was published, in a word or two; may be empty."]
    language: Annotated[str, "Its language where it is not the publication's, else empty."]
    direction: Annotated[str, '"ltr" or "rtl" where its language is not the publication\'s, else empty.']
    picture: Annotated[PictureView | None, "Its picture, if it has one that mail can show."]
    event: Annotated[
        EventView | None,
        "What is known of the event; none for an item that neither is one nor stands among them.",
    ]
    begin: Annotated[
        Markup, "Stands before all that is printed of it; readers who did not choose it get none of that."
    ]
    end: Annotated[Markup, "Stands behind it."]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotsView:
    """What is filled in for each reader."""

    unsubscribe_url: Annotated[str, "The reader's own way out; must stand in body.mjml and body.txt."]
    preferences_url: Annotated[str, "The reader's own preferences page."]
    signed_up: Annotated[str, "The date the reader signed up, in words."]
    personal: Annotated[
        Markup, "Begins a part that only belongs in a reader's own copy; the web copy leaves it out."
    ]
    end_personal: Annotated[Markup, "Ends that part."]
    part: Annotated[
        Markup, "Begins a part that goes with the last item in it, such as a heading and what it stands over."
    ]
    end_part: Annotated[Markup, "Ends that part; parts may stand in parts."]
    more: Annotated[Markup, "Begins the line that counts the stories left to the site."]
    end_more: Annotated[Markup, "Ends that line."]
    more_events: Annotated[Markup, "Begins the line that counts the dates left to the site."]
    end_more_events: Annotated[Markup, "Ends that line."]
    earlier: Annotated[
        Markup,
        "Begins what stands over this edition's items where a later mail brings them to readers who missed them; it is "
        "not printed here. Items of earlier editions are printed in this place.",
    ]
    end_earlier: Annotated[Markup, "Ends it."]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The names every file of an edition template may use."""

    publication: Annotated[PublicationView, "The recurring mailing."]
    edition: Annotated[EditionView, "This one mail."]
    lead: Annotated[ItemView | None, "The story that opens the mail, if there is one."]
    events: Annotated[tuple[ItemView, ...], "Events shown in full, the earliest first."]
    event_lines: Annotated[tuple[ItemView, ...], "Further events, one line each."]
    cards: Annotated[tuple[ItemView, ...], "Stories with excerpt and picture."]
    brief: Annotated[tuple[ItemView, ...], "Stories of one line."]
    slots: Annotated[SlotsView, "What is filled in for each reader."]
    theme: Annotated[Theme, "Colours, faces and sizes from theme.toml."]
    language: Annotated[str, "The publication's language as a BCP 47 tag."]
    direction: Annotated[str, '"ltr" or "rtl", from the language.']
    timezone: Annotated[str, "The publication's zone, in which dates are printed."]
    word: Annotated[
        Words, 'The fixed words of templates/words: `word("unsubscribe")`, `word("more", count=3)`.'
    ]


_VIEWS = (
    PublicationView,
    EditionView,
    ItemView,
    PictureView,
    EventView,
    ButtonView,
    SlotsView,
    Theme,
    Palette,
)
_THEME_HELP = {
    "light": "Colours of the light scheme, a Palette.",
    "dark": "Colours of the dark scheme, a Palette.",
    "reading": "Font families for what is read.",
    "operating": "Font families for dates, buttons and labels.",
    "logo": "Address of the logo; may be empty.",
    "logo_dark": "Address of the logo for dark backgrounds; may be empty.",
    "logo_width": "Its width in pixels.",
    "radius": "Roundness of buttons in pixels.",
    "density": "How much room is left; `theme.space(16)` takes it into account.",
    "page": "Behind everything.",
    "card": "Behind what is read.",
    "ink": "Text.",
    "soft": "Text of less weight.",
    "line": "Hairlines.",
    "accent": "What can be pressed, and section names.",
    "on_accent": "Text on the accent.",
    "wash": "Behind events.",
    "good": "Good news, readable on card and wash.",
    "warn": "What should not be missed, readable on card and wash.",
    "bad": "Bad news, readable on card and wash.",
}


def names_of(context: Context) -> dict[str, Any]:
    """The context as the names a template sees."""
    return {f.name: getattr(context, f.name) for f in fields(context)}


def readme_tables() -> str:
    """The part of templates/README.md that lists every name and what it holds."""
    parts = ["## Names in every file", "", *_table(Context)]
    for view in _VIEWS:
        parts += ["", f"### {view.__name__.removesuffix('View')}", "", *_intro(view), *_table(view)]
    return "\n".join(parts) + "\n"


def readme() -> str:
    """templates/README.md as it must be; `python -m digest.messages.context` writes it."""
    return f"{README}\n{readme_tables()}\n{_notice_table()}"


def _notice_table() -> str:
    rows = [f"| `{name}` | {told} |" for name, told in NOTICE_HELP.items()]
    return "\n".join(["## Names in notices", "", "| name | what it holds |", "|---|---|", *rows, ""])


def _intro(view: type[Any]) -> list[str]:
    first = (view.__doc__ or "").split("; the defaults")[0].strip()
    return [" ".join(first.split()), ""]


def _table(view: type[Any]) -> list[str]:
    hints = get_type_hints(view, include_extras=True)
    rows = ["| name | kind | what it holds |", "|---|---|---|"]
    for entry in fields(view):
        kind, told = (
            (*get_args(hints[entry.name])[:2],) if view not in {Theme, Palette} else (hints[entry.name], "")
        )
        rows.append(f"| `{entry.name}` | {_kind(kind)} | {told or _THEME_HELP[entry.name]} |")
    return rows


def _kind(hint: Any) -> str:
    text = getattr(hint, "__name__", "") if isinstance(hint, type) else ""
    text = text if text and not str(hint).startswith("tuple") else str(hint)
    text = re.sub(r"(?:\w+\.)+(?=[A-Z])", "", text)
    text = (
        text.replace("View", "")
        .replace("tuple[", "list of ")
        .replace(", ...]", "")
        .replace(" | None", " or none")
    )
    return {"str": "text", "int": "number", "float": "number", "bool": "yes or no", "Markup": "HTML"}.get(
        text, text
    )


if __name__ == "__main__":
    from digest.templating import Templates

    (Templates().builtin / "README.md").write_text(readme(), encoding="utf-8")
