"""What several commands share: options, tables, filters and writing of rows.

One command a file stands beside this folder; what it does is `pipelines.runs` or `pipelines.steps`.
"""

__all__ = ["options", "row_filters", "tables", "table_output"]
