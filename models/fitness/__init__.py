"""Fitness: what filtered trades earn each day, their measures, and what a search maximises.

Whether a result could be luck is `models.significance`. To add a fitness, list it in `registry`.
"""

__all__ = ["filtered_returns", "measures", "bounded_ratio", "ranks", "registry", "user_fitness"]
