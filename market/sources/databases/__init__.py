"""Bars from tables of SQL databases (SQLite, PostgreSQL), over read-only connections.

Nothing is written here: bars are stored in `market.storage`.
"""

__all__ = ["connection", "tables"]
