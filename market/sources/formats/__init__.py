"""How a table is laid out in a file: CSV, Parquet, archives, columns, numbers, times and symbols.

Nothing here knows a vendor; what one vendor does stands in `market.sources.vendors`.
"""

__all__ = ["archives", "layout", "csv", "parquet", "frames", "symbol_column"]
