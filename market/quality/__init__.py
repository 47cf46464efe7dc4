"""Data quality: gaps and defects of bars, reported as findings, and repairs that can be undone.

The laws that every series must keep are in `market.bars`, pages of findings in `pipelines.reports`.
"""

__all__ = ["runs", "gaps", "defects", "distribution", "findings", "checks", "repairs"]
