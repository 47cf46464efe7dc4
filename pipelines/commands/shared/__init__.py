"""What several commands share: options, row filters, and tables, printed or written to files.

Each command has a file beside this folder; the work is done by `pipelines.runs` and `pipelines.steps`.
"""

__all__ = [
    "completion",
    "options",
    "row_filters",
    "strategy_limit",
    "tables",
    "table_output",
    "long_tables",
    "verdict_tables",
    "comparison_tables",
    "profitable_spans",
    "trade_notes",
    "result_notes",
    "result_tables",
]
