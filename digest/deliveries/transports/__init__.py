"""The ways a message can leave: one file per transport, and the protocol they keep."""
