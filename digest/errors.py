"""The one root of every error this program raises on purpose; its text is what the operator reads."""


class DigestError(Exception):
    """Something was refused or failed, said in one plain sentence."""


class BadMove(DigestError):
    """A state was asked to move where its table of transitions does not lead."""
