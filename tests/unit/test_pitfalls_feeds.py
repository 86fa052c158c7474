"""What real feeds get wrong, one test for each numbered pitfall that shows in a single document.

Identity over time (5, 6, 22–26) is tested where posts are kept; fetching (16–20) with the HTTP client; paging (21)
with the sources.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.posts.links import canonical_url
from digest.posts.model import Post
from digest.posts.sources.base import RawPost, SourceError, clean_posts
from digest.posts.sources.http import Response
from digest.posts.sources.jsonfeed import _raw
from digest.posts.sources.xmlfeed import Page, parse_feed
from tests.served import item, rss

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
URL = "https://example.org/feed/"


def _response(body: str | bytes, content_type: str = "application/rss+xml") -> Response:
    data = body.encode() if isinstance(body, str) else body
    return Response(url=URL, status=200, headers={"content-type": content_type}, body=data)


def _page(body: str | bytes, content_type: str = "application/rss+xml") -> Page:
    return parse_feed(_response(body, content_type))


def _posts(
    body: str | bytes, content_type: str = "application/rss+xml", limit: int = 100
) -> tuple[Post, ...]:
    return clean_posts(_page(body, content_type).raws, home=URL, limit=limit, now=NOW)[0]


def _post(inside: str) -> Post:
    return _posts(rss(f"<item>{inside}</item>"))[0]


def test_pitfall_1_without_an_id_the_link_is_the_identity_and_without_a_link_the_words():
    assert (
        _post("<title>A</title><link>https://example.org/a?utm_source=x</link>").external_id
        == "https://example.org/a"
    )
    dated = "<title>A</title><pubDate>Mon, 01 Jan 2024 10:00:00 GMT</pubDate>"
    hashed = _post(dated).external_id
    assert (
        hashed.startswith("hash:")
        and hashed == _post(dated + "<description>edited</description>").external_id
    )
    assert hashed != _post(dated.replace("<title>A", "<title>B")).external_id


def test_pitfall_1_an_id_that_different_posts_share_is_nobodys():
    posts = _posts(rss(item(1, guid="same"), item(2, guid="same")))
    assert [p.external_id for p in posts] == ["https://example.org/1", "https://example.org/2"]


def test_pitfall_1_one_post_listed_twice_is_one_post():
    assert len(_posts(rss(item(1), item(1)))) == 1


def test_pitfall_2_a_post_without_a_title_is_called_by_its_first_sentence():
    post = _post(
        "<link>https://example.org/a</link><description>&lt;p&gt;We planted one hundred trees. And more.&lt;/p&gt;</description>"
    )
    assert post.title == "We planted one hundred trees."
    assert _post("<link>https://example.org/a</link>").title == "https://example.org/a"


def test_pitfall_2_an_item_with_nothing_in_it_is_left_out_and_told():
    posts, warnings = clean_posts(_page(rss(item(1), "<item/>")).raws, home=URL, limit=9, now=NOW)
    assert len(posts) == 1 and "neither a title nor a text nor a link" in warnings[0]


@pytest.mark.parametrize(
    "date", ["", "<pubDate></pubDate>", "<pubDate>last Tuesday</pubDate>", "<pubDate>0000-00-00</pubDate>"]
)
def test_pitfall_3_a_post_without_a_readable_date_is_kept(date):
    post = _post(f"<title>A</title><link>https://example.org/a</link>{date}")
    assert post.published_at is None and post.title == "A"


@pytest.mark.parametrize(
    "text", ["2024-03-01T10:00:00+02:00", "Fri, 01 Mar 2024 10:00:00 +0200", "2024-03-01 08:00:00"]
)
def test_pitfall_3_dates_in_any_usual_spelling_are_utc(text):
    assert _post(f"<title>A</title><pubDate>{text}</pubDate>").published_at == datetime(
        2024, 3, 1, 8, tzinfo=UTC
    )


def test_pitfall_4_a_date_years_ahead_is_not_believed_and_a_near_one_is_kept():
    far = _post("<title>A</title><pubDate>Mon, 01 Jan 2067 10:00:00 GMT</pubDate>")
    assert far.published_at is None and "2067, which is not believed" in far.warnings[0]
    near = _post("<title>A</title><pubDate>Mon, 01 Jul 2024 10:00:00 GMT</pubDate>")
    assert near.published_at == datetime(2024, 7, 1, 10, tzinfo=UTC)
    assert _post("<title>A</title><pubDate>Thu, 01 Jan 1970 00:00:00 GMT</pubDate>").published_at is None


def test_pitfall_7_the_guid_is_the_identity_even_when_it_is_not_the_link():
    post = _post(
        '<title>A</title><link>https://example.org/a</link><guid isPermaLink="false">https://example.org/?p=7</guid>'
    )
    assert (post.external_id, post.url) == ("https://example.org/?p=7", "https://example.org/a")


def test_pitfall_8_a_site_that_moved_to_https_keeps_its_keys():
    old = _post("<title>A</title><link>http://example.org/a/</link><guid>g</guid>")
    new = _post("<title>A</title><link>https://example.org/a?utm_medium=rss</link><guid>g</guid>")
    assert canonical_url(old.url) == canonical_url(new.url) and old.external_id == new.external_id


def test_pitfall_9_relative_addresses_are_resolved_by_base_then_link_then_feed():
    post = _post('<title>A</title><link>/a/</link><description>&lt;img src="pic.jpg"&gt;</description>')
    assert post.url == "https://example.org/a/"
    assert post.image is not None and post.image.url == "https://example.org/a/pic.jpg"
    based = _posts(
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://b.example/x/"><title>T</title><entry><id>i</id><title>A</title>'
        '<link href="post"/><content type="html" xml:base="deeper/">&lt;img src="pic.jpg"&gt;</content></entry></feed>'
    )[0]
    assert based.url == "https://b.example/x/post"
    assert based.image is not None and based.image.url == "https://b.example/x/deeper/pic.jpg"


def test_pitfall_10_excerpt_tails_go_and_nothing_is_cut_inside_an_entity():
    post = _post(
        "<title>A</title><description>&lt;p&gt;R&amp;amp;D begins [&amp;#8230;]&lt;/p&gt;&lt;p&gt;The post A appeared first on B.&lt;/p&gt;</description>"
    )
    assert post.summary == "R&D begins…"


def test_pitfall_11_entities_and_tags_in_titles_are_text_once():
    assert (
        _post("<title>Q&amp;amp;A: &lt;i&gt;Why&lt;/i&gt; &amp;#8211; how</title>").title == "Q&A: Why – how"
    )
    atom = '<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><entry><id>i</id><title type="text">Use &lt;b> here</title></entry></feed>'
    assert _posts(atom)[0].title == "Use <b> here"


def test_pitfall_12_a_named_picture_goes_before_one_in_the_text():
    body = "<description>&lt;img src='https://example.org/in.jpg'&gt;</description>"
    enclosure = '<enclosure url="https://example.org/e.jpg" type="image/jpeg" length="1"/>'
    thumbnail = '<media:thumbnail url="https://example.org/t.jpg" width="300"/>'
    content = '<media:content url="https://example.org/m.jpg" medium="image"/>'
    avatar = '<media:content url="https://secure.gravatar.com/avatar/x" medium="image"/>'
    for named, expected in [
        (content + thumbnail + enclosure, "m.jpg"),
        (avatar + thumbnail, "t.jpg"),
        (enclosure, "e.jpg"),
        ('<enclosure url="https://example.org/talk.mp3" type="audio/mpeg" length="1"/>', "in.jpg"),
        ('<media:content url="https://example.org/film.mp4" type="video/mp4"/>', "in.jpg"),
        ("", "in.jpg"),
    ]:
        image = _post(f"<title>A</title><link>https://example.org/a</link>{body}{named}").image
        assert image is not None and image.url == f"https://example.org/{expected}"


def test_pitfall_12_a_named_picture_borrows_the_words_of_its_twin_in_the_text():
    post = _post(
        '<title>A</title><media:content url="https://example.org/boat-1024x768.jpg" medium="image"/>'
        "<description>&lt;img src='https://example.org/boat-300x200.jpg' alt='A boat'&gt;</description>"
    )
    assert post.image is not None and post.image.alt == "A boat"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (rss("<item><title>Zoë – “x”</title></item>").encode(), "application/xml; charset=utf-8"),
        (rss("<item><title>Zoë – “x”</title></item>").replace("UTF-8", "windows-1252").encode("cp1252"), "application/xml"),
        (rss("<item><title>Zoë – “x”</title></item>").encode("cp1252"), "application/xml; charset=windows-1252"),
        (rss("<item><title>Zoë – “x”</title></item>").encode("cp1252"), "application/xml"),
        (b"\xef\xbb\xbf" + rss("<item><title>Zoë – “x”</title></item>").encode(), "text/xml; charset=iso-8859-1"),
        (rss("<item><title>Zoë – “x”</title></item>").replace("UTF-8", "UTF-16").encode("utf-16"), "text/xml"),
        (rss("<item><title>Zoë – “x”</title></item>").encode("utf-16-be"), "text/xml"),
        (rss("<item><title>Zoë – “x”</title></item>").encode("utf-32"), "text/xml"),
        (rss("<item><title>Zoë – “x”</title></item>").encode(), "text/xml; charset=no-such-charset"),
    ],
)  # fmt: skip
def test_pitfall_13_encodings_are_found_whoever_states_them(body, content_type):
    title = _posts(body, content_type)[0].title
    assert title == "Zoë – “x”"


def test_pitfall_14_what_parsed_of_broken_xml_is_used_and_told():
    page = _page(rss(item(1), item(2)).replace("</channel></rss>", "<item><title>Half & broken"))
    assert [raw.title for raw in page.raws][:2] == ["Post 1", "Post 2"]
    assert "broken XML" in page.warnings[0]


@pytest.mark.parametrize(
    "body",
    ["", "<rss", "plain words", "<rss version='2.0'><channel><title>x", "%PDF-1.4", "\x00\x01\x02", "<a/>"],
)
def test_pitfall_14_nothing_parsed_is_a_failure_and_never_an_empty_feed(body):
    with pytest.raises(SourceError, match="not a feed that can be read"):
        _page(body)


def test_pitfall_14_an_empty_feed_that_is_whole_is_no_failure():
    assert _page(rss()).raws == () and _page(rss()).warnings == ()


def _laughs(levels: int) -> str:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, levels))
    return f'<!DOCTYPE rss [<!ENTITY l0 "lol">{entities}]>'


@pytest.mark.parametrize(
    "body",
    [
        rss("<item><title>&l9;</title></item>", head=_laughs(10)),
        rss(f"<item><title>{'&big;' * 20_000}</title></item>", head=f'<!DOCTYPE rss [<!ENTITY big "{"x" * 50_000}">]>'),
        rss("<item><title>&x;</title></item>", head='<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        rss("<item><title>a</title></item>", head='<!DOCTYPE rss SYSTEM "http://127.0.0.1:1/evil.dtd">'),
        rss("<item><title>&l9;</title></item>", head=_laughs(10)).replace("UTF-8", "UTF-16").encode("utf-16"),
        "<rss version='2.0'><channel>" + "<a>" * 200_000,
        "<rss version='2.0'><channel>" + "<item/>" * 100_000,
        "<rss version='2.0'><channel><item><title>t</title><description>" + "&amp;lt;b>" * 100_000,
        "<rss version='2.0'><channel><title>" + "&" * 300_000,
        rss("<item><title>t</title><description><![CDATA[" + "<div>" * 200_000 + "]]></description></item>"),
    ],
)  # fmt: skip
def test_pitfall_15_no_document_blows_up_in_the_parser(body):
    posts: tuple[Post, ...] = ()
    began, refusal = time.thread_time(), ""
    try:
        posts = _posts(body)
    except SourceError as error:
        refusal = str(error)
    assert bool(posts) or "refused" in refusal or "not a feed" in refusal
    assert sum(len(p.title) + len(p.body) for p in posts) < 100_000
    assert "root:" not in repr(posts)
    assert time.thread_time() - began < 15


@pytest.mark.parametrize("encoding", ["utf-7", "cp037", "utf_7"])
def test_pitfall_15_an_encoding_that_hides_markup_from_the_checks_is_refused(encoding):
    with pytest.raises(SourceError, match="no feed is read"):
        _page(rss(item(1)), f"application/xml; charset={encoding}")


@pytest.mark.parametrize(
    "body",
    ["<!DOCTYPE html><html><body>Please enable cookies", "<html><head><title>Log in</title></head></html>"],
)
@pytest.mark.parametrize("content_type", ["text/html", "application/rss+xml"])
def test_pitfall_20_a_web_page_is_a_failure_and_never_nothing_new(body, content_type):
    with pytest.raises(SourceError) as caught:
        _page(body, content_type)
    assert (
        str(caught.value) == f"{URL} answered with a web page instead of a feed (a login page or bot wall?)."
    )


@pytest.mark.parametrize(
    ("authors", "expected"),
    [
        ("<dc:creator>Ada L</dc:creator>", "Ada L"),
        ("<author>ada@example.org (Ada L)</author>", "Ada L"),
        ("<author>ada@example.org</author>", ""),
        ("<dc:creator>Ada L</dc:creator><dc:creator>Bo K</dc:creator>", "Ada L, Bo K"),
        ("<dc:creator>admin</dc:creator>", ""),
        ("<dc:creator><![CDATA[Ada &amp; Bo]]></dc:creator>", "Ada & Bo"),
        ("", ""),
    ],
)
def test_pitfall_27_an_author_is_a_persons_name_and_never_an_address(authors, expected):
    assert _post(f"<title>A</title>{authors}").author == expected


def test_pitfall_28_categories_are_split_unescaped_and_listed_once():
    post = _post(
        "<title>A</title><category>Q&amp;amp;A</category><category>q&amp;a</category><category domain='x'>News|Press Releases</category>"
        "<category>Uncategorized</category><category> </category>"
    )
    assert post.categories == ("Q&A", "News", "Press Releases")


@pytest.mark.parametrize(
    ("stated", "tag"),
    [("en_US", "en-US"), ("FR", "fr"), ("zh-hans-cn", "zh-Hans-CN"), ("English", None), ("", None)],
)
def test_pitfall_29_the_language_of_a_feed_is_a_tag_or_nothing(stated, tag):
    post = _posts(rss(item(1), channel=f"<language>{stated}</language>"))[0]
    assert post.language == tag


def test_pitfall_29_an_entry_may_have_a_language_of_its_own():
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>T</title><entry xml:lang="ar"><id>1</id><title>مرحبا</title>'
        "</entry><entry><id>2</id><title>Hello</title></entry></feed>"
    )
    assert [p.language for p in _posts(atom)] == ["ar", "en"]


def test_pitfall_30_shortcodes_comments_and_scripts_are_not_text():
    post = _post(
        '<title>A</title><description><![CDATA[[vc_row css=".x"]<!-- wp:p --><style>.a{}</style><script>x()</script>Words[/vc_row] '
        "[gallery ids='1']]]></description>"
    )
    assert post.summary == post.body == "Words"


@pytest.mark.parametrize(
    "content_type", ["text/html", "application/octet-stream", "", "image/png", "text/plain"]
)
def test_pitfall_32_a_feed_is_a_feed_whatever_its_content_type_says(content_type):
    assert len(_posts(rss(item(1)), content_type)) == 1


def test_pitfall_33_json_feed_ids_may_be_numbers_and_authors_old_or_new():
    feed = {"version": "https://jsonfeed.org/version/1", "author": {"name": "The Desk"}}
    entry = {"id": 42, "url": "https://example.org/a", "content_text": "1 < 2 & 3", "tags": ["x", 7]}
    raw = _raw(entry, feed, "", URL)
    assert (raw.external_id, raw.authors, raw.categories) == ("42", ("The Desk",), ("x",))
    assert _raw({**entry, "authors": [{"name": "Ada"}]}, feed, "", URL).authors == ("Ada",)
    assert clean_posts([raw], home=URL, limit=1, now=NOW)[0][0].body == "1 < 2 & 3"


@pytest.mark.parametrize(
    "entry", [None, 7, "x", [], {}, {"id": None}, {"id": {"a": 1}}, {"authors": {}, "tags": "x", "title": 5}]
)
def test_pitfall_33_an_item_of_any_shape_is_read_without_harm(entry):
    clean_posts([_raw(json.loads(json.dumps(entry)), {}, "", URL)], home=URL, limit=1, now=NOW)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("https://example.org/a?preview=true", "preview"),
        ("https://local-dev-jw.example.net/a", "private"),
        ("http://localhost/a", "private"),
        ("http://10.0.0.5/a", "private"),
        ("https://staging.example.net/a", "private"),
        ("https://site.local/a", "private"),
    ],
)
def test_pitfall_35_a_link_readers_cannot_open_is_warned_of(url, word):
    posts, warnings = clean_posts([RawPost(external_id="1", title="A", url=url)], home=URL, limit=9, now=NOW)
    assert word in posts[0].warnings[0] and word in warnings[0] and posts[0].url == url


def test_pitfall_35_a_draft_link_among_named_ones_is_warned_of_but_a_site_of_such_links_is_not():
    mixed = _posts(rss(item(1), item(2, link="https://example.org/?p=123")))
    assert mixed[0].warnings == () and "?p=" in mixed[1].warnings[0]
    plain = _posts(rss(item(1, link="https://example.org/?p=1"), item(2, link="https://example.org/?p=2")))
    assert all(post.warnings == () for post in plain)


def test_pitfall_35_the_sources_own_host_is_never_doubted():
    raw = RawPost(external_id="1", title="A", url="http://localhost:8000/a")
    assert clean_posts([raw], home="http://localhost:8000/feed", limit=9, now=NOW)[1] == ()


def test_of_too_many_posts_the_newest_are_kept_in_the_order_of_the_feed():
    posts = _posts(rss(item(3), item(1), item(4), item(2)), limit=2)
    assert [p.title for p in posts] == ["Post 3", "Post 4"]


@pytest.mark.parametrize(
    ("channel", "seconds"),
    [
        ("<ttl>60</ttl>", 3600),
        ("<ttl>0</ttl>", None),
        ("<ttl>99999</ttl>", 6 * 3600),
        ("<ttl>soon</ttl>", None),
        ("<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>2</sy:updateFrequency>", 1800),
        ("<sy:updatePeriod>yearly</sy:updatePeriod>", 6 * 3600),
        ("<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency>", 3600),
        ("", None),
    ],
)
def test_pitfall_19_a_feeds_own_rhythm_is_a_bounded_wish(channel, seconds):
    assert _page(rss(item(1), channel=channel)).wait_seconds == seconds


@given(
    st.binary(max_size=400),
    st.sampled_from(["", "<rss version='2.0'><channel><item><title>", "<feed><entry>"]),
)
def test_pitfall_14_any_bytes_at_all_are_a_feed_or_a_sentence(noise, start):
    try:
        posts = _posts(start.encode() + noise)
    except SourceError:
        return
    assert all(post.title and post.url and post.external_id for post in posts)


@given(st.text(max_size=200), st.text(max_size=60), st.text(max_size=60))
def test_pitfall_14_any_words_at_all_make_a_post_that_can_be_kept(words, date, link):
    raw = RawPost(
        external_id=words[:5],
        title=words,
        url=link,
        body=words,
        published=date,
        authors=(words,),
        categories=(words,),
    )
    for post in clean_posts([raw], home=URL, limit=9, now=NOW)[0]:
        repr(post).encode()
        assert post.url.startswith(("http://", "https://")) and "@" not in post.author
