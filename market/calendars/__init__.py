"""When a market trades: trading days, trading hours, sessions, and the periods of a report.

Calendars of exchanges come from `exchange_calendars`. Bars are one level up.
"""

__all__ = ["trading_days", "trading_hours", "sessions", "periods"]
