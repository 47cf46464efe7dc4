"""Sessions: when the days of a market begin and end, in its time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tradesieve.market.errors import BadInput, Unknown
from tradesieve.market.timeframes import DAY

if TYPE_CHECKING:
    import pandas as pd

_ROLL = re.compile(r"(\d{1,2}):(\d{2}) (\S+)")


@dataclass(frozen=True)
class Sessions:
    """The sessions of a market.

    Parameters
    ----------
    name : the ISO code of an exchange, such as ``XNYS``, whose hours and half days come from `exchange_calendars`; or a
        time and a zone at which one day ends and the next begins, such as ``17:00 America/New_York`` for currencies.

    Raises
    ------
    BadInput : if the time or the zone does not exist.
    Unknown : if there is no such exchange.

    Notes
    -----
    An exchange's session lasts from its open to its close; nothing outside belongs to one. A day that ends at a time of
    day lasts 23 or 25 hours when the clocks change in it.
    """

    name: str

    def __post_init__(self) -> None:
        if ":" in self.name:
            self._roll()
            return
        import exchange_calendars

        known = exchange_calendars.get_calendar_names(include_aliases=False)
        if self.name not in known:
            raise Unknown("exchange", self.name, known)

    def between(self, start_time: int, end_time: int) -> tuple[np.ndarray, np.ndarray]:
        """List the sessions that overlap a span.

        Parameters
        ----------
        start_time, end_time : int64 ns UTC, the start before the end.

        Returns
        -------
        Opens and closes, int64 ns UTC (n_sessions,) each, ascending; no session opens before the one before it closes.
        """
        margin = 8 * DAY  # exchange_calendars refuses a span without sessions
        opens, closes = (self._rolls if ":" in self.name else self._hours)(start_time - margin, end_time + margin)
        overlaps = (closes > start_time) & (opens < end_time)
        return opens[overlaps], closes[overlaps]

    def _roll(self) -> tuple[pd.Timedelta, str]:
        import pandas as pd

        found = _ROLL.fullmatch(self.name)
        if found is None or int(found[1]) > 23 or int(found[2]) > 59:
            raise BadInput(f"sessions {self.name!r} are not valid: use a time and a zone, as in 17:00 America/New_York")
        try:
            pd.Timestamp(0, tz=found[3])
        except (KeyError, ValueError, TypeError, OSError) as error:
            raise BadInput(f"unknown time zone {found[3]!r}; use an IANA name such as America/New_York") from error
        return pd.Timedelta(hours=int(found[1]), minutes=int(found[2])), found[3]

    def _rolls(self, start_time: int, end_time: int) -> tuple[np.ndarray, np.ndarray]:
        import pandas as pd

        time_of_day, zone = self._roll()
        first, last = (pd.Timestamp(time // DAY * DAY) for time in (start_time, end_time))
        days = pd.date_range(first, last, freq="D")
        # A time that the clock skips moves to the end of the jump; of one that it shows twice, the first counts.
        local = (days + time_of_day).tz_localize(
            zone, nonexistent="shift_forward", ambiguous=np.ones(len(days), dtype=bool)
        )
        rolls = local.tz_convert("UTC").as_unit("ns").asi8
        return rolls[:-1], rolls[1:]

    def _hours(self, start_time: int, end_time: int) -> tuple[np.ndarray, np.ndarray]:
        import exchange_calendars
        import pandas as pd

        first, last = (pd.Timestamp(time // DAY * DAY) for time in (start_time, end_time))
        schedule = exchange_calendars.get_calendar(self.name, start=first, end=last).schedule
        hours = (schedule[name].dt.tz_convert(None).dt.as_unit("ns") for name in ("open", "close"))
        opens, closes = (times.astype("int64").to_numpy() for times in hours)
        return opens, closes
