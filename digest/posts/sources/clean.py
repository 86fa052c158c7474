"""The cleaning functions, as sources import them."""

from __future__ import annotations

from digest.posts.clean import (
    canonical_url,
    excerpt_text,
    html_to_text,
    safe_link,
    strip_controls,
    title_text,
)

__all__ = ["canonical_url", "excerpt_text", "html_to_text", "safe_link", "strip_controls", "title_text"]
