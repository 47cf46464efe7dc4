"""From signals to trades: the simulator, and the decisions behind its trades.

How orders fill is in `market.execution`, what trades are worth in `strategies.statistics`.
"""

__all__ = ["simulator", "peers", "trade_decisions"]
