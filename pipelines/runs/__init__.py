"""Whole runs, end to end: experiment, evaluation, release, paper replay, demo.

Commands and flows call them; single steps are `pipelines.steps`.
"""

__all__ = [
    "finished_runs",
    "finished_report",
    "factor_checks",
    "certification",
    "run_artifact",
    "run_metrics",
    "run_note",
    "run_tracking",
    "search_progress",
    "experiment_run",
    "instance_results",
    "one_by_one",
    "rebuilt_data",
    "comparison",
    "model_code",
    "release",
    "research_trades",
    "evaluation",
    "local_service",
    "machine_checks",
    "paper_replay",
    "demo",
]
