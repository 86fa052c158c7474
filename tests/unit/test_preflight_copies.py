"""Where readers may choose, staff are told what a template cannot leave out and which topic brings nobody a mail."""

from dataclasses import replace

import pytest

from digest.messages import samples
from digest.messages.preflight import check
from digest.messages.render import render
from digest.templating import Templates

NONCE = "golden0golden0golden"


def found(content, templates=None):
    rendered = render(content, templates or Templates(), nonce=NONCE)
    return [f for f in check(rendered, content) if f.code.startswith(("copies-", "topic-"))]


def about(*topics):
    """An edition of three stories: one on each of the first two topics, none on the third."""
    stories = [i for i in samples.usual("weekly").items if i.event is None and i.kind == "post"][:2]
    given = zip(stories, (("water",), ("land", "air")), strict=True)
    return replace(
        samples.usual("weekly"), items=tuple(replace(i, topics=t) for i, t in given), topics=topics
    )


def test_a_topic_without_news_is_a_note():
    (finding,) = found(about("water", "land", "people"))
    assert (finding.code, finding.severity.value, finding.place) == ("topic-empty", "note", "people")


def test_an_item_for_everybody_leaves_no_topic_empty():
    assert found(about("water", "people")) == []  # the second story has neither topic


@pytest.mark.parametrize("chooses", [{"topics": ("water",)}, {"frequencies": ("every", "monthly")}])
def test_a_template_that_cannot_be_cut_blocks_where_readers_may_choose(tmp_path, chooses):
    look = tmp_path / "editions" / "weekly"
    look.mkdir(parents=True)
    (look / "body.txt").write_text(
        "{% for item in [lead] + cards|list %}{% if item %}\n{{ item.title }}\n{% endif %}{% endfor %}\n"
        "{{ slots.unsubscribe_url }}\n{{ slots.preferences_url }}\n{{ publication.postal_address }}\n"
    )
    codes = [f.code for f in found(replace(about(), **chooses), Templates(tmp_path))]
    assert codes == ["copies-uncut", "copies-earlier"] if "frequencies" in chooses else ["copies-uncut"]
    assert found(about(), Templates(tmp_path)) == []
