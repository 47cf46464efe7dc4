"""The experiment protocol: candidates scored out of fold, a winner, one look at the hold-out, every trial counted.

Folds are `models.splits`, engines `models.engines`; what is written to MLflow is `models.tracking`.
"""

__all__ = ["score_checkpoints", "candidate_scores", "ledger", "protocol", "leaderboard"]
