"""From signals to trades: the simulator, and the decisions behind its trades.

How an order fills is `market.execution`; what trades were worth is `strategies.statistics`.
"""

__all__ = ["simulator", "peers", "trade_decisions"]
