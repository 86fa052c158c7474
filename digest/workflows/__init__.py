"""The verbs: one file each, read in order they are the product."""
