"""From a file to bars: unpacking, CSV and Parquet, the layout of columns, timestamps, the symbol, checked bars.

Nothing here knows a vendor: that is in `market.sources.vendors`.
"""

__all__ = [
    "archives", "written_dates", "local_times", "timestamps", "date_and_time", "layout",
    "written_numbers", "csv", "parquet", "symbol_column",
    "left_out", "bar_times", "bad_rows", "frames", "table_bars",
]  # fmt: skip
