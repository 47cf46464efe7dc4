"""Whole runs, end to end: experiment, evaluation, release, paper replay, demo.

Each is called by a command and by a flow; single steps are `pipelines.steps`.
"""

__all__ = ["factor_checks", "experiment_run", "evaluation", "release", "paper_replay", "demo"]
