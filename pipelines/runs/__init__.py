"""Whole runs, end to end: experiment, evaluation, release, paper replay, demo.

Commands and flows call them; single steps are `pipelines.steps`.
"""

__all__ = [
    "factor_checks",
    "certification",
    "run_artifact",
    "run_metrics",
    "run_note",
    "run_tracking",
    "search_progress",
    "experiment_run",
    "release",
    "research_trades",
    "evaluation",
    "local_service",
    "paper_replay",
    "demo",
]
