"""What a post that calls something off becomes in the mail: it says so, and asks nobody for anything."""

from __future__ import annotations

import pytest

from digest.editions.model import ItemKind
from digest.editions.select import choose
from digest.messages.render import render
from digest.posts.model import EventStatus
from digest.templating import Templates
from tests import factories
from tests.factories import NOW


@pytest.mark.parametrize("template", ["weekly", "letter", "bulletin"])
@pytest.mark.parametrize(
    ("title", "word", "status"),
    [
        ("CANCELLED: Roundtable on reeds", "Cancelled", EventStatus.CANCELLED),
        ("POSTPONED: Roundtable on reeds", "Postponed", EventStatus.POSTPONED),
    ],
)
def test_a_post_whose_title_alone_calls_an_event_off_says_so_and_has_no_button(template, title, word, status):
    told = factories.stored_post(title=title, summary="Register here for the roundtable.")
    chosen = choose([told], max_items=5, max_new=50, excerpt_length=100, now=NOW, topics={})
    (item,) = chosen.items
    assert (item.kind, item.event.status) == (ItemKind.EVENT, status)
    made = render(factories.content(items=chosen.items, template=template), Templates(), nonce="a" * 16)
    for part in (made.html, made.text):
        assert word in part
        assert "Details and registration" not in part
