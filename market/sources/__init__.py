"""Where bars come from: files in formats, vendors' files recognised by content, databases, exchanges.

Everything ends as `market.bars.Bars`; keeping them is `market.storage`.
"""

__all__ = ["formats", "vendors", "databases", "exchanges", "reading"]
