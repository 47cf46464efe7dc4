"""Everything drawn: pages, one a module, from templates, styles and scripts; figures are in `figures`.

Numbers are computed in the rooms to the left; a change here invalidates no cached result.
"""

__all__ = [
    "figures",
    "html",
    "trade_plot",
    "trade_report",
    "walk_forward_report",
    "feature_report",
    "quality_report",
    "conditions_report",
    "events_report",
    "weights_report",
    "next_steps",
    "run_report",
]
