"""Where bars come from: files of any format or vendor, tables in memory or of databases, exchanges.

All of them return `market.bars.Bars`; storing them is `market.storage`.
"""

__all__ = ["formats", "vendors", "dataframes", "databases", "exchanges", "reading"]
