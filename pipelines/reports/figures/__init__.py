"""Figures of plotly, without the looks of a page; `plotly_figures` alone imports the library.

Numbers are computed elsewhere; words, tables and layout of pages are `pipelines.reports`.
"""

__all__ = [
    "plotly_figures",
    "equity_charts",
    "trade_charts",
    "trade_windows",
    "candle_chart",
    "feature_charts",
    "condition_charts",
    "verdict_charts",
    "quality_chart",
    "score_charts",
    "importance_chart",
    "filter_charts",
    "weight_charts",
]
