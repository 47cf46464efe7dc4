"""The experiment protocol: score candidates out of fold, fix a winner, open the hold-out once, count every trial.

Folds are `models.splits`, engines `models.engines`; what is written to MLflow is `models.tracking`.
"""

__all__ = [
    "aims", "plan", "search_order", "candidate_rows", "candidate_scores", "score_checkpoints", "out_of_fold_sizes",
    "trials", "search", "paths", "ledger", "holdout", "importance", "feature_effects", "leaderboard",
]  # fmt: skip
