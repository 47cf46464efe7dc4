"""The performance of trades: daily returns and ratios, groups, duplicates, tables of statistics.

Fitness of a filter is `models.fitness`; pages and figures are `pipelines.reports`.
"""

__all__ = [
    "daily_returns", "duplicates", "grouping", "profitable_spans", "trade_statistics", "market_conditions",
    "event_moves",
]  # fmt: skip
