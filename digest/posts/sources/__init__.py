"""Where posts come from: one guarded client, one file per kind of source, one registry."""
