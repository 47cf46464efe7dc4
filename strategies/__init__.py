"""What a rule would have done: rules, signals, the simulator, the trades table, trade statistics.

A rule is a file in `strategies.rules`, or a user's own. Models that choose among its trades live to the right.
"""

__all__ = [
    "instance",
    "parameter_text",
    "signals",
    "trades",
    "strategy",
    "indicators",
    "expressions",
    "rules",
    "modifiers",
    "user_rules",
    "registry",
    "rule_files",
    "parameter_grid",
    "backtest",
    "imports",
    "invariants",
    "statistics",
    "allocation",
    "search",
]
