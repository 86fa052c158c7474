"""The history of the tables, for both packages; `digest.migrate` runs it."""
