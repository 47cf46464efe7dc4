"""Whether bars can be believed: checks, what they find, and repairs that can be undone.

Laws that every series must keep are in `market.bars`; pages of findings are in `pipelines.reports`.
"""

__all__ = ["gaps", "defects", "distribution", "findings", "checks", "repairs"]
