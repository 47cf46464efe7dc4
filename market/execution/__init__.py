"""THE fill rule: how an order becomes a fill and a position a closed trade, one bar at a time.

The simulator and the paper broker both call it. Rules that emit signals live in `strategies`.
"""

__all__ = ["compilation", "records", "accounting", "fill_rule", "time_search", "fast_forward", "intrabar"]
