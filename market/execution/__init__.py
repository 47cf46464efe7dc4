"""THE fill rule: how orders fill and positions close, one bar at a time.

The simulator and the paper broker both call it. Rules that emit signals live in `strategies`.
"""

__all__ = [
    "compilation",
    "records",
    "fill_prices",
    "exit_levels",
    "accounting",
    "fill_rule",
    "order_entry",
    "time_search",
    "fast_forward",
    "intrabar",
]
