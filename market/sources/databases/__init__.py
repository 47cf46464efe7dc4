"""Bars from SQL tables, over a read-only connection.

Writing is not done here: bars are kept in `market.storage`.
"""

__all__ = ["connection", "tables"]
