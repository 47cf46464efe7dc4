"""When a market trades: the days that count, the hours in which bars are expected, sessions, periods of a report.

Calendars of exchanges come from exchange_calendars. Bars themselves live one level up.
"""

__all__ = ["trading_days", "trading_hours", "sessions", "periods"]
