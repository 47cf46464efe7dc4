"""The commands, one file a group. Each is a thin call of the same steps that the Prefect flows call."""
