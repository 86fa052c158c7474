"""EDGE: the web app: pages for readers, past editions in the browser, and health for monitors."""
