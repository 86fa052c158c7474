"""Where readers may choose, every item can be kept or left out, and staff know which topic would bring nobody a mail."""

from __future__ import annotations

from collections.abc import Iterator

from digest.messages.model import Finding
from digest.messages.preflight.findings import finding
from digest.messages.preflight.mail import Mail


def findings(mail: Mail) -> Iterator[Finding]:
    """What a template cannot leave out or take in, and the topics of which nothing is news."""
    content, sections = mail.content, mail.rendered.sections
    occasional = len(content.frequencies) > 1
    if sections.uncut and (content.topics or occasional):
        yield finding(
            "copies-uncut",
            f"{sections.uncut} of {len(content.items)} items are printed in every reader's copy.",
            "template",
        )
    if occasional and sections.joint is None:
        yield finding(
            "copies-earlier", "What readers missed of earlier editions cannot be brought to them.", "template"
        )
    offered = set(content.topics)
    about = [offered.intersection(piece.topics) for piece in sections.pieces if piece.news]
    if sections.uncut or not about:
        return
    for topic in content.topics:
        if all(topics and topic not in topics for topics in about):
            yield finding(
                "topic-empty", f'Readers who chose only "{topic}" get no mail with this edition.', topic
            )
