"""Six posts of a real blog, as WordPress would put them into its feed, become a digest of exactly these.

Runs where DIGEST_CORPORA names the folder with `seed/`; the posts are not part of the project.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path

import pytest

from tests.journeys.place import BlogSite, Installation, SitePost
from tests.journeys.test_main_job import PUBLICATION

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
CORPORA = os.environ.get("DIGEST_CORPORA", "")

pytestmark = pytest.mark.skipif(
    not (CORPORA and Path(CORPORA, "seed").is_dir()), reason="DIGEST_CORPORA does not name the corpora"
)


def seed_posts() -> list[SitePost]:
    """The archive as posts: title and excerpt in turn; a line more is the caption of the next post's picture."""
    (archive,) = Path(CORPORA, "seed").glob("*.txt")
    lines = [line.strip() for line in archive.read_text(encoding="utf-8").splitlines() if line.strip()]
    posts, caption = [], ""
    while lines:
        title = lines.pop(0)
        if title.endswith("."):  # a sentence, not a title: it is what stands under a picture
            caption = title
            continue
        posts.append(_post(len(posts), title, lines.pop(0), caption))
        caption = ""
    return posts


def _post(number: int, title: str, excerpt: str, caption: str) -> SitePost:
    picture = (
        f'[caption id="attachment_{number}" width="600"]<img src="https://blog.example/p{number}.jpg" width="600" '
        f'height="400" alt="A council chamber" /> {escape(caption)}[/caption]\n'
        if caption
        else ""
    )
    told = escape(excerpt.rstrip("…"))
    tail = f'<p>The post <a href="https://blog.example/{number}/">{escape(title)}</a> appeared first on <a href="https://blog.example">The Blog</a>.</p>'
    return SitePost(
        guid=f"https://blog.example/?p={number}",
        title=title,
        link=f"https://blog.example/{number}/",
        published=NOW - timedelta(days=number),
        excerpt=f"<p>{told} [&#8230;]</p>\n{tail}",
        content=f"{picture}<p>{told}</p><!-- wp:paragraph -->[vc_row]{tail}",
    )


def test_six_posts_of_a_real_blog_become_a_digest_of_exactly_these(tmp_path: Path) -> None:
    posts = seed_posts()
    assert len(posts) == 6
    place = Installation(home=tmp_path, database=f"sqlite:///{tmp_path / 'digest.db'}")
    with BlogSite() as site:
        site.posts = posts
        place.configure(PUBLICATION.format(url=site.url).replace("first_edition = 3", "first_edition = 6"))
        place.digest("migrate")
        place.digest("collect", "--now", NOW.isoformat())
        cut = place.digest("editions", "cut", "weekly", "--json", "--now", NOW.isoformat()).json
        out = Path(os.environ.get("DIGEST_SEED_OUT") or tmp_path / "preview")
        place.digest("editions", "preview", str(cut["edition"]), "--out", out)
        items = place.digest("editions", "show", str(cut["edition"]), "--json").json["items"]
    # A call to register is a card titled what one registers for: perhaps an event, for nothing tells its date.
    titles = {post.title.removeprefix("REGISTER NOW: ") for post in posts}
    assert {item["title"] for item in items} == titles
    (maybe,) = [item for item in items if item["kind"] == "maybe"]
    assert maybe["section"] == "events"
    assert maybe["event"] is None or maybe["event"]["starts_at"] is None
    for item in items:
        assert item["excerpt"]
        assert item["excerpt"].count("…") <= 1
        assert not re.search(r"\[|\]|appeared first on|Continue reading|vc_row|caption", item["excerpt"]), (
            item["excerpt"]
        )
    (pictured,) = [item for item in items if item["image"]]
    assert pictured["alt"] == "A council chamber"
    html = (out / "body.html").read_text(encoding="utf-8")
    text = (out / "body.txt").read_text(encoding="utf-8")
    assert "REGISTER NOW" not in html + text
    assert "Details and registration" in text
    for post in posts:
        assert escape(post.title.removeprefix("REGISTER NOW: "), quote=False) in html.replace(
            "&#39;", "'"
        ).replace("&#34;", '"')
        assert post.link in text
