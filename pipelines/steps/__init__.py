"""Step functions that commands and flows share: bars to chunks, chunks to trades, trades to a dataset.

Arithmetic lives in the rooms to the left; whole runs are `pipelines.runs`.
"""

__all__ = [
    "chunks",
    "chunk_features",
    "rule_checks",
    "trade_batches",
    "chunk_trades",
    "trade_export",
    "dataset",
    "instance_data",
    "feature_profile",
    "group_verdicts",
    "instance_weights",
    "run_records",
    "condition_table",
    "event_table",
    "search_evidence",
    "sealing",
    "unset_sessions",
]
