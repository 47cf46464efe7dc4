"""Everything drawn: HTML pages, their styles and scripts, and figures.

Numbers are computed in the rooms to the left; a change here invalidates no cached result.
"""

__all__ = [
    "html",
    "html_assets",
    "plotly_figures",
    "trade_windows",
    "trade_charts",
    "trade_report",
    "trade_pages",
    "feature_charts",
    "feature_page",
    "quality_page",
]
