"""Bars from exchanges: candles through ccxt, and the download of what the store lacks.

Orders are not sent here; brokers live in `trading`.
"""

__all__ = ["ccxt_client", "download"]
