"""What is kept of bars: the Parquet store, and how a file of the state folder is written.

A file is written beside its place and renamed into it, or not at all. Reading vendors' files is `market.sources`.
"""

__all__ = ["files", "bar_store"]
