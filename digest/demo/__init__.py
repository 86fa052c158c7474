"""A small made-up organisation, its site, and its readers: what `digest demo` plays the main job on."""
