"""Stage 3: what it looks like, from content to the bytes on the wire."""
