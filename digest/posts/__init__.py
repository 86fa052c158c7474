"""Stage 1: what the world published."""
