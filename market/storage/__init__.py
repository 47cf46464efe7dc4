"""The Parquet store of bars, and atomic writes of files in the state folder.

Every file is replaced as a whole or not at all. Reading files of vendors is `market.sources`.
"""

__all__ = ["files", "locks", "merging", "bar_file", "bar_store"]
