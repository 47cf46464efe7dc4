"""Fitness: what filtered trades earn each day, their measures, and what a search maximises.

Whether a result could be luck is `models.significance`.
"""

__all__ = ["filtered_returns", "measures", "ranks", "registry"]
