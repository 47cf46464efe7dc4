"""The commands, one file for each group. They call the same steps as the Prefect flows."""
