"""Bars from exchanges: requests with retries, candles through ccxt, and the download of what the store lacks.

Orders are not sent from here: see `trading.brokers`.
"""

__all__ = ["retries", "ccxt_client", "stored_candles", "download"]
