"""The product in a reader's words, through HTTP, SMTP and the command line only."""
