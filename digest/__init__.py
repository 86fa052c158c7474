"""Collect a site's posts, compose a digest that staff approve, and mail it to each subscriber once."""
