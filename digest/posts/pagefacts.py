"""What the page of a post tells about itself and about events: canonical address, picture, title, structured data."""

from __future__ import annotations

from digest.posts.model import PageFacts


def read(html: str, *, url: str) -> PageFacts:
    """What `html`, the page at `url` (absolute, after redirects), tells; cleaned, bounded, and never an error."""
    return PageFacts(url=url)
