"""One file a vendor: how its files are recognised by their content, and read.

A new vendor is a file here and a line in `market.sources.reading.VENDORS`.
"""
