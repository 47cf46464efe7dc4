"""Trades that another program wrote: each format in a file of its own, read into one table, and placed on bars.

A rule whose trades are imported is known by its name only, see `named_strategy`. Rules that run live in `rules`.
"""

__all__ = ["placement", "reading"]
