"""Stage 2: what we chose to say."""
