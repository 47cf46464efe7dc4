"""The performance of trades: daily returns and ratios, groups, tables of statistics.

Fitness of a filter is `models.fitness`; pages and figures are `pipelines.reports`.
"""

__all__ = ["daily_returns", "grouping", "trade_statistics"]
