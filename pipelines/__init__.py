"""Who runs what, when: settings, experiment configuration, step functions, Prefect flows, the stack, the command line.

Arithmetic lives in the rooms to the left; here it is only put in order.
"""

__all__ = [
    "settings",
    "strategy_files",
    "experiment",
    "experiment_files",
    "experiment_assembly",
    "experiment_schema",
    "fingerprints",
    "table_cache",
    "progress",
    "help_pages",
    "table_layout",
    "console",
    "steps",
    "runs",
    "reports",
    "stack",
    "flow_parameters",
    "flows",
    "commands",
    "notebook",
    "command_line",
]
