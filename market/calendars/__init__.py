"""When a market trades: trading days, trading hours, sessions, and the periods of a report.

An instrument names its calendar, see `exchanges.check_calendar`; those of exchanges come from `exchange_calendars`.
"""

__all__ = ["exchanges", "trading_days", "trading_hours", "sessions", "periods"]
