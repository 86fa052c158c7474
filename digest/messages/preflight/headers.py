"""The two lines that an inbox shows: the subject and what stands after it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from digest.messages.model import Finding
from digest.messages.preflight.findings import finding
from digest.messages.preflight.mail import Mail
from digest.messages.render import PROOF_PREFIX

SHOWN_SUBJECT, LONGEST_SUBJECT = 60, 100
SHORTEST_PREHEADER, LONGEST_PREHEADER = 40, 130
_FEW_LETTERS = 8


def findings(mail: Mail) -> Iterator[Finding]:
    """What is odd about the subject, then about the preheader."""
    subject = mail.rendered.subject.removeprefix(f"{PROOF_PREFIX} ").strip()
    yield from _subject(subject, mail)
    yield from _preheader(mail.rendered.preheader.strip(), subject)


def _subject(subject: str, mail: Mail) -> Iterator[Finding]:
    if not subject:
        yield finding("subject-empty", "The subject is empty.", "subject")
    elif not any(unicodedata.category(character)[0] in "LN" for character in subject):
        yield finding("subject-emoji", f"The subject has no words: {subject[:40]}.", "subject")
    if len(subject) > LONGEST_SUBJECT:
        yield finding(
            "subject-long",
            f"The subject has {len(subject)} characters; inboxes show about {SHOWN_SUBJECT}.",
            "subject",
        )
    elif len(subject) > SHOWN_SUBJECT:
        yield finding(
            "subject-length",
            f"The subject has {len(subject)} characters; many inboxes show {SHOWN_SUBJECT} or fewer.",
            "subject",
        )
    # Only letters that could have been small speak for capitals: Arabic has none.
    letters = [character for character in subject if character.upper() != character.lower()]
    if len(letters) >= _FEW_LETTERS and all(character.isupper() for character in letters):
        yield finding("subject-capitals", "The subject is all in capitals.", "subject")
    if not mail.content.subject.strip():
        yield finding("subject-made", "The subject was made from the first title.", "subject")


def _preheader(preheader: str, subject: str) -> Iterator[Finding]:
    if not preheader:
        yield finding("preheader-empty", "Inboxes have no line to show after the subject.", "preheader")
        return
    begin = _bare(subject)[:SHOWN_SUBJECT]
    if begin and _bare(preheader).startswith(begin):
        yield finding("preheader-repeats", "The line after the subject repeats it.", "preheader")
    if not SHORTEST_PREHEADER <= len(preheader) <= LONGEST_PREHEADER:
        yield finding(
            "preheader-length",
            f"The line after the subject has {len(preheader)} characters; {SHORTEST_PREHEADER} to "
            f"{LONGEST_PREHEADER} are shown well.",
            "preheader",
        )


def _bare(text: str) -> str:
    """The letters and digits of a text, as it sounds."""
    return "".join(character for character in text.casefold() if character.isalnum())
