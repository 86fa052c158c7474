"""Every kind of finding that preflight knows: its stable code, how much it matters, what it means, and the remedy."""

from __future__ import annotations

from dataclasses import dataclass

from digest.messages.model import Severity

_BLOCKING, _WARNING, _NOTE = Severity.BLOCKING, Severity.WARNING, Severity.NOTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of finding, as staff read of it; `code` is what an override names and never changes."""

    code: str
    severity: Severity
    meaning: str
    remedy: str


def _kinds(severity: Severity, rows: tuple[tuple[str, str, str], ...]) -> dict[str, Kind]:
    return {
        code: Kind(code=code, severity=severity, meaning=meaning, remedy=remedy)
        for code, meaning, remedy in rows
    }


KINDS: dict[str, Kind] = {
    **_kinds(
        _BLOCKING,
        (
            (
                "unsubscribe-missing",
                "One part of the mail has no visible link to unsubscribe.",
                "Use slots.unsubscribe_url in the template.",
            ),
            (
                "postal-address-missing",
                "One part of the mail does not print the postal address, which the law asks for.",
                "Print publication.postal_address in the template.",
            ),
            (
                "slot-damaged",
                "A gap that is filled for each reader cannot be filled.",
                "Print slots whole in the template, without filters.",
            ),
            (
                "copies-uncut",
                "Readers may choose, but the template prints an item in every copy.",
                "Put item.begin and item.end around it in both parts of the template.",
            ),
            (
                "copies-earlier",
                "Readers may get several editions at once, but the template has no place for them.",
                "Print slots.earlier and slots.end_earlier in both parts of the template.",
            ),
            (
                "too-large",
                "Gmail would cut the mail off, and with it the way to unsubscribe; the place is named.",
                "Take items out or shorten the note.",
            ),
            (
                "third-party",
                "The mail loads more than pictures when it is opened.",
                "Remove it from the template.",
            ),
            (
                "tracking-pixel",
                "A picture of one pixel is in the template.",
                "Remove it; this mail promises not to track.",
            ),
            (
                "no-items",
                "Nothing would be printed: there are no items, or each was left out.",
                "Add one, or skip this edition.",
            ),
            (
                "link-scheme",
                "A link is something else than a web, mail or telephone address.",
                "Use web addresses only.",
            ),
            (
                "link-dead",
                "A page or its host does not exist. An item's own page is only warned of: it is tried again before sending.",
                "Mend the address, or take the item or the link out.",
            ),
            ("subject-empty", "There is no subject.", "Write one."),
        ),
    ),
    **_kinds(
        _WARNING,
        (
            (
                "preferences-missing",
                "One part of the mail has no link to the reader's preferences.",
                "Use slots.preferences_url in the template.",
            ),
            ("large", "The mail is larger than the goal of 90,000 bytes.", "Take items out."),
            (
                "style-large",
                "A block of styles has more than 8,000 bytes, so that Gmail drops it.",
                "Split the mj-style, or inline it.",
            ),
            (
                "style-broken",
                "A block of styles has a bracket too few or too many, so that some readers drop it.",
                "Mend the mj-style.",
            ),
            (
                "item-dropped",
                "An item could not be printed; the reason is given.",
                "Mend the item or take it out.",
            ),
            ("item-gone", "The page of an item has been withdrawn.", "Take the item out."),
            ("duplicate-title", "Two items have the same title.", "Take one of them out, or rename it."),
            ("duplicate-post", "Two items lead to the same page.", "Take one of them out."),
            (
                "empty-section",
                "A heading stands over nothing.",
                "Print a heading only where there are items.",
            ),
            ("past-event", "An event is over when the mail is sent.", "Take it out."),
            (
                "event-undated",
                "An event has no date, so that none is printed.",
                "Confirm its date, or make it a post.",
            ),
            (
                "event-changed",
                "The site has changed an event since the draft was made.",
                "Look again in a minute: the edition follows by itself, and must then be approved anew.",
            ),
            (
                "event-disagreement",
                "Two sources say different things of an event.",
                "Look at its page and confirm what is right.",
            ),
            (
                "picture-format",
                "A picture cannot be shown in mail, and is left out.",
                "Use a JPEG or PNG at an https address.",
            ),
            ("picture-not-https", "A picture is not at an https address.", "Use its https address."),
            ("picture-dead", "A picture is not there.", "Choose another, or take it out."),
            ("picture-large", "A picture has more than a megabyte.", "Use a smaller version of it."),
            ("alt-missing", "A picture has no alt text.", 'Add alt="" or say what it shows.'),
            ("alt-file-name", "The alt text of a picture is the name of a file.", "Say what it shows."),
            ("link-without-text", "A link has no words.", "Say where it leads."),
            (
                "duplicate-link-text",
                "Links of the same words lead to different places.",
                "Give each its own words.",
            ),
            (
                "link-failing",
                "A page did not answer, or with an error.",
                "Try it yourself, and look again later.",
            ),
            (
                "link-refused",
                "A link leads in a circle, or to an address that is not public.",
                "Use the address of the page itself.",
            ),
            ("link-userinfo", "A link holds a name or password before an @.", "Take that part out."),
            (
                "link-lookalike",
                "The name of a site mixes alphabets, so that it may be taken for another.",
                "Make sure that it is the site you mean.",
            ),
            ("link-ip", "A link leads to a number instead of a name.", "Use the name of the site."),
            (
                "link-shortener",
                "A link leads through a shortener, which counts readers and harms delivery.",
                "Use the address it leads to.",
            ),
            ("links-unreachable", "Not one address could be reached.", "See whether this machine is online."),
            ("contrast", "Text is hard to read on what it stands on.", "Choose other colours."),
            ("contrast-dark", "Text is hard to read in dark mode.", "Choose other colours for dark mode."),
            (
                "contrast-forced-dark",
                "Text is hard to read where a mail program turns the colours round by itself.",
                "Choose a colour further from the one behind it.",
            ),
            ("subject-long", "The subject has more than 100 characters.", "Shorten it."),
            ("subject-capitals", "The subject is all in capitals, as spam is.", "Write it as a sentence."),
            ("subject-emoji", "The subject has no words.", "Write what the mail is about."),
            ("preheader-empty", "Inboxes have no line to show after the subject.", "Write one."),
            (
                "preheader-repeats",
                "The line after the subject says the same again.",
                "Say what else is in it.",
            ),
            (
                "heading-main",
                "The mail has no heading of the first level, or more than one.",
                "Use h1 for the name of the edition, and for nothing else.",
            ),
            (
                "heading-skip",
                "Headings skip a level, so that listeners lose their way.",
                "Use h1, h2 and h3 in their order.",
            ),
            (
                "language-missing",
                "The language or the direction of the text is not stated where mail readers keep it.",
                "Set lang and dir on mjml, and on the wrapper in the body.",
            ),
            (
                "table-role",
                "Tables that only lay out the page are read aloud as tables.",
                'Add role="presentation" to each.',
            ),
            ("target-small", "A button is less than 44 pixels high.", "Give it more padding."),
            (
                "unsupported",
                "The template uses what some mail programs do not know.",
                "Do without it, or make sure that the mail reads well without it.",
            ),
            (
                "text-incomplete",
                "The text part lacks something that the HTML part has.",
                "Print it in body.txt too.",
            ),
        ),
    ),
    **_kinds(
        _NOTE,
        (
            (
                "large-encoded",
                "As sent, the mail is larger than Gmail's limit.",
                "Take items out to be safe.",
            ),
            ("left-to-site", "Some items are left to the site to keep the mail small.", "Nothing."),
            ("post-changed", "A post was edited on the site after the draft was made.", "Read it again."),
            (
                "maybe-event",
                "A post may be an event; it is printed with a link and no date.",
                "Confirm its date, or make it a post.",
            ),
            (
                "event-suggestion",
                "The text of a possible event seems to tell a date; its sentence is given.",
                "Confirm the date if it is right.",
            ),
            (
                "event-zone-assumed",
                "The source gave the time of an event without a zone; the publication's is taken.",
                "Make sure that it is right.",
            ),
            ("lead-without-picture", "The lead story has no picture.", "Nothing, or choose one."),
            (
                "picture-size-unknown",
                "The size of a picture is not known, so that no room is kept while it loads.",
                "Nothing, or choose another.",
            ),
            (
                "picture-elsewhere",
                "The template loads a picture from a host that is neither the site nor this service.",
                "Put it on your own site.",
            ),
            ("alt-empty", "A large picture has no alt text and counts as decoration.", "Say what it shows."),
            ("link-unchecked", "Some pages do not let themselves be checked.", "Try them yourself."),
            ("links-unchecked", "The links were not checked today.", "digest editions preview --check"),
            (
                "topic-empty",
                "Somebody who chose one topic alone gets no mail with this edition.",
                "Nothing, or give the topic to an item.",
            ),
            ("link-http", "A link is not encrypted although its site can do it.", "Use its https address."),
            ("contrast-unknown", "A colour cannot be judged.", "Look at it yourself."),
            ("subject-length", "The subject has more than 60 characters; inboxes may cut it.", "Shorten it."),
            ("subject-made", "The subject was made from the first title.", "Nothing, or write one."),
            (
                "preheader-length",
                "The line after the subject is shorter than 40 or longer than 130 characters.",
                "Write it anew.",
            ),
        ),
    ),
}
