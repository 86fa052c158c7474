"""What the page for template authors says besides the names: where things stand, how to change them, the rules."""

from __future__ import annotations

NOTICE_HELP = {
    "publication": "Its name.",
    "number": "The edition's number.",
    "edition": "The edition's id, as the command line takes it.",
    "subject_line": "The edition's subject; may be empty.",
    "reason": "Why it was skipped, held or failed, or what to look at first; may be empty.",
    "automatic": "Whether it goes out without anybody's approval.",
    "items": "What is in it, each with `title` and `url`.",
    "send_at": "When it is due: `{{ send_at|date }}`, `{{ send_at|time }}`.",
    "timezone": "The publication's zone.",
    "base_url": "Where the server answers.",
    "postal_address": "The publication's postal address.",
    "link": "For readers: where the button of the mail leads.",
    "address": "For readers: a masked address.",
    "everybody": "Whether it is the limit for all of them that was reached, or that for one network.",
    "most": "What a limit allows.",
    "hours": "In how many hours it allows it.",
    "asked_at": "When somebody asked, or when it happened: `{{ asked_at|date }}`.",
    "cadence": "How often the mailing comes, in words; may be empty.",
    "confirm_url": "Where a button confirms a sign-up.",
    "preferences_url": "Where a reader changes what they get; empty for who is no reader yet.",
    "unsubscribe_url": "Where a reader leaves; empty for who is no reader yet.",
    "latest": "The latest edition with `title` and `url`; may be empty.",
    "subject": "The notice's own subject (not in subject.txt).",
}

README = """# Templates

What readers see is written here; what is chosen and when it is sent is not. This page is made from
`digest/messages/context.py`; change it there and run `python -m digest.messages.context`.

| folder | what it holds |
|---|---|
| `editions/<name>/` | one look of an edition: `subject.txt`, `body.mjml`, `body.txt`, `theme.toml` |
| `partials/` | the parts that editions and notices are made of, `.mjml` with `.txt` twins |
| `words/` | the fixed words, one file for each language; what a language lacks is said in English |
| `notices/<name>/` | short mails to staff |
| `pages/` | the public web pages |

## Changing something

- Colours, faces, logo: put a `theme.toml` with only the keys you want to change under `editions/weekly/` in your own
  templates folder. `accent` is enough; every other colour follows and is checked for contrast. `reading` and
  `operating` are the faces of what is read and of what is pressed: "serif", "georgia", "palatino", "times", "sans",
  "helvetica", "verdana", "trebuchet", "mono", or families that every computer has. `density` is "calm" or "compact".
- One block: put a `body.mjml` in your folder that begins with `{% extends "original/editions/weekly/body.mjml" %}` and
  holds `{% block masthead %}…{% endblock %}`. Blocks of the weekly: head, masthead, intro, picture, lead,
  events, cards, brief, more, earlier, footer.
- One part: put a file of the same name under `partials/` in your folder.
- Words: put `words/<language>.toml` in your folder with only the entries you want to change.
- `digest templates check` says what is wrong with file and line. Misspelt elements and attributes are refused there;
  the MJML engine itself would leave them out silently.

## Rules

- Text from posts is escaped wherever it is printed. Never write `|safe` behind it.
- Templates are sandboxed, and a name that is not listed below is an error, not an empty text.
- A mail loads nothing but its pictures when it is opened: no fonts, scripts, stylesheets or counting pixels.
- `slots.unsubscribe_url` and `publication.postal_address` stand in both `body.mjml` and `body.txt`.
- Put what belongs to one reader between `slots.personal` and `slots.end_personal`; the web copy leaves it out.
- Put all that is printed of an item between `item.begin` and `item.end`, in both parts: readers who did not choose its
  topic get a copy without it. A heading and what it stands over stand between `slots.part` and `slots.end_part`. In
  `body.mjml` these stand in an `<mj-raw>` of their own, but for those inside an `<mj-text>`; in `body.txt` on lines of
  their own. They enclose whole elements, and leave no trace in the mail.
- What stands between `slots.earlier` and `slots.end_earlier` opens this edition's items where a later mail brings them
  to somebody who missed them; the outermost items and parts must fit in the same place, side by side.
- Print `event.note` where it is not empty, and `event.button` only where there is one: what can be done about an event
  is worked out for the moment at which the mail is sent. Never write a button of your own from `item.url`.
- What sets a colour sets its ground too (`.on-card`, `.panel`, `.foot` do), or some readers turn it black on black.
- Styles in `<mj-style inline="inline">` are written onto the elements, so the mail keeps its look where
  stylesheets are removed. Put media queries and dark mode in an `<mj-style>` without it.
- Filters: `date`, `time`, `datetime` and `number` write in the publication's language and zone; `wrap` breaks the
  lines of the text part.
"""
