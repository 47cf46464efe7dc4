"""One file per vendor: how its files are recognised by their content, and read. A plug-in folder.

A new vendor is a module here that makes a `base.Vendor`, and an entry in `market.sources.reading.VENDORS`.
"""
