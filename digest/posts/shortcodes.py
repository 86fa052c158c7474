"""Shortcodes and editor comments: what a blog engine left in a text that it should have replaced."""

from __future__ import annotations

import re

# A bare word of English in brackets, "[video]", may be the author's; with attributes or a slash it is a shortcode.
_SHORTCODE = re.compile(
    r"\[/?(?:vc_\w+|et_pb_\w+|fusion_\w+|av_\w+|tatsu_\w+|mk_\w+|wpv-\w+|su_\w+|gallery|caption|wp_caption|"
    r"playlist|contact-form(?:-7)?|gravityform|ninja_form|wpforms|toc|one_half|one_third|two_third|rev_slider|"
    r"layerslider)(?:\s[^\[\]]{0,2000})?/?\]"
    r"|\[/(?:embed|audio|video|button|row|column|section|tweet|youtube|vimeo|tab|tabs|accordion|footnote)\]"
    r"|\[embed\][^\[\]\s]{0,500}"
    r"|\[[a-z][\w-]{1,40}\s+[\w-]{1,40}=[^\[\]]{0,2000}\]"
)
_CAPTION = re.compile(r"\[(/?)(?:wp_)?caption[^\[\]]{0,2000}\]", re.IGNORECASE)
_EDITOR_COMMENT = re.compile(r"<!--[^<>]{0,2000}-->")


def without_shortcodes(text: str) -> str:
    """`text` with a space for every shortcode and editor comment; a picture's [caption] goes with its words."""
    text = _EDITOR_COMMENT.sub(" ", text)
    if "[" not in text:
        return text
    parts, depth, end = [], 0, 0
    for match in _CAPTION.finditer(text):
        if depth == 0:
            parts.append(text[end : match.start()])
        depth = max(depth - 1, 0) if match[1] else depth + 1
        end = match.end()
    # An opening without its end: what follows is more likely the post than the caption.
    parts.append(text[end:])
    return _SHORTCODE.sub(" ", " ".join(parts))
