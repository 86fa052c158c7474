"""Stage 4: who got it."""
