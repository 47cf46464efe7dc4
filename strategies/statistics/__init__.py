"""What trades were worth: groups, daily returns and ratios, tables of statistics.

Fitness of a filter is `models.fitness`; pages and figures are `pipelines.reports`.
"""

__all__ = ["daily_returns", "grouping", "trade_statistics"]
